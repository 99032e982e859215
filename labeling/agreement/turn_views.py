"""Pages of places: who has one at which item, and freeing it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_GET

from governance.errors import InvalidInput, WorkbenchError
from governance.portal.pages import portal_page, render_page
from labeling.agreement import selectors, services
from labeling.agreement.forms import FreeForm
from labeling.agreement.models import Turn
from labeling.agreement.views import PAGE_SIZE, ExpertsDesk, refused

VIEW = "labeling.view_turn"


@portal_page(VIEW)
@require_GET
def experts_turns(request: HttpRequest) -> HttpResponse:
    """Who has a place at which item: everyone's for those who assign, one's own for others."""
    try:
        desk = ExpertsDesk(request)
    except WorkbenchError as error:
        return refused(request, error)
    page = Paginator(_turns(desk), PAGE_SIZE).get_page(request.GET.get("page"))
    lead = "Each of these experts has a place at an item until they answer it. A place that is freed is for anyone."
    rows = [{"turn": turn, "url": desk.url("experts-free", turn=turn.pk)} for turn in page.object_list]
    context = desk.context("Places", lead=lead, rows=rows, page=page, url=desk.url("experts"))
    return render_page(request, "labeling/experts_turns.html", context)


def _turns(desk: ExpertsDesk) -> QuerySet[Turn]:
    user: Any = desk.request.user
    rows = Turn.objects.live().visible_to(user).filter(sheet=desk.sheet, labelset=desk.labelset.labelset_id)
    if not desk.may_assign:
        rows = rows.filter(selectors.of_person(user, "expert"))
    return rows.select_related("expert", "assigned_by", "sheet")


@portal_page(VIEW)
def experts_free(request: HttpRequest) -> HttpResponse:
    """Free a place; of another's one says why."""
    try:
        desk = ExpertsDesk(request)
    except WorkbenchError as error:
        return refused(request, error)
    url = desk.url("experts-turns")
    try:
        turn = _turn_of(desk)
    except WorkbenchError as error:
        return refused(request, error, url)
    posted = request.POST if request.method == "POST" else None
    form = FreeForm(posted, is_own=services.is_own(turn, request.user))  # type: ignore[arg-type]
    if posted is not None and form.is_valid() and _freed(request, turn, form):
        return HttpResponseRedirect(url)
    lead = f"{turn.expert.display_name} has it at item {turn.item_ref}. Another expert can then take it."
    context = desk.context("Free a place", lead=lead, form=form, action_label="Free", cancel_url=url)
    return render_page(request, "governance/reason_form.html", context)


def _turn_of(desk: ExpertsDesk) -> Turn:
    """:raises InvalidInput: nobody has this place any more, or this person may not free it."""
    try:
        turn = _turns(desk).filter(pk=UUID(desk.request.GET.get("turn", ""))).first()
    except ValueError:
        turn = None
    if turn is None:
        raise InvalidInput("This place is free already: its item was answered, or it was freed or ran out.")
    return turn


def _freed(request: HttpRequest, turn: Turn, form: FreeForm) -> bool:
    user: Any = request.user
    words = f"{turn.item_ref}: the place of {turn.expert.display_name} is free."
    try:
        services.release_turn(turn=turn, by=user, reason=form.cleaned_data["reason"])
    except WorkbenchError as error:
        form.add_error(None, error.message)
        return False
    messages.success(request, words)
    return True
