"""Which leave rows rest on, in words: for gates, pages and manifests that must name it. Reading only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db.models import QuerySet

from governance import lifting
from governance.models import Approval, ApprovalRequest, Declassification, Derivation, DerivationParent
from governance.rules.declassifications import GATE
from governance.uses import Classification, uses_in

if TYPE_CHECKING:
    from governance.models import User


def leave_under(derivations: QuerySet[Derivation]) -> QuerySet[Declassification]:
    """Declassifications in force that reach some of these derivations."""
    reaching = DerivationParent.objects.filter(derivation__in=derivations.values("pk"), kind=lifting.KIND)
    found: QuerySet[Declassification] = Declassification.objects.in_force().filter(pk__in=reaching.values("object_id"))
    return found.order_by("approved_at", "pk")


def in_words(found: Iterable[Declassification]) -> list[dict[str, Any]]:
    """What each permits, until when, and who gave it; JSON-safe, in one query for all. It names no source."""
    leave = list(found)
    signed = _signatures(leave)
    return [
        {
            "declassification": one.scope_label,
            "id": str(one.pk),
            "permits": uses_in(one.grants_uses),
            "classification": Classification(one.grants_classification).label,
            "until": one.permitted_until.isoformat() if one.permitted_until else None,
            "reason": one.usage_reason,
            "approved by": signed[one.pk],
        }
        for one in leave
    ]


def _signatures(leave: Iterable[Declassification]) -> dict[Any, list[dict[str, str]]]:
    """The signatures that brought each into force, oldest first."""
    given = Approval.objects.filter(
        request__gate=GATE, request__object_id__in=[one.pk for one in leave],
        request__state=ApprovalRequest.State.APPROVED, withdrawal=None,
    )  # fmt: skip
    signed: dict[Any, list[dict[str, str]]] = defaultdict(list)
    for one in given.select_related("approver", "request").order_by("signed_at"):
        told = {"by": one.approver.display_name, "role": one.role, "signed_at": one.signed_at.isoformat()}
        signed[one.request.object_id].append(told)
    return signed


def sources_in_words(found: Iterable[Declassification], user: User) -> list[str]:
    """The sources that each lifts: by name those that `user` may see, of the others how many."""
    leave = list(found)
    seen = _visible({(source["kind"], source["id"]) for one in leave for source in one.lifted}, user)
    return [_named(one.lifted, seen) for one in leave]


def _visible(keys: set[tuple[str, str]], user: User) -> set[tuple[str, str]]:
    """Those of these rows that `user` may see, in one query for each kind."""
    by_kind: dict[str, list[str]] = defaultdict(list)
    for kind, pk in sorted(keys):
        by_kind[kind].append(pk)
    seen: set[tuple[str, str]] = set()
    for kind, pks in by_kind.items():
        rows: Any = apps.get_model(kind)._default_manager
        seen |= {(kind, str(pk)) for pk in rows.visible_to(user).filter(pk__in=pks).values_list("pk", flat=True)}
    return seen


def _named(lifted: list[dict[str, Any]], seen: set[tuple[str, str]]) -> str:
    names = [source["label"] for source in lifted if (source["kind"], source["id"]) in seen]
    hidden = len(lifted) - len(names)
    return "; ".join([*names, f"{hidden} that you may not see"] if hidden else names)
