"""Archives of the record: sealed ranges in Parquet files that hold by themselves, with and without the database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from governance import desk, jobs
from governance.compliance import evidence
from governance.errors import NotPermitted, RecordBroken
from governance.models import Erasure, Person, RecordArchive, RecordEntry, RecordValues, SealedEntry, User
from governance.record import archiving, erasing, holds, sealing, triggers, verification, verifier
from governance.record.erasing import Wanted

# PostgreSQL seals only what is committed.
pytestmark = pytest.mark.django_db(transaction=connection.vendor == "postgresql")

NOW = timedelta(0)


@pytest.fixture
def person() -> Person:
    """Changed and sealed in two parts, between other people."""
    Person.objects.bulk_create([Person(name=f"other {place}") for place in range(1_200)])
    person = Person.objects.create(name="Meier, Hans")
    sealing.seal()
    person.name = "Meier, H."
    person.save()
    sealing.seal()
    return person


@pytest.fixture
def second_officer(make_user) -> User:
    return make_user("second-officer", "compliance-officer")


def check_alone(archive: RecordArchive, *more: str) -> tuple[int, dict[str, Any]]:
    """The stand-alone verifier's exit status, and what it says."""
    command = [sys.executable, "-I", "-S", str(verifier.__file__), str(archiving.path_of(archive)), "--json", *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout)


def faults() -> list[str]:
    return [str(fault) for fault in verification.verify().faults]


def payloads_of(person: Person) -> list[str | None]:
    entries = RecordEntry.objects.filter(object_id=str(person.pk)).values("pk")
    return list(RecordValues.objects.filter(pk__in=entries).values_list("payload", flat=True))


def erase(person: Person, by: User, second: User) -> None:
    wanted = Wanted(kind="governance.person", object_id=str(person.pk))
    _, reach = erasing.preview(wanted=wanted, by=by)
    asked = erasing.request_erasure(wanted=wanted, digest=reach.digest, reason="Art. 17", by=by)
    desk.decide(request=asked, by=second, approve=True, comment="checked")


def test_an_archive_holds_what_was_sealed_and_both_verifiers_accept_it(person, settings):
    [archive] = archiving.archive_record(older_than=NOW, drop=False)

    assert (archive.first, archive.last + 1) == (0, SealedEntry.objects.count())
    table = pq.read_table(archiving.path_of(archive))  # any tool reads it
    assert table.num_rows == archive.last + 1
    assert table.column("position").to_pylist() == list(range(table.num_rows))
    assert "Meier, Hans" in "".join(table.column("payload").to_pylist())
    status, said = check_alone(archive, "--checkpoint", *map(str, sorted(settings.RECORD_CHECKPOINTS.iterdir())))
    assert (status, said["faults"], said["trusted"]) == (0, [], True)
    assert said["facts"]["entries"] == table.num_rows
    assert faults() == []


def test_what_was_archived_is_not_archived_again_and_the_next_range_follows(person):
    [first] = archiving.archive_record(older_than=NOW, drop=False)
    sealing.seal()
    [second] = archiving.archive_record(older_than=NOW, drop=False)

    assert second.first == first.last + 1
    assert check_alone(second)[0] == verifier.SIGNER_UNKNOWN
    assert archiving.archive_record(older_than=timedelta(days=1), drop=False) == []


def test_dropped_values_leave_the_database_and_every_proof_stays(person, officer, tmp_path):
    [archive] = archiving.archive_record(older_than=NOW, drop=True)

    assert payloads_of(person) == [None, None]
    assert faults() == []
    person.name = "Meier, new"
    person.save()
    sealing.seal()
    assert faults() == []
    asked = evidence.Asked(
        question="who?", reason="audit", filters={}, kind="governance.person", object_id=str(person.pk)
    )
    with (tmp_path / "evidence.zip").open("x+b") as file:
        evidence.hand_out(asked=asked, by=officer, out=file)
        file.seek(0)
        outcome = verifier.check_bundle(file)
    assert (outcome.holds, outcome.facts["entries"], outcome.facts["erased"]) == (True, 3, 0)
    assert archive.dropped_at is None and RecordArchive.objects.get().dropped_at is not None


def test_rows_whose_values_were_dropped_are_compared_with_the_archive(person):
    archiving.archive_record(older_than=NOW, drop=True)
    found = verification.verify()
    assert found.holds and not [note for note in found.notes if "cannot be compared" in note]

    with triggers.lifted():
        Person.objects.filter(pk=person.pk).update(name="Meier, Forged")

    [fault] = faults()
    assert str(person.pk) in fault and "name changed past it" in fault


def test_rows_whose_archive_cannot_be_read_are_counted_as_unknown(person):
    archiving.archive_record(older_than=NOW, drop=True)
    path = archiving.path_of(RecordArchive.objects.get())
    path.write_bytes(path.read_bytes()[:-20])

    found = verification.verify()

    assert "cannot be read" in str(found.faults) or "cut off" in str(found.faults)
    [note] = [note for note in found.notes if "cannot be compared" in note]
    assert int(note.split()[0]) >= 1_201


def test_values_of_an_archive_that_are_not_what_was_hashed_are_believed_by_nobody(person):
    archiving.archive_record(older_than=NOW, drop=True)
    archive = RecordArchive.objects.get()
    entry = RecordEntry.objects.filter(object_id=str(person.pk)).order_by("version").last()
    path = archiving.path_of(archive)
    path.write_bytes(path.read_bytes().replace(b"Meier, H.", b"Forged, H"))
    with triggers.lifted():
        Person.objects.filter(pk=person.pk).update(name="Forged, H")

    with closing(archiving.KeptValues()) as kept:
        assert kept.payload(entry.sealed.position, entry.values_digest) is None
    assert any("archive 1" in fault for fault in faults())


def test_values_in_no_archive_cannot_be_dropped(person):
    with pytest.raises(DatabaseError, match="only grows"), transaction.atomic():
        RecordValues.objects.update(salt=None, payload=None)


def test_what_is_on_hold_stays_in_the_database(person, officer):
    holds.place_hold(kind="governance.person", object_id=str(person.pk), reason="case 4711", by=officer)
    archiving.archive_record(older_than=NOW, drop=True)

    assert None not in payloads_of(person)
    assert RecordValues.objects.filter(payload__isnull=True).count() > 1_000
    assert faults() == []


@pytest.mark.parametrize("drop", [False, True])
def test_a_later_erasure_is_carried_out_in_the_archive(drop, person, officer, second_officer):
    [archive] = archiving.archive_record(older_than=NOW, drop=drop)
    old = archiving.path_of(archive)

    erase(person, officer, second_officer)
    assert any("still holds values" in note for note in verification.verify().notes)
    left = old.read_bytes()
    jobs.run_waiting()
    written = RecordArchive.objects.get()

    assert not old.exists() and not old.with_suffix(".json").exists()
    assert b"Meier" not in archiving.path_of(written).read_bytes()
    status, said = check_alone(written)
    assert (status, said["faults"], said["facts"]["erased"]) == (verifier.SIGNER_UNKNOWN, [], 2)
    assert archiving.rewrite_erased() == []
    found = verification.verify()
    assert (found.faults, [note for note in found.notes if "still holds" in note]) == ([], [])
    old.write_bytes(left)  # as if the job had been killed before it removed the old file
    os.utime(old, (0, 0))
    archiving.rewrite_erased()
    assert not old.exists()


def test_a_person_is_found_by_an_identifier_that_only_archives_hold(person, officer):
    archiving.archive_record(older_than=NOW, drop=True)

    keys, _ = erasing.preview(wanted=Wanted(kind="governance.person", column="name", value="Meier, Hans"), by=officer)

    assert keys == [str(person.pk)]


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


def test_any_changed_byte_of_the_file_or_its_manifest_is_found_by_both(person):
    [archive] = archiving.archive_record(older_than=NOW, drop=False)
    path = archiving.path_of(archive)
    for target in (path, path.with_suffix(".json")):
        whole = target.read_bytes()
        for place in range(7, len(whole), len(whole) // 12):
            flip(target, place)
            status, _ = check_alone(archive)
            assert status == 1, f"byte {place} of {target.suffix}"
            target.write_bytes(whole)
    flip(path, len(path.read_bytes()) // 2)
    assert any("archive 1" in fault for fault in faults())
    path.unlink()
    assert any("cannot be read" in fault for fault in faults())


def test_an_archive_signed_anew_over_changed_values_is_found(person, settings):
    """By one who holds the key: what was sealed still decides."""
    [archive] = archiving.archive_record(older_than=NOW, drop=False)
    path = archiving.path_of(archive)
    with path.open("rb") as file:
        rows = list(verifier.archive_rows(file))
    rows[5] = rows[5] | {"door": "admin" if rows[5]["door"] != "admin" else "api"}
    archiving._write_parquet(path, rows)
    archive.digest = archiving._digest(path)
    path.with_suffix(".json").write_bytes(archiving._signed_manifest(archive, [], archiving._end_of(archive)))

    status, said = check_alone(archive)

    assert status == 1 and "its hash does not match" in said["faults"][0]["problem"]
    assert faults() != []


def test_an_archive_that_claims_an_erasure_nobody_recorded_is_found(person):
    """By one who holds the key and wants values gone."""
    [archive] = archiving.archive_record(older_than=NOW, drop=False)
    path = archiving.path_of(archive)
    with path.open("rb") as file:
        rows = list(verifier.archive_rows(file))
    gone = rows[5]["id"]
    rows[5] = rows[5] | {"salt": "", "payload": ""}
    archiving._write_parquet(path, rows)
    archive.digest = archiving._digest(path)
    claimed = {"entry_id": gone, "erased_at": "2026-01-01T00:00:00.000000Z", "actor_id": "1", "actor_name": "F",
               "reason": "as if"}  # fmt: skip
    signed = archiving._signed_manifest(archive, [claimed], archiving._end_of(archive))
    path.with_suffix(".json").write_bytes(signed)
    archive.save()

    assert any(f"entry {gone}" in fault and "no erasure is on record" in fault for fault in faults())


def test_what_is_not_what_was_sealed_is_not_archived(person):
    entry = RecordEntry.objects.filter(object_id=str(person.pk)).first()
    with triggers.lifted():
        RecordValues.objects.filter(pk=entry.pk).update(payload='{"forged": true}')

    with pytest.raises(RecordBroken, match="not what was sealed"):
        archiving.archive_record(older_than=NOW, drop=True)
    assert not RecordArchive.objects.exists()


@pytest.mark.parametrize("killed_in", ["_write_parquet", "_signed_manifest", "_sync_folder"])
def test_a_run_that_dies_anywhere_loses_nothing_and_the_next_one_goes_on(killed_in, person, monkeypatch, settings):
    def die(*arguments: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(archiving, killed_in, die)
        with pytest.raises(SystemExit):
            archiving.archive_record(older_than=NOW, drop=True)
    assert None not in payloads_of(person)
    for path in settings.RECORD_ARCHIVE.iterdir():
        os.utime(path, (0, 0))

    [archive] = archiving.archive_record(older_than=NOW, drop=True)

    named = {archive.file, archive.file.replace(".parquet", ".json")}
    assert {path.name for path in settings.RECORD_ARCHIVE.iterdir()} == named
    assert faults() == []


def test_the_values_stay_when_the_file_is_gone(person):
    [archive] = archiving.archive_record(older_than=NOW, drop=False)
    archiving.path_of(archive).unlink()

    with pytest.raises(RecordBroken, match="stay in the database"):
        archiving.archive_record(older_than=NOW, drop=True)
    assert None not in payloads_of(person)


def test_files_of_somebody_else_are_left_alone(person, settings):
    settings.RECORD_ARCHIVE.mkdir()
    note = settings.RECORD_ARCHIVE / "README"
    note.write_text("mine")
    os.utime(note, (0, 0))
    archiving.archive_record(older_than=NOW, drop=False)

    assert note.exists()


# -- doors ----------------------------------------------------------------------------------------------------


def test_by_command(person, capsys):
    call_command("archive_record", "--days", "0", "--drop")
    assert "record-archive-00000001" in capsys.readouterr().out
    call_command("verify_record")
    with pytest.raises(CommandError, match="below zero"):
        call_command("archive_record", "--days", "-1")


def test_by_the_desk_as_a_job_and_listed_in_portal_and_rest(person, client, officer, api, steward):
    client.force_login(officer)
    started = client.post("/admin/compliance/archive/")
    assert started.status_code == 302
    jobs.run_waiting()

    archive = RecordArchive.objects.get()
    assert archive.file in client.get("/admin/governance/recordarchive/").content.decode()
    assert archive.digest in client.get(f"/admin/governance/recordarchive/{archive.pk}/change/").content.decode()
    told = api(officer).get("/api/v1/record-archives/").json()["results"]
    assert [one["digest"] for one in told] == [archive.digest]
    assert api(steward).get("/api/v1/record-archives/").status_code in (403, 404)
    with pytest.raises(NotPermitted):
        archiving.start_archiving(by=steward)


def test_an_entry_whose_values_were_dropped_says_where_they_are(person, client, officer):
    archiving.archive_record(older_than=NOW, drop=True)
    client.force_login(officer)
    entry = RecordEntry.objects.filter(object_id=str(person.pk)).first()

    shown = client.get(f"/admin/governance/recordentry/{entry.pk}/change/").content.decode()

    assert "archive 1" in shown
    assert not Erasure.objects.exists()


def test_an_entry_whose_values_were_dropped_points_at_its_file_and_range_by_every_door(person, client, api, officer):
    archiving.archive_record(older_than=NOW, drop=True)
    archive = RecordArchive.objects.get()
    Person.objects.filter(pk=person.pk).update(name="known")
    client.force_login(officer)
    entry = RecordEntry.objects.filter(object_id=str(person.pk)).order_by("version").first()

    page = client.get(f"/admin/governance/recordentry/{entry.pk}/change/").content.decode()
    listed = client.get("/admin/governance/recordentry/", {"q": str(person.pk)}).content.decode()
    told = api(officer).get("/api/v1/record/", {"object_id": str(person.pk)}).json()["results"]

    assert archive.file in page and f"positions 0 to {archive.last}" in page
    assert f"/admin/governance/recordarchive/{archive.pk}/change/" in page
    assert listed.count("in archive 1") >= 2
    kept = {"number": 1, "file": archive.file, "first": 0, "last": archive.last}
    assert [one["archive"] for one in told] == [None, kept, kept]
    assert [one["old"] for one in told][1:] == [None, None]
