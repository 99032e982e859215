"""The forms of one pair, and what they do when sent: decide, compare, edit the prompt, leave a note."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol

from django.contrib import messages
from django.http import HttpRequest, QueryDict

from governance.errors import StaleVersion, WorkbenchError
from governance.models import User
from labeling.generation.models import QAPair, TrainingSheet
from labeling.labels.models import CanonicalLabel
from labeling.review import amending, drafts, selectors, services
from labeling.review.deciding import Action, Edit
from labeling.review.forms import DecisionForm, PromptForm, ReopenForm
from labeling.review.models import PairDraft
from labeling.review.opening import label_in_force, stale_label, stale_pair
from labeling.schemas.forms import AnswerForm, data_from, form_for_schema, initial_for

MINE = {"approve": "Approve mine", "golden": "Approve mine as golden", "reject": "Reject it", "flag": "Flag it"}


class AtDesk(Protocol):
    """What the forms need of the page that they are on."""

    request: HttpRequest
    user: User
    sheet: TrainingSheet

    @property
    def schema(self) -> dict[str, Any]: ...


class Forms:
    """The forms of one pair: answer, prompt, decision, reopening; each with what was posted, or typed before."""

    def __init__(self, desk: AtDesk, pair: QAPair) -> None:
        self.desk, self.pair = desk, pair
        self.draft: PairDraft | None = drafts.of(pair, desk.user) if desk.request.method == "GET" else None
        self.stale: StaleVersion | None = None
        self.mine = "approve"
        posted = self._entered()
        is_reopening = posted is not None and posted.get("action") == "reopen"
        decision, reopening = (None, posted) if is_reopening else (posted, None)
        self._fill(decision)
        self.reopen = ReopenForm(reopening, initial={"version": pair.version}, prefix="reopen")
        if self.draft is not None:
            self._compare_draft()

    def _entered(self) -> QueryDict | None:
        if self.desk.request.method == "POST":
            return self.desk.request.POST
        if self.draft is None or (self._is_decided and not self._is_behind(self.draft)):
            return None
        return drafts.as_posted(self.draft)

    def _fill(self, entered: QueryDict | None) -> None:
        pair, schema = self.pair, self.desk.schema
        start = {"version": pair.version, "label_version": self.label_version, "notes": "", "confidence": "high"}
        initial = initial_for(pair.answer.body, schema) if pair.answer and not pair.answer.erased_at else None
        self.answer: AnswerForm = form_for_schema(schema)(entered, initial=initial, prefix="answer")
        self.prompt = PromptForm(entered, pair=pair, prefix="prompt")
        self.decision = DecisionForm(entered, initial=start, prefix="pair")

    @cached_property
    def label(self) -> CanonicalLabel | None:
        """The canonical label that approving would change."""
        return label_in_force(self.pair, self.desk.sheet)

    @property
    def label_version(self) -> int:
        return self.label.version if self.label else 0

    @property
    def _is_decided(self) -> bool:
        return self.pair.status not in selectors.OPEN

    # -- deciding -------------------------------------------------------------------------------------------------

    def decide(self, action: str) -> bool:
        """Make the decision; False where the forms say what is missing.

        :raises StaleVersion: somebody was faster; what was typed is kept, and both texts are shown.
        :raises WorkbenchError: a rule stands against it.
        """
        steps = {
            "approve": self._approve, "golden": self._golden, "reject": self._reject, "flag": self._flag,
            "reopen": self._reopen, "mine": self._mine, "theirs": self._theirs,
        }  # fmt: skip
        if action not in steps:
            return False
        try:
            return steps[action]()
        except StaleVersion as error:
            self.mine = action if action in MINE else self.desk.request.POST.get("mine", "approve")
            self._compare(error)
            raise

    def _approve(self, service: Any = services.approve_pair, **more: Any) -> bool:
        if not (self.answer.is_valid() and self.prompt.is_valid() and self.decision.is_valid()):
            return False
        service(
            pair=self.pair,
            by=self.desk.user,
            data=data_from(self.answer, self.desk.schema),
            messages=self.prompt.edited(),
            **self.decision.cleaned_data,
            **more,
        )
        return True

    def _golden(self) -> bool:
        return self._approve(golden=True)

    def _reject(self) -> bool:
        return self._set_aside(services.reject_pair)

    def _flag(self) -> bool:
        return self._set_aside(services.flag_pair)

    def _set_aside(self, service: Any, **more: Any) -> bool:
        if not self.decision.is_valid():
            return False
        entered = self.decision.cleaned_data
        service(pair=self.pair, by=self.desk.user, version=entered["version"], notes=entered["notes"], **more)
        return True

    def _reopen(self) -> bool:
        if not self.reopen.is_valid():
            return False
        services.reopen_pair(pair=self.pair, by=self.desk.user, **self.reopen.cleaned_data)
        messages.success(self.desk.request, f"{self.pair.item_ref} waits for review again.")
        return True

    # -- somebody was faster --------------------------------------------------------------------------------------

    def _mine(self) -> bool:
        """What was typed, although somebody was faster; `mine` says which decision it was."""
        wanted = self.desk.request.POST.get("mine", "approve")
        if wanted in {"reject", "flag"}:
            return self._set_aside(amending.decide_anew, action=Action(wanted))
        return self._approve(amending.decide_anew, action=Action.APPROVE, golden=wanted == "golden")

    def _theirs(self) -> bool:
        """What is there stands; on to the next pair, or once more to this one where it is still to decide."""
        amending.keep_theirs(pair=self.pair, by=self.desk.user)
        return self._is_decided

    def _compare(self, error: StaleVersion) -> None:
        """Show both texts. What was typed stays in the form and in the draft; the form is about the newest version."""
        self.stale = error
        entered = self.desk.request.POST
        try:
            drafts.save(pair=self.pair, by=self.desk.user, entered=dict(entered.lists()))
        except WorkbenchError:  # may not review any more, or too long: it stays in the form
            pass
        self._fill(self._about_the_newest(entered))

    def _compare_draft(self) -> None:
        """A draft about an older version is shown beside what became of it, also after a reload or days later."""
        if self.draft is None or not self._is_behind(self.draft):
            return
        edit, entered = self._edit(), drafts.as_posted(self.draft)
        seen, seen_label = _number(entered, "pair-version"), _number(entered, "pair-label_version")
        if seen != self.pair.version:
            self.stale = stale_pair(self.pair, seen or 0, edit)
        else:
            self.stale = stale_label(self.pair, self.label, seen_label or 0, edit)
        self._fill(self._about_the_newest(entered))

    def _is_behind(self, draft: PairDraft) -> bool:
        entered = drafts.as_posted(draft)
        seen, seen_label = _number(entered, "pair-version"), _number(entered, "pair-label_version")
        return seen not in (None, self.pair.version) or seen_label not in (None, self.label_version)

    def _edit(self) -> Edit:
        data = data_from(self.answer, self.desk.schema) if self.answer.is_valid() else None
        return Edit(data, self.prompt.edited() if self.prompt.is_valid() else None)

    def _about_the_newest(self, entered: QueryDict) -> QueryDict:
        self.pair.refresh_from_db()
        self.__dict__.pop("label", None)
        newest = entered.copy()
        newest["pair-version"], newest["pair-label_version"] = str(self.pair.version), str(self.label_version)
        return newest

    # -- besides deciding -----------------------------------------------------------------------------------------

    def amend(self, action: str) -> bool:
        """Edit the prompt, leave a note, mark as golden or no longer. What else was typed stays a draft.

        :raises WorkbenchError: a rule stands against it.
        """
        steps = {"prompt": self._edit_prompt, "note": self._note, "mark": self._mark, "ungolden": self._unmark}
        return steps[action]() if action in steps else False

    def _edit_prompt(self) -> bool:
        if not (self.prompt.is_valid() and self.decision.is_valid()):
            return False
        changed = amending.edit_prompt(
            pair=self.pair,
            by=self.desk.user,
            version=self.decision.cleaned_data["version"],
            messages=self.prompt.edited() or self.pair.messages,
        )
        self._keep_typed({"pair-version": str(changed.version)})
        messages.success(self.desk.request, "The prompt is changed. The pair waits for your decision.")
        return True

    def _note(self) -> bool:
        if not self.decision.is_valid():
            return False
        amending.leave_note(pair=self.pair, by=self.desk.user, notes=self.decision.cleaned_data["notes"])
        self._keep_typed({"pair-notes": ""})
        messages.success(self.desk.request, "The note is left in the pair's history.")
        return True

    def _mark(self) -> bool:
        amending.mark_golden(pair=self.pair, by=self.desk.user)
        return True

    def _unmark(self) -> bool:
        amending.unmark_golden(pair=self.pair, by=self.desk.user)
        return True

    def _keep_typed(self, changed: dict[str, str]) -> None:
        entered = self.desk.request.POST.copy()
        entered.update(changed)  # appends; the last value counts
        kept = {name: [str(entered[name])] if name in changed else values for name, values in entered.lists()}
        drafts.save(pair=self.pair, by=self.desk.user, entered=kept)

    def refuse(self, error: WorkbenchError) -> None:
        self.decision.add_error(error.field if error.field in self.decision.fields else None, error.message)


def _number(entered: QueryDict, name: str) -> int | None:
    text = entered.get(name) or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
