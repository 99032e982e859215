"""One statement that changes many rows records each of them, with its own old and new values and its own chain."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection, transaction

from governance.ids import uuid7
from governance.models import Person, RecordEntry, RecordValues
from governance.record import verification
from labeling.models import QAPair
from tests.world import make_world

pytestmark = pytest.mark.django_db

ONLY_POSTGRESQL = pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL records by statement")


def changes_since(newest: int, kind: str) -> dict[str, tuple[str, Any, Any]]:
    """The entries of one kind after `newest`, by object: operation, old and new values."""
    found = {}
    for entry in RecordEntry.objects.filter(pk__gt=newest, kind=kind):
        said = json.loads(str(RecordValues.objects.get(pk=entry.pk).payload))
        found[entry.object_id] = (entry.operation, said["old"], said["new"])
    return found


def newest_entry() -> int:
    return RecordEntry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def people(count: int) -> list[Person]:
    return Person.objects.bulk_create([Person(name=f"person {place:03d}") for place in range(count)])


def test_each_row_of_one_statement_has_its_own_values():
    made, since = people(300), newest_entry()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE governance_person SET name = 'the ' || name WHERE name LIKE 'person 1%%'")

    assert changes_since(since, "governance.person") == {
        str(person.pk): ("update", {"name": person.name}, {"name": f"the {person.name}"}) for person in made[100:200]
    }


def test_rows_whose_keys_change_places_keep_their_values():
    made, since = people(50), newest_entry()
    fresh = {str(person.pk): str(uuid7()) for person in made}
    to_column = (lambda key: key.replace("-", "")) if connection.vendor == "sqlite" else str
    cases = " ".join(f"WHEN '{to_column(old)}' THEN '{to_column(new)}'" for old, new in fresh.items())
    keys = ", ".join(f"'{to_column(old)}'" for old in fresh)
    cast = "" if connection.vendor == "sqlite" else "::uuid"
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE governance_person SET id = (CASE id {cases} END){cast} WHERE id IN ({keys})")

    assert changes_since(since, "governance.person") == {
        new: ("update", {"id": old}, {"id": new}) for old, new in fresh.items()
    }


def test_a_plan_made_for_one_row_serves_thousands(steward):
    """A join of every old row with every new one would take minutes here."""
    person = Person.objects.create(name="alone")
    for name in "abcdefgh":
        Person.objects.filter(pk=person.pk).update(name=name)
    Person.objects.bulk_create([Person(name=f"one of many {place}") for place in range(3_000)])
    since = newest_entry()
    with transaction.atomic():
        Person.objects.filter(name__startswith="one of many").update(name="all of them")

    assert RecordEntry.objects.filter(pk__gt=since, kind="governance.person").count() == 3_000
    assert [str(fault) for fault in verification.verify().faults] == []


def test_what_follows_from_another_row_is_no_entry_of_its_own(steward):
    pair = make_world("pattern", steward)[QAPair]
    since = newest_entry()
    QAPair.objects.filter(pk=pair.pk).update(effective_uses=0)
    assert changes_since(since, "labeling.qapair") == {}

    QAPair.objects.filter(pk=pair.pk).update(effective_uses=1, usage_reason="changed with it")
    assert changes_since(since, "labeling.qapair") == {
        str(pair.pk): ("update", {"usage_reason": pair.usage_reason}, {"usage_reason": "changed with it"})
    }


def test_a_statement_that_finds_no_row_records_nothing():
    since = newest_entry()
    Person.objects.filter(name="nobody has this name").update(name="nor this")
    Person.objects.filter(name="nobody has this name").delete()

    assert newest_entry() == since


@ONLY_POSTGRESQL
def test_a_column_added_in_the_same_session_is_recorded():
    """As in a migration that adds a column and fills it."""
    people(2)
    Person.objects.update(name="before")
    since = newest_entry()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE governance_person ADD COLUMN nickname text")
        cursor.execute("UPDATE governance_person SET nickname = 'Nick'")

    changes = changes_since(since, "governance.person")
    assert len(changes) == Person.objects.count()
    assert {json.dumps(change) for change in changes.values()} == {
        '["update", {"nickname": null}, {"nickname": "Nick"}]'
    }
