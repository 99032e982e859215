"""Addresses under /account/: allauth's, without those for signing up and for e-mail, and our own."""

from django.urls import include, path

from governance.sign_in import pages

urlpatterns = [
    path("login/", pages.login, name="account_login"),
    path("logout/", pages.logout, name="account_logout"),
    path("reauthenticate/", pages.confirm_by_password, name="account_reauthenticate"),
    path("reauthenticate/provider/", pages.confirm_by_provider, name="account_confirm_by_provider"),
    path("2fa/", include("allauth.mfa.urls")),
    path("sessions/", include("allauth.usersessions.urls")),
    path("sessions/<int:pk>/end/", pages.end_session, name="account_end_session"),
    path("provider/", pages.connections, name="socialaccount_connections"),
    path("provider/cancelled/", pages.turned_back, name="socialaccount_login_cancelled"),
    path("provider/failed/", pages.provider_failed, name="socialaccount_login_error"),
    path("tokens/", pages.tokens, name="account_tokens"),
    path("tokens/<uuid:pk>/revoke/", pages.revoke_token, name="account_revoke_token"),
    path("", include("allauth.socialaccount.providers.openid_connect.urls")),
]
