"""The API of erasures and legal holds."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api.fields import ReasonSerializer
from governance.api.views import ScopedViewSet, accepted, requested
from governance.models import ErasureRequest, LegalHold, RecordArchive
from governance.record import archiving, erasing, holds


class ErasureRequestSerializer(serializers.ModelSerializer):
    """What was asked to be erased; `erased_at` is null until another officer has signed."""

    asked_by = serializers.StringRelatedField()
    object_ids = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = ErasureRequest
        fields = (
            "id", "kind", "object_ids", "found_by", "entries_count", "reason", "asked_by", "asked_at", "erased_at",
        )  # fmt: skip


class WantedSerializer(serializers.Serializer):
    """One row by `object_id`, or every row that ever held `value` in `column`: as all there is in it, or anywhere in
    it where the column is JSON."""

    kind = serializers.CharField(max_length=100)
    object_id = serializers.CharField(max_length=100, required=False, allow_blank=True, default="")
    column = serializers.CharField(max_length=100, required=False, allow_blank=True, default="")
    value = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class AskedErasureSerializer(WantedSerializer):
    """The same, with the reason and the `digest` of the preview."""

    reason = serializers.CharField(max_length=2000)
    digest = serializers.CharField(max_length=64)


class HolderSerializer(serializers.Serializer):
    """Rows of one kind that refer to erased content, or one asset that held it."""

    kind = serializers.CharField()
    label = serializers.CharField()
    rows = serializers.IntegerField()
    url = serializers.CharField(help_text="Of its page in the portal; empty for rows of a kind.")


class ReachSerializer(serializers.Serializer):
    """What an erasure would reach: counts, the rows' ids, and the digest that asking for it needs."""

    kind = serializers.CharField()
    rows = serializers.IntegerField()
    entries = serializers.IntegerField()
    versions = serializers.IntegerField()
    live = serializers.IntegerField(help_text="Rows that are still there; delete or empty them first.")
    held = serializers.IntegerField(help_text="Legal holds that stand in the way.")
    digest = serializers.CharField()
    places = serializers.DictField(
        child=serializers.IntegerField(), help_text="Where the identifier was found: path → rows."
    )
    holders = HolderSerializer(many=True, help_text="Rows that refer to content; they say “(erased)” from then on.")
    copies = HolderSerializer(many=True, help_text="What held content and is not reached, as far as you may see it.")
    object_ids = serializers.ListField(child=serializers.CharField())


class ErasureRequestViewSet(ScopedViewSet):
    """Erasing values from the record: look, ask, and have another officer sign."""

    keeps_answers = False  # a preview is asked for with a person's identifier, which is kept nowhere
    queryset = ErasureRequest.objects.select_related("asked_by")
    serializer_class = ErasureRequestSerializer
    cursor_ordering = ("-asked_at", "-id")

    @extend_schema(request=AskedErasureSerializer, responses={202: None})
    def create(self, request: Request) -> Response:
        """Ask for an erasure; another compliance officer decides."""
        asked = self.valid(AskedErasureSerializer)
        reason, digest = asked.pop("reason"), asked.pop("digest")
        wanted = erasing.Wanted(**asked)
        return requested(
            request, erasing.request_erasure(wanted=wanted, digest=digest, reason=reason, by=request.user)
        )

    @extend_schema(request=WantedSerializer, responses={200: ReachSerializer}, filters=False)
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """What an erasure would reach. Changes nothing."""
        keys, reach = erasing.preview(wanted=erasing.Wanted(**self.valid(WantedSerializer)), by=request.user)
        return Response(ReachSerializer({**vars(reach), "object_ids": keys}).data)


class LegalHoldSerializer(serializers.ModelSerializer):
    """One hold: on a row, on a kind of row (no `object_id`) or on the whole record (neither)."""

    placed_by = serializers.StringRelatedField()

    class Meta:
        model = LegalHold
        fields = ("id", "kind", "object_id", "reason", "placed_by", "placed_at", "lifted_at")


class NewHoldSerializer(serializers.Serializer):
    """What to keep, and for which matter."""

    kind = serializers.CharField(max_length=100, required=False, allow_blank=True, default="")
    object_id = serializers.CharField(max_length=100, required=False, allow_blank=True, default="")
    reason = serializers.CharField(max_length=4000)


class LegalHoldViewSet(ScopedViewSet):
    """What may not be erased from the record."""

    queryset = LegalHold.objects.select_related("placed_by")
    serializer_class = LegalHoldSerializer
    filterset_fields = ("kind", "object_id")
    cursor_ordering = ("-placed_at", "-id")

    @extend_schema(request=NewHoldSerializer, responses={201: LegalHoldSerializer})
    def create(self, request: Request) -> Response:
        """Place a hold; it acts at once."""
        hold = holds.place_hold(by=request.user, **self.valid(NewHoldSerializer))
        return self.shown(hold, status.HTTP_201_CREATED)

    @extend_schema(request=ReasonSerializer, responses={202: None})
    @action(detail=True, methods=["post"])
    def lift(self, request: Request, pk: str | None = None) -> Response:
        """Ask for the hold to be lifted; another compliance officer decides."""
        reason: Any = self.valid(ReasonSerializer)["reason"]
        return requested(request, holds.request_lift(hold=self.get_object(), reason=reason, by=request.user))


class RecordArchiveSerializer(serializers.ModelSerializer):
    """One archive; `dropped_at` says since when its values are in it only."""

    class Meta:
        model = RecordArchive
        fields = (
            "number", "first", "last", "file", "bytes", "digest", "erased_count", "archived_at", "dropped_at",
        )  # fmt: skip


class RecordArchiveViewSet(ScopedViewSet):
    """Sealed ranges of the record in files outside the database."""

    queryset = RecordArchive.objects.all()
    serializer_class = RecordArchiveSerializer
    cursor_ordering = ("-number",)

    @extend_schema(request=None, responses={202: None}, filters=False)
    @action(detail=False, methods=["post"])
    def start(self, request: Request) -> Response:
        """Archive what is old enough, as a job. How old that is, and where it goes, the server's settings say."""
        self.valid(serializers.Serializer)
        return accepted(request, archiving.start_archiving(by=request.user))
