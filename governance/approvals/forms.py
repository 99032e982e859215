"""What people fill in about approvals: new values of a policy, a delegation."""

from __future__ import annotations

from typing import Any

from django import forms

from governance.approvals.policies import LONGEST_LIFE_DAYS, LONGEST_PROOF_MINUTES
from governance.approvals.registry import GATES
from governance.approvals.signatures import signing_roles
from governance.models import GatePolicy
from governance.portal import suggestions
from governance.portal.suggestions import SuggestingInput
from governance.roles import roles_of

NEEDS = "needs_"


class _PolicyForm(forms.Form):
    """New values of a policy; how many of each role come before these fields."""

    author_may_approve = forms.BooleanField(required=False, label="Its author may approve")
    lifetime_days = forms.IntegerField(min_value=1, max_value=LONGEST_LIFE_DAYS, label="A request lives (days)")
    reauthenticate_minutes = forms.IntegerField(
        min_value=0, max_value=LONGEST_PROOF_MINUTES, label="Proof of the signer not older than (minutes)",
        help_text="0: at any time in the session.",
    )  # fmt: skip
    comment_required = forms.BooleanField(
        required=False, label="An approval needs a comment", help_text="Any other answer always does."
    )
    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=4000)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        counts = {name: cleaned.pop(name, None) for name in list(cleaned) if name.startswith(NEEDS)}
        cleaned["approvals"] = {name.removeprefix(NEEDS): count for name, count in counts.items() if count}
        return cleaned


def policy_form(policy: GatePolicy, user: Any) -> type[forms.Form]:
    """The form for one policy, with what it says now."""
    fields: dict[str, Any] = {
        f"{NEEDS}{slug}": forms.IntegerField(
            min_value=0, max_value=9, required=False, label=f"Approvals: {name}",
            initial=policy.approvals.get(slug, 0),
        )
        for slug, name in sorted(signing_roles().items())
    }  # fmt: skip
    made: Any = type("PolicyForm", (_PolicyForm,), dict(fields))  # a form's class empties the dictionary it is given
    made.base_fields = {**{name: made.base_fields[name] for name in fields}, **made.base_fields}
    for name in ("author_may_approve", "lifetime_days", "reauthenticate_minutes", "comment_required"):
        made.base_fields[name].initial = getattr(policy, name)
    return made


class DelegationForm(forms.Form):
    """To whom one lends which right, and until when."""

    to = forms.CharField(
        label="To", widget=SuggestingInput(suggestions.people),
        help_text="Another person, by user name; begin to type to choose.",
    )  # fmt: skip
    role = forms.ChoiceField(help_text="The role in which they sign for you.")
    gate = forms.ChoiceField(required=False, label="Step", help_text="One kind of step, or all of them.")
    until = forms.DateTimeField(
        help_text="From this moment they can no longer sign for you.",
        widget=forms.DateTimeInput(attrs={"placeholder": "2027-03-31 00:00"}),
    )
    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=4000)

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        able = signing_roles()
        self.fields["role"].choices = [(slug, able[slug]) for slug in sorted(roles_of(user) & able.keys())]  # type: ignore[attr-defined]
        gates = sorted((gate.title, slug) for slug, gate in GATES.items())
        self.fields["gate"].choices = [("", "every step"), *((slug, title) for title, slug in gates)]  # type: ignore[attr-defined]
