"""The API of several experts on one item: places, opinions, agreement, settlements."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api.fields import ChoiceField
from governance.api.views import ScopedViewSet
from governance.errors import InvalidInput
from governance.models import User
from labeling.agreement import reporting, selectors, services
from labeling.agreement.models import Opinion, Settlement, Turn
from labeling.annotating.item_actions import OnSheetSerializer
from labeling.labels.models import CanonicalLabel
from labeling.labels.services import labelset_on

ON_SHEET = [
    OpenApiParameter("sheet", OpenApiTypes.UUID, required=True),
    OpenApiParameter("label_type", str, required=True),
]


class TurnSerializer(serializers.ModelSerializer):
    """One expert's place at one item; `until` is null where it was assigned."""

    expert = serializers.SlugRelatedField("username", read_only=True)
    assigned_by = serializers.SlugRelatedField("username", read_only=True, allow_null=True)

    class Meta:
        model = Turn
        fields = ("id", "sheet", "labelset", "item_ref", "expert", "assigned_by", "until", "created_at")


class AssignmentSerializer(OnSheetSerializer):
    """Each of these experts, by user name, gets a place at each of these items."""

    items = serializers.ListField(child=serializers.CharField(max_length=300), allow_empty=False, max_length=1000)
    experts = serializers.ListField(child=serializers.CharField(max_length=150), allow_empty=False, max_length=20)


class TakenSerializer(serializers.Serializer):
    """The item to answer next; null where nothing is left."""

    item_ref = serializers.CharField(allow_null=True)


class OpinionSerializer(serializers.ModelSerializer):
    """What one expert said of one item on their own."""

    data = serializers.JSONField(read_only=True)  # type: ignore[assignment]
    given_by = serializers.SlugRelatedField("username", read_only=True)

    class Meta:
        model = Opinion
        fields = (
            "id", "sheet", "labelset", "labelset_version", "item_ref", "data", "confidence", "notes", "given_by",
            "given_at",
        )  # fmt: skip


class NewOpinionSerializer(OnSheetSerializer):
    """One's own answer on one item."""

    item_ref = serializers.CharField(max_length=300)
    data = serializers.JSONField()  # type: ignore[assignment]
    confidence = ChoiceField(choices=CanonicalLabel.Confidence.choices, default="high")
    notes = serializers.CharField(max_length=8000, required=False, allow_blank=True, default="")


class SettlementRowSerializer(serializers.ModelSerializer):
    """How an item got its canonical label."""

    data = serializers.JSONField(read_only=True)  # type: ignore[assignment]
    settled_by = serializers.SlugRelatedField("username", read_only=True)

    class Meta:
        model = Settlement
        fields = (
            "id", "sheet", "labelset", "item_ref", "way", "data", "reason", "canonical_label", "canonical_version",
            "settled_by", "settled_at",
        )  # fmt: skip


class SettlementSerializer(SettlementRowSerializer):
    """How an item got its canonical label, with what each expert had said."""

    opinions = OpinionSerializer(many=True, read_only=True)

    class Meta(SettlementRowSerializer.Meta):
        fields = (*SettlementRowSerializer.Meta.fields, "opinions")


class AdjudicationSerializer(OnSheetSerializer):
    """The answer that is right, and why."""

    item_ref = serializers.CharField(max_length=300)
    data = serializers.JSONField()  # type: ignore[assignment]
    reason = serializers.CharField(max_length=4000)
    confidence = ChoiceField(choices=CanonicalLabel.Confidence.choices, default="high")


class SettledSerializer(serializers.Serializer):
    """How many items got their canonical label, and those whose answer does not fit the labelset any more."""

    settled = serializers.IntegerField()
    misfits = serializers.ListField(child=serializers.CharField())


class StandingSerializer(serializers.Serializer):
    """How many opinions an item has, and what follows."""

    item_ref = serializers.CharField()
    given = serializers.IntegerField()
    state = serializers.ChoiceField(choices=selectors.State.choices)


class IntervalSerializer(serializers.Serializer):
    """Bootstrap interval over items."""

    low = serializers.FloatField()
    high = serializers.FloatField()
    standard_error = serializers.FloatField()
    confidence = serializers.FloatField()
    draws = serializers.IntegerField()


class FieldAgreementSerializer(serializers.Serializer):
    """Krippendorff's alpha, share of equal pairs and overlap of boxes of one field, or of whole answers."""

    name = serializers.CharField()
    level = serializers.ChoiceField(choices=["nominal", "ordinal", "interval"])
    alpha = serializers.FloatField(allow_null=True)
    interval = IntervalSerializer(allow_null=True)
    exact = serializers.FloatField(allow_null=True)
    iou = serializers.FloatField(allow_null=True)


class ConfusedSerializer(serializers.Serializer):
    """How often the first person said the one and the second the other."""

    first = serializers.CharField()
    second = serializers.CharField()
    count = serializers.IntegerField()

    def to_representation(self, instance: Any) -> dict[str, Any]:
        return dict(zip(("first", "second", "count"), instance, strict=True))


class PairAgreementSerializer(serializers.Serializer):
    """Cohen's kappa of two people."""

    first = serializers.CharField()
    second = serializers.CharField()
    items = serializers.IntegerField()
    kappa = serializers.FloatField(allow_null=True)
    interval = IntervalSerializer(allow_null=True)
    exact = serializers.FloatField(allow_null=True)
    confusion = ConfusedSerializer(many=True)


class AgreementSerializer(serializers.Serializer):
    """How far the experts agree on items that have all their opinions."""

    items = serializers.IntegerField()
    people = serializers.ListField(child=serializers.CharField())
    whole = FieldAgreementSerializer()
    fields_of_answers = FieldAgreementSerializer(many=True, source="fields")
    compared = serializers.CharField()
    pairs = PairAgreementSerializer(many=True)


class _OnSheet(ScopedViewSet):
    """Views that are asked about one Sheet and label type."""

    def chosen(self) -> dict[str, Any]:
        """Sheet and label type of the address."""
        form = OnSheetSerializer(data=self.request.query_params, context=self.get_serializer_context())
        form.is_valid(raise_exception=True)
        return dict(form.validated_data)


class TurnViewSet(_OnSheet):
    """Whose turn it is: assign items to experts, take the next one, free a place."""

    queryset = Turn.objects.select_related("expert", "assigned_by")
    serializer_class = TurnSerializer
    filterset_fields = ("sheet", "labelset", "item_ref", "expert")

    @extend_schema(request=AssignmentSerializer, responses={201: TurnSerializer(many=True)})
    def create(self, request: Request) -> Response:
        """Assign items to experts, all or none. Who has a place or has answered keeps what they have."""
        values = self.valid(AssignmentSerializer)
        experts = _experts(values.pop("experts"))
        made = services.assign_items(by=request.user, refs=values.pop("items"), experts=experts, **values)
        return Response(TurnSerializer(made, many=True).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=OnSheetSerializer, responses=TakenSerializer)
    @action(detail=False, methods=["post"], url_path="take-next")
    def take_next(self, request: Request) -> Response:
        """The next item for the caller: one that waits for them, else the first with a place left, held a while."""
        return Response({"item_ref": services.take_next(by=request.user, **self.valid(OnSheetSerializer))})

    @extend_schema(parameters=[OpenApiParameter("reason", str, description="Why; needed for another's place.")])
    def destroy(self, request: Request, pk: str | None = None) -> Response:
        """Free a place: one's own, or another's with a reason."""
        reason = request.query_params.get("reason", "")[:4000]
        services.release_turn(turn=self.get_object(), by=request.user, reason=reason)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _experts(names: list[str]) -> list[User]:
    found = {user.username: user for user in User.objects.filter(username__in=names, is_active=True)}
    for name in names:
        if name not in found:
            raise InvalidInput(f"There is no account {name!r}; give user names.", field="experts")
    return [found[name] for name in names]


class OpinionViewSet(_OnSheet):
    """Opinions: one's own at once, those of others when all that are asked for are there."""

    queryset = Opinion.objects.select_related("content", "given_by")
    serializer_class = OpinionSerializer
    filterset_fields = ("sheet", "labelset", "item_ref", "given_by")
    cursor_ordering = ("-given_at", "-id")

    @extend_schema(request=NewOpinionSerializer, responses={201: OpinionSerializer})
    def create(self, request: Request) -> Response:
        """Give one's opinion on an item; it stays as it is given."""
        made = services.give_opinion(by=request.user, **self.valid(NewOpinionSerializer))
        return self.shown(made, status.HTTP_201_CREATED)

    @extend_schema(parameters=ON_SHEET, responses=StandingSerializer(many=True))
    @action(detail=False, methods=["get"], pagination_class=None, filterset_fields=None)
    def standings(self, request: Request) -> Response:
        """How far each item is that has an opinion or a canonical label."""
        values = self.chosen()
        version = labelset_on(**values)
        found = selectors.standings(values["sheet"], version.labelset)
        rows = [{"item_ref": ref, "given": one.given, "state": one.state} for ref, one in sorted(found.items())]
        return Response(StandingSerializer(rows, many=True).data)

    @extend_schema(
        parameters=[
            *ON_SHEET,
            OpenApiParameter("field", str, description="Compare people on this field only."),
            OpenApiParameter("ordinal", str, description="Fields whose values have an order, with commas between."),
        ],
        responses=AgreementSerializer,
    )
    @action(detail=False, methods=["get"], pagination_class=None, filterset_fields=None)
    def agreement(self, request: Request) -> Response:
        """How far the experts agree, with whom and on what. For those who lead."""
        values = self.chosen()
        ordinal = [name for name in request.query_params.get("ordinal", "").split(",") if name]
        report = reporting.agreement_of(
            sheet=values["sheet"],
            version=labelset_on(**values),
            by=request.user,
            compared=request.query_params.get("field", ""),
            ordinal=ordinal,
        )
        return Response(AgreementSerializer(report).data)


class SettlementViewSet(_OnSheet):
    """How items got their canonical label from several opinions: who said what, who settled it, and why."""

    queryset = Settlement.objects.select_related("content", "settled_by")
    serializer_class = SettlementSerializer
    filterset_fields = ("sheet", "labelset", "item_ref", "canonical_label", "way")
    cursor_ordering = ("-settled_at", "-id")

    def get_serializer_class(self) -> type[serializers.BaseSerializer]:
        """What the experts said stands on the page of one settlement."""
        return SettlementRowSerializer if self.action == "list" else SettlementSerializer

    @extend_schema(request=AdjudicationSerializer, responses={201: SettlementSerializer})
    def create(self, request: Request) -> Response:
        """Settle an item that one has not answered oneself."""
        made = services.adjudicate(by=request.user, **self.valid(AdjudicationSerializer))
        return self.shown(made, status.HTTP_201_CREATED)

    @extend_schema(request=OnSheetSerializer, responses=SettledSerializer)
    @action(detail=False, methods=["post"], url_path="settle-agreed")
    def settle_agreed(self, request: Request) -> Response:
        """Make the answer canonical wherever all experts said the same."""
        done = services.settle_agreed(by=request.user, **self.valid(OnSheetSerializer))
        return Response({"settled": len(done.settlements), "misfits": done.misfits})
