"""Rows that leave can be asked for at."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.http import Http404
from django.shortcuts import get_object_or_404


def derived_row(kind: str, pk: Any, user: Any) -> Any:
    """A row that has a derivation, if `user` may see it.

    :raises Http404: there is none.
    """
    try:
        model: Any = apps.get_model(kind)
    except (LookupError, ValueError) as error:
        raise Http404 from error
    if not hasattr(model, "derivation") or not hasattr(model._default_manager, "visible_to"):
        raise Http404
    return get_object_or_404(model._default_manager.visible_to(user).select_related("derivation"), pk=pk)
