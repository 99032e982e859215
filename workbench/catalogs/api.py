"""The API of connections and of what their catalogs hold."""

from __future__ import annotations

from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from governance import access
from governance.api.authentication import needs_scope
from governance.api.fields import ChoiceField, ClassificationField, UsesField
from governance.api.views import ConstrainedActions, ScopedViewSet, ShareActions, whole_number
from governance.errors import InvalidInput
from governance.sign_in.scopes import EXPORT
from workbench.catalogs import selectors, services
from workbench.catalogs.models import CatalogObject, Connection
from workbench.catalogs.port import Catalog


class ConnectionSerializer(serializers.ModelSerializer):
    """One catalog that data is read from."""

    owner = serializers.StringRelatedField()

    class Meta:
        model = Connection
        fields = ("id", "name", "description", "engine", "location", "owner", "created_at")


class NewConnectionSerializer(serializers.Serializer):
    """An empty `location` is the server's own catalog."""

    name = serializers.CharField(max_length=120)
    description = serializers.CharField(required=False, allow_blank=True)
    engine = ChoiceField(choices=Connection.Engine.choices, required=False)
    location = serializers.CharField(max_length=500, required=False, allow_blank=True)


class CatalogObjectSerializer(serializers.ModelSerializer):
    """One table, column or volume, with its tags and what these permit."""

    allowed_uses = UsesField()
    prohibited_uses = UsesField()
    data_classification = ClassificationField()

    class Meta:
        model = CatalogObject
        fields = (
            "id", "connection", "kind", "ref", "description", "tags", "allowed_uses", "prohibited_uses",
            "data_classification", "usage_reason", "permitted_until", "synced_at",
        )  # fmt: skip


class ColumnSerializer(serializers.Serializer):
    """One column as the catalog describes it now."""

    name = serializers.CharField()
    type = serializers.CharField()
    description = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())


class TableSerializer(serializers.Serializer):
    """One table as the catalog describes it now; `row_count` is null where counting would read all of it."""

    ref = serializers.CharField()
    description = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())
    row_count = serializers.IntegerField(allow_null=True)
    source_version = serializers.CharField()
    columns = ColumnSerializer(many=True)


class FileSerializer(serializers.Serializer):
    """One file of a volume; `after` takes the last path of a page to get the next one."""

    path = serializers.CharField()
    size = serializers.IntegerField()
    modified = serializers.DateTimeField()


class SyncSerializer(serializers.Serializer):
    """What reading the catalog changed, as refs."""

    seen = serializers.IntegerField()
    created = serializers.ListField(child=serializers.CharField())
    tightened = serializers.ListField(child=serializers.CharField())
    tags_gone = serializers.ListField(child=serializers.CharField())
    missing = serializers.ListField(child=serializers.CharField())


class SyncRequestSerializer(serializers.Serializer):
    """Tables and volumes to read; all when left out."""

    refs = serializers.ListField(child=serializers.CharField(), required=False)


NAMES = {200: {"type": "array", "items": {"type": "string"}}}
SCHEMA = OpenApiParameter("schema", str, required=True)
TABLE = OpenApiParameter("table", str, required=True, description="schema.table")
VOLUME = OpenApiParameter("volume", str, required=True, description="schema.volume")


class ConnectionViewSet(ShareActions, ScopedViewSet):
    """Catalogs: browse their schemas, tables and volumes, and read their tags."""

    queryset = Connection.objects.select_related("owner")
    serializer_class = ConnectionSerializer
    filterset_fields = ("name", "engine")

    @extend_schema(request=NewConnectionSerializer, responses={201: ConnectionSerializer})
    def create(self, request: Request) -> Response:
        made = services.create_connection(by=request.user, **self.valid(NewConnectionSerializer))
        return self.shown(made, status.HTTP_201_CREATED)

    @extend_schema(request=NewConnectionSerializer)
    def partial_update(self, request: Request, pk: str | None = None) -> Response:
        fields = self.valid(NewConnectionSerializer, partial=True)
        return self.shown(services.update_connection(connection=self.get_object(), by=request.user, **fields))

    @extend_schema(request=SyncRequestSerializer, responses=SyncSerializer)
    @action(detail=True, methods=["post"])
    def sync(self, request: Request, pk: str | None = None) -> Response:
        """Read tables, columns, volumes and tags; tags that are new bind at once."""
        refs = self.valid(SyncRequestSerializer).get("refs")
        result = services.sync_catalog(connection=self.get_object(), by=request.user, refs=refs)
        return Response(SyncSerializer(result).data)

    @extend_schema(responses=NAMES)
    @action(detail=True, pagination_class=None, filterset_fields=())
    def schemas(self, request: Request, pk: str | None = None) -> Response:
        """Names of the schemas."""
        return Response(self._catalog().list_schemas())

    @extend_schema(parameters=[SCHEMA], responses=NAMES)
    @action(detail=True, pagination_class=None, filterset_fields=())
    def tables(self, request: Request, pk: str | None = None) -> Response:
        """Refs of the tables of one schema."""
        return Response(self._catalog().list_tables(self._asked("schema")))

    @extend_schema(parameters=[SCHEMA], responses=NAMES)
    @action(detail=True, pagination_class=None, filterset_fields=())
    def volumes(self, request: Request, pk: str | None = None) -> Response:
        """Refs of the volumes of one schema."""
        return Response(self._catalog().list_volumes(self._asked("schema")))

    @extend_schema(parameters=[TABLE], responses=TableSerializer)
    @action(detail=True, pagination_class=None, filterset_fields=())
    def columns(self, request: Request, pk: str | None = None) -> Response:
        """One table with its columns, types, descriptions and tags."""
        return Response(TableSerializer(self._catalog().get_table(self._asked("table"))).data)

    @extend_schema(
        parameters=[TABLE, OpenApiParameter("limit", int)],
        responses={200: {"type": "array", "items": {"type": "object"}}},
    )
    @action(detail=True, pagination_class=None, filterset_fields=())
    def sample(self, request: Request, pk: str | None = None) -> Response:
        """The first rows of one table."""
        limit = whole_number(request.query_params.get("limit"), field="limit", default=20, at_most=500)
        return Response(self._catalog().sample_rows(self._asked("table"), limit))

    @extend_schema(
        parameters=[VOLUME, *(OpenApiParameter(name, str) for name in ("prefix", "after"))],
        responses=FileSerializer(many=True),
    )
    @action(detail=True, pagination_class=None, filterset_fields=())
    def files(self, request: Request, pk: str | None = None) -> Response:
        """One page of the files of a volume, sorted by path."""
        asked = request.query_params
        limit = whole_number(asked.get("limit"), field="limit", default=100, at_most=1000)
        found = self._catalog().list_files(
            self._asked("volume"), asked.get("prefix", ""), limit, asked.get("after") or None
        )
        return Response(FileSerializer(found, many=True).data)

    @extend_schema(
        parameters=[VOLUME, OpenApiParameter("path", str, required=True)],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    @needs_scope(EXPORT)
    @action(detail=True, pagination_class=None, filterset_fields=())
    def file(self, request: Request, pk: str | None = None) -> FileResponse:
        """The content of one file, as a download."""
        path = self._asked("path")
        content = self._catalog().open_file(self._asked("volume"), path)
        answer = FileResponse(content, as_attachment=True, filename=path.rpartition("/")[2])
        answer["Content-Type"] = "application/octet-stream"
        return answer

    def _catalog(self) -> Catalog:
        access.require(self.request.user, "workbench.view_catalogobject")
        return selectors.catalog_of(self.get_object())

    def _asked(self, name: str) -> str:
        value = self.request.query_params.get(name, "")
        if not value:
            raise InvalidInput(f"Say which {name}, such as ?{name}=…", field=name)
        return value


class CatalogObjectViewSet(ConstrainedActions, ScopedViewSet):
    """Tables, columns and volumes as they were last read, with the constraint that binds what is made from them."""

    queryset = CatalogObject.objects.all()
    serializer_class = CatalogObjectSerializer
    filterset_fields = ("connection", "kind", "ref")
    cursor_ordering = ("ref", "id")
