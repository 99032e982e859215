"""The API of Sheets and their versions."""

from __future__ import annotations

from itertools import islice
from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from governance import access
from governance.api.fields import ChoiceField, ClassificationField, ReasonSerializer, ScopedRelatedField, UsesField
from governance.api.views import ConstrainedActions, ScopedViewSet, ShareActions, requested, whole_number
from governance.errors import WorkbenchError
from workbench.catalogs.models import Connection
from workbench.catalogs.selectors import catalog_of
from workbench.sheets import coverage, selectors, services
from workbench.sheets.definition import KINDS, ROLES, Definition, Preview, preview_of
from workbench.sheets.models import Sheet, SheetVersion


class SourceSerializer(serializers.Serializer):
    """A secondary source. A table has `keys`: pairs of (column so far, column of it); a volume has a `pattern`."""

    ref = serializers.CharField(max_length=300)
    alias = serializers.CharField(max_length=128)
    kind = ChoiceField(choices=KINDS, default="table")
    keys = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField(), min_length=2, max_length=2), default=list
    )
    pattern = serializers.CharField(max_length=300, allow_blank=True, default="")


class VersionSerializer(serializers.ModelSerializer):
    """One definition of a Sheet."""

    created_by = serializers.StringRelatedField()
    sources = SourceSerializer(many=True)

    class Meta:
        model = SheetVersion
        fields = (
            "id", "sheet", "number", "status", "primary_ref", "primary_kind", "sources", "filter_sql",
            "sample_size", "column_roles", "columns", "source_version", "item_count", "created_by",
            "created_at", "published_at",
        )  # fmt: skip


class SheetSerializer(serializers.ModelSerializer):
    """A named pointer to data, with its newest version."""

    owner = serializers.StringRelatedField()
    allowed_uses = UsesField()
    prohibited_uses = UsesField()
    data_classification = ClassificationField()
    version = serializers.SerializerMethodField()

    class Meta:
        model = Sheet
        fields = (
            "id", "name", "description", "connection", "item_key", "owner", "allowed_uses", "prohibited_uses",
            "data_classification", "usage_reason", "permitted_until", "created_at", "version",
        )  # fmt: skip

    @extend_schema_field(VersionSerializer(allow_null=True))
    def get_version(self, sheet: Sheet) -> dict[str, Any] | None:
        versions = sorted(sheet.versions.all(), key=lambda version: -version.number)
        return VersionSerializer(versions[0]).data if versions else None


class DraftSerializer(serializers.Serializer):
    """What a draft can be given; of the Sheet itself its name, description and, before publication, item key."""

    name = serializers.CharField(max_length=120)
    description = serializers.CharField(allow_blank=True, required=False)
    item_key = serializers.CharField(max_length=128)
    primary_ref = serializers.CharField(max_length=300)
    primary_kind = ChoiceField(choices=KINDS, required=False)
    sources = SourceSerializer(many=True, required=False)
    filter_sql = serializers.CharField(allow_blank=True, required=False)
    sample_size = serializers.IntegerField(allow_null=True, min_value=1, required=False)
    column_roles = serializers.DictField(child=ChoiceField(choices=ROLES), required=False)


class NewSheetSerializer(DraftSerializer):
    """A new Sheet, from a connection that you may see."""

    connection = ScopedRelatedField(queryset=Connection.objects.all())


class UnsavedSerializer(NewSheetSerializer):
    """A definition to look at without keeping it."""

    name = serializers.CharField(max_length=120, required=False)


class PreviewSerializer(serializers.Serializer):
    """The first joined rows; `problem` says what stands against publishing."""

    item_count = serializers.IntegerField()
    problem = serializers.CharField(allow_blank=True)
    duplicates = serializers.ListField(child=serializers.ListField())
    columns = serializers.ListField(child=serializers.DictField())
    rows = serializers.ListField(child=serializers.DictField())


class CheckSerializer(serializers.Serializer):
    """Whether publication could be asked for now, and what stands against it."""

    ready = serializers.BooleanField()
    problem = serializers.CharField(allow_blank=True)
    field = serializers.CharField(allow_blank=True)
    details = serializers.DictField()


class ItemSerializer(serializers.Serializer):
    """One item; `ref` is its stable key."""

    ref = serializers.CharField()
    row = serializers.DictField()


class SheetCoverageSerializer(serializers.Serializer):
    """How many items have a label of one kind."""

    label = serializers.CharField()  # type: ignore[assignment]
    done = serializers.IntegerField()
    total = serializers.IntegerField(allow_null=True)


def previewed(shown: Preview) -> Response:
    """A preview as JSON."""
    columns = [
        {
            "name": column.name,
            "type": column.type,
            "role": shown.roles[column.name],
            "description": column.description,
            "tags": list(column.tags),
        }
        for column in shown.columns
    ]
    return Response(
        {
            "item_count": shown.item_count,
            "problem": shown.problem,
            "duplicates": shown.duplicates,
            "columns": columns,
            "rows": shown.rows,
        }
    )


class SheetViewSet(ConstrainedActions, ShareActions, ScopedViewSet):
    """Sheets: make, look at, share; their items come from the published version."""

    queryset = Sheet.objects.select_related("owner").prefetch_related("versions__created_by")
    serializer_class = SheetSerializer
    filterset_fields = ("name", "connection", "versions__status")

    @extend_schema(request=NewSheetSerializer, responses={201: VersionSerializer})
    def create(self, request: Request) -> Response:
        """A new Sheet with its first version as a draft."""
        version = services.create_sheet(by=request.user, **self.valid(NewSheetSerializer))
        return Response(VersionSerializer(version).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=UnsavedSerializer, responses=PreviewSerializer)
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """Look at a definition without keeping it."""
        asked = self.valid(UnsavedSerializer)
        access.require(request.user, "workbench.add_sheet")
        definition = {name: value for name, value in asked.items() if name in Definition.__dataclass_fields__}
        return previewed(preview_of(catalog_of(asked["connection"]), Definition(**definition)))

    @extend_schema(request=None, responses={201: VersionSerializer})
    @action(detail=True, methods=["post"], url_path="new-version")
    def new_version(self, request: Request, pk: str | None = None) -> Response:
        """A draft that starts as a copy of the published version."""
        version = services.start_new_version(sheet=self.get_object(), by=request.user)
        return Response(VersionSerializer(version).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        parameters=[OpenApiParameter("after", str), OpenApiParameter("limit", int)],
        responses=ItemSerializer(many=True),
    )
    @action(detail=True, pagination_class=None, filterset_fields=())
    def items(self, request: Request, pk: str | None = None) -> Response:
        """One page of items in order of their key; `after` is the last key of the page before."""
        asked = request.query_params
        limit = whole_number(asked.get("limit"), field="limit", default=50, at_most=500)
        version = selectors.published_version(self.get_object())
        batches = selectors.iter_items(version, after=asked.get("after") or None, batch_size=limit)
        found = next(islice(batches, 1), [])
        batches.close()
        return Response([{"ref": item.ref, "row": item.row} for item in found])

    @extend_schema(responses=SheetCoverageSerializer(many=True))
    @action(detail=True, pagination_class=None, filterset_fields=())
    def coverage(self, request: Request, pk: str | None = None) -> Response:
        """How far the Sheet is labelled, by kind of label."""
        return Response(SheetCoverageSerializer(coverage.coverage_of(self.get_object()), many=True).data)


class SheetVersionViewSet(ScopedViewSet):
    """Definitions: change a draft, preview, check, ask for publication, archive."""

    queryset = SheetVersion.objects.select_related("sheet__connection", "created_by")
    serializer_class = VersionSerializer
    filterset_fields = ("sheet", "status")

    @extend_schema(request=DraftSerializer)
    def partial_update(self, request: Request, pk: str | None = None) -> Response:
        """Change a draft."""
        fields = self.valid(DraftSerializer, partial=True)
        return self.shown(services.update_draft(version=self.get_object(), by=request.user, **fields))

    def destroy(self, request: Request, pk: str | None = None) -> Response:
        """Delete a draft, and the Sheet with it when that was its only version."""
        services.delete_draft(version=self.get_object(), by=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(parameters=[OpenApiParameter("limit", int)], responses=PreviewSerializer)
    @action(detail=True, pagination_class=None, filterset_fields=())
    def preview(self, request: Request, pk: str | None = None) -> Response:
        """The first joined rows."""
        limit = whole_number(request.query_params.get("limit"), field="limit", default=20, at_most=200)
        return previewed(selectors.preview(self.get_object(), limit))

    @extend_schema(responses=CheckSerializer)
    @action(detail=True, pagination_class=None, filterset_fields=())
    def check(self, request: Request, pk: str | None = None) -> Response:
        """Whether it could be published now; if not, the problem with its field."""
        try:
            services.check_publishable(self.get_object())
        except WorkbenchError as error:
            found = {"ready": False, "problem": error.message, "field": error.field, "details": error.details}
            return Response(found)
        return Response({"ready": True, "problem": "", "field": "", "details": {}})

    @extend_schema(request=ReasonSerializer, responses={202: OpenApiResponse(description="Waits for approval")})
    @action(detail=True, methods=["post"], url_path="request-publish")
    def request_publish(self, request: Request, pk: str | None = None) -> Response:
        """Ask for publication; someone else approves."""
        asked = services.request_publish(version=self.get_object(), by=request.user, **self.valid(ReasonSerializer))
        return requested(request, asked)

    @extend_schema(request=ReasonSerializer)
    @action(detail=True, methods=["post"])
    def archive(self, request: Request, pk: str | None = None) -> Response:
        """Take a published version out of use; what was made from it stays."""
        return self.shown(services.archive(version=self.get_object(), by=request.user, **self.valid(ReasonSerializer)))
