"""What someone typed into a form that could not be sent before they prove who they are; given back once."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.http import urlencode

KEY = "governance.kept_form"
NOT_KEPT = frozenset({"csrfmiddlewaretoken"})


def prove_first(request: HttpRequest, *, back: str = "") -> HttpResponseRedirect:
    """To the page that asks who they are, and from there back to this form with everything still in it.

    `back`: another page to lead to, where this address answers with a file and no page.
    """
    kept = request.POST.copy()
    for name in NOT_KEPT & kept.keys():
        del kept[name]
    request.session[KEY] = {"user": request.user.pk, "path": request.path, "typed": kept.urlencode()}
    query = urlencode({"next": back or request.get_full_path()})
    return HttpResponseRedirect(f"{reverse('account_reauthenticate')}?{query}")


def typed_before(request: HttpRequest) -> QueryDict | None:
    """What this person typed into the form at this address before they were sent away."""
    kept: dict[str, Any] = request.session.get(KEY) or {}
    if request.method != "GET" or kept.get("path") != request.path or kept.get("user") != request.user.pk:
        return None
    del request.session[KEY]
    return QueryDict(kept["typed"])
