"""The one base of every admin class: rows someone may see, changes through services only, steps as buttons.

Nothing here saves, deletes or edits inline by itself: a class that names no service is read-only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.utils import get_fields_from_path, unquote
from django.db import models, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.text import smart_split, unescape_string_literal
from simple_history.admin import SimpleHistoryAdmin

from governance.approvals.selectors import last_words, may_ask_again, sent_back
from governance.errors import WorkbenchError
from governance.models import ConstrainedModel
from governance.portal import hiding
from governance.portal.lists import CappedPaginator, ShownChangeList, VisibleOnlyFilter
from governance.portal.marks import chip, use_strip
from governance.portal.past import PastVersions
from governance.portal.rows import row_url, status_of
from governance.portal.steps import StepPages
from governance.portal.strip import strip_for


class NothingHere:
    """A row that is not there, or not there for this person, is the same page that says there is nothing here."""

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponse:
        # Django would lead to its index, and guess that the row was deleted.
        raise Http404(f"There is no such {opts.verbose_name}, or you may not see it.")


class DeskAdmin(NothingHere, StepPages, PastVersions, SimpleHistoryAdmin):
    """Base of all admin classes.

    `create_service(by=…, **form values)` and `update_service(<service_argument>=row, by=…, **form values)`
    make the row writable in forms; without them it is read-only. `steps` are its buttons.
    """

    create_service: Callable[..., Any] | None = None
    update_service: Callable[..., Any] | None = None
    service_argument = "row"
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

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ShownChangeList]:
        return ShownChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[Any], bool]:
        """Every word in one of the columns of `search_fields`; what this person may not see is found by no word."""
        for word in smart_split(search_term) if self.search_fields else ():
            if word[0] in "\"'" and word[0] == word[-1] and len(word) > 1:
                word = unescape_string_literal(word)
            wanted = (hiding.holding(self.model, path, word, request.user) for path in self.search_fields)
            queryset = queryset.filter(reduce(or_, wanted))
        return queryset, False

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Secrets are asked for in no address: a list would answer letter by letter."""
        name, hidden = lookup.split("__")[0], getattr(self.model, "hidden_columns", ())
        return name not in hidden and super().lookup_allowed(lookup, value, request)

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
        [as_shown] = hiding.shown([row], request.user, whole=True)
        context = self.page_context(request, as_shown) | (extra_context or {})
        return super().change_view(request, object_id, form_url, context)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """The page shows the row as this person may read it; it was saved, if it was, before."""
        if not (form := context["adminform"].form).instance._state.adding:
            [form.instance] = hiding.shown([form.instance], request.user, whole=True)
        for inline in context["inline_admin_formsets"]:
            below = list(inline.formset.initial_forms)
            rows = hiding.shown([form.instance for form in below], request.user, whole=True)
            for form, row in zip(below, rows, strict=True):
                form.instance = row
        return super().render_change_form(request, context, *args, **kwargs)

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


def _scope(db_field: Any, request: HttpRequest, kwargs: dict[str, Any]) -> None:
    manager = db_field.remote_field.model._default_manager
    if hasattr(manager, "visible_to"):
        kwargs["queryset"] = manager.visible_to(request.user)
