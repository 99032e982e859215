"""The review desk, and the page on which pairs are decided one after the other. Plain HTML forms."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from governance.admin_base import row_url, status_of
from governance.errors import StaleVersion, WorkbenchError
from governance.portal.pages import portal_page, render_page
from governance.portal.strip import strip_for
from labeling.generation.models import QAPair, TrainingSheet
from labeling.generation.selectors import progress_of
from labeling.generation.showing import bar
from labeling.quality import showing as quality
from labeling.quality.selectors import with_open_finding
from labeling.review import claims, drafts, ordering, selectors, services
from labeling.review.forms import DecisionForm, PromptForm, ReopenForm
from labeling.review.models import PairClaim
from labeling.review.showing import picture_of, shown_messages
from labeling.review.transitions import REVIEW
from labeling.schemas.forms import AnswerForm, data_from, form_for_schema, initial_for

VIEW = "labeling.view_qapair"
QUEUES = {"": "All to decide", "flagged": "Flagged", "failed": "Failed", "findings": "With findings"}
ORDERS = {name: order.label for name, order in ordering.ORDERS.items()}
SHOWN = 20
TRIES = 20  # to claim the next pair, where others claim it at the same moment


@portal_page("labeling.view_trainingsheet")
@require_GET
def review(request: HttpRequest) -> HttpResponse:
    """Training Sheets with pairs to decide."""
    rows = [
        {
            "sheet": sheet,
            "url": reverse("labeling:review-pair", args=[sheet.pk]),
            "page": row_url(sheet),
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
        if self.queue == "findings":
            return with_open_finding(rows)
        return rows.filter(work_state=QAPair.Work.FAILED) if self.queue == "failed" else rows

    def url(self, pair: QAPair | None = None, **query: Any) -> str:
        chosen = {"queue": self.queue, "order": self.order, "pair": pair.pk if pair else "", **query}
        text = urlencode({name: value for name, value in chosen.items() if value != ""})
        base = reverse("labeling:review-pair", args=[self.sheet.pk])
        return f"{base}?{text}" if text else base

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
        after = self.request.GET.get("after", "")
        found = self.next_free(int(after) if after.isdigit() and len(after) < 10 else -1)
        return rows.get(pk=found.pk) if found else None

    def next_free(self, after: int) -> QAPair | None:
        """The next pair that nobody else is at work on; claimed, for those who may decide."""
        for _ in range(TRIES):
            found = selectors.next_open(self.free, after=after, order=self.order)
            if found is None or not self.may_decide:
                return found
            self.claim = claims.take(pair=found, by=self.user)
            if self.claim.account_id == self.user.pk:
                return found
        return None

    @property
    def free(self) -> QuerySet[QAPair]:
        return self.pairs.exclude(claims.held_by_others(self.user))

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
    if request.POST.get("action") == "undo":
        return _undone(desk)
    pair = desk.pair()
    if pair is None:
        return _finished(desk)
    if request.POST.get("action") == "discard":
        drafts.discard(pair=pair, by=desk.user)
        return HttpResponseRedirect(desk.url(pair))
    forms = Forms(desk, pair)
    if request.method == "POST":
        try:
            if forms.decide(request.POST.get("action", "")):
                return HttpResponseRedirect(desk.url(after=pair.position))
        except StaleVersion as error:
            return _page(desk, pair, forms, stale=error)
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


class Forms:
    """The forms of one pair: answer, prompt, decision, reopening; each with what was posted."""

    def __init__(self, desk: Desk, pair: QAPair) -> None:
        self.desk, self.pair = desk, pair
        self.draft = drafts.of(pair, desk.user) if desk.request.method == "GET" else None
        posted: Any = desk.request.POST if desk.request.method == "POST" else None
        if self.draft is not None and pair.status in selectors.OPEN:
            posted = drafts.as_posted(self.draft)
        start = {"version": pair.version, "notes": "", "confidence": "high"}
        initial = initial_for(pair.answer.body, desk.schema) if pair.answer and not pair.answer.erased_at else None
        is_reopening = posted is not None and posted.get("action") == "reopen"
        decision, reopening = (None, posted) if is_reopening else (posted, None)
        self.answer: AnswerForm = form_for_schema(desk.schema)(decision, initial=initial, prefix="answer")
        self.prompt = PromptForm(decision, pair=pair, prefix="prompt")
        self.decision = DecisionForm(decision, initial=start, prefix="pair")
        self.reopen = ReopenForm(reopening, initial=start, prefix="reopen")

    def decide(self, action: str) -> bool:
        """Make the decision; False where the forms say what is missing.

        :raises WorkbenchError: a rule stands against it.
        """
        steps = {"approve": self._approve, "reject": self._reject, "flag": self._flag, "reopen": self._reopen}
        return steps[action]() if action in steps else False

    def _approve(self) -> bool:
        if not (self.answer.is_valid() and self.prompt.is_valid() and self.decision.is_valid()):
            return False
        services.approve_pair(
            pair=self.pair,
            by=self.desk.user,
            data=data_from(self.answer, self.desk.schema),
            messages=self.prompt.edited(),
            **self.decision.cleaned_data,
        )
        return True

    def _reject(self) -> bool:
        return self._set_aside(services.reject_pair)

    def _flag(self) -> bool:
        return self._set_aside(services.flag_pair)

    def _set_aside(self, service: Any) -> bool:
        if not self.decision.is_valid():
            return False
        entered = self.decision.cleaned_data
        service(pair=self.pair, by=self.desk.user, version=entered["version"], notes=entered["notes"])
        return True

    def _reopen(self) -> bool:
        if not self.reopen.is_valid():
            return False
        services.reopen_pair(pair=self.pair, by=self.desk.user, **self.reopen.cleaned_data)
        messages.success(self.desk.request, f"{self.pair.item_ref} waits for review again.")
        return True

    def refuse(self, error: WorkbenchError) -> None:
        self.decision.add_error(error.field if error.field in self.decision.fields else None, error.message)


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


def _page(desk: Desk, pair: QAPair, forms: Forms, *, stale: StaleVersion | None = None) -> HttpResponse:
    following = selectors.next_open(desk.free, after=pair.position, order=desk.order)
    claim = desk.claimed(pair)
    before = selectors.previous(desk.pairs, before=pair.position)
    strip = strip_for(pair)
    is_open = desk.sheet.status == TrainingSheet.Status.READY
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
        "may_decide": desk.user.has_perm(REVIEW) and is_open and pair.status in selectors.OPEN,
        "may_reopen": desk.user.has_perm(REVIEW) and is_open and pair.status != QAPair.Status.UNLABELED,
        "is_closed": not is_open,
        "skip_url": desk.url(following) if following and following.pk != pair.pk else "",
        "previous_url": desk.url(before) if before else "",
        "undo": selectors.last_decision(desk.sheet, desk.user),
        "claim": claim if claim and claim.account_id != desk.user.pk else None,
        "is_mine": claim is not None and claim.account_id == desk.user.pk,
        "draft": forms.draft,
        "facts": _facts(pair),
        "quality": quality.panel(pair, desk.user),
        "stale": stale,
    }
    status = 412 if stale else 200
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
        claims.release(pair=pair, by=user)
        return JsonResponse({"claimed_by": None})
    try:
        claim = claims.take(pair=pair, by=user)
    except WorkbenchError as error:
        return JsonResponse({"error": error.message}, status=403)
    return JsonResponse({"claimed_by": claim.account.display_name, "is_mine": claim.account_id == user.pk})


def _visible_pair(request: HttpRequest, pk: UUID) -> QAPair:
    return get_object_or_404(QAPair.objects.visible_to(request.user), pk=pk)  # type: ignore[arg-type]


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
