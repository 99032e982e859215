"""The API of Training Sheets and saved configurations."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api.fields import ChoiceField, ReasonSerializer, ScopedRelatedField
from governance.api.filtering import Filters
from governance.api.views import ScopedViewSet, ShareActions, accepted
from governance.uses import Classification, uses_in
from labeling.generation import derived, services
from labeling.generation.models import GenerationConfig, Mode, QAPair, TrainingSheet
from labeling.generation.previewing import Preview
from labeling.generation.selectors import Progress, progress_of
from labeling.labelsets.models import LabelsetVersion
from labeling.prompts.models import TemplateVersion
from labeling.review import services as review
from labeling.usecases.models import UseCase
from workbench.models import ModelEndpoint, Sheet, SheetVersion

RECIPE = (
    "sheet_version", "template_version", "labelset_version", "mode", "endpoint", "column", "trusted_reason",
    "sample_size", "check_when_done", "use_case",
)  # fmt: skip
JOB_STARTED = OpenApiResponse(OpenApiTypes.OBJECT, description="The work goes on as a job.")


class ProgressSerializer(serializers.Serializer):
    """Where the pairs stand; `pre_approved` came approved, `approved` were approved here."""

    total = serializers.IntegerField()
    pre_approved = serializers.IntegerField()
    approved = serializers.IntegerField()
    to_review = serializers.IntegerField()
    rejected = serializers.IntegerField()
    flagged = serializers.IntegerField()
    failed = serializers.IntegerField()
    waiting = serializers.IntegerField()
    labels_made = serializers.IntegerField()
    human_verified = serializers.IntegerField()
    sentence = serializers.CharField()


class TrainingSheetSerializer(serializers.ModelSerializer):
    """Pairs made by applying one template to one Sheet; `result` says how many came from where."""

    owner = serializers.StringRelatedField()
    progress = serializers.SerializerMethodField()
    derived_states = serializers.SerializerMethodField()
    job = serializers.SerializerMethodField()

    class Meta:
        model = TrainingSheet
        fields = (
            "id", "name", "description", "owner", "sheet", "label_type", "config", "status", "derived_states",
            *RECIPE, "source_version", "progress", "result", "error", "job", "reviewed_at", "created_at",
        )  # fmt: skip

    @extend_schema_field(ProgressSerializer)
    def get_progress(self, sheet: TrainingSheet) -> dict[str, Any]:
        progress: Progress = progress_of(sheet)
        return ProgressSerializer(progress).data

    def get_derived_states(self, sheet: TrainingSheet) -> list[str]:
        return derived.states_of([sheet.pk])[sheet.pk]

    @extend_schema_field(OpenApiTypes.UUID)
    def get_job(self, sheet: TrainingSheet) -> str | None:
        job = services.latest_job(sheet)
        return str(job.pk) if job else None


class TrainingSheetRowSerializer(TrainingSheetSerializer):
    """A Training Sheet in a list, without what takes a query for each row."""

    class Meta(TrainingSheetSerializer.Meta):
        fields = tuple(  # type: ignore[assignment]
            name
            for name in TrainingSheetSerializer.Meta.fields
            if name not in {"progress", "derived_states", "job"}
        )


class RecipeSerializer(serializers.Serializer):
    """What to apply to what. Left out: the Sheet's published version, its labelset, the template's endpoint."""

    sheet = ScopedRelatedField(queryset=Sheet.objects.all())
    sheet_version = ScopedRelatedField(queryset=SheetVersion.objects.all(), required=False)
    template_version = ScopedRelatedField(queryset=TemplateVersion.objects.all())
    labelset_version = ScopedRelatedField(
        queryset=LabelsetVersion.objects.all(), required=False, allow_null=True
    )
    mode = ChoiceField(choices=Mode.choices)
    endpoint = ScopedRelatedField(queryset=ModelEndpoint.objects.all(), required=False, allow_null=True)
    column = serializers.CharField(max_length=128, required=False, allow_blank=True)
    trusted_reason = serializers.CharField(max_length=4000, required=False, allow_blank=True)
    sample_size = serializers.IntegerField(min_value=1, required=False, allow_null=True)
    check_when_done = serializers.BooleanField(required=False)
    use_case = ScopedRelatedField(queryset=UseCase.objects.all(), required=False, allow_null=True)


class NewTrainingSheetSerializer(RecipeSerializer):
    """A recipe and the name of what it makes."""

    name = serializers.CharField(max_length=120)
    description = serializers.CharField(required=False, allow_blank=True, default="")


class LookSerializer(serializers.Serializer):
    """How many pairs, and whether the model is asked for their answers."""

    limit = serializers.IntegerField(min_value=1, max_value=services.PREVIEW_LIMIT, default=3)
    ask = serializers.BooleanField(default=False)


class PreviewRequestSerializer(RecipeSerializer, LookSerializer):
    """A recipe to look at; nothing is saved."""


class PreviewPairSerializer(serializers.Serializer):
    """One pair as it would be made."""

    ref = serializers.CharField()
    messages = serializers.ListField(child=serializers.DictField())
    origin = serializers.CharField()
    has_answer = serializers.BooleanField()
    answer = serializers.JSONField()
    error = serializers.CharField()
    not_reused_because = serializers.CharField()


class GenerationPreviewSerializer(serializers.Serializer):
    """The first pairs; `columns` null means that all columns count as used."""

    pairs = PreviewPairSerializer(many=True)
    items = serializers.IntegerField()
    labels = serializers.IntegerField()
    columns = serializers.ListField(child=serializers.CharField(), allow_null=True)
    permits = serializers.SerializerMethodField()
    classification = serializers.SerializerMethodField()
    warnings = serializers.ListField(child=serializers.CharField())

    def get_permits(self, preview: Preview) -> list[str]:
        return uses_in(preview.uses)

    def get_classification(self, preview: Preview) -> str:
        return str(Classification(preview.classification).label)


class UndoneSerializer(serializers.ModelSerializer):
    """The pair that waits for review again."""

    pair = serializers.UUIDField(source="pk")

    class Meta:
        model = QAPair
        fields = ("pair", "item_ref", "status", "version")


class OutcomeSerializer(serializers.Serializer):
    """How many were decided, left as they were (already decided), or refused, and why (the first 200)."""

    decided = serializers.IntegerField()
    left = serializers.IntegerField()
    refused = serializers.IntegerField()
    refusals = serializers.ListField(child=serializers.DictField())


class TrainingSheetFilter(Filters):
    """`state` takes stored states and derived ones, such as curated."""

    state = filters.CharFilter(method="in_state")

    class Meta:
        model = TrainingSheet
        fields = ("sheet", "template_version", "label_type", "status", "mode", "config", "use_case")

    def in_state(self, rows: QuerySet[TrainingSheet], name: str, value: str) -> QuerySet[TrainingSheet]:
        if value in TrainingSheet.Status.values:
            return rows.filter(status=value)
        return derived.in_state(rows, value)


class TrainingSheetViewSet(ShareActions, ScopedViewSet):
    """Generate pairs, follow them, and end their review."""

    queryset = TrainingSheet.objects.select_related("owner")
    serializer_class = TrainingSheetSerializer
    filterset_class = TrainingSheetFilter

    def get_serializer_class(self) -> type[serializers.BaseSerializer[Any]]:
        return TrainingSheetRowSerializer if self.action == "list" else TrainingSheetSerializer

    @extend_schema(request=NewTrainingSheetSerializer, responses={202: JOB_STARTED})
    def create(self, request: Request) -> Response:
        """Generate pairs. Goes on as a job."""
        made = services.start_generation(by=request.user, **self.valid(NewTrainingSheetSerializer))
        return accepted(request, services.latest_job(made), training_sheet=str(made.pk))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str | None = None) -> Response:
        """Delete a Training Sheet on which nobody has decided anything."""
        services.delete_training_sheet(training_sheet=self.get_object(), by=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=PreviewRequestSerializer, responses=GenerationPreviewSerializer)
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """The first pairs as they would be made; nothing is saved."""
        preview = services.preview(by=request.user, **self.valid(PreviewRequestSerializer))
        return Response(GenerationPreviewSerializer(preview).data)

    @extend_schema(request=None, responses={202: JOB_STARTED})
    @action(detail=True, methods=["post"], url_path="retry-failed")
    def retry_failed(self, request: Request, pk: str | None = None) -> Response:
        """Try the failed pairs again, and only those."""
        return accepted(request, services.retry_failed(training_sheet=self.get_object(), by=request.user))

    @extend_schema(request=None, responses={202: JOB_STARTED})
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str | None = None) -> Response:
        """Go on where a failed or cancelled generation stopped."""
        return accepted(
            request, services.resume_generation(training_sheet=self.get_object(), by=request.user)
        )

    @extend_schema(request=None, responses={202: JOB_STARTED})
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str | None = None) -> Response:
        """Ask the running generation to stop; pairs made so far are kept."""
        return accepted(
            request, services.cancel_generation(training_sheet=self.get_object(), by=request.user)
        )

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def keep(self, request: Request, pk: str | None = None) -> Response:
        """Offer what a failed or cancelled generation made for review."""
        return self.shown(services.keep_what_is_there(training_sheet=self.get_object(), by=request.user))

    @extend_schema(request=None, responses=UndoneSerializer)
    @action(detail=True, methods=["post"], url_path="undo-last")
    def undo_last(self, request: Request, pk: str | None = None) -> Response:
        """Take back your newest decision here that still stands; again for the one before it."""
        pair = review.undo_last(training_sheet=self.get_object(), by=request.user)
        return Response(UndoneSerializer(pair).data)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"], url_path="finish-review")
    def finish_review(self, request: Request, pk: str | None = None) -> Response:
        """Close the review; every pair must be labeled or rejected."""
        return self.shown(review.finish_review(training_sheet=self.get_object(), by=request.user))

    @extend_schema(request=ReasonSerializer)
    @action(detail=True, methods=["post"])
    def reopen(self, request: Request, pk: str | None = None) -> Response:
        """Make the pairs of a reviewed Training Sheet decidable again."""
        reason = self.valid(ReasonSerializer)["reason"]
        return self.shown(
            review.reopen_training_sheet(training_sheet=self.get_object(), by=request.user, reason=reason)
        )

    @extend_schema(request=None, responses=OutcomeSerializer)
    @action(detail=True, methods=["post"], url_path="update-from-labels")
    def update_from_labels(self, request: Request, pk: str | None = None) -> Response:
        """Take over the newest version of every label that approved pairs came from."""
        outcome = review.update_all_from_labels(training_sheet=self.get_object(), by=request.user)
        return Response(outcome.as_json())


class ConfigSerializer(serializers.ModelSerializer):
    """A saved configuration."""

    created_by = serializers.StringRelatedField()

    class Meta:
        model = GenerationConfig
        fields = ("id", "name", "sheet", *RECIPE, "created_by", "created_at")


class NewConfigSerializer(RecipeSerializer):
    """A recipe and its name."""

    name = serializers.CharField(max_length=120)


class ChangeConfigSerializer(NewConfigSerializer):
    """Any field but the Sheet; what is left out stays."""

    sheet = None  # type: ignore[assignment]


class RunSerializer(serializers.Serializer):
    """The name of the new Training Sheet; empty: the configuration's with the time."""

    name = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")


class GenerationConfigViewSet(ScopedViewSet):
    """Recipes kept under a name, to preview and run again."""

    queryset = GenerationConfig.objects.select_related("created_by")
    serializer_class = ConfigSerializer
    filterset_fields = ("sheet", "template_version", "mode", "use_case")

    @extend_schema(request=NewConfigSerializer, responses={201: ConfigSerializer})
    def create(self, request: Request) -> Response:
        """Keep a recipe under a name."""
        made = services.save_config(by=request.user, **self.valid(NewConfigSerializer))
        return self.shown(made, status.HTTP_201_CREATED)

    @extend_schema(request=ChangeConfigSerializer)
    def partial_update(self, request: Request, pk: str | None = None) -> Response:
        """Change a saved configuration; Training Sheets made with it keep what they were made with."""
        values = self.valid(ChangeConfigSerializer, partial=True)
        return self.shown(services.update_config(config=self.get_object(), by=request.user, **values))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str | None = None) -> Response:
        """Forget a saved configuration; what was made with it stays."""
        services.delete_config(config=self.get_object(), by=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=LookSerializer, responses=GenerationPreviewSerializer)
    @action(detail=True, methods=["post"])
    def preview(self, request: Request, pk: str | None = None) -> Response:
        """The first pairs on the data as it is now; nothing is saved."""
        values = self.valid(LookSerializer)
        preview = services.preview_config(config=self.get_object(), by=request.user, **values)
        return Response(GenerationPreviewSerializer(preview).data)

    @extend_schema(request=RunSerializer, responses={202: JOB_STARTED})
    @action(detail=True, methods=["post"])
    def run(self, request: Request, pk: str | None = None) -> Response:
        """Generate again, on the data as it is now. Goes on as a job."""
        made = services.run_config(config=self.get_object(), by=request.user, **self.valid(RunSerializer))
        return accepted(request, services.latest_job(made), training_sheet=str(made.pk))
