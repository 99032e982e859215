"""The page and the API of people's work, for those who lead reviewers."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance import access
from governance.api.views import whole_number
from governance.errors import InvalidInput
from governance.portal.pages import portal_page, render_page
from labeling.generation.models import TrainingSheet
from labeling.review.peoples_work import DAYS, SEE, peoples_work


class PeriodForm(forms.Form):
    """Which days, and which Training Sheet."""

    days = forms.TypedChoiceField(choices=[(days, f"last {days} days") for days in DAYS], coerce=int, label="When")
    training_sheet = forms.ModelChoiceField(queryset=TrainingSheet.objects.none(), required=False, empty_label="all")

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        visible = TrainingSheet.objects.visible_to(user).order_by("-created_at")
        field: Any = self.fields["training_sheet"]
        field.queryset = visible
        field.choices = [("", "all"), *((row.pk, row.name) for row in visible[:100])]


@portal_page(SEE)
@require_GET
def people_work(request: HttpRequest) -> HttpResponse:
    """Decisions of each person, how they held, and how far their opinions agree with what was settled."""
    user: Any = request.user
    entered = request.GET if "days" in request.GET else {"days": "30", **request.GET.dict()}
    form = PeriodForm(entered, user=user)
    chosen = form.cleaned_data if form.is_valid() else {"days": 30, "training_sheet": None}
    context = {
        "title": "People at work",
        "lead": "Who decides how much, and how it held; by name, for those who lead reviewers. Items differ: read no "
        "ranking into it.",
        "form": form,
        "rows": peoples_work(by=user, **chosen),
        "of_one_sheet": chosen["training_sheet"] is not None,
    }
    return render_page(request, "labeling/people_work.html", context)


class WorkSerializer(serializers.Serializer):
    """One person; shares are from 0 to 1, or null where there is nothing to share."""

    name = serializers.CharField()
    decided = serializers.IntegerField()
    approved = serializers.IntegerField()
    edited = serializers.IntegerField()
    rejected = serializers.IntegerField()
    flagged = serializers.IntegerField()
    reopened = serializers.IntegerField()
    days = serializers.IntegerField()
    a_day = serializers.FloatField(allow_null=True)
    standing_share = serializers.FloatField(allow_null=True)
    settled = serializers.IntegerField()
    agreement = serializers.FloatField(allow_null=True)


class PeoplesWorkView(APIView):
    """Throughput and agreement of people, for those who lead reviewers."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(
        responses=WorkSerializer(many=True),
        parameters=[
            OpenApiParameter("days", int, description="How many days back, 1 to 366; 30 where left out."),
            OpenApiParameter("training_sheet", OpenApiTypes.UUID, description="Decisions on one Training Sheet only."),
        ],
    )
    def get(self, request: Request) -> Response:
        """Everybody who decided or answered, by name."""
        user: Any = request.user
        access.require(user, SEE)
        days = whole_number(request.query_params.get("days"), field="days", default=30, at_most=366)
        sheet = self._sheet(request, user)
        return Response(WorkSerializer(peoples_work(by=user, days=days, training_sheet=sheet), many=True).data)

    def _sheet(self, request: Request, user: Any) -> TrainingSheet | None:
        text = request.query_params.get("training_sheet", "")
        if not text:
            return None
        try:
            found = TrainingSheet.objects.visible_to(user).filter(pk=UUID(text)).first()
        except ValueError as error:
            raise InvalidInput(f"{text[:100]!r} is no id.", field="training_sheet") from error
        if found is None:
            raise InvalidInput("There is no such Training Sheet, or you may not see it.", field="training_sheet")
        return found
