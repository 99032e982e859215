"""What the API of labels says of items: their state, one as its experts see it, its files, and words on its pages."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api.fields import ChoiceField, ScopedRelatedField
from governance.api.views import whole_number
from governance.errors import InvalidInput
from labeling.annotating.marks import marked_in
from labeling.labels import selectors
from labeling.labels.errors import ItemGone
from labeling.labels.models import CanonicalLabel
from labeling.labels.queue import queue_of, refs_in
from labeling.labels.services import labelset_on
from labeling.labels.showing import picture_of, places_of, shown_item, words_on_page
from labeling.labelsets.models import LabelsetVersion, LabelType
from workbench.models import Sheet
from workbench.sheets import selectors as sheets

PAGE_SIZE = 100
MOST_PAGES = 100_000
PICTURES = ("image/png", "image/jpeg", "image/webp")
STATES = ("open", "labeled", "misfit")
ON_SHEET = [
    OpenApiParameter("sheet", OpenApiTypes.UUID, required=True),
    OpenApiParameter("label_type", str, required=True),
]
ON_ITEM = [*ON_SHEET, OpenApiParameter("item_ref", str, required=True)]
ON_FILE = [
    *ON_ITEM,
    OpenApiParameter("column", str, required=True),
    OpenApiParameter("rotation", int, enum=[0, 90, 180, 270], default=0, description="Degrees, clockwise."),
]
ON_PAGE = [*ON_FILE, OpenApiParameter("page", int, default=1)]


class OnSheetSerializer(serializers.Serializer):
    """One Sheet and label type."""

    sheet = ScopedRelatedField(queryset=Sheet.objects.all())
    label_type = ScopedRelatedField(queryset=LabelType.objects.all())


class OnItemSerializer(OnSheetSerializer):
    """One item of a Sheet, and the kind of label."""

    item_ref = serializers.CharField(max_length=300, trim_whitespace=False)


class OnFileSerializer(OnItemSerializer):
    """A file that experts see of an item."""

    column = serializers.CharField(max_length=300)
    rotation = ChoiceField(choices=[(str(degrees), str(degrees)) for degrees in (0, 90, 180, 270)], default="0")


class OnPageSerializer(OnFileSerializer):
    """A page of it; other files have one."""

    page = serializers.IntegerField(min_value=1, max_value=MOST_PAGES, default=1)


class InBoxSerializer(OnPageSerializer):
    """A box on a page, in pixels of its picture; without one, the whole page."""

    x = serializers.FloatField(min_value=0, max_value=1e6, required=False)
    y = serializers.FloatField(min_value=0, max_value=1e6, required=False)
    width = serializers.FloatField(min_value=0, max_value=1e6, required=False)
    height = serializers.FloatField(min_value=0, max_value=1e6, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """With the four numbers as `box`, or None."""
        given = [attrs.pop(name, None) for name in ("x", "y", "width", "height")]
        if None in given and given != [None] * 4:
            raise InvalidInput("A box is x, y, width and height; give all of them, or none.", field="x")
        return {**attrs, "box": None if None in given else tuple(given)}


class SearchSerializer(OnFileSerializer):
    """Words to search for."""

    q = serializers.CharField(max_length=200)


class ItemStateSerializer(serializers.Serializer):
    """An item, and whether it has a label: open, labeled, or misfit where its label does not fit the labelset now."""

    item_ref = serializers.CharField()
    state = ChoiceField(choices=[(state, state) for state in STATES])
    version = serializers.IntegerField(help_text="Of its label; 0 where there is none.")


class ItemsSerializer(serializers.Serializer):
    """A page of items, and how far the Sheet is labelled. `gone`: labels whose item is no longer there."""

    total = serializers.IntegerField()
    labeled = serializers.IntegerField()
    open = serializers.IntegerField()
    gone = serializers.IntegerField()
    count = serializers.IntegerField(help_text="Items in this filter.")
    page = serializers.IntegerField()
    pages = serializers.IntegerField()
    items = ItemStateSerializer(many=True)


class ShownSerializer(serializers.Serializer):
    """One column that experts see. `problem`: why a file, or a part of it, is not shown."""

    name = serializers.CharField()
    kind = ChoiceField(choices=[(kind, kind) for kind in ("value", "text", "image", "pdf")])
    value = serializers.JSONField()
    pages = serializers.IntegerField()
    width = serializers.IntegerField(help_text="Of the picture in pixels; 0 where there is none.")
    height = serializers.IntegerField()
    problem = serializers.CharField()


class MarkedSerializer(serializers.Serializer):
    """A field of answers that is marked on the item."""

    field = serializers.CharField(source="key")
    kind = ChoiceField(choices=[("boxes", "boxes"), ("spans", "spans")])
    polygons = serializers.BooleanField(source="has_polygons")


class ItemToLabelSerializer(serializers.Serializer):
    """An item as its experts see it, with what is asked and what its label says."""

    item_ref = serializers.CharField()
    columns = ShownSerializer(many=True)
    labelset_version = serializers.UUIDField()
    response_schema = serializers.JSONField()
    marked = MarkedSerializer(many=True)
    label = serializers.UUIDField(allow_null=True)  # type: ignore[assignment]
    version = serializers.IntegerField(help_text="Of its label, to send back as `seen_version`; 0 where there is none.")
    data = serializers.JSONField(allow_null=True, help_text="What its label says.")  # type: ignore[assignment]
    previous = serializers.CharField(allow_null=True)
    next = serializers.CharField(allow_null=True)
    next_open = serializers.CharField(allow_null=True)


class WordsSerializer(serializers.Serializer):
    """The text of a page, or of a box on it."""

    text = serializers.CharField()


class HitSerializer(serializers.Serializer):
    """A place where the words stand: its page, and boxes of x, y, width, height in pixels of the page's picture."""

    page = serializers.IntegerField()
    boxes = serializers.ListField(child=serializers.ListField(child=serializers.FloatField()))


class PlacesSerializer(serializers.Serializer):
    """Where words stand in a PDF; the first 200 places in the first 200 pages."""

    hits = HitSerializer(many=True)
    searched = serializers.IntegerField()
    pages = serializers.IntegerField()


class ItemActions:
    """Items to label, beside the labels: for those who may see the Sheet."""

    def _asked(self, form: type[serializers.Serializer]) -> dict[str, Any]:
        asked = form(data=self.request.query_params, context=self.get_serializer_context())  # type: ignore[attr-defined]
        asked.is_valid(raise_exception=True)
        return dict(asked.validated_data)

    @extend_schema(
        parameters=[
            *ON_SHEET,
            OpenApiParameter("state", str, enum=STATES),
            OpenApiParameter("q", str, description="Part of the item's key."),
            OpenApiParameter("page", int, default=1),
        ],
        responses=ItemsSerializer,
    )
    @action(detail=False, methods=["get"], pagination_class=None, filterset_fields=None)
    def items(self, request: Request) -> Response:
        """Items of a Sheet with their state, a hundred on a page."""
        asked = self._asked(OnSheetSerializer)
        state, words = request.query_params.get("state", ""), request.query_params.get("q", "")
        if state and state not in STATES:
            raise InvalidInput(f"{state[:40]!r} is no state; expected one of: {', '.join(STATES)}.", field="state")
        labelset = labelset_on(**asked)
        queue = queue_of(sheets.published_version(asked["sheet"]), asked["label_type"])
        number = whole_number(request.query_params.get("page"), field="page", default=1, at_most=MOST_PAGES)
        page = Paginator(refs_in(queue, asked["sheet"], labelset, state, words), PAGE_SIZE).get_page(number)
        refs = list(page.object_list)
        labels = selectors.labels_for(asked["sheet"], asked["label_type"], refs)
        rows = [{"item_ref": ref, **_state_of(labels.get(ref), labelset)} for ref in refs]
        counts = {"total": len(queue.refs), "labeled": queue.done, "open": queue.open, "gone": queue.gone}
        where = {"count": page.paginator.count, "page": page.number, "pages": page.paginator.num_pages}
        return Response(ItemsSerializer({**counts, **where, "items": rows}).data)

    @extend_schema(parameters=ON_ITEM, responses=ItemToLabelSerializer)
    @action(detail=False, methods=["get"], pagination_class=None, filterset_fields=None)
    def item(self, request: Request) -> Response:
        """One item as its experts see it: only the columns that the labelset names."""
        asked = self._asked(OnItemSerializer)
        ref = asked["item_ref"]
        labelset = labelset_on(asked["sheet"], asked["label_type"])
        version = sheets.published_version(asked["sheet"])
        row = sheets.items_by_ref(version, [ref]).get(ref)
        if row is None:
            raise ItemGone(f"Sheet “{asked['sheet']}” has no item {ref!r}; it may have vanished.", field="item_ref")
        label = selectors.labels_for(asked["sheet"], asked["label_type"], [ref]).get(ref)
        queue = queue_of(version, asked["label_type"])
        found = {
            "item_ref": ref,
            "columns": shown_item(version, labelset, ref, row),
            "labelset_version": labelset.pk,
            "response_schema": labelset.response_schema,
            "marked": marked_in(labelset.response_schema),
            "label": label.pk if label else None,
            "version": label.version if label else 0,
            "data": label.data if label else None,
            "previous": queue.before(ref),
            "next": queue.after(ref),
            "next_open": queue.next_open(ref),
        }
        return Response(ItemToLabelSerializer(found).data)

    @extend_schema(parameters=ON_PAGE, responses={(200, kind): OpenApiTypes.BINARY for kind in PICTURES})
    @action(detail=False, methods=["get"], url_path="item-file", pagination_class=None, filterset_fields=None)
    def item_file(self, request: Request) -> HttpResponse:
        """The picture in a file column of an item; of a PDF, the picture of one page."""
        asked = self._asked(OnPageSerializer)
        content, kind = picture_of(*_place(asked), asked["page"], int(asked["rotation"]))
        return HttpResponse(content, content_type=kind, headers={"X-Content-Type-Options": "nosniff"})

    @extend_schema(
        parameters=[*ON_PAGE, *(OpenApiParameter(name, float) for name in ("x", "y", "width", "height"))],
        responses=WordsSerializer,
    )
    @action(detail=False, methods=["get"], url_path="item-words", pagination_class=None, filterset_fields=None)
    def item_words(self, request: Request) -> Response:
        """The text of a PDF's page, or of a box on it, in pixels of the page's picture."""
        asked = self._asked(InBoxSerializer)
        where = {"rotation": int(asked["rotation"]), "box": asked["box"]}
        return Response({"text": words_on_page(*_place(asked), asked["page"], **where)})

    @extend_schema(parameters=[*ON_FILE, OpenApiParameter("q", str, required=True)], responses=PlacesSerializer)
    @action(detail=False, methods=["get"], url_path="item-find", pagination_class=None, filterset_fields=None)
    def item_find(self, request: Request) -> Response:
        """Where words stand in a PDF."""
        asked = self._asked(SearchSerializer)
        return Response(PlacesSerializer(places_of(*_place(asked), asked["q"], int(asked["rotation"]))).data)


def _place(asked: dict[str, Any]) -> tuple[Any, Any, str, str]:
    version = sheets.published_version(asked["sheet"])
    return version, labelset_on(asked["sheet"], asked["label_type"]), asked["item_ref"], asked["column"]


def _state_of(label: CanonicalLabel | None, labelset: LabelsetVersion) -> dict[str, Any]:
    if label is None:
        return {"state": "open", "version": 0}
    return {"state": "misfit" if selectors.is_misfit(label, labelset) else "labeled", "version": label.version}
