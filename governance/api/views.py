"""Bases of every API view: rows outside someone's rights are 404, changes go through services."""

from __future__ import annotations

import difflib
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.viewsets import GenericViewSet

from governance import access, constraints, whatif
from governance.api.etags import ConditionalRequests
from governance.api.fields import ChoiceField, ConstraintSerializer
from governance.api.idempotency import IdempotentPosts
from governance.errors import InvalidInput
from governance.models import Collection, ConstrainedModel, Job


class MayView(BasePermission):
    """The caller's role may view this kind of row; which rows, the queryset decides."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not request.user or not request.user.is_authenticated:
            return False
        meta = view.queryset.model._meta
        return request.user.has_perm(f"{meta.app_label}.view_{meta.model_name}") or request.user.has_perm(
            "governance.read_every_row"
        )


class ScopedViewSet(ConditionalRequests, IdempotentPosts, ListModelMixin, RetrieveModelMixin, GenericViewSet):
    """List and detail of the rows someone may see. Subclasses add actions that call services."""

    permission_classes = (MayView,)

    def get_queryset(self) -> QuerySet[Any]:
        rows = super().get_queryset()
        # The schema is written with nobody signed in.
        return rows.none() if getattr(self, "swagger_fake_view", False) else self.visible(rows)

    def visible(self, rows: Any) -> QuerySet[Any]:
        """Those of `rows` that whoever asks may see."""
        found: QuerySet[Any] = rows.visible_to(self.request.user)
        return found

    def valid(self, serializer_class: type[serializers.Serializer], **kwargs: Any) -> dict[str, Any]:
        """The request's body, checked; else 400 with each field named."""
        serializer = serializer_class(data=self.request.data, context=self.get_serializer_context(), **kwargs)
        _refuse_unknown(self.request.data, serializer.fields)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def shown(self, row: Any, code: int = status.HTTP_200_OK) -> Response:
        """One row as this view shows it."""
        return Response(self.get_serializer(row).data, status=code)


def _refuse_unknown(data: Any, fields: Any) -> None:
    """A misspelt field must not be dropped in silence: a lost filter would widen what is asked for."""
    writable = [name for name, field in fields.items() if not field.read_only]
    for name in data if isinstance(data, dict) else ():
        if name not in fields:
            near = difflib.get_close_matches(str(name), writable, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise InvalidInput(
                f"There is no field {name!r} here; expected some of: {', '.join(writable)}.{hint}",
                field=str(name)[:100],
            )


class EffectSerializer(serializers.Serializer):
    """How many rows of one kind would lose or gain one use."""

    what = serializers.CharField()
    use = serializers.CharField()
    lost = serializers.IntegerField()
    gained = serializers.IntegerField()


class ConsequenceSerializer(serializers.Serializer):
    """Assets that would enter a state; the first of them by name."""

    title = serializers.CharField()
    count = serializers.IntegerField()
    names = serializers.ListField(child=serializers.CharField())


class WhatIfSerializer(serializers.Serializer):
    """What would change, as far as the caller may see the rows."""

    effects = EffectSerializer(many=True)
    consequences = ConsequenceSerializer(many=True)


class ConstrainedActions:
    """Adds the constraint of a row: read why, tighten at once, ask for a relaxation."""

    @extend_schema(request=ConstraintSerializer)
    @action(detail=True, methods=["post"])
    def tighten(self, request: Request, pk: str | None = None) -> Response:
        """Make the constraint stricter. Acts at once on everything made from the row."""
        row: ConstrainedModel = self.get_object()  # type: ignore[attr-defined]
        terms = constraints.Terms(**self.valid(ConstraintSerializer))  # type: ignore[attr-defined]
        constraints.tighten(row=row, terms=terms, by=request.user)
        return self.shown(self.get_object())  # type: ignore[attr-defined,no-any-return]

    @extend_schema(request=ConstraintSerializer, responses=WhatIfSerializer)
    @action(detail=True, methods=["post"], url_path="what-if")
    def what_if(self, request: Request, pk: str | None = None) -> Response:
        """What the constraint would change for everything made from the row. Changes nothing."""
        row: ConstrainedModel = self.get_object()  # type: ignore[attr-defined]
        terms = constraints.Terms(**self.valid(ConstraintSerializer))  # type: ignore[attr-defined]
        return Response(whatif.what_if(row=row, terms=terms, by=request.user).as_json())

    @extend_schema(request=ConstraintSerializer, responses={202: None})
    @action(detail=True, methods=["post"], url_path="request-relaxation")
    def request_relaxation(self, request: Request, pk: str | None = None) -> Response:
        """Ask for a looser constraint; a compliance officer decides."""
        row: ConstrainedModel = self.get_object()  # type: ignore[attr-defined]
        terms = constraints.Terms(**self.valid(ConstraintSerializer))  # type: ignore[attr-defined]
        asked = constraints.request_relaxation(row=row, terms=terms, by=request.user)
        return requested(request, asked)


class GranteeSerializer(serializers.Serializer):
    """`group` is a group's name, `user` a user name; exactly one of them."""

    user = serializers.CharField(required=False, allow_blank=True, default="")
    group = serializers.CharField(required=False, allow_blank=True, default="")


class ShareSerializer(GranteeSerializer):
    """To whom, and how far."""

    level = ChoiceField(choices=sorted(access.LEVELS))
    until = serializers.DateTimeField(required=False, allow_null=True, default=None)


class HeldShareSerializer(serializers.Serializer):
    """What one account or group was granted; `is_over` once its end has passed."""

    name = serializers.CharField()
    is_group = serializers.BooleanField()
    level = serializers.CharField()
    until = serializers.DateTimeField(allow_null=True)
    is_over = serializers.BooleanField()


class ShareActions:
    """Adds sharing to the view of a collection."""

    @extend_schema(request=ShareSerializer, responses={204: None})
    @action(detail=True, methods=["post"])
    def share(self, request: Request, pk: str | None = None) -> Response:
        """Grant one account or group the right to see (view) or to change this row, for good or until a moment."""
        asked = self.valid(ShareSerializer)  # type: ignore[attr-defined]
        row: Collection = self.get_object()  # type: ignore[attr-defined]
        to = access.grantee(collection=row, by=request.user, user=asked["user"], group=asked["group"])
        access.share(collection=row, to=to, level=asked["level"], by=request.user, until=asked["until"])
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses=HeldShareSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"], pagination_class=None)
    def shares(self, request: Request, pk: str | None = None) -> Response:
        """With whom this row is shared, how far and until when; for its owner."""
        row: Collection = self.get_object()  # type: ignore[attr-defined]
        held = access.shares_held(collection=row, by=request.user)
        return Response(HeldShareSerializer(held, many=True).data)

    @extend_schema(request=GranteeSerializer, responses={204: None})
    @action(detail=True, methods=["post"])
    def unshare(self, request: Request, pk: str | None = None) -> Response:
        """Take back what was granted to one account or group on this row."""
        row: Collection = self.get_object()  # type: ignore[attr-defined]
        to = access.holder(collection=row, by=request.user, **self.valid(GranteeSerializer))  # type: ignore[attr-defined]
        access.unshare(collection=row, to=to, by=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


def accepted(request: Request, job: Job, **more: Any) -> Response:
    """202: the work goes on as a job, whose address is in `Location`."""
    where = reverse("job-detail", args=[job.pk], request=request)
    return Response(
        {"job": str(job.pk), "location": where, **more}, status=status.HTTP_202_ACCEPTED, headers={"Location": where}
    )


def requested(request: Request, asked: Any) -> Response:
    """202: someone else must approve; the request's address is in `Location`."""
    where = reverse("approvalrequest-detail", args=[asked.pk], request=request)
    body = {"approval": str(asked.pk), "state": asked.state, "needed": asked.needed, "location": where}
    return Response(body, status=status.HTTP_202_ACCEPTED, headers={"Location": where})


def whole_number(value: str | None, *, field: str, default: int, at_most: int) -> int:
    """A query parameter as a number between 1 and `at_most`.

    :raises InvalidInput: it is none.
    """
    try:
        number = int(value) if value else default
    except ValueError as error:
        raise InvalidInput(f"{value!r} is no whole number.", field=field) from error
    if not 1 <= number <= at_most:
        raise InvalidInput(f"{number} is out of range; expected 1 to {at_most}.", field=field)
    return number
