"""Whether a model that learned from rows which would not permit it today may be put to use: someone must say so."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction

from governance import access, context, desk
from governance.errors import InvalidInput, ReasonRequired, SameApprover
from training.runs.errors import ModelAffected, NotAffected
from training.runs.models import AffectedDecision, ModelVersion
from training.runs.selectors import affected_pairs

if TYPE_CHECKING:
    from governance.models import User

PROOF_MINUTES = 15
Verdict = AffectedDecision.Verdict


@dataclass(frozen=True)
class Affected:
    """The pairs that would not permit training today, by number and by a digest of their ids in order."""

    pairs: int
    digest: str


def affected_now(model_version: ModelVersion) -> Affected:
    digest, count = hashlib.sha256(), 0
    for pk in affected_pairs(model_version).order_by("pk").values_list("pk", flat=True).iterator():
        digest.update(f"{pk}\n".encode())
        count += 1
    return Affected(count, digest.hexdigest())


def decision_in_force(model_version: ModelVersion, now: Affected | None = None) -> AffectedDecision | None:
    """The last decision, if it was made on the very pairs that are affected now."""
    last = AffectedDecision.objects.filter(model_version=model_version).first()
    found = now or affected_now(model_version)
    return last if last is not None and last.digest == found.digest else None


@transaction.atomic
def decide_on_affected(*, model_version: ModelVersion, verdict: str, reason: str, by: User) -> AffectedDecision:
    """Say whether it may stay in use although it learned from such rows. Never changed; the last one counts.

    :raises SameApprover: `by` is the person who trained it, through any account.
    :raises NotAffected: there is nothing to decide.
    :raises ReauthenticationRequired: `by` last proved who they are too long ago.
    """
    access.require(by, "training.add_affecteddecision", model_version)
    if verdict not in Verdict.values:
        raise InvalidInput(f"{verdict!r} is no verdict; expected one of: {', '.join(Verdict.values)}.", field="verdict")
    if not reason.strip():
        raise ReasonRequired("Say why; it goes on record.", field="reason")
    desk.require_proof(PROOF_MINUTES, "Deciding this", by=by)
    locked = ModelVersion.objects.select_for_update(of=("self",)).select_related("run__created_by").get(
        pk=model_version.pk
    )  # fmt: skip
    if by.person_id is None or by.person_id == locked.run.created_by.person_id:
        raise SameApprover("Whoever trained the model does not decide this; someone else must.", field="verdict")
    now = affected_now(locked)
    if not now.pairs:
        raise NotAffected(f"“{locked}” learned from no pair that would not permit it today.")
    with context.because(reason, by=by):
        return AffectedDecision.objects.create(
            model_version=locked, verdict=verdict, reason=reason.strip(), pairs=now.pairs, digest=now.digest,
            decided_by=by,
        )  # fmt: skip


def require_usable_model(model_version: ModelVersion, what: str) -> None:
    """:raises ModelAffected: it is affected, and not by decision left in use."""
    now = affected_now(model_version)
    if not now.pairs:
        return
    decision = decision_in_force(model_version, now)
    if decision is None or decision.verdict != Verdict.MAY_STAY:
        decided = f" {decision.decided_by} decided that it must not be used." if decision else ""
        raise ModelAffected(
            f"Cannot {what} “{model_version}”: it learned from {now.pairs} pairs that would not permit it today."
            f"{decided} Train a version without them, or have a compliance officer decide on its page.",
            details={"pairs": now.pairs, "decided": bool(decision)},
        )
