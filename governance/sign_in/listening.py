"""What allauth says happened becomes an event, and the moment of a session."""

from __future__ import annotations

from typing import Any

from django.contrib import messages

from governance.models import SignInEvent
from governance.people import linking
from governance.sign_in import services
from governance.sign_in.ways import address_of, has_proved, way_of, way_of_session

OUTCOME = SignInEvent.Outcome


def connect() -> None:
    """Listen; called once, in `AppConfig.ready`."""
    from allauth.account.models import EmailAddress
    from allauth.account.signals import authentication_step_completed
    from allauth.account.signals import user_logged_in as signed_in
    from allauth.mfa.signals import authentication_failed, authenticator_added, authenticator_removed
    from django.contrib.auth.signals import user_logged_in, user_logged_out
    from django.db.models.signals import post_save

    user_logged_in.connect(_session_began, dispatch_uid="governance.session_began")
    signed_in.connect(_signed_in, dispatch_uid="governance.signed_in")
    user_logged_out.connect(_signed_out, dispatch_uid="governance.signed_out")
    authentication_step_completed.connect(_proved_again, dispatch_uid="governance.proved_again")
    authentication_failed.connect(_code_refused, dispatch_uid="governance.code_refused")
    authenticator_added.connect(_factor_added, dispatch_uid="governance.factor_added")
    authenticator_removed.connect(_factor_removed, dispatch_uid="governance.factor_removed")
    post_save.connect(_email_kept, sender=EmailAddress, dispatch_uid="governance.email_kept")


def _session_began(request: Any, **_: Any) -> None:
    has_proved(request)


def _signed_in(request: Any, user: Any, **_: Any) -> None:
    if (taken := services.untold(user)) is not None:
        messages.warning(request, services.told_about(taken))
    services.record_event(
        outcome=OUTCOME.SIGNED_IN, user=user, way=way_of_session(request), address=address_of(request)
    )
    linking.link_by_email(user)


def _email_kept(instance: Any, **_: Any) -> None:
    if instance.verified:
        linking.link_by_email(instance.user)


def _signed_out(request: Any, user: Any, **_: Any) -> None:
    if user is not None:
        services.record_event(outcome=OUTCOME.SIGNED_OUT, user=user, address=address_of(request))


def _proved_again(request: Any, user: Any, method: str, **more: Any) -> None:
    if not more.get("reauthenticated"):
        return
    has_proved(request)
    way = way_of(method, str(more.get("type", "")))
    services.record_event(outcome=OUTCOME.CONFIRMED, user=user, way=way, address=address_of(request))


def _code_refused(request: Any, user: Any, authenticator: Any, **_: Any) -> None:
    way = way_of("mfa", str(authenticator.type))
    services.record_event(outcome=OUTCOME.FAILED, user=user, way=way, address=address_of(request))


def _factor_added(request: Any, user: Any, authenticator: Any, **_: Any) -> None:
    way = way_of("mfa", str(authenticator.type))
    services.record_event(outcome=OUTCOME.FACTOR_ADDED, user=user, way=way, address=address_of(request))


def _factor_removed(request: Any, user: Any, authenticator: Any, **_: Any) -> None:
    way = way_of("mfa", str(authenticator.type))
    services.record_event(outcome=OUTCOME.FACTOR_REMOVED, user=user, way=way, address=address_of(request))
