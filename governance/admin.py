"""Desks of the ground floor: approvals, jobs, the record of constraints, policies, accounts."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html

from governance import desk, jobs
from governance.admin_base import CommentForm, DeskAdmin, NothingHere, ReasonForm, Step, row_url, waiting_words
from governance.compliance import admin as compliance_admin  # noqa: F401 - registers the desk's lists
from governance.models import (
    Approval,
    ApprovalRequest,
    GatePolicy,
    Job,
    Person,
    RoleDescription,
    TagRule,
    User,
)
from governance.outbound import admin as outbound_admin  # noqa: F401 - registers the desk of allowed addresses
from governance.portal import content
from governance.portal.marks import use_strip
from governance.portal.strip import strip_of
from governance.record import admin as record_admin  # noqa: F401 - registers the record's desks
from governance.sign_in import admin as sign_in_admin  # noqa: F401 - registers the desks of signing in


def _sign(*, approve: bool) -> Any:
    def service(*, request: ApprovalRequest, by: User, comment: str) -> ApprovalRequest:
        return desk.decide(request=request, by=by, approve=approve, comment=comment)

    return service


def _may_sign(request: ApprovalRequest, user: Any) -> bool:
    return desk.waiting_for(user).filter(pk=request.pk).exists()


class _WordsFilter(admin.SimpleListFilter):
    """By a column that holds a slug, offered in the words that its registry has for it."""

    def words(self) -> dict[str, str]:
        raise NotImplementedError

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return sorted(self.words().items(), key=lambda pair: pair[1])

    def queryset(self, request: Any, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{str(self.parameter_name): self.value()}) if self.value() else queryset


class GateFilter(_WordsFilter):
    """Requests for one kind of step."""

    title = "step"
    parameter_name = "gate"

    def words(self) -> dict[str, str]:
        return {slug: gate.title for slug, gate in desk.GATES.items()}


class KindFilter(_WordsFilter):
    """Jobs of one kind."""

    title = "kind"
    parameter_name = "kind"

    def words(self) -> dict[str, str]:
        return {slug: kind.label for slug, kind in jobs.KINDS.items()}


@admin.register(ApprovalRequest)
class ApprovalRequestAdmin(DeskAdmin):
    """What waits for a second person, and what became of it."""

    list_display = ("subject_label", "step", "status_chip", "requested_by", "requested_at", "waits_for")
    list_filter = ("state", GateFilter)
    list_select_related = ("requested_by",)
    search_fields = ("subject_label", "reason")
    fields = (
        "subject_link", "step", "reason", "asked_terms", "shown", "requested_by", "requested_at", "expires_at",
        "waits_for", "signatures", "fingerprint",
    )  # fmt: skip
    empty_state = {
        "title": "Nothing waits for approval",
        "text": "When someone asks to publish a Sheet, approve a dataset or relax a constraint, it appears here.",
    }
    steps = (
        Step(name="approve", label="Approve", service=_sign(approve=True), argument="request", form=CommentForm,
             permission="governance.decide_approvalrequest", available=_may_sign, style="primary"),
        Step(name="reject", label="Reject", service=_sign(approve=False), argument="request", form=CommentForm,
             permission="governance.decide_approvalrequest", available=_may_sign, style="danger"),
        Step(name="withdraw", label="Withdraw", service=desk.withdraw, argument="request", form=ReasonForm,
             available=lambda request, user: request.state == "pending" and request.requested_by_id == user.pk),
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return desk.requests_visible_to(request.user).prefetch_related("approvals")

    @admin.display(description="Step")
    def step(self, request: ApprovalRequest) -> str:
        return request.title

    @admin.display(description="Waits for")
    def waits_for(self, request: ApprovalRequest) -> str:
        return waiting_words(request) if request.state == ApprovalRequest.State.PENDING else "—"

    @admin.display(description="About")
    def subject_link(self, request: ApprovalRequest) -> Any:
        subject = request.subject
        url = subject_url(subject) if subject is not None else ""
        return format_html('<a href="{}">{}</a>', url, request.subject_label) if url else request.subject_label

    @admin.display(description="Asked for")
    def asked_terms(self, request: ApprovalRequest) -> Any:
        return content.json_pretty(request.payload) if request.payload else "—"

    @admin.display(description="What it is about")
    def shown(self, request: ApprovalRequest) -> Any:
        """Everything that the fingerprint binds the approval to, as it is now."""
        subject, gate = request.subject, desk.GATES.get(request.gate)
        return content.json_pretty(gate.content(subject)) if gate and subject is not None else "—"

    @admin.display(description="Signatures")
    def signatures(self, request: ApprovalRequest) -> Any:
        signed = list(request.approvals.select_related("approver"))
        return content.json_pretty([_signature(one) for one in signed]) if signed else "none yet"


def _signature(approval: Approval) -> dict[str, str]:
    return {
        "who": f"{approval.approver.display_name} as {approval.role.replace('-', ' ')}",
        "verdict": approval.get_verdict_display(),
        "comment": approval.comment,
        "when": approval.signed_at.strftime("%d %b %Y %H:%M"),
        "proof": _moment(approval.authenticated_at),
    }


def _moment(value: Any) -> str:
    return value.strftime("%d %b %Y %H:%M") if value else "none: by a command on the server"


def subject_url(subject: Any) -> str:
    """The page of what a request is about; for a version whose admin is its identity's, that page."""
    return row_url(subject)


@admin.register(Job)
class JobAdmin(DeskAdmin):
    """Long work, live."""

    list_display = ("job_label", "subject_label", "status_chip", "progress", "requested_by", "created_at")
    list_filter = ("state", KindFilter)
    list_select_related = ("requested_by",)
    search_fields = ("subject_label", "kind")
    empty_state = {
        "title": "No jobs yet",
        "text": "Generation, exports, training and evaluations run as jobs; each shows its progress here.",
    }
    steps = (
        Step(name="cancel", label="Cancel job", service=jobs.cancel, argument="job", style="danger",
             confirm="Cancel this job? What is done so far is kept.",
             available=lambda job, user: not job.is_finished, success="Asked the job to stop."),
    )  # fmt: skip

    @admin.display(description="Job")
    def job_label(self, job: Job) -> str:
        return jobs.KINDS[job.kind].label if job.kind in jobs.KINDS else job.kind

    @admin.display(description="Progress")
    def progress(self, job: Job) -> str:
        return f"{job.done:,} of {job.total:,}" if job.total else (f"{job.done:,}" if job.done else "—")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        self.get_object_or_404(request, object_id)
        return HttpResponseRedirect(reverse("governance:job", args=[object_id]))


@admin.register(TagRule)
class TagRuleAdmin(DeskAdmin):
    """What catalog tags mean for everything made from what carries them."""

    list_display = ("tag", "permits", "reason")
    search_fields = ("tag", "reason")

    @admin.display(description="Permits")
    def permits(self, rule: TagRule) -> Any:
        return use_strip(strip_of(rule.allowed_uses, 31, rule.data_classification))


@admin.register(GatePolicy)
class GatePolicyAdmin(DeskAdmin):
    """Who must approve which step."""

    list_display = ("__str__", "needs", "author_may_approve", "lifetime_days", "reauthenticate_minutes")
    fields = ("approvals", "author_may_approve", "lifetime_days", "reauthenticate_minutes")
    update_service = desk.change_policy
    service_argument = "policy"

    @admin.display(description="Needs")
    def needs(self, policy: GatePolicy) -> str:
        return ", ".join(f"{count} {role.replace('-', ' ')}" for role, count in policy.approvals.items())


@admin.register(RoleDescription)
class RoleDescriptionAdmin(DeskAdmin):
    """What each role may do, in plain English."""

    list_display = ("__str__", "description")
    list_select_related = ("group",)


@admin.register(User)
class AccountAdmin(NothingHere, UserAdmin):
    """Accounts, for administrators. Accounts are deactivated, never deleted: the record names them."""

    list_display = ("username", "first_name", "last_name", "person", "is_active", "is_superuser")
    list_select_related = ("person",)
    fieldsets = (
        (None, {"fields": ("username", "password", "person")}),
        ("Name", {"fields": ("first_name", "last_name", "email")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "person", "usable_password", "password1", "password2")}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Who may only read accounts is not led to the form for a new password."""
        shown = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return shown
        return [
            (title, {**options, "fields": [name for name in options["fields"] if name != "password"]})
            for title, options in shown
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """With a way to the page that takes lost second factors away."""
        context = dict(extra_context or {})
        if request.user.is_superuser and object_id != str(request.user.pk) and object_id.isdecimal():
            url = reverse("governance:second-factors", args=[object_id])
            link = {"label": "Lost second factor", "url": url, "style": "plain", "method": "get"}
            context["object_actions"] = [*context.get("object_actions", []), link]
        return super().change_view(request, object_id, form_url, context)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Person)
class PersonAdmin(NothingHere, admin.ModelAdmin):
    """The human beings behind the accounts, for administrators."""

    search_fields = ("name",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


admin.site.unregister(Group)


@admin.register(Group)
class RoleGroupAdmin(NothingHere, GroupAdmin):
    """Groups: roles and teams, for administrators."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
