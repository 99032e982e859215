"""Who lost the second factor is let in again by another administrator, on record, and is told."""

from __future__ import annotations

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from governance.errors import InvalidInput, NotPermitted, ReasonRequired
from governance.models import RecordEntry, SignInEvent
from governance.sign_in.services import take_factors
from tests.governance.test_sign_in import PASSWORD, age, is_in, log_in, set_up_app


@pytest.fixture
def administrator(make_user):
    user = make_user("administrator")
    user.is_superuser = True
    user.save()
    return user


@pytest.fixture
def protected(steward, client) -> Client:
    """The steward's session, protected by an app with recovery codes."""
    log_in(client, "steward")
    set_up_app(client)
    return client


def page_of(user) -> str:
    return reverse("governance:second-factors", args=[user.pk])


def test_an_administrator_removes_them_in_the_portal_on_record_and_every_session_ends(
    protected, steward, administrator, django_capture_on_commit_callbacks
):
    desk = Client()
    log_in(desk, "administrator")
    account = desk.get(reverse("admin:governance_user_change", args=[steward.pk])).content.decode()
    asked = desk.get(page_of(steward)).content.decode()

    answer = desk.post(page_of(steward), {"reason": "Called back at the number on file; lost the phone."})

    assert page_of(steward) in account
    assert "TOTP Authenticator" in asked and "they are told" in asked
    assert answer.status_code == 302
    assert not Authenticator.objects.filter(user=steward).exists()
    assert not is_in(protected)
    event = SignInEvent.objects.get(outcome="factors_taken")
    assert (event.user, event.note) == (
        steward, "Administrator: Called back at the number on file; lost the phone.",
    )  # fmt: skip
    entry = RecordEntry.objects.filter(kind="governance.signinevent", object_id=str(event.pk)).with_values().get()
    assert (entry.said["actor"], entry.said["reason"]) == (
        "Administrator", "Called back at the number on file; lost the phone.",
    )  # fmt: skip


def test_they_log_in_with_the_password_alone_and_are_told_once(protected, steward, administrator):
    take_factors(user=steward, by=None, reason="Lost the phone")
    fresh = Client()

    log_in(fresh, "steward")
    told = fresh.get("/admin/").content.decode()
    again = Client()
    log_in(again, "steward")

    assert "Your second factors were removed on" in told and "a command on the server: Lost the phone" in told
    assert "Your second factors were removed" not in again.get("/admin/").content.decode()


def test_they_are_told_by_e_mail_where_there_is_a_mail_server(protected, steward, settings, mailoutbox):
    settings.EMAIL_HOST = "mail.example.com"
    steward.email = "steward@example.com"
    steward.save()

    take_factors(user=steward, by=None, reason="Lost the phone")

    [mail] = mailoutbox
    assert mail.to == ["steward@example.com"] and "Lost the phone" in mail.body


def test_without_a_mail_server_nothing_is_sent(protected, steward, settings, mailoutbox):
    settings.EMAIL_HOST = ""
    steward.email = "steward@example.com"
    steward.save()

    take_factors(user=steward, by=None, reason="Lost the phone")

    assert not mailoutbox


def test_nobody_removes_their_own_nor_those_of_another_account_of_theirs(protected, steward, administrator, make_user):
    second = make_user("second", person=steward.person)
    for user in (steward, second):
        user.is_superuser = True
        user.save()
        with pytest.raises(NotPermitted, match="your own"):
            take_factors(user=steward, by=user, reason="I want to")

    assert Authenticator.objects.filter(user=steward).exists()


@pytest.mark.parametrize("who", ["expert", "officer"])
def test_who_is_no_administrator_removes_nothing_and_finds_no_page(who, protected, steward, request, api):
    user = request.getfixturevalue(who)
    browser = Client()
    log_in(browser, user.username)

    with pytest.raises(NotPermitted, match="Only an administrator"):
        take_factors(user=steward, by=user, reason="Mine")
    assert browser.get(page_of(steward)).status_code == 403
    assert browser.post(page_of(steward), {"reason": "Mine"}).status_code == 403
    assert Authenticator.objects.filter(user=steward).exists()


def test_a_reason_and_a_second_factor_are_needed(protected, steward, expert, administrator):
    with pytest.raises(ReasonRequired):
        take_factors(user=steward, by=administrator, reason=" ")
    with pytest.raises(InvalidInput, match="no second factor"):
        take_factors(user=expert, by=None, reason="Lost")


def test_it_needs_recent_proof_and_the_reason_comes_back(protected, steward, administrator):
    desk = Client()
    log_in(desk, "administrator")
    age(desk, 16)

    sent = desk.post(page_of(steward), {"reason": "Lost the phone"})
    assert Authenticator.objects.filter(user=steward).exists()
    back = desk.post(sent["Location"], {"password": PASSWORD})["Location"]

    assert back == page_of(steward)
    assert "Lost the phone" in desk.get(back).content.decode()


def test_the_command_says_what_it_did_and_refuses_unknown_names(protected, steward, capsys):
    call_command("take_second_factors", "steward", reason="Lost the phone")

    assert "2 second factors of steward removed" in capsys.readouterr().out
    with pytest.raises(CommandError, match="no account"):
        call_command("take_second_factors", "nobody", reason="x")
