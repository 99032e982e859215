"""What allauth keeps of a person is on record without its secrets, and so is what models answered in evaluations."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.apps import apps
from django.db import connection
from django.utils import timezone

from governance import context
from governance.models import RecordEntry, User
from governance.record import triggers, verification
from governance.record.migrating import put_on_record
from tests.world import make_world
from training.models import EvaluationAnswer

pytestmark = pytest.mark.django_db

SECRET = "JBSWY3DPEHPK3PXP"
KINDS = ("account.emailaddress", "mfa.authenticator", "socialaccount.socialaccount")


def told(kind: str, key: object) -> list[RecordEntry]:
    return list(RecordEntry.objects.with_values().filter(kind=kind, object_id=str(key)).order_by("version"))


def rows_of(user: User) -> tuple[EmailAddress, Authenticator, SocialAccount]:
    return (
        EmailAddress.objects.create(user=user, email=f"{user.username}@example.org", verified=True),
        Authenticator.objects.create(user=user, type="totp", data={"secret": SECRET}),
        SocialAccount.objects.create(user=user, provider="idp", uid=f"{user.pk}-uid", extra_data={"token": SECRET}),
    )


def faults() -> list[str]:
    return [str(fault) for fault in verification.verify().faults if any(kind in str(fault) for kind in KINDS)]


def test_addresses_factors_and_accounts_elsewhere_are_on_record_without_secrets(officer, steward, expert):
    rows_of(expert)
    with context.acting(user=officer, door="admin", reason="a new telephone"):
        address, factor, elsewhere = rows_of(steward)
        key = factor.pk
        EmailAddress.objects.filter(pk=address.pk).update(verified=False)
        Authenticator.objects.filter(pk=factor.pk).update(data={"secret": SECRET + "X"})
        factor.delete()

    [came, changed] = told("account.emailaddress", address.pk)
    assert (came.said["new"]["email"], changed.said["old"]) == ("steward@example.org", {"verified": True})
    assert (changed.said["reason"], changed.actor_id, changed.door) == ("a new telephone", officer.pk, "admin")
    entries = told("mfa.authenticator", key)
    assert [entry.operation for entry in entries] == ["insert", "update", "delete"]
    assert entries[0].said["new"]["data"] == entries[1].said["new"]["data"] == "(hidden)"
    [linked] = told("socialaccount.socialaccount", elsewhere.pk)
    assert (linked.said["new"]["uid"], linked.said["new"]["extra_data"]) == (f"{steward.pk}-uid", "(hidden)")
    assert SECRET not in str([entry.said for entry in RecordEntry.objects.with_values()])
    assert faults() == []


def test_that_a_factor_was_used_is_no_change(steward):
    _, factor, elsewhere = rows_of(steward)
    newest = RecordEntry.objects.latest("pk").pk

    Authenticator.objects.filter(pk=factor.pk).update(last_used_at=timezone.now())
    SocialAccount.objects.filter(pk=elsewhere.pk).update(last_login=timezone.now())

    assert not RecordEntry.objects.filter(pk__gt=newest).exists()


def test_a_factor_that_was_removed_past_the_record_is_found(steward, expert):
    rows_of(expert)
    _, factor, _ = rows_of(steward)
    with triggers.lifted():
        Authenticator.objects.filter(pk=factor.pk).delete()

    [fault] = faults()
    assert "mfa.authenticator" in fault and "deleted past the record" in fault


def test_rows_from_before_their_table_was_on_record_are_put_there_as_found(steward, expert):
    known = rows_of(expert)[0]
    with triggers.lifted():
        address, factor, _ = rows_of(steward)
        connection.check_constraints()
    assert len(faults()) == 3

    with context.acting(user=None, door="command", reason="data migration"):
        put_on_record(*KINDS)(apps, SimpleNamespace(connection=connection))

    assert faults() == [] and triggers.missing() == []
    [entry] = told("account.emailaddress", address.pk)
    assert (entry.operation, entry.said["new"]["email"], entry.door) == ("insert", "steward@example.org", "command")
    assert told("mfa.authenticator", factor.pk)[0].said["new"]["data"] == "(hidden)"
    assert len(told("account.emailaddress", known.pk)) == 1


def test_what_a_model_answered_is_on_record(steward):
    answer = make_world("zebra", steward)[EvaluationAnswer]

    EvaluationAnswer.objects.filter(pk=answer.pk).update(is_correct=False)

    assert [entry.said["new"].get("is_correct") for entry in told("training.evaluationanswer", answer.pk)] == [
        True, False,
    ]  # fmt: skip
