"""Whatever the owner of a database does to a sealed record, both verifiers find it and name it."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from governance.models import Checkpoint, Person, RecordEntry, SealedEntry
from governance.record import keys, sealing, triggers, verification, verifier
from governance.record.bundle import CannotBundle
from labeling.labels.contents import content_of
from tests.proofs import keep_proof
from tests.recordwork_bundle import bundle_of
from tests.recordwork_tampering import (
    WAYS,
    Owner,
    Tampered,
    forge_an_erasure,
    forget_what_was_sealed,
    seal_a_small_record,
)

# PostgreSQL seals only what is committed.
pytestmark = pytest.mark.django_db(transaction=connection.vendor == "postgresql")

PROOF_TIMES = 200


@pytest.fixture(autouse=True)
def _own_key_and_folder(settings, tmp_path: Path) -> None:
    settings.RECORD_KEY_FILE = tmp_path / "key"
    settings.RECORD_CHECKPOINTS = tmp_path / "checkpoints"


class Auditor:
    """Who holds the public key and the checkpoint files that were handed out, and nothing else."""

    def __init__(self, folder: Path, checkpoints: Path) -> None:
        self.folder = folder
        self.kept = shutil.copytree(checkpoints, folder / "kept")
        self.size = Checkpoint.objects.latest("number").size
        self.public_key = keys.signer()[0].public_key

    def check(self) -> tuple[list[str], dict[str, Any]]:
        """What the stand-alone verifier says of a bundle made now: faults, and facts."""
        path = self.folder / "evidence.zip"
        try:
            bundle_of(path, verification.entries())
        except CannotBundle as error:
            return [str(error)], {}
        command = [
            sys.executable, "-I", "-S", str(Path(verifier.__file__)), str(path), "--json", "--faults", "5000",
            "--key", self.public_key, "--checkpoint", *map(str, sorted(self.kept.iterdir())),
        ]  # fmt: skip
        said = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
        return [str(verifier.Fault(**fault)) for fault in said["faults"]], said["facts"]


@pytest.fixture
def auditor(tmp_path, settings) -> Auditor:
    seal_a_small_record([f"person {place}" for place in range(9)])
    return Auditor(tmp_path, settings.RECORD_CHECKPOINTS)


def names(tampered: Tampered) -> re.Pattern[str]:
    """What a finding has to name one of."""
    named = [
        *(rf"entry {entry}\b" for entry in tampered.entries),
        *(rf"position {position}\b" for position in tampered.positions),
        *(rf"checkpoint(?:-0*| ){number}\b" for number in tampered.checkpoints),
    ]
    if tampered.missing is not None:
        named.append(r"{}\b.*: version {} is missing".format(*tampered.missing))
    return re.compile("|".join(named))


def try_once(way: str, chance: random.Random, auditor: Auditor) -> list[str]:
    """Tamper in one way, look with both verifiers, and undo it. What was not found, in words."""
    with transaction.atomic():
        with triggers.lifted():
            tampered = getattr(Owner(chance), way)()
        inside = [str(fault) for fault in verification.verify(most=5_000).faults]
        outside, facts = auditor.check()
        transaction.set_rollback(True)
    missed, named = [], names(tampered)
    if not any(named.search(fault) for fault in inside):
        missed.append(f"{way}: {named.pattern} is not named in the database: {inside[:3]}")
    told = (tampered.is_told_unsealed and facts.get("not_sealed", 0) > 0) or (
        tampered.is_left_out and facts.get("sealed", auditor.size) < auditor.size
    )
    if not told and not any(named.search(fault) for fault in outside):
        missed.append(f"{way}: {named.pattern} is not named by the stand-alone verifier: {outside[:3]} {facts}")
    return missed


def try_each(times: int, seed: object, auditor: Auditor) -> tuple[list[str], Counter[str]]:
    chance = random.Random(str(seed))
    ways = [*WAYS, *chance.choices(WAYS, k=max(0, times - len(WAYS)))]
    missed = [problem for way in ways for problem in try_once(way, chance, auditor)]
    return missed, Counter(ways)


def test_an_untouched_record_holds_for_both(auditor):
    assert verification.verify().faults == []
    faults, facts = auditor.check()
    assert faults == []
    assert facts["sealed"] == facts["entries"] == auditor.size


def test_every_way_of_tampering_is_found_and_named_by_both_verifiers(auditor):
    missed, _ = try_each(len(WAYS), "the same each time", auditor)

    assert missed == []


def test_erasing_values_without_a_true_erasure_is_found(auditor):
    entry = RecordEntry.objects.filter(kind="governance.person").earliest("pk")
    with triggers.lifted():
        forge_an_erasure(entry)

    [found] = map(str, verification.verify().faults)
    assert found.startswith(f"governance.erasure {entry.pk}: the live row is extra")


ROW_ATTACKS = {
    "changed": ("UPDATE governance_person SET name = 'Forged' WHERE id = %s", "name changed past it"),
    "missing": ("DELETE FROM governance_person WHERE id = %s", "live row is missing"),
}


@pytest.mark.parametrize("attack", ROW_ATTACKS)
def test_a_live_row_changed_with_the_triggers_down_is_found_and_named(auditor, attack):
    person = Person.objects.earliest("pk")
    statement, said = ROW_ATTACKS[attack]
    with triggers.lifted(), connection.cursor() as cursor:
        cursor.execute(statement, [person.pk.hex if connection.vendor == "sqlite" else person.pk])

    [fault] = verification.verify().faults
    assert fault.object_id == str(person.pk) and said in fault.problem


def test_a_live_row_inserted_with_the_triggers_down_is_found_and_named(auditor):
    with triggers.lifted():
        person = Person.objects.create(name="Smuggled")

    [fault] = verification.verify().faults
    assert fault.object_id == str(person.pk) and "live row is extra" in fault.problem


def test_a_row_brought_back_after_its_deletion_is_found(auditor):
    person = Person.objects.create(name="Gone")
    key = person.pk
    person.delete()
    with triggers.lifted():
        Person.objects.create(pk=key, name="Gone")

    [fault] = verification.verify().faults
    assert fault.object_id == str(key) and "says that it was deleted" in fault.problem


def test_numbers_that_a_database_writes_in_its_own_way_are_no_finding(auditor):
    content_of({"large": 1e16, "exact": 10**15, "small": 1e-7, "half": 0.5, "text": "1e16", "list": [2e20]})

    assert verification.verify().faults == []


def test_content_that_does_not_have_its_digest_is_found(auditor):
    content = content_of({"answer": "no"})
    with triggers.lifted(), connection.cursor() as cursor:
        cursor.execute("UPDATE labeling_content SET body = %s WHERE digest = %s", ['{"answer": "yes"}', content.pk])

    [fault] = verification.verify().faults
    assert fault.object_id == content.pk and "digest" in fault.problem


def test_a_checkpoint_that_forgets_what_it_sealed_is_found(auditor):
    with triggers.lifted():
        number = forget_what_was_sealed()

    assert any(f"checkpoint {number}: last_entry" in str(fault) for fault in verification.verify().faults)


def test_the_tail_that_is_not_sealed_yet_is_counted_and_ends_with_the_next_seal(auditor):
    """What is written after the last checkpoint, and only that, could be changed unseen until the next one."""
    Person.objects.bulk_create([Person(name=f"new {place}") for place in range(7)])
    findings = verification.verify()
    assert (findings.faults, findings.unsealed) == ([], 7)
    assert sealing.unsealed() == 7
    _, facts = auditor.check()
    assert (facts["sealed"], facts["not_sealed"]) == (auditor.size, 7)

    sealing.seal()
    assert verification.verify().unsealed == 0


def test_the_worker_seals_within_the_period_of_the_setting(settings):
    from governance import jobs

    assert jobs.KINDS["seal-record"].every == "SEAL_EVERY"
    assert settings.SEAL_EVERY <= 60


@pytest.mark.proof
@pytest.mark.timeout(3_600)
def test_200_random_ways_of_tampering_are_found_and_named(auditor, settings):
    seed = random.SystemRandom().randrange(10**9)
    missed, ways = try_each(PROOF_TIMES, seed, auditor)

    assert missed == [], f"seed {seed}"
    keep_proof(
        f"record-tampering-{connection.vendor}",
        f"{PROOF_TIMES} random changes behind the record's triggers: both verifiers found and named each",
        {
            "ways": ", ".join(f"{way.replace('_', ' ')} {count}" for way, count in sorted(ways.items())),
            "not found": len(missed),
            "entries of the record": SealedEntry.objects.count(),
            "seed": seed,
            "not sealed, so open to such changes": f"entries younger than {settings.SEAL_EVERY} s (SEAL_EVERY)",
            "left out of a bundle": "the end of a chain; the verifier's count of sealed entries shows it",
        },
    )
