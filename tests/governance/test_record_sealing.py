"""Checkpoints cover every committed entry, and whatever is done to the record behind them is found and named."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import close_old_connections, connection, transaction

from governance.errors import ReasonRequired, RecordBroken, SigningKeyLost
from governance.models import Checkpoint, Erasure, Person, RecordEntry, RecordValues, SealedEntry, SigningKey
from governance.record import keys, sealing, triggers, verification

# PostgreSQL seals only what is committed.
pytestmark = pytest.mark.django_db(transaction=connection.vendor == "postgresql")


@pytest.fixture(autouse=True)
def _own_key_and_folder(settings, tmp_path: Path) -> None:
    settings.RECORD_KEY_FILE = tmp_path / "key"
    settings.RECORD_CHECKPOINTS = tmp_path / "checkpoints"


def people(*names: str) -> None:
    Person.objects.bulk_create([Person(name=name) for name in names])


def faults() -> list[str]:
    return [str(fault) for fault in verification.verify().faults]


def test_sealing_covers_everything_so_far_and_is_repeatable(settings):
    people("a", "b")
    first = sealing.seal()
    people("c")
    second = sealing.seal()

    assert first is not None and second is not None
    assert sealing.seal() is None
    assert (second.number, second.size - first.size, second.size) == (2, 1, RecordEntry.objects.count())
    assert sealing.unsealed() == 0
    assert [path.name for path in sorted(settings.RECORD_CHECKPOINTS.glob("*.json"))] == [
        "checkpoint-00000001.json",
        "checkpoint-00000002.json",
    ]
    assert faults() == []


def test_a_checkpoint_that_did_not_reach_the_folder_is_written_next_time(settings):
    people("a")
    sealing.seal()
    [path] = settings.RECORD_CHECKPOINTS.glob("*.json")
    before = path.read_bytes()
    path.unlink()

    assert "missing outside the database" in faults()[0]
    call_command("seal_record", verbosity=0)
    assert path.read_bytes() == before
    assert faults() == []


def change_values(entry: RecordEntry) -> None:
    said = RecordValues.objects.get(pk=entry.pk)
    said.payload = str(said.payload).replace('"reason"', '"raison"')
    said.save()


def change_person(entry: RecordEntry) -> None:
    RecordEntry.objects.filter(pk=entry.pk).update(actor_id=4711)


def change_moment(entry: RecordEntry) -> None:
    RecordEntry.objects.filter(pk=entry.pk).update(recorded_at="2020-01-01T00:00:00.000000Z")


def change_with_its_hash(entry: RecordEntry) -> None:
    """As one who knows how entries are hashed."""
    from governance.record.verifier import entry_hash

    entry.door = "forged"
    fields = {name: getattr(entry, name) for name in verification.HASHED}
    RecordEntry.objects.filter(pk=entry.pk).update(door="forged", entry_hash=entry_hash(fields))


def delete_entry(entry: RecordEntry) -> None:
    RecordEntry.objects.filter(pk=entry.pk).delete()


def delete_with_values_and_place(entry: RecordEntry) -> None:
    SealedEntry.objects.filter(entry=entry).delete()
    RecordValues.objects.filter(pk=entry.pk).delete()
    RecordEntry.objects.filter(pk=entry.pk).delete()


def swap_places(entry: RecordEntry) -> None:
    """Change places with the next entry; the last changes with the first."""
    here = SealedEntry.objects.get(entry=entry)
    there = SealedEntry.objects.exclude(pk=here.pk).order_by("-position").first()
    assert there is not None
    pairs = {here.position: (there.entry_id, there.leaf), there.position: (here.entry_id, here.leaf)}
    SealedEntry.objects.filter(pk__in=pairs).delete()
    SealedEntry.objects.bulk_create(SealedEntry(position=p, entry_id=e, leaf=leaf) for p, (e, leaf) in pairs.items())


def erase_without_saying_so(entry: RecordEntry) -> None:
    RecordValues.objects.filter(pk=entry.pk).update(salt=None, payload=None)


TAMPERING: list[Callable[[RecordEntry], None]] = [
    change_values, change_person, change_moment, change_with_its_hash, delete_entry, delete_with_values_and_place,
    swap_places, erase_without_saying_so,
]  # fmt: skip


def test_tampering_by_an_owner_of_the_database_is_found_and_named():
    people(*"abcdef")
    sealing.seal()
    people(*"ghij")
    sealing.seal()
    entries = list(RecordEntry.objects.filter(kind="governance.person"))

    for tamper in TAMPERING:
        entry = random.Random(tamper.__name__).choice(entries)
        place = SealedEntry.objects.get(entry=entry).position
        with transaction.atomic():
            with triggers.lifted():
                tamper(entry)
            found = faults()
            transaction.set_rollback(True)
        assert any(f"entry {entry.pk}" in fault or f"position {place}" in fault for fault in found), tamper.__name__


def test_an_entry_inserted_among_sealed_ones_is_found():
    people("a", "b")
    entry = RecordEntry.objects.filter(kind="governance.person").order_by("-pk").first()
    assert entry is not None
    sealing.seal()

    forged = RecordEntry.objects.get(pk=entry.pk)
    with triggers.lifted():
        RecordValues.objects.create(pk=-1, salt="0" * 32, payload="{}")
        forged.pk, forged.object_id = -1, "somebody else"
        forged.save(force_insert=True)

    assert any("entry -1" in fault and "inserted afterwards" in fault for fault in faults())


def test_a_rewritten_checkpoint_is_found_by_its_copy_outside():
    people("a")
    checkpoint = sealing.seal()
    assert checkpoint is not None
    with triggers.lifted():
        Checkpoint.objects.filter(pk=checkpoint.pk).update(
            body=checkpoint.body.replace(checkpoint.sealed_at, "2020-01-01T00:00:00.000000Z")
        )

    found = faults()
    assert any("checkpoint 1" in fault for fault in found)
    assert any("checkpoint-00000001.json" in fault for fault in found)


@pytest.mark.parametrize("column, value", [("root", "0" * 64), ("frontier", ["0" * 64]), ("body", "not a body")])
def test_nothing_is_built_on_a_checkpoint_that_is_not_what_was_signed(column, value):
    people("a")
    checkpoint = sealing.seal()
    assert checkpoint is not None
    people("b")
    with triggers.lifted():
        Checkpoint.objects.filter(pk=checkpoint.pk).update(**{column: value})

    assert any("checkpoint 1" in fault for fault in faults())
    if column == "frontier":
        with pytest.raises(RecordBroken):
            sealing.seal()


def test_the_command_names_the_first_broken_entry(capsys):
    people("a")
    sealing.seal()
    entry = RecordEntry.objects.filter(kind="governance.person").latest("pk")
    with triggers.lifted():
        change_person(entry)

    with pytest.raises(CommandError, match=f"entry {entry.pk}"):
        call_command("verify_record", "--json")
    assert json.loads(capsys.readouterr().out)["holds"] is False


def test_values_are_erased_with_a_reason_and_every_proof_stays_valid(officer):
    people("a name to forget")
    sealing.seal()
    entry = RecordEntry.objects.filter(kind="governance.person").latest("pk")

    Erasure.objects.create(
        entry=entry, actor_id=officer.pk, actor_name=officer.display_name, reason="Art. 17, asked on 2 March"
    )
    RecordValues.objects.filter(pk=entry.pk).update(salt=None, payload=None)

    assert faults() == []


def test_a_rotated_key_is_endorsed_by_the_one_before():
    people("a")
    sealing.seal()
    keys.rotate(reason="yearly")
    people("b")
    sealing.seal()

    first, second = SigningKey.objects.all()
    assert second.previous_key_id == first.key_id and second.endorsement
    assert len({checkpoint.key_id for checkpoint in Checkpoint.objects.all()}) == 2
    assert faults() == []


def test_a_lost_key_stops_sealing_until_it_is_replaced_with_a_reason(settings):
    people("a")
    sealing.seal()
    settings.RECORD_KEY_FILE.unlink()
    people("b")

    with pytest.raises(SigningKeyLost, match="record_key --replace-lost"):
        sealing.seal()
    with pytest.raises(ReasonRequired):
        keys.replace_lost(reason=" ")
    keys.replace_lost(reason="the disk with the old one burnt")

    assert sealing.seal() is not None
    findings = verification.verify()
    assert findings.holds
    assert "the disk with the old one burnt" in findings.notes[0]


def test_a_rotation_cut_off_before_the_key_file_was_replaced_loses_nothing(settings):
    people("a")
    sealing.seal()
    kept = settings.RECORD_KEY_FILE.read_text()
    keys.rotate(reason="yearly")
    settings.RECORD_KEY_FILE.write_text(kept)
    people("b")

    assert sealing.seal() is not None
    assert faults() == []


@pytest.mark.skipif(connection.vendor != "postgresql", reason="on SQLite writers take turns")
@pytest.mark.django_db(transaction=True)
def test_an_entry_that_commits_after_later_ones_were_sealed_is_sealed_next_time():
    wrote, sealed = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            people("slow")
            wrote.set()
            sealed.wait(30)
        close_old_connections()
        connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    assert wrote.wait(30)
    people("quick")
    sealing.seal()
    sealed.set()
    thread.join()
    sealing.seal()

    assert sealing.unsealed() == 0
    assert faults() == []
