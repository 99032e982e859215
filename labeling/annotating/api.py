"""The API of drafts of labels; each belongs to whoever enters it."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api.views import ScopedViewSet
from labeling.annotating import drafts
from labeling.annotating.item_actions import OnItemSerializer
from labeling.annotating.models import LabelDraft


class DraftSerializer(serializers.ModelSerializer):
    """What one has entered about an item and not saved as its label: the form's fields."""

    class Meta:
        model = LabelDraft
        fields = ("id", "sheet", "label_type", "item_ref", "entered", "saved_at")


class NewDraftSerializer(OnItemSerializer):
    """What is entered, by field of the form."""

    entered = serializers.DictField(child=serializers.ListField(child=serializers.CharField(allow_blank=True)))


class LabelDraftViewSet(ScopedViewSet):
    """One's own drafts of labels."""

    permission_classes = (IsAuthenticated,)
    queryset = LabelDraft.objects.all()
    serializer_class = DraftSerializer
    filterset_fields = ("sheet", "label_type", "item_ref")
    cursor_ordering = ("-saved_at", "-id")

    @extend_schema(request=NewDraftSerializer, responses={201: DraftSerializer})
    def create(self, request: Request) -> Response:
        """Keep a draft, in place of the one that was kept for this item."""
        return self.shown(drafts.save(by=request.user, **self.valid(NewDraftSerializer)), status.HTTP_201_CREATED)

    def destroy(self, request: Request, pk: str | None = None) -> Response:
        """Throw a draft away."""
        draft = self.get_object()
        about = {"sheet": draft.sheet, "label_type": draft.label_type, "item_ref": draft.item_ref}
        drafts.discard(by=request.user, **about)
        return Response(status=status.HTTP_204_NO_CONTENT)
