"""The API of jobs, the record and tokens."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as django_filters
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from governance import desk, jobs
from governance.api.filtering import Filters
from governance.api.serializers import (
    ApiTokenSerializer,
    CheckpointSerializer,
    JobSerializer,
    MadeTokenSerializer,
    NewTokenSerializer,
    RecordEntrySerializer,
)
from governance.api.views import ScopedViewSet, accepted
from governance.errors import NotPermitted
from governance.models import ApiToken, Checkpoint, Job, RecordEntry
from governance.record import checking
from governance.sign_in import services
from governance.sign_in.services import MINUTES_FOR_TOKENS


class JobViewSet(ScopedViewSet):
    """Long work: state, progress, result, error; cancel."""

    queryset = Job.objects.select_related("requested_by")
    serializer_class = JobSerializer
    filterset_fields = ("kind", "state", "subject_id")

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str | None = None) -> Response:
        """Ask the job to stop."""
        return self.shown(jobs.cancel(job=self.get_object(), by=request.user))


class RecordEntryFilters(Filters):
    """`actor_id`: the id of an account, or `none`; `door`: one of them, or `none` for what went past all."""

    actor_id = django_filters.CharFilter(method="by_person", help_text="Id of an account, or `none`.")
    door = django_filters.CharFilter(method="through", help_text="A door, or `none` for what went past every door.")

    class Meta:
        model = RecordEntry
        fields = ("kind", "object_id", "operation", "request_id")

    def by_person(self, queryset: Any, name: str, value: str) -> QuerySet[Any]:
        return queryset.by_person(value)  # type: ignore[no-any-return]

    def through(self, queryset: Any, name: str, value: str) -> QuerySet[Any]:
        return queryset.through(value)  # type: ignore[no-any-return]


class RecordEntryViewSet(ScopedViewSet):
    """Every change of every governed row, for those who audit."""

    queryset = RecordEntry.objects.all()
    serializer_class = RecordEntrySerializer
    filterset_class = RecordEntryFilters
    cursor_ordering = ("-id",)

    def get_queryset(self) -> QuerySet[Any]:
        return super().get_queryset().with_values().with_archive()  # type: ignore[attr-defined,no-any-return]

    @extend_schema(request=None, responses={202: None}, filters=False)
    @action(detail=False, methods=["post"])
    def check(self, request: Request) -> Response:
        """Check every entry, chain, place and signature, as a job."""
        return accepted(request, checking.start_check(by=request.user))


class CheckpointViewSet(ScopedViewSet):
    """Signed states of the record."""

    queryset = Checkpoint.objects.all()
    serializer_class = CheckpointSerializer
    cursor_ordering = ("-number",)


class ApiTokenViewSet(ScopedViewSet):
    """One's own tokens for programs."""

    keeps_answers = False  # a token is nowhere but in the answer that made it
    permission_classes = (IsAuthenticated,)
    queryset = ApiToken.objects.select_related("user", "created_by")
    serializer_class = ApiTokenSerializer
    cursor_ordering = ("-created_at", "-id")

    def get_queryset(self) -> QuerySet[Any]:
        return super().get_queryset().filter(user=self.request.user)

    @extend_schema(request=NewTokenSerializer, responses={201: MadeTokenSerializer})
    def create(self, request: Request) -> Response:
        """Make a token; its text is in this answer and nowhere else. Asked from a session, not with a token."""
        if request.auth is not None:
            raise NotPermitted("A token cannot make tokens; make it in the portal under Signing in.")
        desk.require_proof(MINUTES_FOR_TOKENS, "Making a token", by=request.user)
        asked = self.valid(NewTokenSerializer)
        token, text = services.make_token(user=request.user, by=request.user, **asked)
        token.token = text
        return Response(MadeTokenSerializer(token).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: str | None = None) -> Response:
        """End it now, wherever it is in use."""
        return self.shown(services.revoke_token(token=self.get_object(), by=request.user))
