"""The API of label types, labelsets, their versions and bindings."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api.fields import ConstraintSerializer, ReasonSerializer, ScopedRelatedField
from governance.api.views import ConstrainedActions, ScopedViewSet, ShareActions, requested
from governance.constraints import Terms
from labeling.labelsets import services
from labeling.labelsets.models import Labelset, LabelsetBinding, LabelsetVersion, LabelType
from workbench.models import Sheet


class LabelTypeSerializer(serializers.ModelSerializer):
    """A kind of task."""

    class Meta:
        model = LabelType
        fields = ("slug", "description")
        extra_kwargs = {"slug": {"validators": []}}


class ClassSerializer(serializers.Serializer):
    """One class; a missing colour is taken from a palette."""

    name = serializers.CharField(max_length=200)
    description = serializers.CharField(required=False, allow_blank=True)
    color = serializers.RegexField(r"^#[0-9a-fA-F]{6}$", required=False, help_text="Such as #2f54c8.")


class LabelsetDefinitionSerializer(serializers.Serializer):
    """What a version says. A schema left out is generated from the classes."""

    instructions = serializers.CharField(required=False, allow_blank=True)
    classes = ClassSerializer(many=True, required=False)
    response_schema = serializers.DictField(required=False, help_text="JSON Schema, draft 2020-12.")
    seen_columns = serializers.ListField(child=serializers.CharField(), required=False)


class NewLabelsetSerializer(LabelsetDefinitionSerializer):
    """A labelset with its first draft; `constraint` binds every label made with it."""

    name = serializers.CharField(max_length=120)
    label_type = ScopedRelatedField(queryset=LabelType.objects.all())
    description = serializers.CharField(required=False, allow_blank=True)
    constraint = ConstraintSerializer(required=False)


class LabelsetNamesSerializer(serializers.Serializer):
    """Name and description; what is left out stays."""

    name = serializers.CharField(max_length=120, required=False)
    description = serializers.CharField(required=False, allow_blank=True)


class AskedSerializer(ReasonSerializer):
    """How many experts answer each item on their own, and why this many."""

    number = serializers.IntegerField(min_value=1, max_value=services.MOST_OPINIONS)


class LabelsetVersionSerializer(serializers.ModelSerializer):
    """One version of a labelset."""

    created_by = serializers.StringRelatedField()

    class Meta:
        model = LabelsetVersion
        fields = (
            "id", "labelset", "number", "status", "instructions", "classes", "response_schema", "seen_columns",
            "created_by", "created_at", "published_at",
        )  # fmt: skip


class LabelsetSerializer(serializers.ModelSerializer):
    """A labelset; its definition sits on its versions."""

    owner = serializers.StringRelatedField()
    constraint = ConstraintSerializer(source="*", read_only=True)
    versions = LabelsetVersionSerializer(many=True, read_only=True)

    class Meta:
        model = Labelset
        fields = (
            "id", "name", "description", "label_type", "opinions_asked", "owner", "created_at", "constraint",
            "versions",
        )  # fmt: skip


class BindingSerializer(serializers.ModelSerializer):
    """Which labelset answers for a label type on a Sheet."""

    sheet = ScopedRelatedField(queryset=Sheet.objects.all())
    labelset = ScopedRelatedField(queryset=Labelset.objects.all())

    class Meta:
        model = LabelsetBinding
        fields = ("id", "sheet", "labelset", "label_type", "created_at")
        read_only_fields = ("label_type",)


class LabelTypeViewSet(ScopedViewSet):
    """Kinds of tasks."""

    queryset = LabelType.objects.all()
    serializer_class = LabelTypeSerializer
    cursor_ordering = ("slug",)

    @extend_schema(request=LabelTypeSerializer, responses={201: LabelTypeSerializer})
    def create(self, request: Request) -> Response:
        made = services.create_label_type(by=request.user, **self.valid(LabelTypeSerializer))
        return self.shown(made, status.HTTP_201_CREATED)


class LabelsetViewSet(ConstrainedActions, ShareActions, ScopedViewSet):
    """Labelsets: create, share, constrain, and start new versions."""

    queryset = Labelset.objects.select_related("owner").prefetch_related("versions__created_by")
    serializer_class = LabelsetSerializer
    filterset_fields = ("label_type", "name")

    @extend_schema(request=NewLabelsetSerializer, responses={201: LabelsetSerializer})
    def create(self, request: Request) -> Response:
        """A labelset with its first draft."""
        values = _definition(self.valid(NewLabelsetSerializer))
        if constraint := values.pop("constraint", None):
            values["terms"] = Terms(**constraint)
        made = services.create_labelset(by=request.user, **values)
        return self.shown(made.labelset, status.HTTP_201_CREATED)

    @extend_schema(request=LabelsetNamesSerializer)
    def partial_update(self, request: Request, pk: str | None = None) -> Response:
        """Change name or description."""
        row = self.get_object()
        values = {"name": row.name, "description": row.description} | self.valid(LabelsetNamesSerializer)
        return self.shown(services.update_labelset(labelset=row, by=request.user, **values))

    @extend_schema(request=AskedSerializer)
    @action(detail=True, methods=["post"], url_path="ask-opinions")
    def ask_opinions(self, request: Request, pk: str | None = None) -> Response:
        """Set how many experts answer each item on their own."""
        values = self.valid(AskedSerializer)
        services.ask_opinions(labelset=self.get_object(), by=request.user, **values)
        return self.shown(self.get_object())

    @extend_schema(request=None, responses={201: LabelsetVersionSerializer})
    @action(detail=True, methods=["post"], url_path="new-version")
    def new_version(self, request: Request, pk: str | None = None) -> Response:
        """A draft that copies the newest version."""
        version = services.start_new_version(labelset=self.get_object(), by=request.user)
        return Response(LabelsetVersionSerializer(version).data, status=status.HTTP_201_CREATED)


class LabelsetVersionViewSet(ScopedViewSet):
    """Versions of labelsets: change and delete drafts, ask for publication, archive."""

    queryset = LabelsetVersion.objects.select_related("labelset", "created_by")
    serializer_class = LabelsetVersionSerializer
    filterset_fields = ("labelset", "status", "labelset__label_type")

    @extend_schema(request=LabelsetDefinitionSerializer)
    def partial_update(self, request: Request, pk: str | None = None) -> Response:
        """Change a draft."""
        values = _definition(self.valid(LabelsetDefinitionSerializer))
        return self.shown(services.update_draft(version=self.get_object(), by=request.user, **values))

    def destroy(self, request: Request, pk: str | None = None) -> Response:
        """Delete a draft; with its only version the labelset goes too."""
        services.delete_draft(version=self.get_object(), by=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

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


class LabelsetBindingViewSet(ScopedViewSet):
    """Which labelset answers on which Sheet."""

    queryset = LabelsetBinding.objects.select_related("sheet", "labelset")
    serializer_class = BindingSerializer
    filterset_fields = ("sheet", "labelset", "label_type")

    @extend_schema(request=BindingSerializer, responses={201: BindingSerializer})
    def create(self, request: Request) -> Response:
        """Bind a labelset to a Sheet, in place of the one of its label type."""
        made = services.bind_labelset(by=request.user, **self.valid(BindingSerializer))
        return self.shown(made, status.HTTP_201_CREATED)

    def destroy(self, request: Request, pk: str | None = None) -> Response:
        """Take a labelset off a Sheet."""
        services.unbind(binding=self.get_object(), by=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _definition(values: dict[str, Any]) -> dict[str, Any]:
    if "classes" in values:
        values["classes"] = [dict(entry) for entry in values["classes"]]
    return values
