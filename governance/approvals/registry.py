"""What a gate is, and which there are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import models

from governance.models import GatePolicy
from governance.models.approvals import TITLES

if TYPE_CHECKING:
    from governance.models import ApprovalRequest, User


@dataclass(frozen=True, kw_only=True)
class Gate:
    """One kind of step that needs approval. Apps register theirs in `AppConfig.ready`.

    `content` returns JSON-safe data of everything an approver is shown; `perform` makes the step, inside
    the deciding transaction; `check` raises when the step could not be made now; `authors` are the accounts
    that made the content and so may not approve it; `also_needs` adds approvals by role for one subject.
    `still(subject, payload)` raises when the step that was asked for cannot be made any more; None: `check` says it.
    It reads nothing but the database: it is asked again and again while the request waits.
    `asking_needs_proof`: who asks must have proved who they are as recently as who signs.
    `author_never_approves`: whatever the policy says.
    `ask_again(subject, request, by, reason)` asks once more for what came to nothing; None: not from the request.
    `beside(subject, user)` is what an approver should know and what depends on who looks; no approval binds to it.
    `would_change(subject, payload, user)`: the what-if report as far as this signer may see; the asker may see less.
    `on_lost(subject, reason)` undoes what can be undone when a signature is taken back after the step; where there is
    none, that is refused, and `instead` says what to do.
    """

    slug: str
    title: str
    content: Callable[[Any], object]
    perform: Callable[[Any, ApprovalRequest, User], None]
    check: Callable[[Any], None] = lambda subject: None
    authors: Callable[[Any], Iterable[User]] = lambda subject: ()
    also_needs: Callable[[Any], dict[str, int]] = lambda subject: {}
    still: Callable[[Any, dict[str, Any]], None] | None = None
    default_approvals: dict[str, int] = field(default_factory=lambda: {"approver": 1})
    beside: Callable[[Any, User], dict[str, Any]] = lambda subject, user: {}
    would_change: Callable[[Any, dict[str, Any], User], Any] | None = None
    asking_needs_proof: bool = False
    author_never_approves: bool = False
    ask_again: Callable[[Any, ApprovalRequest, User, str], ApprovalRequest] | None = None
    on_lost: Callable[[Any, str], None] | None = None
    instead: str = ""

    def check_still(self, subject: Any, payload: dict[str, Any]) -> None:
        """:raises WorkbenchError: the step that was asked for cannot be made any more."""
        if self.still is not None:
            self.still(subject, payload)
        else:
            self.check(subject)


GATES: dict[str, Gate] = {}


def register_gate(gate: Gate) -> None:
    GATES[gate.slug] = gate
    TITLES[gate.slug] = gate.title


def sync_policies(**_: Any) -> None:
    """Every registered gate has a policy row; rows that people changed stay as they are."""
    for gate in GATES.values():
        GatePolicy.objects.get_or_create(gate=gate.slug, defaults={"approvals": gate.default_approvals})


def fingerprint(gate: Gate, subject: models.Model, payload: dict[str, Any]) -> str:
    """SHA-256 of the canonical JSON of what the approvers are shown."""
    shown = {"gate": gate.slug, "content": gate.content(subject), "payload": payload}
    text = json.dumps(shown, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()
