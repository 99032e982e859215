"""How our own pages are served: signed-in staff only, in the admin's frame."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

View = Callable[..., HttpResponse]


def portal_page(permission: str = "") -> Callable[[View], View]:
    """Only for people who may enter the portal and whose role holds `permission`; others log in or get 403."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if permission and not request.user.has_perm(permission):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return admin.site.admin_view(guarded)  # type: ignore[no-any-return]

    return decorate


def render_page(
    request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """`template` in the portal's frame; `context` needs at least a title."""
    return render(request, template, admin.site.each_context(request) | context, status=status)
