"""The API of Prompt Templates and their versions."""

# mypy: disable-error-code="type-arg"

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api.fields import ChoiceField, ConstraintSerializer, ReasonSerializer, ScopedRelatedField
from governance.api.views import ConstrainedActions, ScopedViewSet, ShareActions, requested
from governance.constraints import Terms
from labeling.labelsets.models import Labelset, LabelType
from labeling.prompts import services
from labeling.prompts.models import PromptTemplate, TemplateVersion
from workbench.models import ModelEndpoint, SheetVersion


class InputSerializer(serializers.Serializer):
    """One column that the template reads."""

    name = serializers.CharField()
    type = serializers.CharField(required=False)
    description = serializers.CharField(required=False, allow_blank=True)


class ExampleSerializer(serializers.Serializer):
    """One worked example: columns in, answer out."""

    input = serializers.DictField()
    output = serializers.JSONField()


class TemplateDefinitionSerializer(serializers.Serializer):
    """What a version says."""

    number = serializers.CharField(required=False, help_text="Semantic version, such as 1.0.0.")
    labelset = ScopedRelatedField(queryset=Labelset.objects.all(), required=False, allow_null=True)
    system_prompt = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    user_prompt = serializers.CharField(required=False, trim_whitespace=False, help_text="Jinja2.")
    input_schema = InputSerializer(many=True, required=False)
    output_schema = serializers.DictField(required=False, help_text="JSON Schema, draft 2020-12.")
    examples = ExampleSerializer(many=True, required=False)
    file_columns = serializers.ListField(child=serializers.CharField(), required=False)
    endpoint = ScopedRelatedField(queryset=ModelEndpoint.objects.all(), required=False, allow_null=True)
    temperature = serializers.FloatField(required=False)
    max_tokens = serializers.IntegerField(required=False)

    def to_internal_value(self, data: Any) -> Any:
        values = super().to_internal_value(data)
        for name in ("input_schema", "examples"):
            if name in values:
                values[name] = [dict(entry) for entry in values[name]]
        return values


class NewTemplateSerializer(TemplateDefinitionSerializer):
    """A template with its first draft; `constraint` binds what is made with it."""

    name = serializers.CharField(max_length=120)
    label_type = ScopedRelatedField(queryset=LabelType.objects.all())
    description = serializers.CharField(required=False, allow_blank=True)
    constraint = ConstraintSerializer(required=False)


class TemplateNamesSerializer(serializers.Serializer):
    """Name and description; what is left out stays."""

    name = serializers.CharField(max_length=120, required=False)
    description = serializers.CharField(required=False, allow_blank=True)


class TemplateVersionSerializer(serializers.ModelSerializer):
    """One version of a template."""

    created_by = serializers.StringRelatedField()
    number = serializers.CharField(source="version", read_only=True)

    class Meta:
        model = TemplateVersion
        fields = (
            "id", "template", "number", "status", "labelset", "system_prompt", "user_prompt", "input_schema",
            "output_schema", "examples", "file_columns", "endpoint", "temperature", "max_tokens", "created_by",
            "created_at", "published_at",
        )  # fmt: skip


class TemplateSerializer(serializers.ModelSerializer):
    """A template; its text sits on its versions."""

    owner = serializers.StringRelatedField()
    constraint = ConstraintSerializer(source="*", read_only=True)
    versions = TemplateVersionSerializer(many=True, read_only=True)

    class Meta:
        model = PromptTemplate
        fields = ("id", "name", "description", "label_type", "owner", "created_at", "constraint", "versions")


class LevelSerializer(serializers.Serializer):
    """Which part of the semantic version goes up."""

    level = ChoiceField(choices=["major", "minor", "patch"], default="minor")


class CopyNameSerializer(serializers.Serializer):
    """The name of the copy."""

    name = serializers.CharField(max_length=120)


class TrySerializer(serializers.Serializer):
    """On which Sheet to try a template out."""

    sheet_version = ScopedRelatedField(queryset=SheetVersion.objects.all())
    limit = serializers.IntegerField(min_value=1, max_value=50, default=5)


class TriedSerializer(serializers.Serializer):
    """One item's prompt, or why it cannot be filled in."""

    ref = serializers.CharField()
    messages = serializers.ListField(child=serializers.DictField())
    error = serializers.CharField()
    field = serializers.CharField()
    line = serializers.IntegerField(allow_null=True)


class TrialSerializer(serializers.Serializer):
    """A template on the first items of a Sheet; `columns` is null where all columns count as used."""

    columns = serializers.ListField(child=serializers.CharField(), allow_null=True)
    problems = serializers.ListField(child=serializers.CharField())
    items = TriedSerializer(many=True)


class TemplateViewSet(ConstrainedActions, ShareActions, ScopedViewSet):
    """Prompt Templates: create, share, constrain, and start new versions."""

    queryset = PromptTemplate.objects.select_related("owner").prefetch_related("versions__created_by")
    serializer_class = TemplateSerializer
    filterset_fields = ("label_type", "name")

    @extend_schema(request=NewTemplateSerializer, responses={201: TemplateSerializer})
    def create(self, request: Request) -> Response:
        """A template with its first draft."""
        values = self.valid(NewTemplateSerializer)
        if constraint := values.pop("constraint", None):
            values["terms"] = Terms(**constraint)
        made = services.create_template(by=request.user, **values)
        return self.shown(made.template, status.HTTP_201_CREATED)

    @extend_schema(request=TemplateNamesSerializer)
    def partial_update(self, request: Request, pk: str | None = None) -> Response:
        """Change name or description."""
        row = self.get_object()
        values = {"name": row.name, "description": row.description} | self.valid(TemplateNamesSerializer)
        return self.shown(services.update_template(template=row, by=request.user, **values))

    @extend_schema(request=LevelSerializer, responses={201: TemplateVersionSerializer})
    @action(detail=True, methods=["post"], url_path="new-version")
    def new_version(self, request: Request, pk: str | None = None) -> Response:
        """A draft that copies the newest version."""
        level = self.valid(LevelSerializer)["level"]
        version = services.start_new_version(template=self.get_object(), by=request.user, level=level)
        return Response(TemplateVersionSerializer(version).data, status=status.HTTP_201_CREATED)


class TemplateVersionViewSet(ScopedViewSet):
    """Versions of templates: change, try out, publish, duplicate, archive."""

    queryset = TemplateVersion.objects.select_related("template", "created_by")
    serializer_class = TemplateVersionSerializer
    filterset_fields = ("template", "status", "labelset", "template__label_type")

    @extend_schema(request=TemplateDefinitionSerializer)
    def partial_update(self, request: Request, pk: str | None = None) -> Response:
        """Change a draft."""
        values = self.valid(TemplateDefinitionSerializer)
        return self.shown(services.update_draft(version=self.get_object(), by=request.user, **values))

    def destroy(self, request: Request, pk: str | None = None) -> Response:
        """Delete a draft; with its only version the template goes too."""
        services.delete_draft(version=self.get_object(), by=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=TrySerializer, responses=TrialSerializer)
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str | None = None) -> Response:
        """Fill the template in with the first items of a Sheet; no model is asked."""
        trial = services.test_template(version=self.get_object(), by=request.user, **self.valid(TrySerializer))
        return Response(TrialSerializer(trial).data)

    @extend_schema(request=CopyNameSerializer, responses={201: TemplateVersionSerializer})
    @action(detail=True, methods=["post"])
    def duplicate(self, request: Request, pk: str | None = None) -> Response:
        """A template of one's own with a copy of this version."""
        name = self.valid(CopyNameSerializer)["name"]
        made = services.duplicate(version=self.get_object(), name=name, by=request.user)
        return self.shown(made, status.HTTP_201_CREATED)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"], url_path="take-over-schema")
    def take_over_schema(self, request: Request, pk: str | None = None) -> Response:
        """Make the labelset's schema the output schema of a draft."""
        return self.shown(services.take_over_schema(version=self.get_object(), by=request.user))

    @extend_schema(request=ReasonSerializer, responses={202: None})
    @action(detail=True, methods=["post"], url_path="request-publish")
    def request_publish(self, request: Request, pk: str | None = None) -> Response:
        """Ask that a draft be published."""
        reason = self.valid(ReasonSerializer)["reason"]
        asked = services.request_publish(version=self.get_object(), by=request.user, reason=reason)
        return requested(request, asked)

    @extend_schema(request=ReasonSerializer)
    @action(detail=True, methods=["post"])
    def archive(self, request: Request, pk: str | None = None) -> Response:
        """Take a published version out of use."""
        reason = self.valid(ReasonSerializer)["reason"]
        return self.shown(services.archive(version=self.get_object(), by=request.user, reason=reason))
