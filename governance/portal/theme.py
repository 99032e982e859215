"""Light, dark, or as the device says: kept in a cookie, so that the server draws the page in it from the start."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

THEMES = ("auto", "light", "dark")
COOKIE = "theme"
A_YEAR = 365 * 86_400


def theme_of(request: HttpRequest) -> str:
    """The theme that was chosen on this device; `auto` where none was."""
    chosen = request.COOKIES.get(COOKIE, "")
    return chosen if chosen in THEMES else THEMES[0]


def after(theme: str) -> str:
    """The one that the switch leads to."""
    return THEMES[(THEMES.index(theme) + 1) % len(THEMES)]


@require_POST
def choose_theme(request: HttpRequest) -> HttpResponse:
    """Keep the choice and go back to the page; anything that is no theme changes nothing."""
    back = request.headers.get("Referer", "")
    is_ours = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()})
    answer = HttpResponseRedirect(back if is_ours else reverse("admin:index"))
    if (chosen := request.POST.get("theme", "")) in THEMES:
        # The page's script writes the same cookie when it switches without asking the server.
        answer.set_cookie(COOKIE, chosen, max_age=A_YEAR, samesite="Lax", secure=request.is_secure())
    return answer
