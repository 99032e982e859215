"""The API of comments and notifications."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api.fields import ChoiceField
from governance.api.filtering import Filters
from governance.api.views import ScopedViewSet
from governance.comments import selectors, services
from governance.errors import InvalidInput, NotPermitted
from governance.models import Comment, Notification
from governance.models.comments import COMMENTED


class CommentSerializer(serializers.ModelSerializer):
    """One comment; `written_by` is a name."""

    written_by = serializers.StringRelatedField()

    class Meta:
        model = Comment
        fields = ("id", "kind", "object_id", "text", "written_by", "written_at", "door")


class NewCommentSerializer(serializers.Serializer):
    """`kind` is labeling.qapair or labeling.canonicallabel; @names in the text are told."""

    kind = serializers.CharField(max_length=64)
    object_id = serializers.UUIDField()
    text = serializers.CharField(max_length=services.LONGEST)


class MentionableSerializer(serializers.Serializer):
    """Somebody who may see the row."""

    username = serializers.CharField()
    name = serializers.CharField(source="display_name")


class CommentFilters(Filters):
    """By the row that they are about."""

    class Meta:
        model = Comment
        fields = ("kind", "object_id")


ABOUT = [OpenApiParameter("kind", str, required=True), OpenApiParameter("object_id", OpenApiTypes.UUID, required=True)]


class CommentViewSet(ScopedViewSet):
    """What people said about pairs and labels, newest first."""

    queryset = Comment.objects.select_related("written_by")
    serializer_class = CommentSerializer
    filterset_class = CommentFilters
    cursor_ordering = ("-written_at", "-id")

    @extend_schema(request=NewCommentSerializer, responses={201: CommentSerializer})
    def create(self, request: Request) -> Response:
        """Say something about a row, and tell those mentioned."""
        asked = self.valid(NewCommentSerializer)
        row = self._row(asked["kind"], asked["object_id"])
        comment = services.add_comment(row=row, by=request.user, text=asked["text"])
        return self.shown(comment, status.HTTP_201_CREATED)

    @extend_schema(parameters=[*ABOUT, OpenApiParameter("q", str)], filters=False,
                   responses=MentionableSerializer(many=True))  # fmt: skip
    @action(detail=False, pagination_class=None, filter_backends=[])
    def people(self, request: Request) -> Response:
        """Who can be mentioned at a row: the first eight who may see it and whose name begins with `q`."""
        if not request.user.has_perm("governance.add_comment"):
            raise NotPermitted("Your roles do not include “add comment”. Ask an administrator for it.")
        try:
            key = UUID(request.query_params.get("object_id", ""))
        except ValueError as error:
            raise InvalidInput("Expected the id of a row.", field="object_id") from error
        row = self._row(request.query_params.get("kind", ""), key)
        found = selectors.people_to_mention(row, request.query_params.get("q", "")[:150])
        return Response(MentionableSerializer(found, many=True).data)

    def _row(self, kind: str, key: UUID) -> Any:
        if kind not in COMMENTED:
            raise InvalidInput(f"{kind!r} cannot be commented on; expected one of: {', '.join(sorted(COMMENTED))}.",
                               field="kind")  # fmt: skip
        row = selectors.commented_row(kind, key, self.request.user)
        if row is None:
            raise InvalidInput("There is no such row, or you may not see it.", field="object_id")
        return row


class NotificationSerializer(serializers.ModelSerializer):
    """What one was told; `what` names the row only as long as one may see it."""

    made_by = serializers.StringRelatedField()
    what = serializers.SerializerMethodField()
    words = serializers.SerializerMethodField()
    text = serializers.SerializerMethodField()

    class Meta:
        model = Notification
        fields = ("id", "why", "words", "what", "text", "made_by", "count", "created_at", "read_at")

    def get_what(self, row: Notification) -> str:
        return self._told(row).what

    def get_words(self, row: Notification) -> str:
        return self._told(row).words

    def get_text(self, row: Notification) -> str:
        return self._told(row).text

    def _told(self, row: Notification) -> selectors.Told:
        """All of a page are looked up at once, by the first that is asked for."""
        listed = self.instance if isinstance(self.instance, list) else [row]
        parent = getattr(self.parent, "instance", None)
        listed = list(parent) if parent is not None else listed
        kept: dict[Any, selectors.Told] = self.context.setdefault("told", {})
        if row.pk not in kept:
            kept |= {one.notification.pk: one for one in selectors.told(listed, self.context["request"].user)}
        return kept[row.pk]


class ChoiceSerializer(serializers.Serializer):
    """`yes` for a digest by e-mail, `no` for none."""

    by_mail = ChoiceField(choices=["yes", "no"])


class CountSerializer(serializers.Serializer):
    """How many."""

    count = serializers.IntegerField()


class NotificationViewSet(ScopedViewSet):
    """What one was told oneself, newest first."""

    queryset = Notification.objects.select_related("made_by", "comment")
    serializer_class = NotificationSerializer
    filterset_fields = ("why",)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def read(self, request: Request, pk: str | None = None) -> Response:
        """Mark one as read."""
        services.mark_read(by=request.user, notification=self.get_object())
        return self.shown(self.get_object())

    @extend_schema(request=None, responses=CountSerializer, filters=False)
    @action(detail=False, methods=["post"], url_path="read-all")
    def read_all(self, request: Request) -> Response:
        """Mark all as read; answers with how many were not yet."""
        return Response({"count": services.mark_read(by=request.user)})

    @extend_schema(responses=ChoiceSerializer, filters=False)
    @action(detail=False, pagination_class=None, filter_backends=[])
    def choice(self, request: Request) -> Response:
        """Whether one is told by e-mail too."""
        return Response({"by_mail": "yes" if services.is_told_by_mail(request.user) else "no"})

    @extend_schema(request=ChoiceSerializer, responses=ChoiceSerializer, filters=False)
    @choice.mapping.post
    def choose(self, request: Request) -> Response:
        """Choose it."""
        asked = self.valid(ChoiceSerializer)
        services.choose(by=request.user, by_mail=asked["by_mail"] == "yes")
        return Response({"by_mail": asked["by_mail"]})
