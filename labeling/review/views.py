"""The review desk, and the page on which pairs are decided one after the other. Plain HTML forms."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from governance.errors import StaleVersion, WorkbenchError
from governance.portal import keys
from governance.portal.pages import portal_page, render_page
from governance.portal.rows import row_url, status_of
from governance.portal.strip import strip_for
from labeling.generation.models import QAPair, TrainingSheet
from labeling.generation.selectors import progress_of
from labeling.generation.showing import bar
from labeling.quality import showing as quality
from labeling.quality.selectors import with_open_finding
from labeling.review import ahead, assignments, claims, drafts, ordering, selectors, services
from labeling.review.comparing import comparison
from labeling.review.entering import Forms
from labeling.review.models import PairClaim
from labeling.review.showing import picture_of, shown_messages, source_of
from labeling.review.transitions import REVIEW

VIEW = "labeling.view_qapair"
QUEUES = {
    "": "All to decide", "mine": "Assigned to me", "flagged": "Flagged", "failed": "Failed",
    "findings": "With findings",
}  # fmt: skip
ORDERS = {name: order.label for name, order in ordering.ORDERS.items()}
SHOWN = 20


@portal_page("labeling.view_trainingsheet")
@require_GET
def review(request: HttpRequest) -> HttpResponse:
    """Training Sheets with pairs to decide."""
    mine = assignments.open_counts(request.user)
    rows = [
        {
            "sheet": sheet,
            "url": reverse("labeling:review-pair", args=[sheet.pk]),
            "page": row_url(sheet),
            "mine": mine.get(sheet.pk, 0),
            "is_done": not sheet.open_count,  # type: ignore[attr-defined]
        }
        for sheet in selectors.waiting_sheets(request.user)[:200]  # type: ignore[arg-type]
    ]
    context = {
        "title": "Review desk",
        "lead": "Pairs that wait for an expert. What you approve becomes the canonical label of its item.",
        "rows": rows,
        "may_generate": request.user.has_perm("labeling.add_trainingsheet"),
    }
    return render_page(request, "labeling/review.html", context)


class Desk:
    """One Training Sheet under review by one person, with the queue that they chose."""

    def __init__(self, request: HttpRequest, pk: UUID) -> None:
        self.request = request
        self.user: Any = request.user
        visible = TrainingSheet.objects.visible_to(self.user).select_related(
            "sheet__connection", "template_version__template", "labelset_version__labelset"
        )
        self.sheet: TrainingSheet = get_object_or_404(visible, pk=pk)
        self.queue = request.GET.get("queue", "") if request.GET.get("queue", "") in QUEUES else ""
        self.order = request.GET.get("order", "") if request.GET.get("order", "") in ORDERS else ""
        self.claim: PairClaim | None = None

    @property
    def schema(self) -> dict[str, Any]:
        return dict(self.sheet.template_version.output_schema)

    @property
    def pairs(self) -> QuerySet[QAPair]:
        rows = selectors.pairs_in_view(self.sheet, self.user)
        if self.queue == "flagged":
            return rows.filter(status=QAPair.Status.FLAGGED)
        if self.queue == "mine":
            return assignments.mine(rows, self.user)
        if self.queue == "findings":
            return with_open_finding(rows)
        return rows.filter(work_state=QAPair.Work.FAILED) if self.queue == "failed" else rows

    def url(self, pair: QAPair | None = None, **query: Any) -> str:
        chosen = {"queue": self.queue, "order": self.order, "pair": pair.pk if pair else "", **query}
        text = urlencode({name: value for name, value in chosen.items() if value != ""})
        base = reverse("labeling:review-pair", args=[self.sheet.pk])
        return f"{base}?{text}" if text else base

    def after(self, pair: QAPair) -> str:
        """The address of the next pair behind this one."""
        return self.url(after=pair.position)

    def ahead_url(self, pair: QAPair) -> str:
        """The same, for fetching it while this one is on the screen."""
        return self.url(after=pair.position, ahead=1)

    def pair(self) -> QAPair | None:
        """The pair in the address, else the next one to decide."""
        rows = selectors.pairs_in_view(self.sheet, self.user).select_related(
            "prompt", "answer", "derivation", "reviewed_by", "canonical_label"
        )
        if key := self.request.GET.get("pair"):
            try:
                return get_object_or_404(rows, pk=UUID(key))
            except ValueError as error:
                raise Http404 from error
        found = self.next_free(self.position)
        return rows.get(pk=found.pk) if found else None

    def next_free(self, after: int) -> QAPair | None:
        """The next pair that nobody else is at work on; claimed, for those who may decide."""
        for _ in range(claims.TRIES):
            found = assignments.next_for(self.user, self.sheet, self.free, after=after, order=self.order)
            if found is None or not self.may_decide:
                return found
            self.claim = claims.take(pair=found, by=self.user)
            if self.claim.account_id == self.user.pk:
                return found
        return None

    @property
    def position(self) -> int:
        """Of the pair that this person comes from; -1 where they come from none."""
        after = self.request.GET.get("after", "")
        return int(after) if after.isascii() and after.isdigit() and len(after) < 10 else -1

    @property
    def is_ahead(self) -> bool:
        """Whether the page is fetched while the pair before it is still on the screen."""
        return "ahead" in self.request.GET

    @property
    def free(self) -> QuerySet[QAPair]:
        free = self.pairs.exclude(claims.held_by_others(self.user))
        return free.exclude(position=self.position) if self.is_ahead else free

    @property
    def may_decide(self) -> bool:
        return self.user.has_perm(REVIEW) and self.sheet.status == TrainingSheet.Status.READY

    def claimed(self, pair: QAPair) -> PairClaim | None:
        """Who is at work on a pair that is still to decide: this person from now on, unless someone else is."""
        if self.claim is None and self.may_decide and pair.status in selectors.OPEN:
            self.claim = claims.take(pair=pair, by=self.user)
        return self.claim


@portal_page(VIEW)
def review_pair(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One pair: what was asked, the answer as a form, the decision; then the next one at once."""
    desk = Desk(request, pk)
    action = request.POST.get("action", "")
    if action == "undo":
        return _undone(desk)
    pair = desk.pair()
    if pair is None:
        return HttpResponse(status=204) if desk.is_ahead else _finished(desk)
    if action == "discard":
        drafts.discard(pair=pair, by=desk.user)
        return HttpResponseRedirect(desk.url(pair))
    forms = Forms(desk, pair)
    if request.method == "POST":
        try:
            if forms.decide(action):
                return ahead.answer(desk, pair) if ahead.is_asked(request) else HttpResponseRedirect(desk.after(pair))
            if forms.amend(action) or action == "theirs":
                return HttpResponseRedirect(desk.url(pair))
        except StaleVersion as error:
            forms.stale = error
        except WorkbenchError as error:
            forms.refuse(error)
    return _page(desk, pair, forms)


def _undone(desk: Desk) -> HttpResponse:
    """Back to the pair of the last decision, as it was before."""
    try:
        pair = services.undo_last(training_sheet=desk.sheet, by=desk.user)
    except WorkbenchError as error:
        messages.error(desk.request, error.message)
        return HttpResponseRedirect(desk.url())
    messages.success(desk.request, f"The decision about {pair.item_ref} is undone.")
    return HttpResponseRedirect(desk.url(pair))


def _finished(desk: Desk) -> HttpResponse:
    """Nothing (more) in this queue; how it ended and what comes next."""
    found = progress_of(desk.sheet)
    context = _context(desk) | {
        "title": f"Review · {desk.sheet}",
        "is_all_decided": not found.undecided,
        "may_finish": desk.user.has_perm("labeling.change_trainingsheet"),
        "undo": selectors.last_decision(desk.sheet, desk.user),
        "others": claims.standing(desk.pairs)[:SHOWN],
    }
    return render_page(desk.request, "labeling/review_finished.html", context)


def _context(desk: Desk) -> dict[str, Any]:
    found = progress_of(desk.sheet)
    return {
        "breadcrumbs": [
            {"label": "Review desk", "url": reverse("labeling:review")},
            {"label": str(desk.sheet), "url": row_url(desk.sheet)},
        ],
        "sheet": desk.sheet,
        "sheet_url": row_url(desk.sheet),
        "progress": found,
        "state_bar": bar(found),
        "queues": [
            {"label": label, "url": f"{reverse('labeling:review-pair', args=[desk.sheet.pk])}?queue={name}",
             "current": name == desk.queue}
            for name, label in QUEUES.items()
        ],
        "orders": [
            {"label": label, "url": desk.url(order=name), "current": name == desk.order}
            for name, label in ORDERS.items()
        ],
    }  # fmt: skip


def _page(desk: Desk, pair: QAPair, forms: Forms) -> HttpResponse:
    following = assignments.next_for(desk.user, desk.sheet, desk.free, after=pair.position, order=desk.order)
    claim, own_keys = desk.claimed(pair), keys.of(desk.user)
    before = selectors.previous(desk.pairs, before=pair.position)
    strip = strip_for(pair)
    is_open = desk.sheet.status == TrainingSheet.Status.READY
    may_decide = desk.may_decide and (pair.status in selectors.OPEN or forms.stale is not None)
    context = _context(desk) | {
        "title": f"Review · {desk.sheet}",
        "pair": pair,
        "pair_status": status_of(pair),
        "pair_url": desk.url(pair),
        "messages_shown": shown_messages(pair),
        "forms": forms,
        "strip": strip,
        "prohibited": [cell for cell in strip.cells if cell.state != "permitted"],
        "labelset": desk.sheet.labelset_version,
        "may_decide": may_decide,
        "may_reopen": desk.user.has_perm(REVIEW) and is_open and pair.status != QAPair.Status.UNLABELED,
        "is_closed": not is_open,
        "skip_url": desk.after(pair) if following and following.pk != pair.pk else "",
        "previous_url": desk.url(before) if before else "",
        "undo": desk.is_ahead or selectors.last_decision(desk.sheet, desk.user),
        "claim": claim if claim and claim.account_id != desk.user.pk else None,
        "is_mine": claim is not None and claim.account_id == desk.user.pk,
        "taken": claim.taken if claim else "",
        "may_mark": desk.may_decide and pair.status == QAPair.Status.LABELED,
        "draft": forms.draft,
        "facts": _facts(pair),
        "stale": forms.stale,
        "comparison": comparison(forms) if forms.stale else None,
        "ahead_url": desk.ahead_url(pair) if may_decide else "",
        "history": pair.decisions.select_related("decided_by")[:SHOWN],
        "keys": own_keys.on("review"),
        "page_keys": own_keys.meanings("review"),
        "quality": quality.panel(pair, desk.user),
    }
    status = 412 if forms.stale and desk.request.method == "POST" else 200
    return render_page(desk.request, "labeling/review_pair.html", context, status=status)


def _facts(pair: QAPair) -> list[tuple[str, Any]]:
    """How the answer came about, as far as it is known."""
    facts = pair.model_facts
    sure = f"{pair.ai_confidence:.0%}" if pair.ai_confidence is not None else ""
    tokens = f"{facts.get('tokens_in')} in, {facts.get('tokens_out')} out" if facts.get("tokens_out") else ""
    seconds = f"{facts['seconds']:.1f} s" if facts.get("seconds") else ""
    rows = [
        ("Model", facts.get("endpoint", "")),
        ("Sure", sure),
        ("Tokens", tokens),
        ("Time", seconds),
        ("Not reused", pair.not_reused_because),
        ("Notes", pair.review_notes),
    ]
    return [(name, value) for name, value in rows if value]


@portal_page(VIEW)
@require_POST
def pair_draft(request: HttpRequest, pk: UUID) -> JsonResponse:
    """Keep what is typed; the page sends it a moment after each change."""
    pair = _visible_pair(request, pk)
    try:
        draft = drafts.save(pair=pair, by=request.user, entered=dict(request.POST.lists()))  # type: ignore[arg-type]
    except WorkbenchError as error:
        return JsonResponse({"error": error.message}, status=400)
    return JsonResponse({"saved_at": f"{timezone.localtime(draft.saved_at):%H:%M:%S}"})


@portal_page(VIEW)
@require_POST
def pair_claim(request: HttpRequest, pk: UUID) -> JsonResponse:
    """Renew the claim while somebody works, or release it (`release=1`) as they leave."""
    pair = _visible_pair(request, pk)
    user: Any = request.user
    if request.POST.get("release"):
        claims.release(pair=pair, by=user, taken=request.POST.get("taken", ""))
        return JsonResponse({"claimed_by": None})
    try:
        claim = claims.take(pair=pair, by=user)
    except WorkbenchError as error:
        return JsonResponse({"error": error.message}, status=403)
    is_mine = claim.account_id == user.pk
    taken = claim.taken if is_mine else ""
    return JsonResponse({"claimed_by": claim.account.display_name, "is_mine": is_mine, "taken": taken})


def _visible_pair(request: HttpRequest, pk: UUID) -> QAPair:
    return get_object_or_404(QAPair.objects.visible_to(request.user), pk=pk)  # type: ignore[arg-type]


@portal_page(VIEW)
@require_GET
def pair_source(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The source item of a pair, as far as the pair was made from it: a page, or the part that the desk fetches."""
    pair = _visible_pair(request, pk)
    try:
        item, note = source_of(pair)
    except WorkbenchError as error:
        item, note = [], error.message
    context = {"title": f"Source of {pair.item_ref}", "item": item, "note": note}
    if "X-Part" in request.headers:
        return render(request, "labeling/review_source.html", context)
    back = f"{reverse('labeling:review-pair', args=[pair.training_sheet_id])}?pair={pair.pk}"
    crumbs = [{"label": "Review desk", "url": reverse("labeling:review")}, {"label": pair.item_ref, "url": back}]
    return render_page(request, "labeling/review_source_page.html", context | {"breadcrumbs": crumbs})


@portal_page(VIEW)
@require_GET
def pair_file(request: HttpRequest, pk: UUID, place: int) -> HttpResponse:
    """The picture of a file in a pair's prompt, for those who may see the pair."""
    pair = _visible_pair(request, pk)
    page = request.GET.get("page", "1")
    try:
        content, kind = picture_of(pair, place, int(page) if page.isdigit() and len(page) < 6 else 1)
    except WorkbenchError as error:
        raise Http404(error.message) from error
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, max-age=300"}
    return HttpResponse(content, content_type=kind, headers=headers)
