"""The API of pairs: read, decide, constrain."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from governance import access
from governance.api.fields import ChoiceField, ConstraintSerializer, ScopedRelatedField
from governance.api.filtering import Filters, YesOrNoFilter
from governance.api.views import ConstrainedActions, ScopedViewSet, accepted
from governance.errors import InvalidInput
from governance.models import Job, User
from governance.uses import Classification, Use, uses_in
from labeling.generation.api import OutcomeSerializer
from labeling.generation.models import QAPair, TrainingSheet
from labeling.labels.models import CanonicalLabel
from labeling.quality.models import Finding
from labeling.quality.selectors import with_open_finding
from labeling.review import amending, assigning, assignments, claims, services
from labeling.review.models import PairClaim, PairDecision
from labeling.review.selectors import OPEN


class PairSerializer(serializers.ModelSerializer):
    """A pair; `messages` is the prompt, `answer` what follows it. `permits` holds through all ancestors."""

    messages = serializers.ListField(child=serializers.DictField(), read_only=True)
    answer = serializers.JSONField(source="answer.shown", read_only=True, default=None)
    reviewed_by = serializers.StringRelatedField(allow_null=True)
    assigned_to = serializers.CharField(source="assignment.account.display_name", read_only=True, default=None)
    constraint = ConstraintSerializer(source="*", read_only=True)
    permits = serializers.SerializerMethodField()
    classification = serializers.SerializerMethodField()

    class Meta:
        model = QAPair
        fields = (
            "id", "training_sheet", "item_ref", "position", "messages", "answer", "status", "labeling_mode",
            "canonical_label", "canonical_version", "not_reused_because", "ai_confidence", "quality_score",
            "model_facts", "error", "work_state", "reviewed_by", "reviewed_at", "review_notes", "is_golden",
            "assigned_to", "version", "constraint", "permits", "classification", "created_at",
        )  # fmt: skip

    def get_permits(self, pair: QAPair) -> list[str]:
        return uses_in(pair.effective_constraint.uses_now)

    def get_classification(self, pair: QAPair) -> str:
        return str(Classification(pair.effective_constraint.classification).label)


class PairDecisionSerializer(serializers.ModelSerializer):
    """One decision, with the answer before and after."""

    decided_by = serializers.StringRelatedField()
    old_answer = serializers.JSONField(source="old_answer.shown", read_only=True, default=None)
    new_answer = serializers.JSONField(source="new_answer.shown", read_only=True, default=None)

    class Meta:
        model = PairDecision
        fields = (
            "id", "action", "old_status", "new_status", "old_answer", "new_answer", "notes", "decided_by",
            "decided_at", "door",
        )  # fmt: skip


class SeenSerializer(serializers.Serializer):
    """`version` is that of the pair you looked at; a later one is refused with both texts."""

    version = serializers.IntegerField(min_value=1)
    notes = serializers.CharField(max_length=8000, required=False, allow_blank=True, default="")


class PairApprovalSerializer(SeenSerializer):
    """How sure the expert is of the answer as it is, and whether it is golden: a reference.

    `label_version` is that of the item's canonical label you looked at, 0 for none; a later one is refused.
    """

    confidence = ChoiceField(choices=CanonicalLabel.Confidence.choices, default="high")
    golden = serializers.BooleanField(required=False, default=False)
    label_version = serializers.IntegerField(min_value=0, required=False)


class EditSerializer(PairApprovalSerializer):
    """A corrected answer (`data`), a corrected prompt (`messages`), or both."""

    data = serializers.JSONField(required=False)  # type: ignore[assignment]  # hides Serializer.data, unused here
    messages = serializers.ListField(child=serializers.DictField(), required=False)


class PromptEditSerializer(serializers.Serializer):
    """The corrected prompt of a pair that is still to decide; `version` as for a decision."""

    version = serializers.IntegerField(min_value=1)
    messages = serializers.ListField(child=serializers.DictField())


class NoteSerializer(serializers.Serializer):
    """A note for others."""

    notes = serializers.CharField(max_length=8000)


class NextSerializer(serializers.Serializer):
    """The queue to take pairs from, and how many."""

    training_sheet = ScopedRelatedField(queryset=TrainingSheet.objects.all())
    count = serializers.IntegerField(min_value=1, max_value=100, default=1)
    flagged = serializers.BooleanField(default=False, help_text="Only those that somebody left to another expert.")


class ReopenSerializer(serializers.Serializer):
    """Why the decision is taken back."""

    version = serializers.IntegerField(min_value=1)
    reason = serializers.CharField(max_length=4000)


class BulkSerializer(serializers.Serializer):
    """One decision about many pairs: those in `pairs`, or all that match `filter` (as in the list)."""

    action = ChoiceField(choices=[*services.BULK_ACTIONS])
    notes = serializers.CharField(max_length=8000, required=False, allow_blank=True, default="")
    pairs = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=10_000)
    filter = serializers.DictField(child=serializers.CharField(), required=False)


class AssignSerializer(serializers.Serializer):
    """Which pairs (as in bulk), and to whom: user names in `people`, or a `group`; neither takes them back."""

    pairs = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=10_000)
    filter = serializers.DictField(child=serializers.CharField(), required=False)
    people = serializers.ListField(child=serializers.CharField(), required=False, default=list, max_length=100)
    group = serializers.CharField(required=False, allow_blank=True, default="")
    keep = serializers.BooleanField(default=False, help_text="Leave alone what was given to somebody before.")


class AssignedSerializer(serializers.Serializer):
    """How many were given out or taken back, and how many were left as they are."""

    assigned = serializers.IntegerField()
    left = serializers.IntegerField()


class ClaimSerializer(serializers.Serializer):
    """Who is at work on the pair, until when unless renewed."""

    claimed_by = serializers.CharField(source="account.display_name")
    is_mine = serializers.SerializerMethodField()
    until = serializers.DateTimeField()

    def get_is_mine(self, claim: PairClaim) -> bool:
        return bool(claim.account_id == self.context["request"].user.pk)


class PairFilter(Filters):
    """`permits` finds pairs that permit this use now; `failed` those whose generation failed; `finding` those on
    which this detector found something that nobody has decided; `assigned_to` takes `me`, `nobody`, or a user name."""

    permits = filters.ChoiceFilter(choices=Use.choices, method="permitting")
    failed = YesOrNoFilter(method="with_failure")
    finding = filters.ChoiceFilter(choices=Finding.Detector.choices, method="with_finding")
    assigned_to = filters.CharFilter(method="given_to")

    class Meta:
        model = QAPair
        fields = ("training_sheet", "status", "labeling_mode", "item_ref", "canonical_label", "is_golden")

    def permitting(self, rows: QuerySet[QAPair], name: str, value: str) -> QuerySet[QAPair]:
        return rows.filter(pk__in=QAPair.objects.permitting(value).values("pk"))

    def given_to(self, rows: QuerySet[QAPair], name: str, value: str) -> QuerySet[QAPair]:
        if value == "me":
            return assignments.mine(rows, self.request.user)
        return assignments.nobodys(rows) if value == "nobody" else rows.filter(assignment__account__username=value)

    def with_failure(self, rows: QuerySet[QAPair], name: str, value: bool) -> QuerySet[QAPair]:
        return rows.filter(work_state="failed") if value else rows.exclude(work_state="failed")

    def with_finding(self, rows: QuerySet[QAPair], name: str, value: str) -> QuerySet[QAPair]:
        return with_open_finding(rows, value)


class PairViewSet(ConstrainedActions, ScopedViewSet):
    """Pairs of Training Sheets, in the order of their items."""

    queryset = QAPair.objects.select_related(
        "prompt", "answer", "derivation", "reviewed_by", "assignment__account"
    )
    serializer_class = PairSerializer
    filterset_class = PairFilter
    cursor_ordering = ("position", "id")  # a cursor reads its first column as text, so no foreign key

    @extend_schema(request=PairApprovalSerializer)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str | None = None) -> Response:
        """Approve as it is; writes the canonical label of the item."""
        values = self.valid(PairApprovalSerializer)
        return self.shown(services.approve_pair(pair=self.get_object(), by=request.user, **values))

    @extend_schema(request=EditSerializer)
    @action(detail=True, methods=["post"])
    def edit(self, request: Request, pk: str | None = None) -> Response:
        """Correct answer or prompt, and approve."""
        values = self.valid(EditSerializer)
        if "data" not in values and "messages" not in values:
            raise InvalidInput("Send the corrected answer (data), the corrected prompt (messages), or both.",
                               field="data")  # fmt: skip
        return self.shown(services.approve_pair(pair=self.get_object(), by=request.user, **values))

    @extend_schema(request=SeenSerializer)
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, pk: str | None = None) -> Response:
        """Exclude the pair."""
        values = self.valid(SeenSerializer)
        return self.shown(services.reject_pair(pair=self.get_object(), by=request.user, **values))

    @extend_schema(request=SeenSerializer)
    @action(detail=True, methods=["post"])
    def flag(self, request: Request, pk: str | None = None) -> Response:
        """Leave the pair to another expert."""
        values = self.valid(SeenSerializer)
        return self.shown(services.flag_pair(pair=self.get_object(), by=request.user, **values))

    @extend_schema(request=ReopenSerializer)
    @action(detail=True, methods=["post"])
    def reopen(self, request: Request, pk: str | None = None) -> Response:
        """Take a decision back."""
        values = self.valid(ReopenSerializer)
        return self.shown(services.reopen_pair(pair=self.get_object(), by=request.user, **values))

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def golden(self, request: Request, pk: str | None = None) -> Response:
        """Vouch for the approved answer as a reference."""
        return self.shown(amending.mark_golden(pair=self.get_object(), by=request.user))

    @extend_schema(request=None, responses=PairSerializer)
    @golden.mapping.delete
    def not_golden(self, request: Request, pk: str | None = None) -> Response:
        """The answer stays approved, and is a reference no longer."""
        return self.shown(amending.unmark_golden(pair=self.get_object(), by=request.user))

    @extend_schema(request=PromptEditSerializer)
    @action(detail=True, methods=["post"], url_path="edit-prompt")
    def edit_prompt(self, request: Request, pk: str | None = None) -> Response:
        """Correct the prompt of a pair that is still to decide, and decide nothing."""
        values = self.valid(PromptEditSerializer)
        return self.shown(amending.edit_prompt(pair=self.get_object(), by=request.user, **values))

    @extend_schema(request=NoteSerializer)
    @action(detail=True, methods=["post"])
    def note(self, request: Request, pk: str | None = None) -> Response:
        """Leave a note for others; it is among the pair's decisions."""
        return self.shown(amending.leave_note(pair=self.get_object(), by=request.user, **self.valid(NoteSerializer)))

    @extend_schema(request=None, responses=ClaimSerializer)
    @action(detail=True, methods=["post"])
    def claim(self, request: Request, pk: str | None = None) -> Response:
        """Claim the pair for 15 minutes, or renew the claim. Answers with the claim that stands: perhaps another's."""
        return Response(self.claimed(claims.take(pair=self.get_object(), by=request.user)))

    @extend_schema(request=NextSerializer, responses=PairSerializer(many=True))
    @action(detail=False, methods=["post"], pagination_class=None, filterset_class=None)
    def next(self, request: Request) -> Response:
        """Claim the next undecided pairs of a Training Sheet that nobody else is at work on, yours first.

        An empty list: nothing is left.
        """
        asked = self.valid(NextSerializer)
        wanted = [QAPair.Status.FLAGGED] if asked["flagged"] else list(OPEN)
        rows = self.get_queryset().filter(training_sheet=asked["training_sheet"], status__in=wanted)
        rows = assignments.in_order_for(request.user, rows)
        taken = claims.take_next(pairs=rows, by=request.user, count=asked["count"])
        return Response(self.get_serializer(taken, many=True).data)

    def claimed(self, claim: PairClaim) -> Any:
        return ClaimSerializer(claim, context=self.get_serializer_context()).data

    @extend_schema(request=None, responses={204: None})
    @claim.mapping.delete
    def release(self, request: Request, pk: str | None = None) -> Response:
        """Let others have it."""
        claims.release(pair=self.get_object(), by=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"], url_path="update-from-label")
    def update_from_label(self, request: Request, pk: str | None = None) -> Response:
        """Take over the newest version of the label that the pair came from."""
        return self.shown(services.update_from_label(pair=self.get_object(), by=request.user))

    @extend_schema(responses=PairDecisionSerializer(many=True))
    @action(detail=True, pagination_class=None)
    def decisions(self, request: Request, pk: str | None = None) -> Response:
        """Every decision, change and note about this pair, newest first."""
        rows = self.get_object().decisions.select_related("decided_by", "old_answer", "new_answer")
        return Response(PairDecisionSerializer(rows, many=True).data)

    @extend_schema(
        request=BulkSerializer,
        responses={
            200: OutcomeSerializer,
            202: OpenApiResponse(OpenApiTypes.OBJECT, description="As a job."),
        },
    )
    @action(detail=False, methods=["post"])
    def bulk(self, request: Request) -> Response:
        """One decision about many pairs. Above 2,000 as a job.

        Pairs that are decided already are left as they are and counted; those that cannot be decided are named.
        """
        values: dict[str, Any] = self.valid(BulkSerializer)
        if ("pairs" in values) == ("filter" in values):
            raise InvalidInput("Send either pairs or filter.", field="pairs")
        outcome = services.decide_many(
            pairs=self._chosen(values), action=values["action"], by=request.user, notes=values["notes"]
        )
        if isinstance(outcome, Job):
            return accepted(request, outcome)
        return Response(outcome.as_json())

    @extend_schema(
        request=AssignSerializer,
        responses={
            200: AssignedSerializer,
            202: OpenApiResponse(OpenApiTypes.OBJECT, description="As a job."),
        },
    )
    @action(detail=False, methods=["post"])
    def assign(self, request: Request) -> Response:
        """Give undecided pairs to people, dealt in turn; they come first for them. Above 2,000 as a job."""
        values: dict[str, Any] = self.valid(AssignSerializer)
        if ("pairs" in values) == ("filter" in values):
            raise InvalidInput("Send either pairs or filter.", field="pairs")
        outcome = assigning.assign_pairs(
            pairs=self._chosen(values), people=self._people(values), by=request.user, keep=values["keep"]
        )
        return accepted(request, outcome) if isinstance(outcome, Job) else Response(outcome.as_json())

    def _people(self, values: dict[str, Any]) -> list[User]:
        access.require(self.request.user, assigning.ASSIGN)
        if values["group"] and values["people"]:
            raise InvalidInput("Send either people or group.", field="group")
        if not values["group"]:
            return assigning.named_people(values["people"])
        return assigning.members_for(values["group"], self._chosen(values))

    def _chosen(self, values: dict[str, Any]) -> QuerySet[QAPair]:
        rows = self.get_queryset()
        if "pairs" in values:
            return rows.filter(pk__in=values["pairs"])
        if unknown := sorted(set(values["filter"]) - set(PairFilter.base_filters)):
            raise InvalidInput(f"{', '.join(unknown)}: pairs have no such filter.", field="filter")
        chosen = PairFilter(values["filter"], queryset=rows, request=self.request)
        if not chosen.is_valid():
            raise InvalidInput(f"The filter cannot be used: {chosen.errors.as_text()}", field="filter")
        return chosen.qs
