"""The past versions of a row: read, never written."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin import helpers
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse

from governance.portal.rows import row_url


class PastVersions:
    """The part of an admin class that shows how a row was."""

    model: Any
    opts: Any
    admin_site: Any

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


def _names_nothing_hidden(field: Any, row: Any, user: Any) -> bool:
    key = getattr(row, field.attname)
    if not field.is_relation or key is None:
        return True
    related = field.related_model._default_manager
    return not hasattr(related, "visible_to") or related.visible_to(user).filter(pk=key).exists()
