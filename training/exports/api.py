"""The API of exports: ask, look, download."""

from __future__ import annotations

from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api.authentication import needs_scope
from governance.api.fields import ChoiceField, ScopedRelatedField
from governance.api.views import ScopedViewSet, accepted
from governance.sign_in.scopes import EXPORT
from governance.uses import Use
from training.datasets.models import DatasetVersion
from training.exports import services
from training.exports.models import Export


class ExportSerializer(serializers.ModelSerializer):
    """One file; `file_name`, `sha256` and `manifest` are there once its job is done.

    `file_removed_because`: the file itself is gone, since other rows permit its use now.
    """

    created_by = serializers.StringRelatedField()

    class Meta:
        model = Export
        fields = (
            "id", "version", "use", "format", "embed_files", "file_name", "sha256", "bytes", "rows", "manifest", "job",
            "file_removed_at", "file_removed_because", "created_by", "created_at",
        )  # fmt: skip


class NewExportSerializer(serializers.Serializer):
    """Which version, for which use, in which format."""

    version = ScopedRelatedField(queryset=DatasetVersion.objects.all())
    use = ChoiceField(choices=Use.choices, default=Use.TRAINING)
    format = ChoiceField(choices=Export.Format.choices, default=Export.Format.JSONL)
    embed_files = serializers.BooleanField(default=False)


class ExportViewSet(ScopedViewSet):
    """Files of approved datasets, each with a manifest."""

    queryset = Export.objects.select_related("version__dataset", "created_by", "job")
    serializer_class = ExportSerializer
    filterset_fields = ("version", "use", "format")

    @extend_schema(request=NewExportSerializer, responses={202: OpenApiResponse(description="A job writes it")})
    def create(self, request: Request) -> Response:
        """Write the rows of one use to a file, as a job."""
        export = services.request_export(by=request.user, **self.valid(NewExportSerializer))
        return accepted(request, export.job, export=str(export.pk))

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    @needs_scope(EXPORT)
    @action(detail=True, pagination_class=None, filterset_fields=())
    def download(self, request: Request, pk: str | None = None) -> FileResponse:
        """The file itself; refused once the dataset has lost its approval."""
        export = self.get_object()
        file = services.open_export(export=export, by=request.user)
        return FileResponse(
            file, as_attachment=True, filename=export.file_name, content_type="application/octet-stream"
        )
