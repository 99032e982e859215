"""Pages of several experts on one item: what waits, one's own answer, how far people agree, what is settled."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from governance.errors import InvalidInput, WorkbenchError
from governance.portal.content import in_a_line
from governance.portal.pages import portal_page, render_page
from labeling.agreement import reporting, selectors, services
from labeling.agreement.drawings import drawings_of, said_by_mark
from labeling.agreement.forms import ANOTHER, AssignForm, OpinionForm, SettleForm
from labeling.agreement.models import Opinion, Settlement
from labeling.agreement.selectors import Standing, State
from labeling.agreement.statistics import fields_of
from labeling.annotating.forms import NO_ANSWER, answer_form
from labeling.interchange.pictures import Pictures
from labeling.interchange.shapes import WHOLE
from labeling.labels.showing import Shown, shown_item
from labeling.labels.views import Desk
from labeling.labelsets.models import LabelsetBinding, LabelsetVersion
from labeling.schemas.canonical import canonical_json
from labeling.schemas.forms import AnswerForm, data_from
from workbench.sheets import selectors as sheets

VIEW = "labeling.view_opinion"
PAGE_SIZE = 50
TONES = {"open": "plain", "agreed": "primary", "conflict": "attention", "settled": "permitted", "labeled": "permitted"}


class ExpertsDesk(Desk):
    """One Sheet and label type at which several experts work."""

    @property
    def asked(self) -> int:
        return self.labelset.labelset.opinions_asked

    @property
    def may_answer(self) -> bool:
        return self.request.user.has_perm(services.ANSWER)

    @property
    def may_assign(self) -> bool:
        return self.request.user.has_perm(services.ASSIGN)

    @property
    def may_lead(self) -> bool:
        return self.request.user.has_perm(reporting.VIEW)

    def context(self, title: str, **more: Any) -> dict[str, Any]:
        crumbs = [
            {"label": "Several experts", "url": reverse("labeling:experts")},
            {"label": f"{self.sheet} · {self.label_type}", "url": self.url("experts")},
        ]
        return {"title": title, "desk": self, "breadcrumbs": crumbs[: 1 if title == str(self.sheet) else 2], **more}

    def row_of(self, ref: str) -> dict[str, Any]:
        """:raises InvalidInput: the Sheet has no such item."""
        row = sheets.items_by_ref(self.version, [ref]).get(ref)
        if row is None:
            raise InvalidInput(f"Sheet “{self.sheet}” has no item {ref!r}; it may have vanished.", field="item")
        return row


def refused(request: HttpRequest, error: WorkbenchError, url: str = "") -> HttpResponse:
    messages.error(request, error.message)
    return HttpResponseRedirect(url or reverse("labeling:experts"))


@portal_page(VIEW)
@require_GET
def experts(request: HttpRequest) -> HttpResponse:
    """Without a choice: where several experts are asked. With one: its items, and how far each is."""
    if "sheet" not in request.GET:
        return render_page(request, "labeling/experts_pick.html", _choices(request))
    try:
        desk = ExpertsDesk(request)
        queue = desk.queue()
    except WorkbenchError as error:
        return refused(request, error)
    found = selectors.standings(desk.sheet, desk.labelset.labelset)
    state = request.GET.get("state", "")
    refs = [ref for ref in queue.refs if not state or _state(found, ref) == state]
    page = Paginator(refs, PAGE_SIZE).get_page(request.GET.get("page"))
    context = desk.context(
        str(desk.sheet),
        lead=f"{desk.label_type} with {desk.labelset}: {desk.asked} opinions on each item",
        rows=_rows(desk, found, list(page.object_list)),
        page=page,
        state=state,
        states=_tabs(desk, selectors.counts_of(found, len(queue.refs)), len(queue.refs)),
        urls={name: desk.url(f"experts-{name}") for name in ("next", "assign", "agree", "agreement", "turns")},
    )
    return render_page(request, "labeling/experts_list.html", context)


def _choices(request: HttpRequest) -> dict[str, Any]:
    user: Any = request.user
    bindings = LabelsetBinding.objects.visible_to(user).filter(labelset__opinions_asked__gt=1)  # type: ignore[attr-defined]
    return {
        "title": "Several experts",
        "lead": "Items that several experts answer on their own, blind to one another, before they are settled.",
        "bindings": bindings.select_related("sheet", "labelset")[:200],
    }


def _state(found: dict[str, Standing], ref: str) -> str:
    return found[ref].state.value if ref in found else State.OPEN.value


def _tabs(desk: ExpertsDesk, counts: dict[str, int], total: int) -> list[dict[str, Any]]:
    every = [{"value": "", "label": "All", "count": total, "url": desk.url("experts")}]
    return every + [
        {
            "value": one.value,
            "label": str(one.label).capitalize(),
            "count": counts[one.value],
            "url": desk.url("experts", state=one.value),
        }
        for one in State
    ]


def _rows(desk: ExpertsDesk, found: dict[str, Standing], refs: Sequence[str]) -> list[dict[str, Any]]:
    here = {"sheet": desk.sheet, "labelset": desk.labelset.labelset_id, "item_ref__in": refs}
    settled = dict(Settlement.objects.filter(**here).values_list("item_ref", "canonical_label"))
    pages = {State.OPEN: "experts-item", State.AGREED: "experts-settle", State.CONFLICT: "experts-settle"}
    rows = []
    for ref in refs:
        standing = found.get(ref, Standing(0, State.OPEN))
        url = desk.url(pages[standing.state], item=ref) if standing.state in pages else ""
        if ref in settled:
            url = reverse("admin:labeling_canonicallabel_change", args=[settled[ref]])
        state = {"text": standing.state.label, "tone": TONES[standing.state.value]}
        rows.append({"ref": ref, "given": standing.given, "state": state, "url": url})
    return rows


@portal_page(services.ANSWER)
@require_POST
def experts_next(request: HttpRequest) -> HttpResponse:
    """Take the next item, and go to it."""
    try:
        desk = ExpertsDesk(request)
        return HttpResponseRedirect(_next_url(desk))
    except WorkbenchError as error:
        return refused(request, error)


def _next_url(desk: ExpertsDesk) -> str:
    user: Any = desk.request.user
    ref = services.take_next(sheet=desk.sheet, label_type=desk.label_type, by=user)
    if ref is not None:
        return desk.url("experts-item", item=ref)
    messages.info(desk.request, "Nothing is left here that you could answer.")
    return desk.url("experts")


@portal_page(VIEW)
def experts_item(request: HttpRequest) -> HttpResponse:
    """One item: what is seen, the form of its labelset's schema; nothing of what others said."""
    ref = request.GET.get("item", "")
    try:
        desk = ExpertsDesk(request)
        row = desk.row_of(ref)
    except WorkbenchError as error:
        return refused(request, error)
    posted = request.POST if request.method == "POST" else None
    answer = answer_form(version=desk.version, labelset=desk.labelset, row=row, posted=posted)
    form = OpinionForm(posted, prefix="opinion", label_suffix="")
    if posted is not None and answer.is_valid() and form.is_valid() and _given(desk, ref, answer, form):
        return HttpResponseRedirect(_next_url(desk))
    own = _own(desk, ref)
    item = _shown(desk, ref, row)
    return _item_page(desk, ref, item, template="experts_item", answer_form=answer, form=form, own=own)


def _own(desk: ExpertsDesk, ref: str) -> Opinion | None:
    said = selectors.opinions_on(desk.sheet, desk.labelset.labelset, [ref])
    return said.filter(selectors.of_person(desk.request.user, "given_by")).select_related("content").first()  # type: ignore[arg-type]


def _given(desk: ExpertsDesk, ref: str, answer: AnswerForm, form: OpinionForm) -> bool:
    user: Any = desk.request.user
    try:
        services.give_opinion(
            sheet=desk.sheet,
            label_type=desk.label_type,
            item_ref=ref,
            data=data_from(answer, desk.labelset.response_schema),
            by=user,
            **form.cleaned_data,
        )
    except WorkbenchError as error:
        form.add_error(None, error.message)
        return False
    messages.success(desk.request, f"Your opinion on {ref} is kept.")
    return True


def _shown(desk: ExpertsDesk, ref: str, row: dict[str, Any]) -> list[Shown]:
    column, page = desk.request.GET.get("column"), desk.request.GET.get("page", "1")
    pages = {column: int(page) if page.isascii() and page.isdigit() else 1} if column else {}
    return shown_item(desk.version, desk.labelset, ref, row, pages=pages)


def _item_page(desk: ExpertsDesk, ref: str, item: Sequence[Shown], *, template: str, **more: Any) -> HttpResponse:
    name = template.replace("_", "-")
    source_urls = {kind: desk.url(f"label-{kind}", item=ref) for kind in ("file", "words", "find")}
    context = desk.context(
        ref, ref=ref, item=item, page_url=desk.url(name, item=ref), source_urls=source_urls, **more
    )
    return render_page(desk.request, f"labeling/{template}.html", context)


@portal_page(services.ASSIGN)
def experts_assign(request: HttpRequest) -> HttpResponse:
    """Assign items to experts by hand."""
    user: Any = request.user
    try:
        desk = ExpertsDesk(request)
    except WorkbenchError as error:
        return refused(request, error)
    form = AssignForm(request.POST or None, sheet=desk.sheet)
    if request.method == "POST" and form.is_valid():
        entered = form.cleaned_data
        try:
            made = services.assign_items(
                sheet=desk.sheet,
                label_type=desk.label_type,
                refs=entered["items"],
                experts=list(entered["experts"]),
                by=user,
            )
            messages.success(request, f"{len(made):,} places assigned.")
            return HttpResponseRedirect(desk.url("experts"))
        except WorkbenchError as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
    lead = f"Each expert gets a place at each item; {desk.asked} have one at most. All are assigned, or none."
    context = desk.context("Assign items", lead=lead, form=form, action_label="Assign", cancel_url=desk.url("experts"))
    return render_page(request, "governance/reason_form.html", context)


@portal_page(services.LABEL)
@require_POST
def experts_agree(request: HttpRequest) -> HttpResponse:
    """Make the answer canonical wherever all experts said the same."""
    user: Any = request.user
    try:
        desk = ExpertsDesk(request)
        done = services.settle_agreed(sheet=desk.sheet, label_type=desk.label_type, by=user)
    except WorkbenchError as error:
        return refused(request, error)
    messages.success(request, f"{len(done.settlements):,} items have their canonical label.")
    if done.misfits:
        shown = ", ".join(done.misfits[:10])
        messages.warning(request, f"{len(done.misfits):,} answers do not fit {desk.labelset} any more: {shown}.")
    return HttpResponseRedirect(desk.url("experts"))


@portal_page(reporting.VIEW)
@require_GET
def experts_agreement(request: HttpRequest) -> HttpResponse:
    """How far the experts agree: as a whole, by field, by person, and what they say for what."""
    user: Any = request.user
    try:
        desk = ExpertsDesk(request)
    except WorkbenchError as error:
        return refused(request, error)
    names = list(reporting.fields_in(desk.labelset))
    compared = request.GET.get("field", "")
    ordinal = [name for name in request.GET.getlist("ordinal") if name]
    between = request.GET.get("between", "")
    try:
        report = reporting.agreement_of(
            sheet=desk.sheet, version=desk.labelset, by=user, compared=compared, ordinal=ordinal
        )
        heat = report.heat(between)
    except WorkbenchError as error:
        return refused(request, error, desk.url("experts"))
    context = desk.context(
        "Agreement", lead=f"{report.items:,} items that have all {desk.asked} opinions", report=report, names=names,
        compared=compared, ordinal=ordinal, heat=_in_words(heat), between=between,
        confusions=[(_said(first), _said(second), count) for first, second, count in report.confusions],
    )  # fmt: skip
    return render_page(request, "labeling/experts_agreement.html", context)


def _in_words(heat: reporting.Heat) -> reporting.Heat:
    rows = [(_said(value), cells) for value, cells in heat.rows]
    return replace(heat, values=[_said(value) for value in heat.values], rows=rows)


def _said(compared: str) -> str:
    """Answers that are no text are compared as their JSON; people read them in words."""
    try:
        return in_a_line(json.loads(compared)) if compared.startswith(("{", "[")) else compared
    except ValueError:
        return compared


@portal_page(services.LABEL)
def experts_settle(request: HttpRequest) -> HttpResponse:
    """What the experts said side by side, and the answer of someone who is none of them."""
    user: Any = request.user
    ref = request.GET.get("item", "")
    try:
        desk = ExpertsDesk(request)
        row = desk.row_of(ref)
        said = services.opinions_to_settle(version=desk.labelset, sheet=desk.sheet, item_ref=ref, by=user)
    except WorkbenchError as error:
        return refused(request, error)
    start = {opinion.content_id: opinion.data for opinion in said}.get(request.GET.get("from", ""), NO_ANSWER)
    posted = request.POST if request.method == "POST" else None
    chosen = {} if start is NO_ANSWER else {"choice": ANOTHER}
    form = SettleForm(posted, said=said, initial=chosen, prefix="settle", label_suffix="")
    is_own = posted is not None and form.is_valid() and form.cleaned_data["choice"] == ANOTHER
    entered = posted if is_own else None
    answer = answer_form(version=desk.version, labelset=desk.labelset, row=row, posted=entered, answer=start)
    if posted is not None and form.is_valid() and (not is_own or answer.is_valid()):
        if _settled(desk, ref, said, form, answer):
            return HttpResponseRedirect(desk.url("experts", state=State.CONFLICT.value))
    item = _shown(desk, ref, row)
    column = Pictures(desk.version, desk.labelset).column_of(row)
    return _item_page(
        desk, ref, item, template="experts_settle", form=form, answer_form=answer,
        said=[(opinion, _correct_url(desk, ref, opinion)) for opinion in said],
        sides=_side_by_side(said, desk.labelset), drawings=drawings_of(said, desk.labelset, item, column),
        is_another=is_own or start is not NO_ANSWER,
    )  # fmt: skip


def _correct_url(desk: ExpertsDesk, ref: str, opinion: Opinion) -> str:
    """The same page with this answer in the form, to be corrected."""
    return f"{desk.url('experts-settle', item=ref, **{'from': opinion.content_id})}#another"


def _settled(desk: ExpertsDesk, ref: str, said: Sequence[Opinion], form: SettleForm, answer: AnswerForm) -> bool:
    user: Any = desk.request.user
    entered = form.cleaned_data
    chosen = {opinion.content_id: opinion.data for opinion in said}.get(entered["choice"])
    try:
        services.adjudicate(
            sheet=desk.sheet,
            label_type=desk.label_type,
            item_ref=ref,
            data=data_from(answer, desk.labelset.response_schema) if entered["choice"] == ANOTHER else chosen,
            reason=entered["reason"],
            confidence=entered["confidence"],
            by=user,
        )
    except WorkbenchError as error:
        form.add_error(error.field if error.field in form.fields else None, error.message)
        return False
    messages.success(desk.request, f"{ref} is settled.")
    return True


def _side_by_side(said: Sequence[Opinion], labelset: LabelsetVersion) -> list[dict[str, Any]]:
    """One line for each field that anyone gave, and whether they differ in it."""
    answers = [fields_of(opinion.data) for opinion in said]
    lines = []
    for name in dict.fromkeys(name for answer in answers for name in answer):
        values = [in_a_line(answer[name]) if name in answer else "—" for answer in answers]
        compared = {canonical_json(answer[name]) if name in answer else "" for answer in answers}
        marked = [said_by_mark(labelset, name or WHOLE, opinion.data) for opinion in said]
        shown = [words or value for words, value in zip(marked, values, strict=True)]
        lines.append({"name": name or "Answer", "values": shown, "differs": len(compared) > 1})
    return lines
