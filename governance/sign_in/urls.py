"""Addresses under /account/: allauth's, without those for signing up and for e-mail, and our own.

Views are named and imported when first asked for: their libraries would slow every start down.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, path
from django.utils.module_loading import import_string

OURS = "governance.sign_in.pages"
SECOND = "allauth.mfa"
PROVIDER = "governance.sign_in.openid"


def _to(address: str, view: str, name: str) -> URLPattern:
    return path(address, _when_asked(view), name=name)


def _when_asked(view: str) -> Callable[..., HttpResponseBase]:
    def imported(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return import_string(view)(request, *args, **kwargs)  # type: ignore[no-any-return]

    return imported


urlpatterns = [
    _to("login/", "allauth.account.views.login", "account_login"),
    _to("logout/", f"{OURS}.logout", "account_logout"),
    _to("reauthenticate/", "allauth.account.views.reauthenticate", "account_reauthenticate"),
    _to("reauthenticate/provider/", f"{OURS}.confirm_by_provider", "account_confirm_by_provider"),
    _to("2fa/", f"{SECOND}.base.views.index", "mfa_index"),
    _to("2fa/authenticate/", f"{SECOND}.base.views.authenticate", "mfa_authenticate"),
    _to("2fa/reauthenticate/", f"{SECOND}.base.views.reauthenticate", "mfa_reauthenticate"),
    _to("2fa/totp/activate/", f"{SECOND}.totp.views.activate_totp", "mfa_activate_totp"),
    _to("2fa/totp/deactivate/", f"{SECOND}.totp.views.deactivate_totp", "mfa_deactivate_totp"),
    _to("2fa/recovery-codes/", f"{SECOND}.recovery_codes.views.view_recovery_codes", "mfa_view_recovery_codes"),
    _to(
        "2fa/recovery-codes/generate/",
        f"{SECOND}.recovery_codes.views.generate_recovery_codes",
        "mfa_generate_recovery_codes",
    ),
    _to("2fa/webauthn/", f"{SECOND}.webauthn.views.list_webauthn", "mfa_list_webauthn"),
    _to("2fa/webauthn/add/", f"{SECOND}.webauthn.views.add_webauthn", "mfa_add_webauthn"),
    _to("2fa/webauthn/login/", f"{SECOND}.webauthn.views.login_webauthn", "mfa_login_webauthn"),
    _to(
        "2fa/webauthn/reauthenticate/",
        f"{SECOND}.webauthn.views.reauthenticate_webauthn",
        "mfa_reauthenticate_webauthn",
    ),
    _to("2fa/webauthn/keys/<int:pk>/edit/", f"{SECOND}.webauthn.views.edit_webauthn", "mfa_edit_webauthn"),
    _to("2fa/webauthn/keys/<int:pk>/remove/", f"{SECOND}.webauthn.views.remove_webauthn", "mfa_remove_webauthn"),
    _to("sessions/", "allauth.usersessions.views.list_usersessions", "usersessions_list"),
    _to("sessions/<int:pk>/end/", f"{OURS}.end_session", "account_end_session"),
    _to("provider/", "allauth.socialaccount.views.connections", "socialaccount_connections"),
    _to("provider/cancelled/", "allauth.socialaccount.views.login_cancelled", "socialaccount_login_cancelled"),
    _to("provider/failed/", "allauth.socialaccount.views.login_error", "socialaccount_login_error"),
    _to("oidc/<str:provider_id>/login/", f"{PROVIDER}.login", "openid_connect_login"),
    _to("oidc/<str:provider_id>/login/callback/", f"{PROVIDER}.callback", "openid_connect_callback"),
    _to("keys/", "governance.portal.key_pages.own_keys", "account_keys"),
    _to("tokens/", f"{OURS}.tokens", "account_tokens"),
    _to("tokens/<uuid:pk>/revoke/", f"{OURS}.revoke_token", "account_revoke_token"),
]
