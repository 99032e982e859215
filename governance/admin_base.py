"""The one base of every admin class: rows someone may see, changes through services only, steps as buttons.

Nothing here saves, deletes or edits inline by itself: a class that names no service is read-only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.contrib.admin.utils import get_fields_from_path, unquote
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import models, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import NoReverseMatch, path, reverse
from django.utils.safestring import SafeString
from simple_history.admin import SimpleHistoryAdmin

from governance.approvals.selectors import last_words, may_ask_again, possible_signers, sent_back
from governance.errors import ReauthenticationRequired, WorkbenchError
from governance.models import ApprovalRequest, ConstrainedModel, Job
from governance.portal.marks import chip, use_strip
from governance.portal.strip import strip_for
from governance.sign_in import kept

COUNT_AT_MOST = 10_000

STATUS_KINDS = {
    "draft": "plain", "queued": "plain", "archived": "plain", "cancelled": "plain", "withdrawn": "plain",
    "expired": "plain", "void": "plain", "revoked": "prohibited", "changes": "attention",
    "generating": "primary", "running": "primary", "ready": "attention", "pending": "attention",
    "flagged": "attention", "unlabeled": "attention",
    "published": "permitted", "approved": "permitted", "reviewed": "permitted", "succeeded": "permitted",
    "labeled": "permitted", "in_use": "permitted",
    "failed": "prohibited", "rejected": "prohibited", "suspended": "prohibited",
}  # fmt: skip


class CappedPaginator(Paginator):
    """Counts no further than COUNT_AT_MOST, so that a list of millions opens like one of hundreds."""

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        return rows[:COUNT_AT_MOST].count() if isinstance(rows, models.QuerySet) else len(rows)

    @property
    def is_capped(self) -> bool:
        """Whether there may be more than were counted."""
        return self.count >= COUNT_AT_MOST


class VisibleOnlyFilter(admin.RelatedOnlyFieldListFilter):
    """Offers what the rows of the list refer to, as far as this person may see that."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        used = model_admin.get_queryset(request).order_by().values(self.field_path)
        wanted = models.Q(pk__in=used)
        manager = field.remote_field.model._default_manager
        if hasattr(manager, "visible_to"):
            wanted &= models.Q(pk__in=manager.visible_to(request.user).values("pk"))
        ordering = self.field_admin_ordering(field, request, model_admin)
        return field.get_choices(include_blank=False, limit_choices_to=wanted, ordering=ordering)


class WordsFilter(admin.SimpleListFilter):
    """By a column that holds a slug, offered in the words that its registry has for it."""

    def words(self) -> dict[str, str]:
        raise NotImplementedError

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return sorted(self.words().items(), key=lambda pair: pair[1])

    def queryset(self, request: Any, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        return queryset.filter(**{str(self.parameter_name): self.value()}) if self.value() else queryset


class ReasonForm(forms.Form):
    """Asks why; the answer goes on record."""

    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=4000)


class CommentForm(forms.Form):
    """Asks for the comment of a signature."""

    comment = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=4000)


def _always(row: Any, user: Any) -> bool:
    return True


@dataclass(frozen=True, kw_only=True)
class Step:
    """One button on a row's page. It calls `service(<argument>=row, by=user, **form values)`.

    `form` is asked for first; `available(row, user)` hides the button; `then(result)` is the page to go to.
    """

    name: str
    label: str
    service: Callable[..., Any]
    argument: str
    permission: str = ""
    form: type[forms.Form] | Callable[[Any, Any], type[forms.Form]] | None = None
    available: Callable[[Any, Any], bool] = _always
    style: str = "plain"
    lead: str = ""
    confirm: str = ""
    success: str = ""
    then: Callable[[Any], str] | None = None
    aside: Callable[[Any, Any], dict[str, Any]] | None = None
    """`aside(row, user)` is what the form's page shows besides, as context of its template."""

    def is_open(self, row: Any, user: Any) -> bool:
        return (not self.permission or user.has_perm(self.permission)) and self.available(row, user)


class NothingHere:
    """A row that is not there, or not there for this person, is the same page that says there is nothing here."""

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponse:
        # Django would lead to its index, and guess that the row was deleted.
        raise Http404(f"There is no such {opts.verbose_name}, or you may not see it.")


class DeskAdmin(NothingHere, SimpleHistoryAdmin):
    """Base of all admin classes.

    `create_service(by=…, **form values)` and `update_service(<service_argument>=row, by=…, **form values)`
    make the row writable in forms; without them it is read-only. `steps` are its buttons.
    """

    create_service: Callable[..., Any] | None = None
    update_service: Callable[..., Any] | None = None
    service_argument = "row"
    steps: Sequence[Step] = ()
    empty_state: dict[str, str] | None = None
    actions: Sequence[Any] = ()

    list_per_page = 50
    list_max_show_all = 50
    show_full_result_count = False
    paginator = CappedPaginator
    save_as = False

    # -- which rows, and who may do what ------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        rows = super().get_queryset(request)
        return rows.visible_to(request.user) if hasattr(rows, "visible_to") else rows

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._role_allows(request, "view") and (obj is None or self._visible(request, obj))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._role_allows(request, "view")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return type(self).create_service is not None and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if type(self).update_service is None or not super().has_change_permission(request):
            return False
        return obj is None or (self._visible(request, obj, "change") and self.is_editable(obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def is_editable(self, obj: Any) -> bool:
        """Whether this row is in a state in which its form may be saved."""
        return True

    def _role_allows(self, request: HttpRequest, action: str) -> bool:
        user = request.user
        codename = f"{self.opts.app_label}.{action}_{self.opts.model_name}"
        return user.has_perm(codename) or (action == "view" and user.has_perm("governance.read_every_row"))

    def _visible(self, request: HttpRequest, obj: Any, action: str = "view") -> bool:
        manager = type(obj)._default_manager
        if not hasattr(manager, "visible_to"):
            return self.get_queryset(request).filter(pk=obj.pk).exists()
        return bool(manager.visible_to(request.user, action).filter(pk=obj.pk).exists())

    def get_list_filter(self, request: HttpRequest) -> Any:
        """Filters over related rows name none that this person may not see."""
        return [
            (one, VisibleOnlyFilter) if isinstance(one, str) and self._is_relation(one) else one
            for one in super().get_list_filter(request)
        ]

    def _is_relation(self, path: str) -> bool:
        return get_fields_from_path(self.model, path)[-1].is_relation

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        _scope(db_field, request, kwargs)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        _scope(db_field, request, kwargs)
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    # -- saving, through services -------------------------------------------------------------------------

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """A broken rule comes back as an error of the form, with everything typed still there."""
        try:
            with transaction.atomic():
                return super().changeform_view(request, *args, **kwargs)
        except WorkbenchError as error:
            request.broken_rule = error  # type: ignore[attr-defined]
            return super().changeform_view(request, *args, **kwargs)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form_class = super().get_form(request, obj, change=change, **kwargs)
        error: WorkbenchError | None = getattr(request, "broken_rule", None)
        if error is None:
            return form_class

        class Refused(form_class):  # type: ignore[misc,valid-type]
            def clean(self) -> Any:
                cleaned = super().clean()
                self.add_error(error.field if error.field in self.fields else None, error.message)
                return cleaned

        return Refused

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        values = self.service_values(form.cleaned_data, obj)
        if change:
            stored = type(obj)._default_manager.get(pk=obj.pk)
            result = type(self).update_service(**{self.service_argument: stored}, by=request.user, **values)
        else:
            result = type(self).create_service(by=request.user, **values)
        created = self.row_of(result)
        obj.pk = created.pk
        obj.__dict__.update(created.__dict__)

    def service_values(self, cleaned: dict[str, Any], obj: Any) -> dict[str, Any]:
        """The form's values as the service takes them."""
        return dict(cleaned)

    def row_of(self, result: Any) -> Any:
        """The row of this admin in what the service returned."""
        return result

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Nothing: the service has saved everything."""

    # -- pages --------------------------------------------------------------------------------------------

    def get_urls(self) -> list[Any]:
        info = f"{self.opts.app_label}_{self.opts.model_name}"
        step = path("<path:object_id>/do/<slug:step_name>/", self.admin_site.admin_view(self.step_view),
                    name=f"{info}_step")
        return [step, *super().get_urls()]

    def get_object_or_404(self, request: HttpRequest, object_id: str) -> Any:
        row = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404(f"There is no such {self.opts.verbose_name}, or you may not see it.")
        return row

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        title = str(self.opts.verbose_name_plural)
        named = {"title": title[:1].upper() + title[1:], "empty_state": self._empty_state_for(request)}
        return super().changelist_view(request, named | (extra_context or {}))

    def _empty_state_for(self, request: HttpRequest) -> dict[str, str] | None:
        """What an empty list says, without a button whose page this person may not open."""
        empty = self.empty_state
        if empty is None or "url" not in empty:
            return empty
        opens = True
        if empty["url"] == "add/":
            opens = self.has_add_permission(request)
        elif "permission" in empty:
            opens = request.user.has_perm(empty["permission"])
        return empty if opens else empty | {"url": ""}

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        row = self.get_object(request, unquote(object_id))
        if row is None:
            return super().change_view(request, object_id, form_url, extra_context)
        context = self.page_context(request, row) | (extra_context or {})
        return super().change_view(request, object_id, form_url, context)

    def row_label(self, row: Any) -> str:
        """How search names a row of this desk."""
        return str(row)

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Context of a row's page: its status, its use strip, its buttons. Extend it for more."""
        return {
            "object_status": status_of(row),
            "object_constraint": strip_for(row) if isinstance(row, ConstrainedModel) else None,
            "object_actions": [self._button(request, row, step) for step in self.open_steps(request, row)],
            "has_history": hasattr(self.model._meta, "simple_history_manager_attribute"),
            "show_save_and_add_another": False,
            "sent_back": self._sent_back(request, row),
        }

    def approval_subjects(self, row: Any) -> list[Any]:
        """What requests shown on this row's page may be about; for an identity, its versions."""
        return [row]

    def _sent_back(self, request: HttpRequest, row: Any) -> dict[str, Any] | None:
        """The changes that an approver asked for on this row, and the way to ask again."""
        keys = [one.pk for one in self.approval_subjects(row) if isinstance(one.pk, UUID)]
        asked = sent_back(keys) if keys else None
        if asked is None:
            return None
        again = reverse("admin:governance_approvalrequest_step", args=[asked.pk, "ask-again"])
        return {
            "request": asked,
            "words": last_words(asked),
            "url": row_url(asked),
            "again": again if may_ask_again(asked, request.user) else "",
        }

    def open_steps(self, request: HttpRequest, row: Any) -> list[Step]:
        return [step for step in self.steps if step.is_open(row, request.user)]

    def _button(self, request: HttpRequest, row: Any, step: Step) -> dict[str, Any]:
        return {
            "label": step.label,
            "url": self.step_url(row, step.name),
            "style": step.style,
            "method": "get" if step.form else "post",
            "confirm": step.confirm,
        }

    def step_url(self, row: Any, name: str) -> str:
        info = f"{self.opts.app_label}_{self.opts.model_name}"
        return reverse(f"admin:{info}_step", args=[row.pk, name])

    def step_view(self, request: HttpRequest, object_id: str, step_name: str) -> HttpResponse:
        """Asks for what the step needs, then makes it."""
        row = self.get_object_or_404(request, object_id)
        step = next((step for step in self.open_steps(request, row) if step.name == step_name), None)
        if step is None:
            messages.error(request, f"“{step_name}” cannot be done on {row} now, or not by you.")
            return HttpResponseRedirect(row_url(row))
        if request.method != "POST" and step.form is None:
            return HttpResponseRedirect(row_url(row))
        form = _form_of(step, row, request)
        if request.method == "POST" and (form is None or form.is_valid()):
            try:
                result = step.service(**{step.argument: row}, by=request.user, **(form.cleaned_data if form else {}))
            except ReauthenticationRequired:
                return kept.prove_first(request)
            except WorkbenchError as error:
                return self._refused(request, row, step, form, error)
            return self._made(request, row, step, result)
        return self._ask(request, row, step, form)

    def _made(self, request: HttpRequest, row: Any, step: Step, result: Any) -> HttpResponse:
        if isinstance(result, ApprovalRequest) and result.state == ApprovalRequest.State.PENDING:
            messages.success(request, f"Asked. It waits for: {waiting_words(result)}.")
            if not possible_signers(result):
                messages.warning(request, "Nobody who could sign may see this yet: share it with your approvers.")
        elif not isinstance(result, Job):
            messages.success(request, step.success or f"{step.label}: done.")
        if step.then is not None:
            return HttpResponseRedirect(step.then(result))
        return HttpResponseRedirect(follow_url(result) if isinstance(result, Job) else row_url(row))

    def _refused(
        self, request: HttpRequest, row: Any, step: Step, form: forms.Form | None, error: WorkbenchError
    ) -> HttpResponse:
        if form is None:
            messages.error(request, error.message)
            return HttpResponseRedirect(row_url(row))
        form.add_error(error.field if error.field in form.fields else None, error.message)
        return self._ask(request, row, step, form)

    def _ask(self, request: HttpRequest, row: Any, step: Step, form: forms.Form | None) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": step.label,
            "lead": step.lead or str(row),
            "form": form,
            "action_label": step.label,
            "cancel_url": row_url(row),
            "danger": step.style == "danger",
            "breadcrumbs": [{"label": str(row), "url": row_url(row)}],
            **(step.aside(row, request.user) if step.aside else {}),
        }
        return render(request, "governance/reason_form.html", context)

    # -- history: read, never write -----------------------------------------------------------------------

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        row = self.get_object_or_404(request, object_id)
        if not hasattr(self.model._meta, "simple_history_manager_attribute"):
            return HttpResponseRedirect(row_url(row))  # it keeps its changes on its own page
        return super().history_view(request, object_id, extra_context)

    def history_form_view(
        self, request: HttpRequest, object_id: str, version_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """simple-history would save a POST from someone who may only view; here nobody writes history."""
        if request.method not in {"GET", "HEAD"}:
            raise PermissionDenied
        row = self.get_object_or_404(request, object_id)
        versions = getattr(self.model, self.opts.simple_history_manager_attribute)
        past = get_object_or_404(versions, history_id=version_id, **{self.opts.pk.attname: row.pk}).instance
        return render(request, "simple_history/object_history_form.html", self._past_context(request, past))

    def _past_context(self, request: HttpRequest, past: Any) -> dict[str, Any]:
        """Every column as it was, but for those that name a row which this person may not see."""
        names = [
            field.name
            for field in self.opts.concrete_fields
            if not field.primary_key and _names_nothing_hidden(field, past, request.user)
        ]
        form = forms.modelform_factory(self.model, fields=())(instance=past)
        info = f"admin:{self.opts.app_label}_{self.opts.model_name}"
        return {
            **self.admin_site.each_context(request),
            "title": f"{self.opts.verbose_name} {past}".capitalize(),
            "adminform": helpers.AdminForm(form, [(None, {"fields": names})], {}, names, model_admin=self),
            "original": past,
            "opts": self.opts,
            "original_opts": self.opts,
            "app_label": self.opts.app_label,
            "media": self.media,
            "errors": [],
            "inline_admin_formsets": [],
            "change": True,
            "add": False,
            "is_popup": False,
            "save_as": False,
            "has_view_permission": True,
            "has_change_permission": False,
            "has_add_permission": False,
            "has_delete_permission": False,
            "has_editable_inline_admin_formsets": False,
            "changelist_url": reverse(f"{info}_changelist"),
            "change_url": row_url(past),
            "history_url": reverse(f"{info}_history", args=[past.pk]),
            "revert_disabled": True,
        }

    # -- columns that many lists share --------------------------------------------------------------------

    @admin.display(description="Status", ordering="status")
    def status_chip(self, row: Any) -> SafeString:
        found = status_of(row)
        return chip(found["text"], found["kind"]) if found else SafeString("")

    @admin.display(description="Uses")
    def uses(self, row: Any) -> SafeString:
        return use_strip(strip_for(row))

    @admin.display(description="Classification", ordering="data_classification")
    def classification(self, row: Any) -> str:
        return row.get_data_classification_display()


class ReadOnlyInline(admin.TabularInline):
    """Rows shown below their parent; changed on their own pages."""

    extra = 0
    can_delete = False
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        rows = super().get_queryset(request)
        return rows.visible_to(request.user) if hasattr(rows, "visible_to") else rows

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        codename = f"{self.opts.app_label}.view_{self.opts.model_name}"
        return request.user.has_perm(codename) or request.user.has_perm("governance.read_every_row")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def status_of(row: Any) -> dict[str, str] | None:
    """Word and kind of a row's status chip."""
    name = "status" if hasattr(row, "status") else "state" if hasattr(row, "state") else ""
    if not name:
        return None
    return {"text": getattr(row, f"get_{name}_display")(), "kind": STATUS_KINDS.get(getattr(row, name), "plain")}


def _names_nothing_hidden(field: Any, row: Any, user: Any) -> bool:
    key = getattr(row, field.attname)
    if not field.is_relation or key is None:
        return True
    related = field.related_model._default_manager
    return not hasattr(related, "visible_to") or related.visible_to(user).filter(pk=key).exists()


def row_url(row: Any) -> str:
    """The page of a row in the portal."""
    meta = row._meta
    try:
        return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
    except NoReverseMatch:
        return reverse("admin:index")


def follow_url(job: Job) -> str:
    """The page of a job somebody has just started: it leads on once the job has succeeded, however soon that is."""
    return f"{reverse('governance:job', args=[job.pk])}?follow"


def waiting_words(request: ApprovalRequest) -> str:
    """Who must still sign, in words."""
    from governance.desk import missing_roles
    from governance.roles import ROLES

    return ", ".join(
        f"{count} {ROLES[role][0].lower() if role in ROLES else role}"
        for role, count in missing_roles(request).items()
    )


def _scope(db_field: Any, request: HttpRequest, kwargs: dict[str, Any]) -> None:
    manager = db_field.remote_field.model._default_manager
    if hasattr(manager, "visible_to"):
        kwargs["queryset"] = manager.visible_to(request.user)


def _form_of(step: Step, row: Any, request: HttpRequest) -> forms.Form | None:
    if step.form is None:
        return None
    made = step.form if isinstance(step.form, type) else step.form(row, request.user)
    if request.method == "POST":
        return made(request.POST or None, request.FILES or None)
    typed = kept.typed_before(request)
    return made(initial={name: typed.get(name) for name in made.base_fields if name in typed}) if typed else made()
