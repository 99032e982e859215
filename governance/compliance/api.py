"""The API of the compliance desk: constraint changes with every filter, saved questions, evidence."""

from __future__ import annotations

import tempfile
from typing import Any

from django.db.models import QuerySet
from django.http import FileResponse, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from governance import records
from governance.api.authentication import needs_scope
from governance.api.filtering import KnownFilters, refuse_unknown
from governance.api.serializers import ConstraintChangeSerializer
from governance.api.views import ScopedViewSet
from governance.compliance import evidence, filters, questions, tables
from governance.models import ConstraintChange, EvidenceExport, HandOut, SavedQuestion
from governance.sign_in.scopes import EXPORT

IN_MEMORY = 16 * 2**20


class ChangeFilters(KnownFilters):
    """The filters of the desk, as parameters of the address."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        refuse_unknown(request, filters.FILTERS, view)
        return filters.matching(queryset, filters.asked_in(request.query_params))

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            {"name": one.name, "required": False, "in": "query", "description": one.help, "schema": {"type": "string"}}
            for one in filters.FILTERS.values()
        ]


class ConstraintChangeViewSet(ScopedViewSet):
    """Who allowed what, when and why."""

    queryset = ConstraintChange.objects.all()
    serializer_class = ConstraintChangeSerializer
    filter_backends = (ChangeFilters,)
    cursor_ordering = ("-changed_at", "-id")

    def visible(self, rows: Any) -> QuerySet[Any]:
        return records.changes_visible_to(self.request.user)

    @needs_scope(EXPORT)
    @extend_schema(
        operation_id="constraint_changes_csv",
        responses={(200, "text/csv"): OpenApiTypes.STR},
        parameters=[OpenApiParameter(one.name, str, description=one.help) for one in filters.FILTERS.values()],
        filters=False,
    )
    @needs_scope(EXPORT)
    @action(detail=False, methods=["get"], pagination_class=None)
    def csv(self, request: Request) -> StreamingHttpResponse:
        """All that match, as CSV."""
        lines = tables.as_csv(self.filter_queryset(self.get_queryset()))
        headers = {"Content-Disposition": 'attachment; filename="constraint-changes.csv"'}
        return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)


class SavedQuestionSerializer(serializers.ModelSerializer):
    """A question that is asked again."""

    owner = serializers.CharField(source="owner.username", read_only=True)
    filters = serializers.DictField(child=serializers.CharField(max_length=500), allow_empty=False)

    class Meta:
        model = SavedQuestion
        fields = ("id", "name", "filters", "owner", "created_at")
        read_only_fields = ("id", "owner", "created_at")


class SavedQuestionViewSet(ScopedViewSet):
    """Questions about constraint changes that are asked again."""

    queryset = SavedQuestion.objects.select_related("owner")
    serializer_class = SavedQuestionSerializer
    cursor_ordering = ("name", "id")

    @extend_schema(request=SavedQuestionSerializer, responses={201: SavedQuestionSerializer})
    def create(self, request: Request) -> Response:
        """Save filters under a name."""
        asked = self.valid(SavedQuestionSerializer)
        kept = questions.save_question(name=asked["name"], asked=asked["filters"], by=request.user)
        return self.shown(kept, status.HTTP_201_CREATED)

    def destroy(self, request: Request, pk: str | None = None) -> Response:
        """Delete one's own question."""
        questions.delete_question(question=self.get_object(), by=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class EvidenceExportSerializer(serializers.ModelSerializer):
    """One bundle that was handed out."""

    class Meta:
        model = EvidenceExport
        fields = (
            "id", "question", "filters", "reason", "objects_count", "entries_count", "checkpoint", "digest",
            "made_by_id", "made_by_name", "made_at",
        )  # fmt: skip


class HandOutSerializer(serializers.ModelSerializer):
    """One file that was taken; `digest` is its SHA-256."""

    class Meta:
        model = HandOut
        fields = (
            "id", "kind", "subject_kind", "subject_id", "what", "rows", "digest", "door", "taken_by_id",
            "taken_by_name", "taken_at",
        )  # fmt: skip


class HandOutViewSet(ScopedViewSet):
    """Files of content that were taken, for those who audit."""

    queryset = HandOut.objects.all()
    serializer_class = HandOutSerializer
    filterset_fields = ("kind", "subject_id", "taken_by_id", "digest", "door")
    cursor_ordering = ("-taken_at", "-id")


class EvidenceRequestSerializer(serializers.Serializer):
    """What evidence is asked for: `filters` of constraint changes, or one row by `kind` and `object_id`."""

    question = serializers.CharField(max_length=500)
    reason = serializers.CharField(max_length=4000)
    filters = serializers.DictField(child=serializers.CharField(max_length=500), required=False, default=dict)
    kind = serializers.CharField(max_length=100, required=False, allow_blank=True, default="")
    object_id = serializers.CharField(max_length=100, required=False, allow_blank=True, default="")


class EvidenceViewSet(ScopedViewSet):
    """Evidence that was handed out; a POST hands out more."""

    keeps_answers = False  # an archive is too large to keep
    queryset = EvidenceExport.objects.all()
    serializer_class = EvidenceExportSerializer
    cursor_ordering = ("-made_at", "-id")

    @needs_scope(EXPORT)
    @extend_schema(
        request=EvidenceRequestSerializer, responses={(200, "application/zip"): OpenApiTypes.BINARY}, filters=False
    )
    @needs_scope(EXPORT)
    def create(self, request: Request) -> FileResponse:
        """Hand out a bundle: a ZIP archive with entries, proofs, a report and the program that checks them."""
        asked = evidence.Asked(**self.valid(EvidenceRequestSerializer))
        out = tempfile.SpooledTemporaryFile(IN_MEMORY)
        try:
            export = evidence.hand_out(asked=asked, by=request.user, out=out)
        except BaseException:
            out.close()
            raise
        return FileResponse(
            out, as_attachment=True, filename=f"evidence-{export.digest[:8]}.zip", content_type="application/zip"
        )
