"""Desks of approvals: requests, policies and proposals to change them, delegations."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join

from governance import desk
from governance.admin_base import DeskAdmin
from governance.approvals import delegations, policies, reminders
from governance.approvals.forms import policy_form
from governance.approvals.registry import GATES
from governance.approvals.selectors import (
    WHOSE,
    closed_because,
    may_ask_again,
    may_sign,
    of_mine,
    requests_visible_to,
)
from governance.approvals.signatures import given_by, is_withdrawn
from governance.approvals.views import delegate_page
from governance.models import (
    Approval,
    ApprovalRequest,
    Delegation,
    GatePolicy,
    PolicyProposal,
    User,
)
from governance.portal import content
from governance.portal.lists import WordsFilter
from governance.portal.marks import chip
from governance.portal.rows import row_url, waiting_words
from governance.portal.steps import CommentForm, ReasonForm, Step
from governance.roles import ROLES


def _sign(*, approve: bool) -> Any:
    def service(*, request: ApprovalRequest, by: User, comment: str) -> ApprovalRequest:
        return desk.decide(request=request, by=by, approve=approve, comment=comment)

    return service


def _approve_form(request: ApprovalRequest, user: Any) -> type[forms.Form]:
    """An approval's comment may be left out where the gate's policy says so."""
    if GatePolicy.objects.filter(gate=request.gate, comment_required=False).exists():
        return type("ApproveForm", (CommentForm,), {
            "comment": forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}), max_length=4000)
        })  # fmt: skip
    return CommentForm


def _may_approve(request: ApprovalRequest, user: Any) -> bool:
    """What waits in vain is not offered: signing it would only close it."""
    return may_sign(request, user) and not desk.why_in_vain(request)


def _own_signature(request: ApprovalRequest, user: Any) -> Approval | None:
    return request.approvals.filter(given_by(user.person_id), approver=user).first() if user.person_id else None


def _may_take_back(request: ApprovalRequest, user: Any) -> bool:
    """Open, or the gate says what becomes of its subject."""
    gate = GATES.get(request.gate)
    undone = request.state == ApprovalRequest.State.APPROVED and gate is not None and gate.on_lost is not None
    open_ = request.state == ApprovalRequest.State.PENDING
    return (open_ or undone) and _own_signature(request, user) is not None


def _take_back(*, request: ApprovalRequest, by: User, reason: str) -> ApprovalRequest:
    signed = _own_signature(request, by)
    return desk.take_back(approval=signed, by=by, reason=reason) if signed else request


class GateFilter(WordsFilter):
    """Requests for one kind of step."""

    title = "step"
    parameter_name = "gate"

    def words(self) -> dict[str, str]:
        return {slug: gate.title for slug, gate in GATES.items()}


class MineFilter(admin.SimpleListFilter):
    """Requests that are one's own affair."""

    title = "mine"
    parameter_name = "mine"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return list(WHOSE.items())

    def queryset(self, request: Any, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(of_mine(request.user, self.value())) if self.value() else queryset


@admin.register(ApprovalRequest)
class ApprovalRequestAdmin(DeskAdmin):
    """What waits for a second person, and what became of it."""

    list_display = ("subject_label", "step", "status_chip", "requested_by", "requested_at", "waits_for", "expires_at")
    list_filter = (MineFilter, "state", GateFilter)
    list_select_related = ("requested_by",)
    search_fields = ("subject_label", "reason")
    fields = (
        "subject_link", "step", "reason", "asked_terms", "shown", "requested_by", "requested_at", "expires_at",
        "waits_for", "signatures", "reminded", "fingerprint",
    )  # fmt: skip
    change_form_template = "governance/approval_request.html"
    empty_state = {
        "title": "Nothing waits for approval",
        "text": "When someone asks to publish a Sheet, approve a dataset or relax a constraint, it appears here.",
    }
    steps = (
        Step(name="approve", label="Approve", service=_sign(approve=True), argument="request", form=_approve_form,
             available=_may_approve, style="primary"),
        Step(name="ask-for-changes", label="Ask for changes", service=desk.ask_for_changes, argument="request",
             form=CommentForm, available=may_sign,
             lead="The request closes, and whoever asked reads your comment and may ask again."),
        Step(name="reject", label="Reject", service=_sign(approve=False), argument="request", form=CommentForm,
             available=may_sign, style="danger"),
        Step(name="take-back", label="Take my signature back", service=_take_back, argument="request",
             form=ReasonForm, available=_may_take_back, style="danger", success="Your signature no longer counts."),
        Step(name="ask-again", label="Ask again", service=desk.ask_again, argument="request", style="primary",
             available=may_ask_again, then=row_url),
        Step(name="withdraw", label="Withdraw", service=desk.withdraw, argument="request", form=ReasonForm,
             available=lambda request, user: request.state == "pending" and request.requested_by_id == user.pk),
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return requests_visible_to(request.user).prefetch_related("approvals__withdrawal")

    @property
    def list_lead(self) -> str:
        days = settings.REMIND_AFTER_DAYS
        how = "in the portal and by e-mail" if reminders.mail_is_set_up() else "in the portal; no e-mail is set up"
        return f"Those who could sign are reminded after {days} days, and before a request expires: {how}."

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """With why it waits in vain, before anybody tries to sign it, or why it closed."""
        waits = row.state == ApprovalRequest.State.PENDING
        return super().page_context(request, row) | {
            "in_vain": desk.why_in_vain(row) if waits else "",
            "closed_because": closed_because(row),
            "beside": _beside(row, request.user),
        }

    @admin.display(description="Step")
    def step(self, request: ApprovalRequest) -> str:
        return request.title

    @admin.display(description="Waits for")
    def waits_for(self, request: ApprovalRequest) -> str:
        return waiting_words(request) if request.state == ApprovalRequest.State.PENDING else "—"

    @admin.display(description="About")
    def subject_link(self, request: ApprovalRequest) -> Any:
        subject = request.subject
        url = row_url(subject) if subject is not None else ""
        return format_html('<a href="{}">{}</a>', url, request.subject_label) if url else request.subject_label

    @admin.display(description="Asked for")
    def asked_terms(self, request: ApprovalRequest) -> Any:
        """While it waits, beside what is so now."""
        if not request.payload:
            return "—"
        now = _bound(request) if request.state == ApprovalRequest.State.PENDING else None
        return content.asked(request.payload, now if isinstance(now, dict) else {})

    @admin.display(description="What it is about")
    def shown(self, request: ApprovalRequest) -> Any:
        """Everything that the fingerprint binds the approval to, as it is now."""
        found = _bound(request)
        return content.shown(found) if found is not None else "—"

    @admin.display(description="Signatures")
    def signatures(self, request: ApprovalRequest) -> Any:
        signed = list(request.approvals.select_related("approver", "for_account", "withdrawal__withdrawn_by"))
        lines = format_html_join("", "<li>{}</li>", ((_signature(one),) for one in signed))
        return format_html('<ul class="lines">{}</ul>', lines) if signed else "none yet"

    @admin.display(description="Reminded")
    def reminded(self, request: ApprovalRequest) -> Any:
        rows = request.reminders.select_related("account")[:20]
        return format_html_join("", "{} on {} ({})<br>", (
            (one.account, one.day.strftime("%d %b %Y"), "by e-mail" if one.mailed_to else "in the portal")
            for one in rows
        )) or "nobody yet"  # fmt: skip


def _bound(request: ApprovalRequest) -> Any:
    """What its gate binds the approval to, as it is now; None where that is gone."""
    subject, gate = request.subject, GATES.get(request.gate)
    return gate.content(subject) if gate and subject is not None else None


def _beside(request: ApprovalRequest, user: Any) -> Any:
    """What an approver should know besides, as far as they may see it."""
    subject, gate = request.subject, GATES.get(request.gate)
    if gate is None or subject is None:
        return ""
    found = gate.beside(subject, user)
    if gate.would_change is not None and may_sign(request, user):
        found = found | {"what_if": gate.would_change(subject, request.payload, user).as_json()}
    return content.shown(found) if found else ""


def _signature(approval: Approval) -> Any:
    """Who answered what, when and in whose right; then what they said, how they proved it, whether it still counts."""
    role = ROLES[approval.role][0].lower() if approval.role in ROLES else approval.role
    whose = f" for {approval.for_account.display_name}" if approval.for_account else ""
    proved = _moment(approval.authenticated_at)
    said = [
        f"“{approval.comment}”" if approval.comment else "",
        f"Proved who they are on {proved}." if proved else "Signed by a command on the server, without proof.",
    ]
    if is_withdrawn(approval):
        taken = approval.withdrawal
        said.append(f"It no longer counts since {_moment(taken.withdrawn_at)}: {taken.reason}")
    return format_html(
        "<strong>{}</strong>{}, as {}, {} on {}{}", approval.approver.display_name, whose, role,
        approval.get_verdict_display(), _moment(approval.signed_at),
        format_html_join("", '<p class="text muted">{}</p>', ((words,) for words in said if words)),
    )  # fmt: skip


def _moment(value: Any) -> str:
    return timezone.localtime(value).strftime("%d %b %Y %H:%M") if value else ""


@admin.register(GatePolicy)
class GatePolicyAdmin(DeskAdmin):
    """Who must approve which step. It changes by a proposal that another person approves."""

    list_display = ("__str__", "needs", "author_may_approve", "lifetime_days", "reauthenticate_minutes",
                    "comment_required")  # fmt: skip
    fields = ("needs", "author_may_approve", "lifetime_days", "reauthenticate_minutes", "comment_required")
    list_lead = "Nobody edits a policy: propose new values, and a compliance officer decides."
    steps = (
        Step(name="propose", label="Propose a change", service=policies.propose, argument="policy", form=policy_form,
             permission="governance.add_policyproposal", style="primary", then=row_url,
             lead="Nothing changes until another person approves. Open requests keep what they asked for."),
    )  # fmt: skip

    @admin.display(description="Needs")
    def needs(self, policy: GatePolicy) -> str:
        return _needs(policy.approvals)


def _needs(approvals: dict[str, int]) -> str:
    return ", ".join(f"{count} {role.replace('-', ' ')}" for role, count in sorted(approvals.items()))


@admin.register(PolicyProposal)
class PolicyProposalAdmin(DeskAdmin):
    """What was proposed for policies, and by whom; decided under Approvals."""

    list_display = ("__str__", "proposed_by", "proposed_at", "needs")
    list_select_related = ("policy", "proposed_by")
    search_fields = ("policy__gate",)
    fields = ("policy", "proposed_by", "proposed_at", "needs", "author_may_approve", "lifetime_days",
              "reauthenticate_minutes", "comment_required")  # fmt: skip
    empty_state = {
        "title": "No policy change was proposed yet",
        "text": "Open a gate policy and propose new values; another person approves them.",
        "url": "../gatepolicy/", "action": "Look at gate policies",
    }  # fmt: skip

    @admin.display(description="Needs")
    def needs(self, proposal: PolicyProposal) -> str:
        return _needs(proposal.approvals)


@admin.register(Delegation)
class DelegationAdmin(DeskAdmin):
    """Rights to sign that one person lent to another, and until when."""

    list_display = ("role_words", "delegator", "delegate", "gate_words", "until", "state_chip")
    list_select_related = ("delegator", "delegate")
    search_fields = ("delegator__username", "delegate__username", "reason")
    fields = ("delegator", "delegate", "role_words", "gate_words", "reason", "created_at", "until", "state_chip",
              "revoked_at", "revoked_by")  # fmt: skip
    list_lead = "Whoever signs for you is named with you; the two of you count once."
    empty_state = {
        "title": "Nobody has lent a right to sign",
        "text": "Before you are away, lend your right to another person until a date.",
        "url": "add/", "action": "Lend my right to sign",
    }  # fmt: skip
    steps = (
        Step(name="revoke", label="End now", service=delegations.revoke, argument="delegation", form=ReasonForm,
             style="danger", available=lambda one, user: delegations.state_of(one)[0] == "in force"
             and (user.is_superuser or user.pk in {one.delegator_id, one.delegate_id})),
    )  # fmt: skip

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("governance.add_delegation")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return delegate_page(request)

    @admin.display(description="Role", ordering="role")
    def role_words(self, one: Delegation) -> str:
        return ROLES[one.role][0] if one.role in ROLES else one.role

    @admin.display(description="Step", ordering="gate")
    def gate_words(self, one: Delegation) -> str:
        return GATES[one.gate].title if one.gate in GATES else one.gate or "every step"

    @admin.display(description="State")
    def state_chip(self, one: Delegation) -> Any:
        return chip(*delegations.state_of(one))
