"""Desks of the ground floor: jobs, tag rules, roles, accounts, groups; its rooms register their own."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.contrib.auth.models import Group
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from governance import jobs
from governance.admin_base import DeskAdmin, NothingHere
from governance.approvals import admin as approvals_admin  # noqa: F401 - registers the desks of approvals
from governance.compliance import admin as compliance_admin  # noqa: F401 - registers the desk's lists
from governance.models import (
    Job,
    Person,
    RoleDescription,
    User,
)
from governance.outbound import admin as outbound_admin  # noqa: F401 - registers the desk of allowed addresses
from governance.people import admin as people_admin  # noqa: F401 - registers the desks of people
from governance.people import linking
from governance.portal.lists import WordsFilter
from governance.portal.steps import Step
from governance.record import admin as record_admin  # noqa: F401 - registers the record's desks
from governance.rules import admin as rules_admin  # noqa: F401 - registers tag rules and declassifications
from governance.sign_in import admin as sign_in_admin  # noqa: F401 - registers the desks of signing in


class KindFilter(WordsFilter):
    """Jobs of one kind."""

    title = "kind"
    parameter_name = "kind"

    def words(self) -> dict[str, str]:
        return {slug: kind.label for slug, kind in jobs.KINDS.items()}


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

    def row_label(self, row: Any) -> str:
        return f"{self.job_label(row)} · {row.subject_label}" if row.subject_label else self.job_label(row)

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


@admin.register(RoleDescription)
class RoleDescriptionAdmin(DeskAdmin):
    """What each role may do, in plain English."""

    list_display = ("__str__", "description")
    list_select_related = ("group",)


class NewAccountForm(AdminUserCreationForm):
    """A new account, with the person behind it unless it is for a program."""

    is_human = forms.BooleanField(
        required=False, initial=True, label="A human being",
        help_text="Only people approve. Leave it out for a program: a service account approves nothing.",
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "person" in self.fields:
            self.fields["person"].help_text = (
                "Only where this is a further account of somebody who has one: choose them, and both count as one "
                "person. Empty: a new person of the account's name."
            )

    def clean(self) -> Any:
        cleaned = super().clean()
        if cleaned is not None and cleaned.get("person") and not cleaned.get("is_human"):
            self.add_error("is_human", f"{cleaned['person']} is a human being: tick this, or choose nobody.")
        return cleaned


@admin.register(User)
class AccountAdmin(NothingHere, UserAdmin):
    """Accounts, for administrators. Accounts are deactivated, never deleted: the record names them."""

    list_display = ("username", "first_name", "last_name", "person", "is_active", "is_superuser")
    list_select_related = ("person",)
    add_form = NewAccountForm
    fieldsets = (
        (None, {"fields": ("username", "password", "stands_for", "person")}),
        ("Name", {"fields": ("first_name", "last_name", "email")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "first_name", "last_name", "usable_password", "password1", "password2")}),
        ("Who it stands for", {"fields": ("is_human", "person")}),
    )
    readonly_fields = ("stands_for",)

    @admin.display(description="Stands for")
    def stands_for(self, account: User) -> str:
        """Whether the account may approve, and how to make it so."""
        if account.person is not None:
            return (
                f"{account.person}, a human being. Linking and parting accounts changes that: Tools → Linked accounts."
            )
        return (
            "Nobody: this is a service account, which approves nothing whatever its roles. If it is somebody's, choose "
            "that person below, or add them, and save."
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Whose an account is changes by linking and parting, which acts on open requests."""
        shown = super().get_readonly_fields(request, obj)
        return (*shown, "person") if obj is not None and obj.person_id else shown

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change and form.cleaned_data.get("is_human") and obj.person_id is None:
            obj.person = Person.objects.create(name=obj.display_name)
        super().save_model(request, obj, form, change)
        if "person" in form.changed_data and obj.person_id:
            linking.joined(obj)

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
        """With ways to the pages that show what the account may do, and that take lost second factors away."""
        account = self.get_object(request, object_id) if request.user.is_superuser else None
        actions = [] if account is None else self._actions(account, mine=account.pk == request.user.pk)
        return super().change_view(request, object_id, form_url, {"object_actions": actions} | (extra_context or {}))

    def _actions(self, account: User, *, mine: bool) -> list[dict[str, str]]:
        button = {"style": "plain", "method": "get", "confirm": ""}
        see_as = {"label": "See as", "url": f"{reverse('governance:see-as')}?account={quote(account.username)}"}
        lost = {"label": "Lost second factor", "url": reverse("governance:second-factors", args=[account.pk])}
        return [button | see_as] if mine else [button | see_as, button | lost]

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
