"""When a constraint changes or runs out: dataset versions that hold a row that no longer permits its use stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from governance import context
from governance.models import ConstraintChange, DerivationParent
from governance.record import emptying
from labeling.models import Content
from training.datasets.models import CuratedDataset, DatasetMember, DatasetVersion
from training.datasets.rules import SIDE_USES, TEST
from training.datasets.selectors import USABLE, why_prohibited
from training.datasets.transitions import SUSPEND

if TYPE_CHECKING:
    from governance.models import User
    from governance.uses import Use


def suspend_affected(change: ConstraintChange) -> None:
    """Registered with `governance.constraints.on_change`; runs in the transaction of the change."""
    if change.direction == ConstraintChange.Direction.RELAXED:
        return
    why = f"{change.subject_label} was {change.direction}: {change.reason}"
    _suspend_prohibited(_reached_by(change), lambda version: why)


@transaction.atomic
def _suspend_prohibited(members: Q, why: Callable[[DatasetVersion], str]) -> int:
    """Suspend usable versions of which one of these members no longer permits the use of its side."""
    reached = DatasetMember.objects.filter(members, version__status__in=USABLE)
    found: set[UUID] = set()
    for purpose, side in reached.order_by().values_list("version__dataset__purpose", "split").distinct():
        use = SIDE_USES[TEST if purpose == CuratedDataset.Purpose.EVALUATION else side]
        found |= _prohibited(reached.filter(split=side, version__dataset__purpose=purpose), use)
    versions = list(DatasetVersion.objects.select_for_update().filter(pk__in=found, status__in=USABLE))
    for version in versions:
        suspend(version, why(version))
    return len(versions)


def suspend_erased(kind: str, digests: Sequence[str], reason: str, by: User) -> None:
    """Registered with `emptying.on_emptied`; runs in the transaction of the erasure."""
    if kind != Content._meta.label_lower:
        return
    for some in emptying.parts(digests):
        held = Q(prompt__in=some) | Q(answer__in=some) | Q(pair__prompt__in=some) | Q(pair__answer__in=some)
        _suspend_prohibited(held | Q(label__content__in=some), lambda version: f"content of it was erased: {reason}")


def suspend_expired() -> int:
    """Suspend versions of which a row's permission has run out since; returns how many.

    A moment that passes is no change that anybody makes, so this looks for what it has done.
    """
    passed = Q(pair__effective_until__lte=timezone.now()) | Q(pair__derivation__until__lte=timezone.now())
    passed |= Q(label__effective_until__lte=timezone.now()) | Q(label__derivation__until__lte=timezone.now())
    passed |= Q(version__prompt_derivation__until__lte=timezone.now())
    return _suspend_prohibited(passed, _what_ran_out)


def _what_ran_out(version: DatasetVersion) -> str:
    return "; ".join(f"{count} {reason}" for reason, count in why_prohibited(version).items())


def suspend(version: DatasetVersion, reason: str) -> None:
    """Take the approval of a locked version back, on record."""
    SUSPEND.apply(version)
    version.status_reason = reason
    with context.because(reason):
        version.save(update_fields=["status", "status_reason"])


def _prohibited(rows: QuerySet[DatasetMember], use: Use) -> set[UUID]:
    """Versions that one of these members no longer permits to be used so."""
    lost = rows.exclude(pk__in=rows.permitting(use).values("pk"))  # type: ignore[attr-defined]
    return set(lost.order_by().values_list("version", flat=True).distinct())


def _reached_by(change: ConstraintChange) -> Q:
    """Members that inherit from the changed row, whichever way."""
    derivations = DerivationParent.objects.filter(kind=change.kind, object_id=change.object_id).values("derivation")
    found = (
        Q(pair__derivation__in=derivations)
        | Q(label__derivation__in=derivations)
        | Q(version__prompt_derivation__in=derivations)
    )
    if change.kind == "labeling.qapair":
        found |= Q(pair=change.object_id)
    if change.kind == "labeling.canonicallabel":
        found |= Q(label=change.object_id) | Q(pair__canonical_label=change.object_id)
    return found
