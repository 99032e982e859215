"""What reviewers do to a pair besides deciding it: vouch for it, edit its prompt, leave a note, decide it anew."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from governance.errors import InvalidInput
from governance.models import User
from labeling.generation.models import QAPair
from labeling.review import drafts
from labeling.review.deciding import Action, Edit
from labeling.review.opening import opened
from labeling.review.services import approve_pair, flag_pair, reject_pair, reopen_pair
from labeling.review.transitions import STARTS_FROM

LONGEST_NOTE = 8_000
SERVICES = {Action.APPROVE: approve_pair, Action.REJECT: reject_pair, Action.FLAG: flag_pair}
REPLACED = "replaced after both texts were compared"


@transaction.atomic
def mark_golden(*, pair: QAPair, by: User) -> QAPair:
    """Vouch for a pair's approved answer as a reference. Nothing happens where it is golden already.

    :raises NotApproved: the pair is not approved.
    :raises ReviewClosed: its Training Sheet is not ready for review.
    """
    pair, decider = opened(pair, by, None)
    decider.mark(pair, is_golden=True)
    return _shown(pair)


@transaction.atomic
def unmark_golden(*, pair: QAPair, by: User) -> QAPair:
    """The answer stays approved, and is a reference no longer. :raises NotApproved, ReviewClosed: as above."""
    pair, decider = opened(pair, by, None)
    decider.mark(pair, is_golden=False)
    return _shown(pair)


@transaction.atomic
def edit_prompt(*, pair: QAPair, by: User, version: int, messages: list[dict[str, Any]]) -> QAPair:
    """Change the prompt of a pair that is still to decide, as a change of its own in the pair's history.

    :raises InvalidInput: the prompt is as it was.
    :raises PromptNotUsable: says which message and what was expected.
    :raises TransitionNotAllowed: the pair is decided; reopen it first.
    :raises StaleVersion: it changed meanwhile; `details` hold both texts.
    """
    pair, decider = opened(pair, by, version, Edit(messages=messages))
    if messages == pair.messages:
        raise InvalidInput("The prompt is as it was; change it, or approve the pair.", field="messages")
    decider.edit_prompt(pair, messages)
    return _shown(pair)


@transaction.atomic
def leave_note(*, pair: QAPair, by: User, notes: str) -> QAPair:
    """Leave a note for others; it stays in the pair's history, and decides nothing.

    :raises InvalidInput: it is empty, or longer than 8,000 characters.
    """
    if not notes.strip():
        raise InvalidInput("Write the note first.", field="notes")
    if len(notes) > LONGEST_NOTE:
        raise InvalidInput(f"A note holds {LONGEST_NOTE:,} characters at most; this has {len(notes):,}.", field="notes")
    pair, decider = opened(pair, by, None, notes=notes)
    decider.note(pair)
    return _shown(pair)


@transaction.atomic
def decide_anew(*, pair: QAPair, by: User, version: int, action: str, **entered: Any) -> QAPair:
    """Decide a pair although somebody was faster, with both texts seen: theirs is reopened, both stay in history.

    :raises StaleVersion: it changed once more since `version`.
    """
    current = QAPair.objects.get(pk=pair.pk)
    if current.status not in STARTS_FROM[action]:
        current = reopen_pair(pair=current, by=by, version=version, reason=REPLACED)
        version = current.version
    return SERVICES[Action(action)](pair=current, by=by, version=version, **entered)


def keep_theirs(*, pair: QAPair, by: User) -> None:
    """Let what is there stand: throw away what `by` typed about it."""
    drafts.discard(pair=pair, by=by)


def _shown(pair: QAPair) -> QAPair:
    return QAPair.objects.select_related("prompt", "answer", "canonical_label").get(pk=pair.pk)
