"""The API of canonical labels."""

from __future__ import annotations

import io
import json
from typing import Any

from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api.authentication import needs_scope
from governance.api.fields import ChoiceField, ConstraintSerializer, ReasonSerializer, ScopedRelatedField
from governance.api.parsers import StorableJSONParser
from governance.api.views import ConstrainedActions, ScopedViewSet
from governance.constraints import Terms
from governance.errors import InvalidInput
from governance.sign_in.scopes import EXPORT
from governance.uploads import content_in
from governance.uses import Classification, uses_in
from labeling.annotating.item_actions import ItemActions, OnSheetSerializer
from labeling.interchange.formats import CHOICES, FORMATS
from labeling.interchange.services import hand_out_labels, import_labels, plan_import
from labeling.labels import selectors, services
from labeling.labels.models import CanonicalLabel
from labeling.labelsets.models import LabelsetVersion
from workbench.models import Sheet


class LabelSerializer(serializers.ModelSerializer):
    """A canonical label; `permits` and `classification` are what holds in the end, through all ancestors."""

    data = serializers.JSONField(read_only=True)  # type: ignore[assignment]
    labeled_by = serializers.StringRelatedField()
    last_modified_by = serializers.StringRelatedField()
    constraint = ConstraintSerializer(source="*", read_only=True)
    permits = serializers.SerializerMethodField()
    classification = serializers.SerializerMethodField()

    class Meta:
        model = CanonicalLabel
        fields = (
            "id", "sheet", "item_ref", "label_type", "labelset", "labelset_version", "data", "confidence", "notes",
            "version", "constraint", "permits", "classification", "labeled_by", "labeled_at", "last_modified_by",
            "last_modified_at", "retired_at", "created_at",
        )  # fmt: skip

    def get_permits(self, label: CanonicalLabel) -> list[str]:
        return uses_in(label.effective_constraint.uses_now)

    def get_classification(self, label: CanonicalLabel) -> str:
        return str(Classification(label.effective_constraint.classification).label)


class NewLabelSerializer(OnSheetSerializer):
    """An answer about one item. `seen_version`: of the label you looked at, 0 for none; a later one is refused."""

    item_ref = serializers.CharField(max_length=300)
    data = serializers.JSONField()  # type: ignore[assignment]
    confidence = ChoiceField(choices=CanonicalLabel.Confidence.choices, default="high")
    notes = serializers.CharField(required=False, allow_blank=True, default="")
    constraint = ConstraintSerializer(required=False)
    seen_version = serializers.IntegerField(min_value=0, required=False)


class ImportSerializer(OnSheetSerializer):
    """A file of labels in one of the formats: as `file`, or, where it is text, as `text`."""

    format = ChoiceField(choices=CHOICES, default="jsonl")
    text = serializers.CharField(trim_whitespace=False, required=False)
    file = serializers.FileField(required=False)
    dry_run = serializers.BooleanField(default=False)
    all_or_nothing = serializers.BooleanField(default=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """With the file's bytes as `content`."""
        upload, text = attrs.pop("file", None), attrs.pop("text", None)
        if (upload is None) == (text is None):
            raise InvalidInput("Send a file or text, one of the two.", field="file")
        attrs["content"] = content_in(upload, field="file") if upload is not None else text.encode()
        return attrs


class UnusableSerializer(serializers.Serializer):
    """A place of the file that cannot be used, and why."""

    where = serializers.CharField()
    item_ref = serializers.CharField()
    words = serializers.CharField()


class ImportedSerializer(serializers.Serializer):
    """What the file holds, against the labels that are there. `misfits`: the first 200 of those refused.

    `losses`: what the file says and labels do not keep, counted. `job`: saves the labels where they are many.
    """

    new = serializers.IntegerField()
    changed = serializers.IntegerField()
    same = serializers.IntegerField()
    refused = serializers.IntegerField()
    misfits = UnusableSerializer(many=True)
    losses = serializers.DictField(child=serializers.IntegerField())
    saved = serializers.IntegerField()
    job = serializers.UUIDField(allow_null=True)


class BringSerializer(serializers.Serializer):
    """Labels of which Sheet come under which labelset version."""

    sheet = ScopedRelatedField(queryset=Sheet.objects.all())
    labelset_version = ScopedRelatedField(queryset=LabelsetVersion.objects.all())


class FaultSerializer(serializers.Serializer):
    """One place where an answer does not fit."""

    path = serializers.CharField()
    value = serializers.CharField()
    expected = serializers.CharField()


class MisfitSerializer(serializers.Serializer):
    """A label that does not fit, and where."""

    label = serializers.UUIDField(source="label.pk")  # type: ignore[assignment]
    item_ref = serializers.CharField(source="label.item_ref")
    faults = FaultSerializer(many=True)


class BroughtSerializer(serializers.Serializer):
    """How many labels came under the labelset, and those that do not fit it."""

    brought = serializers.IntegerField()
    misfits = MisfitSerializer(many=True)


class CoverageSerializer(serializers.Serializer):
    """How many items of a Sheet have a label of one type."""

    label_type = serializers.CharField()
    labelset = serializers.UUIDField(source="labelset.pk", allow_null=True, default=None)
    labeled = serializers.IntegerField()
    without_labelset = serializers.IntegerField()
    total = serializers.IntegerField(allow_null=True)


class CanonicalLabelViewSet(ItemActions, ConstrainedActions, ScopedViewSet):
    """Ground truth by item: label once, reuse everywhere."""

    queryset = CanonicalLabel.objects.select_related("content", "derivation", "labeled_by", "last_modified_by")
    serializer_class = LabelSerializer
    filterset_fields = ("sheet", "label_type", "labelset", "item_ref", "confidence")

    @extend_schema(request=NewLabelSerializer, responses={201: LabelSerializer})
    def create(self, request: Request) -> Response:
        """Label an item, or give its label a new version."""
        values = self.valid(NewLabelSerializer)
        if constraint := values.pop("constraint", None):
            values["terms"] = Terms(**constraint)
        return self.shown(services.save_from_tool(by=request.user, **values), status.HTTP_201_CREATED)

    @extend_schema(request=ReasonSerializer)
    @action(detail=True, methods=["post"])
    def retire(self, request: Request, pk: str | None = None) -> Response:
        """Take a label out of use; it stays on record."""
        reason = self.valid(ReasonSerializer)["reason"]
        return self.shown(services.retire_label(label=self.get_object(), by=request.user, reason=reason))

    @extend_schema(
        request={"application/json": ImportSerializer, "multipart/form-data": ImportSerializer},
        responses={200: ImportedSerializer, 201: ImportedSerializer, 202: ImportedSerializer},
    )
    @action(detail=False, methods=["post"], url_path="import", parser_classes=[StorableJSONParser, MultiPartParser])
    def import_file(self, request: Request) -> Response:
        """Save what fits as labels, and say what does not. 200: it was only looked at; 202: a job saves them."""
        values = self.valid(ImportSerializer)
        if values.pop("dry_run"):
            del values["all_or_nothing"]
            plan = plan_import(by=request.user, **values)
            return Response({**plan.as_json(), "saved": 0, "job": None})
        done = import_labels(by=request.user, **values)
        code = status.HTTP_202_ACCEPTED if done.job else status.HTTP_201_CREATED
        job = str(done.job.pk) if done.job else None
        return Response({**done.plan.as_json(), "saved": done.saved, "job": job}, status=code)

    @extend_schema(
        parameters=[
            OpenApiParameter("sheet", OpenApiTypes.UUID, required=True),
            OpenApiParameter("label_type", str, required=True),
            OpenApiParameter("use", str, required=True, enum=["testing", "few_shot"]),
            OpenApiParameter("as", str, enum=list(FORMATS), default="jsonl", description="The format of the file."),
        ],
        responses={(200, form.content_type): OpenApiTypes.BINARY for form in FORMATS.values()},
    )
    @needs_scope(EXPORT)
    @action(detail=False, methods=["get"], pagination_class=None, filterset_fields=None)
    def export(self, request: Request) -> FileResponse:
        """Labels that permit the use, as a file.

        `X-Excluded`: how many may not; `X-Losses`: what the format could not carry, counted, as JSON.
        """
        chosen = OnSheetSerializer(data=request.query_params, context=self.get_serializer_context())
        chosen.is_valid(raise_exception=True)
        use, form = request.query_params.get("use", ""), request.query_params.get("as", "jsonl")
        taken = hand_out_labels(by=request.user, use=use, format=form, **chosen.validated_data)
        headers = {
            "X-Count": str(taken.handed.rows),
            "X-Excluded": str(taken.excluded),
            "X-Losses": json.dumps(taken.tally.losses, sort_keys=True),
        }
        return FileResponse(taken.handed.file or io.BytesIO(), content_type=taken.form.content_type, headers=headers)

    @extend_schema(request=BringSerializer, responses=BroughtSerializer)
    @action(detail=False, methods=["post"], url_path="bring-under-labelset")
    def bring_under_labelset(self, request: Request) -> Response:
        """Bring existing labels of a Sheet under a labelset version; misfits are listed and stay."""
        brought, misfits = services.bring_under_labelset(by=request.user, **self.valid(BringSerializer))
        return Response(BroughtSerializer({"brought": brought, "misfits": misfits}).data)

    @extend_schema(
        parameters=[OpenApiParameter("sheet", OpenApiTypes.UUID, required=True)],
        responses=CoverageSerializer(many=True),
    )
    @action(detail=False, methods=["get"], pagination_class=None, filterset_fields=None)
    def coverage(self, request: Request) -> Response:
        """How far a Sheet is labelled, per label type."""
        chosen = WhichSheetSerializer(data=request.query_params, context=self.get_serializer_context())
        chosen.is_valid(raise_exception=True)
        rows: list[Any] = selectors.coverage(chosen.validated_data["sheet"])
        return Response(CoverageSerializer(rows, many=True).data)


class WhichSheetSerializer(serializers.Serializer):
    """One Sheet."""

    sheet = ScopedRelatedField(queryset=Sheet.objects.all())
