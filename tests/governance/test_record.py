"""Every change of a governed row is on record, whichever way it is made, and the record only grows."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import F

from governance import context
from governance.errors import RecordIncomplete
from governance.models import ConstraintChange, Person, RecordEntry, RecordValues, TagRule, User
from governance.record import connections, triggers, verification
from governance.roles import group_for
from tests.factories import SheetFactory, approval_request

pytestmark = pytest.mark.django_db

ONLY_SQLITE = pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's own statement")
ONLY_POSTGRESQL = pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL's own statement")


class Recorded:
    """The entries made since it was opened, newest last: (kind, operation, old, new)."""

    def __init__(self) -> None:
        self.since = RecordEntry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0

    def entries(self) -> list[RecordEntry]:
        return list(RecordEntry.objects.filter(pk__gt=self.since).order_by("pk"))

    def all(self, kind: str) -> list[tuple[str, Any, Any]]:
        found = []
        for entry in self.entries():
            if entry.kind == kind:
                said = json.loads(str(RecordValues.objects.get(pk=entry.pk).payload))
                found.append((entry.operation, said["old"], said["new"]))
        return found


@pytest.fixture
def recorded(db) -> Recorded:
    return Recorded()


def only_names(found: list[tuple[str, Any, Any]]) -> list[tuple[str, str | None, str | None]]:
    return [(operation, (old or {}).get("name"), (new or {}).get("name")) for operation, old, new in found]


def test_saving_updating_and_deleting_one_row(recorded):
    person = Person.objects.create(name="Ada")
    person.name = "Ada B."
    person.save()
    person.delete()

    assert only_names(recorded.all("governance.person")) == [
        ("insert", None, "Ada"),
        ("update", "Ada", "Ada B."),
        ("delete", "Ada B.", None),
    ]


def test_updates_hold_only_what_changed_and_nothing_is_recorded_when_nothing_did(recorded):
    rule = TagRule.objects.get(tag="PII")
    TagRule.objects.filter(pk=rule.pk).update(reason="new reason")
    TagRule.objects.filter(pk=rule.pk).update(reason=F("reason"))

    assert recorded.all("governance.tagrule") == [("update", {"reason": rule.reason}, {"reason": "new reason"})]


def test_bulk_create_bulk_update_and_update(recorded):
    people = Person.objects.bulk_create([Person(name="a"), Person(name="b")])
    for person in people:
        person.name *= 2
    Person.objects.bulk_update(people, ["name"])
    Person.objects.filter(pk__in=[person.pk for person in people]).update(name="same")

    assert sorted(only_names(recorded.all("governance.person")), key=str) == sorted(
        [
            ("insert", None, "a"), ("insert", None, "b"), ("update", "a", "aa"), ("update", "b", "bb"),
            ("update", "aa", "same"), ("update", "bb", "same"),
        ],
        key=str,
    )  # fmt: skip


def test_an_upsert_is_recorded_as_what_it_did(recorded):
    person = Person.objects.create(name="a")
    fresh = Person(name="c")
    Person.objects.bulk_create(
        [Person(pk=person.pk, name="b"), fresh], update_conflicts=True, unique_fields=["id"], update_fields=["name"]
    )

    assert only_names(recorded.all("governance.person")) == [
        ("insert", None, "a"),
        ("update", "a", "b"),
        ("insert", None, "c"),
    ]


def test_links_between_rows_from_either_side_and_by_their_own_table(recorded, viewer):
    group = Group.objects.create(name="Team")
    viewer.groups.add(group)
    group.user_set.clear()
    User.groups.through.objects.bulk_create([User.groups.through(user=viewer, group=group)])

    operations = [operation for operation, _, _ in recorded.all("governance.user_groups")]
    assert operations[-3:] == ["insert", "delete", "insert"]


def test_what_a_deletion_takes_along(recorded, viewer):
    group = Group.objects.create(name="Team")
    viewer.groups.add(group)
    group.delete()

    assert recorded.all("governance.user_groups")[-1][0] == "delete"
    assert recorded.all("auth.group")[-1][1]["name"] == "Team"


def test_raw_sql(recorded):
    person = Person.objects.create(name="a")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE governance_person SET name = 'raw' WHERE name = 'a'")
        cursor.execute("DELETE FROM governance_person WHERE name = 'raw'")

    assert only_names(recorded.all("governance.person"))[1:] == [("update", "a", "raw"), ("delete", "raw", None)]
    assert {entry.object_id for entry in recorded.entries()} == {str(person.pk)}


@ONLY_SQLITE
def test_replace_records_what_it_overwrites(recorded):
    person = Person.objects.create(name="old")
    with connection.cursor() as cursor:
        cursor.execute("INSERT OR REPLACE INTO governance_person (id, name) VALUES (%s, 'new')", [person.pk.hex])

    assert only_names(recorded.all("governance.person")) == [
        ("insert", None, "old"),
        ("delete", "old", None),
        ("insert", None, "new"),
    ]


@ONLY_POSTGRESQL
def test_copy(recorded):
    with connection.cursor() as cursor, cursor.copy("COPY governance_person (id, name) FROM STDIN") as copy:
        copy.write_row(("01980000-0000-7000-8000-000000000001", "copied"))

    assert only_names(recorded.all("governance.person")) == [("insert", None, "copied")]


def test_the_request_that_changed_a_row_is_named(recorded, api, steward, expert):
    name = "Claims"
    answer = api(steward).post("/api/v1/use-cases/", {"name": name, "description": "of the team"})

    assert answer.status_code == 201, answer.content
    [entry] = [entry for entry in recorded.entries() if entry.kind == "labeling.usecase"]
    said = json.loads(str(RecordValues.objects.get(pk=entry.pk).payload))
    assert (entry.actor_id, entry.door, entry.request_id) == (steward.pk, "api", answer["X-Request-ID"])
    assert said["actor"] == steward.display_name


def test_a_reason_given_inside_is_the_reason_on_record(officer, recorded):
    with context.acting(user=officer, door="admin", reason="outer"):
        Person.objects.create(name="one")
        with context.because("inner"), transaction.atomic():
            Person.objects.create(name="two")
        Person.objects.create(name="three")

    said = [json.loads(str(RecordValues.objects.get(pk=entry.pk).payload)) for entry in recorded.entries()]
    assert [(one["new"]["name"], one["reason"], one["actor"]) for one in said] == [
        ("one", "outer", "Officer"), ("two", "inner", "Officer"), ("three", "outer", "Officer"),
    ]  # fmt: skip


def test_who_acts_is_known_again_after_a_rollback_to_a_savepoint(officer, recorded):
    with context.acting(user=officer, door="admin", reason="all of it"):
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            Person.objects.create(name="undone")
            raise ZeroDivisionError
        Person.objects.create(name="kept")

    assert [entry.actor_id for entry in recorded.entries()] == [officer.pk]


def test_a_write_past_every_door_names_nobody(recorded):
    Person.objects.create(name="who?")

    assert [(entry.door, entry.actor_id) for entry in recorded.entries()] == [("", None)]


def test_a_password_never_reaches_the_record(recorded, make_user):
    user = make_user("secretive")
    user.set_password("a second long password")
    user.save()

    changes = recorded.all("governance.user")
    assert changes[-1][2]["password"] == "(hidden)"
    assert "md5$" not in json.dumps(changes)


def test_derived_columns_are_no_change_of_their_own():
    left_out = {table.kind: table.left_out for table in triggers.sqlite.captured() if table.left_out}

    assert "effective_uses" in left_out["labeling.qapair"]


ATTACKS = {
    "update": "UPDATE {table} SET {column} = {column}",
    "delete": "DELETE FROM {table}",
    "delete some": "DELETE FROM {table} WHERE {column} IS NOT NULL",
}


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize(
    "table, column",
    [
        ("governance_recordentry", "door"), ("governance_recordvalues", "payload"),
        ("governance_historicaltagrule", "reason"), ("governance_constraintchange", "reason"),
    ],
)  # fmt: skip
def test_nothing_on_record_is_changed_or_deleted(attack, table, column, steward):
    rule = TagRule.objects.get(tag="PII")
    rule.reason = "kept as history"
    rule.save()
    ConstraintChange.objects.create(
        kind="workbench.sheet", object_id=rule.pk, subject_label="a sheet", old_allowed=31, new_allowed=1,
        old_prohibited=0, new_prohibited=0, old_classification=1, new_classification=1, direction="tightened",
        reason="because",
    )  # fmt: skip

    with pytest.raises(DatabaseError, match="only grows"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(ATTACKS[attack].format(table=table, column=column))


def test_the_orm_has_no_way_around_it():
    entry = RecordEntry.objects.first()
    assert entry is not None
    for attack in (
        lambda: RecordEntry.objects.filter(pk=entry.pk).update(door="admin"),
        lambda: RecordEntry.objects.filter(pk=entry.pk).delete(),
        lambda: RecordEntry.objects.bulk_create(
            [entry], update_conflicts=True, unique_fields=["id"], update_fields=["door"]
        ),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            attack()


@ONLY_SQLITE
def test_replace_does_not_get_at_an_entry():
    entry = RecordEntry.objects.first()
    with pytest.raises(IntegrityError, match="only grows"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT OR REPLACE INTO governance_recordvalues (id, salt, payload) VALUES (%s, 'x', 'y')", [entry.pk]
        )


@ONLY_SQLITE
@pytest.mark.parametrize("kept", ["recordentry", "recordvalues", "historicaltagrule", "approval"])
def test_no_setting_lets_a_row_that_is_kept_be_replaced(kept, steward, officer):
    row = TagRule.objects.first()
    row.reason = "looked at again"
    row.save()
    request = approval_request(SheetFactory(owner=steward), requested_by=steward)
    request.approvals.create(
        approver=officer, person=officer.person, role="approver", verdict="approve", fingerprint=request.fingerprint
    )
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA recursive_triggers = OFF")
        try:
            with pytest.raises(IntegrityError, match="only grows"), transaction.atomic():
                cursor.execute(f"INSERT OR REPLACE INTO governance_{kept} SELECT * FROM governance_{kept}")
        finally:
            cursor.execute("PRAGMA recursive_triggers = ON")


@ONLY_POSTGRESQL
@pytest.mark.parametrize("table", ["governance_recordentry", "governance_person", "governance_historicaltagrule"])
def test_no_table_on_record_is_truncated(table):
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(f"TRUNCATE {table} CASCADE")


def test_the_site_is_not_ready_while_a_trigger_is_missing(client):
    assert client.get("/readyz").content == b"ok"
    name = "record_update_governance_person" if connection.vendor == "sqlite" else "record_change ON governance_person"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {name}")

    answer = client.get("/readyz")

    assert (answer.status_code, b"migrate" in answer.content) == (503, True)
    assert client.get("/healthz").status_code == 200


def test_governed_rows_cannot_change_while_a_trigger_is_missing(monkeypatch):
    monkeypatch.setattr(connections, "LOOK_AGAIN_SECONDS", 0.0)
    name = "record_update_governance_person" if connection.vendor == "sqlite" else "record_change ON governance_person"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {name}")

    with pytest.raises(RecordIncomplete, match="migrate"), transaction.atomic():
        Person.objects.create(name="unrecorded")
    assert [error.id for error in triggers.check_triggers(databases=["default"])] == ["governance.E001"]

    triggers.install()
    Person.objects.create(name="recorded")
    assert not triggers.check_triggers(databases=["default"])


def test_a_trigger_that_does_nothing_counts_as_missing():
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("DROP TRIGGER record_update_governance_person")
            cursor.execute(
                "CREATE TRIGGER record_update_governance_person AFTER UPDATE ON governance_person BEGIN SELECT 1; END"
            )
        else:
            cursor.execute("ALTER TABLE governance_person DISABLE TRIGGER record_change")

    assert [name for name in triggers.missing() if "person" in name]


def test_the_chain_of_everything_written_in_a_test_holds(steward, officer):
    Person.objects.filter(accounts=steward).update(name="Changed")
    group_for("viewer").user_set.add(steward)

    findings = verification.verify()

    assert findings.entries > 100
    assert [str(fault) for fault in findings.faults] == []


def test_readable_history_and_the_record_agree(recorded, steward):
    rule = TagRule.objects.get(tag="PII")
    with context.acting(user=steward, door="admin", request_id="r-1"):
        for reason in ("first", "second"):
            rule.reason = reason
            rule.save()

    told = [row.reason for row in rule.history.order_by("history_id")][-2:]
    assert told == [new["reason"] for _, _, new in recorded.all("governance.tagrule")]
    assert {(row.history_user_id, row.request_id) for row in rule.history.order_by("-history_id")[:2]} == {
        (entry.actor_id, entry.request_id) for entry in recorded.entries() if entry.kind == "governance.tagrule"
    }
