"""On PostgreSQL whoever has the application's account, but not its secret, writes in the account's name alone."""

from __future__ import annotations

import json

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from governance import context
from governance.errors import RecordIncomplete
from governance.models import Person, RecordEntry
from governance.record import connections, triggers, vouching
from governance.record.guards import UNPROVED
from governance.record.postgresql import say
from tests.factories import SheetFactory, SheetVersionFactory, approval_request

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="on SQLite functions of the application say it"),
]


def told(setting, *statements):
    """As a session would that has the application's account: the setting, and then the statements."""
    with transaction.atomic(), connection.connection.cursor() as console:  # below Django, which would say who acts
        console.execute("SELECT set_config('workbench.context', %s, true)", [setting])
        for statement in statements:
            console.execute(statement)


def transaction_number():
    with connection.connection.cursor() as console:
        return console.execute("SELECT pg_current_xact_id()::text").fetchone()[0]


def forged(officer):
    return json.dumps({
        "actor_id": officer.pk, "actor": officer.display_name, "door": "admin", "request_id": "r", "reason": "mine",
    })  # fmt: skip


def newest():
    return RecordEntry.objects.with_values().latest("pk")


WRITE = "INSERT INTO governance_person (id, name) VALUES (gen_random_uuid(), 'Eve')"


@pytest.mark.parametrize("digest", ["", "0" * 64, "f" * 63], ids=["none", "zeros", "short"])
def test_a_forged_name_and_door_are_not_believed(digest, officer):
    told(digest + forged(officer), WRITE)

    entry = newest()
    assert (entry.kind, entry.actor_id, entry.door, entry.request_id) == ("governance.person", None, "", "")
    assert entry.said["actor"] == f"db:{connection.settings_dict['USER']}"
    assert entry.said["reason"] == vouching.UNPROVED


def test_what_was_seen_of_another_transaction_is_worth_nothing(officer):
    seen = str(int(transaction_number()) - 1)
    told(vouching.digest(forged(officer), transaction=seen) + forged(officer), WRITE)

    assert (newest().actor_id, newest().door) == (None, "")


def test_another_text_under_a_right_digest_is_worth_nothing(officer, steward):
    digest = vouching.digest(forged(steward), transaction=transaction_number())
    told(digest + forged(officer), WRITE)

    assert (newest().actor_id, newest().door) == (None, "")


def test_the_application_names_who_acts_in_each_transaction_and_after_a_rollback(officer):
    with context.acting(user=officer, door="admin", reason="ordinary"):
        with pytest.raises(DatabaseError), transaction.atomic():
            Person.objects.create(name="Ada")
            Person.objects.create(pk=Person.objects.latest("pk").pk, name="Twice")
        Person.objects.create(name="Ada")

    entry = newest()
    assert (entry.actor_id, entry.door, entry.said["actor"]) == (officer.pk, "admin", officer.display_name)


def test_a_forged_write_is_counted_as_one_past_every_door(client, officer):
    told(forged(officer), WRITE)
    client.force_login(officer)

    rows = client.get("/api/v1/record/?door=none&kind=governance.person").json()["results"]
    assert [row["actor"] for row in rows][:1] == [f"db:{connection.settings_dict['USER']}"]


# What decides what is kept, who signs, what is sealed and what is read as history.
DECISIVE = [
    "INSERT INTO governance_recordarchive (number, first, last, file, bytes, digest, erased_count, archived_at) "
    "VALUES (1, 0, 1, 'x', 1, repeat('0', 64), 0, now())",
    "UPDATE governance_recordarchive SET dropped_at = now()",
    "UPDATE governance_legalhold SET lifted_at = now()",
    "DELETE FROM governance_legalhold",
    "INSERT INTO governance_sealedentry (position, leaf, entry_id) VALUES (7000, repeat('0', 64), 7000)",
    "UPDATE governance_gatepolicy SET author_may_approve = true",
    "INSERT INTO workbench_historicalsheet SELECT * FROM workbench_historicalsheet",
    "INSERT INTO workbench_sheetversion SELECT * FROM workbench_sheetversion WHERE status = 'published'",
]


@pytest.mark.parametrize("statement", DECISIVE, ids=lambda one: " ".join(one.split()[:3]))
@pytest.mark.parametrize("said", [lambda officer: "", forged], ids=["nothing", "forged"])
def test_what_decides_about_the_record_and_the_gates_is_not_written_with_the_account_alone(said, statement, officer):
    SheetVersionFactory(sheet__owner=officer, published=True)

    with pytest.raises(psycopg.Error, match=UNPROVED):
        told(said(officer), statement)


@pytest.mark.parametrize("said", [lambda officer: "", forged], ids=["nothing", "forged"])
def test_signatures_requests_and_erasures_are_not_written_with_the_account_alone(said, steward, officer):
    request = approval_request(SheetFactory(owner=steward), requested_by=steward)
    for statement in (
        "INSERT INTO governance_approval (id, request_id, approver_id, person_id, role, verdict, comment, fingerprint, "
        f"signed_at) VALUES (gen_random_uuid(), '{request.pk}', {officer.pk}, '{officer.person_id}', 'approver', "
        f"'approve', 'seen', '{request.fingerprint}', now())",
        f"INSERT INTO governance_approvalrequest SELECT * FROM governance_approvalrequest WHERE id = '{request.pk}'",
        f"UPDATE governance_approvalrequest SET state = 'approved', decided_at = now() WHERE id = '{request.pk}'",
        "INSERT INTO governance_erasure (entry_id, erased_at, actor_id, actor_name, reason) "
        f"VALUES ({newest().pk}, now(), {officer.pk}, 'x', 'y')",
    ):
        with pytest.raises(psycopg.Error, match=UNPROVED):
            told(said(officer), statement)


def test_the_secret_changes_with_the_next_migrate_and_the_old_one_is_worth_nothing(settings, officer):
    old, number = say(context.NOBODY, transaction=transaction_number()), transaction_number()
    settings.SECRET_KEY = "another secret, that nobody has seen yet"

    assert [found for found in triggers.missing() if "WORKBENCH_SECRET_KEY" in found]
    recorder = connections.Recorder(connection)
    with pytest.raises(RecordIncomplete, match="WORKBENCH_SECRET_KEY"):
        recorder._refuse_while_incomplete(WRITE)

    connection.check_constraints()  # no table is altered while a deferred check of it is due
    triggers.install()

    assert triggers.missing() == []
    told(old, WRITE)
    assert newest().said["reason"] == vouching.UNPROVED
    told(say(context.Acting(door="command"), transaction=number), WRITE)
    assert newest().door == "command"
