"""An installation of an earlier state is brought to the newest one with its record whole.

`upgrade/sqlite.tar.xz` and `upgrade/postgresql.tar.xz` were made by the code of then, at migration 0002 of each app:
two people's rows of every kind, changed in bulk and past every door, three checkpoints, a rotated key, an erasure, and
one entry that is not sealed. They stay as they are, whatever migrations follow. (Digests of contents were made up
then, as the check says.) Among their tables is one of tokens in plain text, which no later version keeps.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

from governance.record import verifier
from tests import databases

ROOT = Path(__file__).resolve().parents[2]
ENTRIES, SEALED, CHECKPOINTS = 580, 579, 3
WRITE = """
import django
django.setup()
from governance.models import Person
Person.objects.create(name="written meanwhile")
"""
AFTERWARDS = """
import json, sys
from pathlib import Path
import django
django.setup()
from django.db import connection
from governance import context
from governance.models import Checkpoint, Person, RecordEntry
from governance.record import sealing, triggers, verification
from labeling.models import QAPair
from tests.recordwork_bundle import bundle_of

def told():
    found = verification.verify()
    return {"entries": found.entries, "sealed": found.sealed, "checkpoints": found.checkpoints,
            "faults": [str(fault) for fault in found.faults if fault.kind != "labeling.content"]}

after = {"missing": triggers.missing(), "migrated": told(), "tables": connection.introspection.table_names()}
newest = RecordEntry.objects.latest("pk").pk
pair = QAPair.objects.exclude(usage_reason="").first()
with context.acting(user=None, door="command", reason="after the upgrade", account="operator"):
    person = Person.objects.create(name="new")
    QAPair.objects.filter(pk=pair.pk).update(allowed_uses=0, effective_uses=0, usage_reason="closed")
written = RecordEntry.objects.filter(pk__gt=newest).with_values().order_by("pk")
after["written"] = [[one.kind, one.object_id, one.operation, one.said["old"], one.said["new"]] for one in written]
after["expected"] = [
    ["governance.person", str(person.pk), "insert", None, {"id": str(person.pk), "name": "new"}],
    ["labeling.qapair", str(pair.pk), "update", {"allowed_uses": pair.allowed_uses, "usage_reason": pair.usage_reason},
     {"allowed_uses": 0, "usage_reason": "closed"}],
]
sealing.seal()
after["sealed again"] = told()
after["public key"] = bundle_of(Path(sys.argv[1]), verification.entries())
print(json.dumps(after))
"""


class Site:
    """The earlier installation: its data folder and its database."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        with tarfile.open(Path(__file__).parent / "upgrade" / f"{connection.vendor}.tar.xz") as archive:
            archive.extractall(folder, filter="data")
        (folder / "record_signing_key").rename(folder / ".record_signing_key")
        self.kept = shutil.copytree(folder / "checkpoints", folder / "kept")
        script = (folder / "database.sql").read_text()
        if url:
            with psycopg.connect(url, autocommit=True) as server:
                server.execute(script)  # type: ignore[arg-type]
        else:
            with closing(sqlite3.connect(folder / "workbench.sqlite3")) as file:
                file.executescript(script)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        own = {"DATABASE_URL": self.url, "WORKBENCH_DATA": str(self.folder), "PYTHONPATH": str(ROOT),
               "DJANGO_SETTINGS_MODULE": "workbench.settings"}  # fmt: skip
        return subprocess.run(
            [sys.executable, *arguments], cwd=ROOT, env=os.environ | own, capture_output=True, text=True, check=False
        )

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("manage.py", *arguments)

    def afterwards(self, bundle: Path) -> dict[str, Any]:
        done = self.run("-c", AFTERWARDS, str(bundle))
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def check_bundle(self, bundle: Path, public_key: str) -> subprocess.CompletedProcess[str]:
        """As an auditor who kept the checkpoints of then."""
        kept = map(str, sorted(self.kept.iterdir()))
        return self.run(
            "-I", "-S", str(verifier.__file__), str(bundle), "--json", "--key", public_key, "--checkpoint", *kept
        )


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with databases.own(tmp_path, migrated=False) as url:
        yield Site(tmp_path, url)


def test_an_earlier_record_is_whole_after_every_migration_and_goes_on(site, tmp_path):
    migrated = site.manage("migrate", "--verbosity", "0")
    assert migrated.returncode == 0, migrated.stderr
    checked = site.manage("check", "--database", "default")
    assert checked.returncode == 0, checked.stderr

    bundle = tmp_path / "evidence.zip"
    after = site.afterwards(bundle)

    assert after["missing"] == []
    assert "authtoken_token" not in after["tables"]
    assert after["migrated"]["faults"] == []
    assert after["migrated"]["entries"] >= ENTRIES
    assert (after["migrated"]["sealed"], after["migrated"]["checkpoints"]) == (SEALED, CHECKPOINTS)
    assert after["written"] == after["expected"]
    assert after["sealed again"] == {
        "entries": after["migrated"]["entries"] + 2, "sealed": after["migrated"]["entries"] + 2,
        "checkpoints": CHECKPOINTS + 1, "faults": [],
    }  # fmt: skip

    checked = site.check_bundle(bundle, after["public key"])
    said = json.loads(checked.stdout)
    assert (checked.returncode, said["faults"], said["trusted"]) == (0, [], True)
    assert (said["facts"]["sealed"], said["facts"]["erased"]) == (after["sealed again"]["sealed"], 1)
    for number in range(1, CHECKPOINTS + 1):
        assert f"The checkpoint {number} you hold is in the bundle, unchanged." in said["notes"]


def test_before_its_migrations_newer_code_changes_nothing_governed(site):
    """The triggers are those of then; what they would miss is not written, and the check says so.

    Those of this version cannot stand on tables that are half-way to it.
    """
    assert site.manage("migrate", "--verbosity", "0", "governance", "0003_compliance").returncode != 0
    checked = site.manage("check", "--database", "default")
    assert checked.returncode == 1
    assert "governance.E001" in checked.stderr

    written = site.run("-c", WRITE)

    assert written.returncode != 0
    assert "RecordIncomplete" in written.stderr
