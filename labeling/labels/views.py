"""The labelling tool: pick a Sheet and label type, see an item, answer, save, next. Plain HTML forms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_GET

from governance.errors import InvalidInput, StaleVersion, WorkbenchError
from governance.portal.content import in_a_line
from governance.portal.pages import portal_page, render_page
from governance.portal.strip import Strip, strip_for, strip_of
from governance.uses import ALL_USES, combine
from labeling.annotating import drafts
from labeling.annotating.errors import MarkOutside
from labeling.annotating.forms import NO_ANSWER, answer_form
from labeling.annotating.models import LabelDraft
from labeling.labels import selectors, services
from labeling.labels.forms import ChoiceForm, JudgementForm, judgement_of
from labeling.labels.models import CanonicalLabel
from labeling.labels.queue import Queue, queue_of, refs_in
from labeling.labels.showing import picture_of, shown_item
from labeling.labelsets.models import LabelsetVersion, LabelType
from labeling.labelsets.selectors import columns_seen
from labeling.schemas.forms import AnswerForm, data_from
from workbench.catalogs.previews import ROTATIONS
from workbench.models import Sheet, SheetVersion
from workbench.sheets import selectors as sheets

VIEW = "labeling.view_canonicallabel"
PAGE_SIZE = 50
STATES = {"": "All", "open": "Not labelled", "labeled": "Labelled", "misfit": "Does not fit"}


class Desk:
    """One Sheet and label type at work: what was chosen, checked once for every page of the tool."""

    def __init__(self, request: HttpRequest) -> None:
        form = ChoiceForm(request.GET, user=request.user)
        if not form.is_valid():
            raise Http404("There is no such Sheet or label type, or you may not see it.")
        self.request = request
        self.sheet: Sheet = form.cleaned_data["sheet"]
        self.label_type: LabelType = form.cleaned_data["label_type"]
        self.version: SheetVersion = sheets.published_version(self.sheet)
        self.labelset: LabelsetVersion = services.labelset_on(self.sheet, self.label_type)

    @property
    def may_label(self) -> bool:
        user = self.request.user
        return user.has_perms(("labeling.add_canonicallabel", "labeling.change_canonicallabel"))

    def url(self, name: str, **more: object) -> str:
        query = {"sheet": self.sheet.pk, "label_type": self.label_type.pk, **more}
        return f"{reverse(f'labeling:{name}')}?{urlencode(query)}"

    @property
    def import_url(self) -> str:
        return self.url("label-import")

    def queue(self) -> Queue:
        return queue_of(self.version, self.label_type)

    def refs(self, queue: Queue, state: str, words: str = "") -> Sequence[str]:
        """Items in this state whose key holds these words."""
        return refs_in(queue, self.sheet, self.labelset, state, words)

    def row_of(self, ref: str) -> dict[str, Any]:
        """:raises InvalidInput: the Sheet has no such item."""
        row = sheets.items_by_ref(self.version, [ref]).get(ref)
        if row is None:
            raise InvalidInput(f"Sheet “{self.sheet}” has no item {ref!r}; it may have vanished.", field="item")
        return row

    def context(self, title: str, **more: Any) -> dict[str, Any]:
        crumbs = [
            {"label": "Labelling tool", "url": reverse("labeling:label")},
            {"label": f"{self.sheet} · {self.label_type}", "url": self.url("label")},
        ]
        return {"title": title, "desk": self, "breadcrumbs": crumbs[: 1 if title == str(self.sheet) else 2], **more}


def turned(request: HttpRequest) -> int:
    """By how many degrees a page is turned clockwise."""
    given = request.GET.get("rotation", "0")
    if given not in {str(degrees) for degrees in ROTATIONS}:
        raise InvalidInput(f"A page is turned by 0, 90, 180 or 270 degrees, not by {given[:20]!r}.", field="rotation")
    return int(given)


def refused(request: HttpRequest, error: WorkbenchError) -> HttpResponse:
    messages.error(request, error.message)
    return HttpResponseRedirect(reverse("labeling:label"))


@portal_page(VIEW)
@require_GET
def label(request: HttpRequest) -> HttpResponse:
    """Without a choice: what can be labelled. With one: its items and their state."""
    if "sheet" not in request.GET:
        return render_page(request, "labeling/label_pick.html", _choices(request))
    try:
        desk = Desk(request)
        queue = desk.queue()
    except WorkbenchError as error:
        return refused(request, error)
    state, words = request.GET.get("status", ""), request.GET.get("q", "").strip()
    page = Paginator(desk.refs(queue, state, words), PAGE_SIZE).get_page(request.GET.get("page"))
    rows = _rows(desk, list(page.object_list))
    start = queue.next_open("") or (queue.refs[0] if queue.refs else None)
    context = desk.context(
        str(desk.sheet),
        lead=f"{desk.label_type} with {desk.labelset}",
        queue=queue,
        total=len(queue.refs),
        rows=rows,
        page=page,
        state=state,
        words=words,
        states=[
            {"value": value, "label": text, "url": desk.url("label", status=value, **({"q": words} if words else {}))}
            for value, text in STATES.items()
        ],
        gap_url=desk.url("label-item", item=gap) if (gap := queue.next_open("")) is not None else "",
        start_url=desk.url("label-item", item=start) if start is not None else "",
        export_url=desk.url("label-export"),
    )
    return render_page(request, "labeling/label_list.html", context)


def _rows(desk: Desk, refs: list[str]) -> list[dict[str, Any]]:
    labels = selectors.labels_for(desk.sheet, desk.label_type, refs)
    rows = []
    for ref in refs:
        label = labels.get(ref)
        state = {"text": "not labelled", "tone": "attention"}
        if label is not None:
            state = {"text": "labelled", "tone": "permitted"}
            if selectors.is_misfit(label, desk.labelset):
                state = {"text": "does not fit", "tone": "prohibited"}
        answer = in_a_line(label.content.shown) if label is not None else ""
        rows.append(
            {"ref": ref, "url": desk.url("label-item", item=ref), "label": label, "answer": answer, "state": state}
        )
    return rows


def _choices(request: HttpRequest) -> dict[str, Any]:
    visible = Sheet.objects.visible_to(request.user).filter(labelset_bindings__isnull=False).distinct()
    cards = [
        {
            "sheet": sheet,
            "rows": [row for row in selectors.coverage(sheet) if row.labelset is not None],
        }
        for sheet in visible.order_by("name")[:100]
    ]
    return {
        "title": "Labelling tool",
        "lead": "Label source items directly: one canonical label per item and label type, reused everywhere.",
        "cards": cards,
    }


@portal_page(VIEW)
def label_item(request: HttpRequest) -> HttpResponse:
    """One item: what is seen, the form of its labelset's schema, save and next."""
    try:
        desk = Desk(request)
        return _item_page(desk, request.GET.get("item", ""))
    except WorkbenchError as error:
        return refused(request, error)


def _item_page(desk: Desk, ref: str) -> HttpResponse:
    request, row = desk.request, desk.row_of(ref)
    user: Any = request.user
    about = {"sheet": desk.sheet, "label_type": desk.label_type, "item_ref": ref}
    if request.method == "POST" and request.POST.get("action") == "discard":
        drafts.discard(**about, by=user)
        return HttpResponseRedirect(desk.url("label-item", item=ref))
    existing = selectors.labels_for(desk.sheet, desk.label_type, [ref]).get(ref)
    draft = drafts.of(**about, user=user) if request.method == "GET" else None
    answer, judgement = _forms(desk, row, existing, draft)
    is_post = request.method == "POST"
    if is_post and answer.is_valid() and judgement.is_valid() and _saved(desk, ref, answer, judgement):
        return HttpResponseRedirect(_next_url(desk, ref))
    return _render_item(desk, ref, row, existing, answer, judgement, draft)


def _forms(
    desk: Desk, row: dict[str, Any], existing: CanonicalLabel | None, draft: LabelDraft | None
) -> tuple[AnswerForm, JudgementForm]:
    posted: Any = desk.request.POST if desk.request.method == "POST" else None
    if draft is not None:
        posted = drafts.as_posted(draft)
    said = existing.data if existing and not existing.content.erased_at else NO_ANSWER
    answer = answer_form(version=desk.version, labelset=desk.labelset, row=row, posted=posted, answer=said)
    judgement = JudgementForm(posted, initial=judgement_of(existing), prefix="label", label_suffix="")
    if draft is not None:  # what is not finished yet is no mistake
        answer.errors.clear()
        judgement.errors.clear()
    return answer, judgement


def _saved(desk: Desk, ref: str, answer: AnswerForm, judgement: JudgementForm) -> bool:
    entered = judgement.cleaned_data
    try:
        services.save_from_tool(
            sheet=desk.sheet,
            item_ref=ref,
            label_type=desk.label_type,
            data=data_from(answer, desk.labelset.response_schema),
            by=desk.request.user,  # type: ignore[arg-type]
            confidence=entered["confidence"],
            notes=entered["notes"],
            terms=judgement.terms(),
            seen_version=entered["seen_version"],
        )
    except WorkbenchError as error:
        if isinstance(error, MarkOutside):
            answer.add_error(None, error.message)
            return False
        field = error.field if error.field in judgement.fields else None
        judgement.add_error("permitted" if error.field == "allowed_uses" else field, error.message)
        judgement.stale = isinstance(error, StaleVersion)  # type: ignore[attr-defined]
        return False
    messages.success(desk.request, f"Saved {ref}.")
    return True


def _next_url(desk: Desk, ref: str) -> str:
    queue = desk.queue()
    following = queue.next_open(ref)
    return desk.url("label-item", item=following) if following is not None else desk.url("label")


def _render_item(
    desk: Desk,
    ref: str,
    row: dict[str, Any],
    existing: CanonicalLabel | None,
    answer: AnswerForm,
    judgement: JudgementForm,
    draft: LabelDraft | None = None,
) -> HttpResponse:
    queue, pages = desk.queue(), {}
    if desk.request.GET.get("column"):
        page = desk.request.GET.get("page", "1")
        pages[desk.request.GET["column"]] = int(page) if page.isascii() and page.isdigit() else 1
    skip = queue.next_open(ref)
    neighbours = {"previous": queue.before(ref), "next": queue.after(ref), "skip": skip if skip != ref else None}
    context = desk.context(
        ref,
        item=shown_item(desk.version, desk.labelset, ref, row, pages=pages),
        ref=ref,
        existing=existing,
        answer_form=answer,
        judgement=judgement,
        is_stale=getattr(judgement, "stale", False),
        queue=queue,
        position=queue.place(ref) + 1,
        total=len(queue.refs),
        constraint=strip_for(existing) if existing else _strip_of_new(desk),
        urls={name: desk.url("label-item", item=other) for name, other in neighbours.items() if other is not None},
        page_url=desk.url("label-item", item=ref),
        source_urls={name: desk.url(f"label-{name}", item=ref) for name in ("file", "words", "find")},
        draft=draft,
        draft_url=desk.url("label-draft", item=ref),
    )
    status = 412 if getattr(judgement, "stale", False) else 200
    return render_page(desk.request, "labeling/label_item.html", context, status=status)


def _strip_of_new(desk: Desk) -> Strip:
    """What a label made here will permit, before there is one."""
    columns = columns_seen(desk.labelset, desk.version)
    parents = [*sheets.parents_for(desk.version, columns), desk.labelset.labelset]
    permits = combine(parent.own_constraint for parent in parents)
    return strip_of(ALL_USES, permits.uses, permits.classification)


@portal_page(VIEW)
@require_GET
def label_file(request: HttpRequest) -> HttpResponse:
    """The picture in a file column of one item, for those who may see the Sheet."""
    try:
        desk = Desk(request)
        page = request.GET.get("page", "1")
        content, kind = picture_of(
            desk.version,
            desk.labelset,
            request.GET.get("item", ""),
            request.GET.get("column", ""),
            int(page) if page.isascii() and page.isdigit() and len(page) < 7 else 1,
            turned(request),
        )
    except WorkbenchError as error:
        raise Http404(error.message) from error
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, max-age=300"}
    return HttpResponse(content, content_type=kind, headers=headers)
