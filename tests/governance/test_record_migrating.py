"""What a data migration changes is on record, or it is refused, on a real `manage.py migrate` of a throw-away app."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from tests import databases

SETTINGS = """
from workbench.settings import *
INSTALLED_APPS = [*INSTALLED_APPS, "throwaway"]
"""
MODELS = """
from django.db import models
class Thing(models.Model):
    '''A thing of a throw-away app.'''
    recorded = True
    name = models.CharField(max_length=50)
    is_old = models.BooleanField(default=False)
"""
FIRST = """
from django.db import migrations, models
def fill(apps, schema_editor):
    Thing = apps.get_model("throwaway", "Thing")
    Thing.objects.bulk_create([Thing(name="one"), Thing(name="two")])
    Thing.objects.filter(name="two").update(name="three")
    apps.get_model("governance", "Person").objects.create(name="Made by a migration")
def age(apps, schema_editor):
    apps.get_model("throwaway", "Thing").objects.update(is_old=True)
class Migration(migrations.Migration):
    dependencies = [("governance", "0007_record_in_depth")]
    operations = [
        migrations.CreateModel("Thing", [("id", models.BigAutoField(primary_key=True)),
                                         ("name", models.CharField(max_length=40))]),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AlterField("Thing", "name", models.CharField(max_length=50)),
        migrations.AddField("Thing", "is_old", models.BooleanField(default=False)),
        migrations.SeparateDatabaseAndState(database_operations=[migrations.RunPython(age)]),
        migrations.RunSQL("DELETE FROM throwaway_thing WHERE name = 'one'", migrations.RunSQL.noop),
    ]
"""
FORGER = """
from django.db import migrations
class Migration(migrations.Migration):
    dependencies = [("throwaway", "0001_things")]
    operations = [migrations.RunSQL("UPDATE governance_recordentry SET door = 'admin'")]
"""
REBUILDER = """
from django.db import migrations, models
def rebuild(apps, schema_editor):
    Thing = apps.get_model("throwaway", "Thing")
    longer = models.CharField(max_length=60)
    longer.set_attributes_from_name("name")
    longer.model = Thing
    schema_editor.alter_field(Thing, Thing._meta.get_field("name"), longer)
    Thing.objects.update(name="unseen")
class Migration(migrations.Migration):
    atomic = True
    dependencies = [("throwaway", "0001_things")]
    operations = [migrations.RunPython(rebuild)]
"""
TOLD = """
import json, django
django.setup()
from governance.models import RecordEntry
from governance.record import triggers, verification
found = RecordEntry.objects.with_values().order_by("pk")
print(json.dumps({
    "things": [[e.operation, e.said["old"], e.said["new"]] for e in found.filter(kind="throwaway.thing")],
    "by": sorted({(e.door, e.said["reason"]) for e in found.filter(kind="throwaway.thing")}),
    "people": [e.said["new"]["name"] for e in found.filter(kind="governance.person")],
    "faults": [str(fault) for fault in verification.verify().faults], "missing": triggers.missing(),
}))
"""


class Site:
    """An installation with one more app, whose migrations the test writes."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        (folder / "throwaway" / "migrations").mkdir(parents=True)
        for name, text in {
            "throwaway_settings.py": SETTINGS, "throwaway/__init__.py": "", "throwaway/models.py": MODELS,
            "throwaway/migrations/__init__.py": "", "throwaway/migrations/0001_things.py": FIRST,
        }.items():  # fmt: skip
            (folder / name).write_text(text)

    def add(self, name: str, text: str) -> None:
        (self.folder / "throwaway" / "migrations" / f"{name}.py").write_text(text)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        own = {
            "DATABASE_URL": self.url, "WORKBENCH_DATA": str(self.folder),
            "DJANGO_SETTINGS_MODULE": "throwaway_settings",
            "PYTHONPATH": os.pathsep.join([str(settings.BASE_DIR), str(self.folder)]),
        }  # fmt: skip
        return subprocess.run(
            [sys.executable, *arguments], cwd=settings.BASE_DIR, env=os.environ | own, capture_output=True, text=True,
            check=False,
        )  # fmt: skip

    def told(self) -> dict[str, Any]:
        done = self.run("-c", TOLD)
        assert done.returncode == 0, done.stderr
        said: dict[str, Any] = json.loads(done.stdout)
        return said


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with databases.own(tmp_path) as url:
        yield Site(tmp_path, url)


@pytest.mark.timeout(600)
def test_what_a_data_migration_changes_is_on_record_with_its_name(site):
    migrated = site.run("manage.py", "migrate", "-v0")
    assert migrated.returncode == 0, migrated.stderr

    said = site.told()

    assert said["things"] == [
        ["insert", None, {"id": 1, "name": "one"}],
        ["insert", None, {"id": 2, "name": "two"}],
        ["update", {"name": "two"}, {"name": "three"}],
        ["update", {"is_old": False}, {"is_old": True}],
        ["update", {"is_old": False}, {"is_old": True}],
        ["delete", {"id": 1, "name": "one", "is_old": True}, None],
    ]
    assert said["by"] == [["command", "data migration throwaway.0001_things"]]
    assert "Made by a migration" in said["people"]
    assert (said["faults"], said["missing"]) == ([], [])

    site.add("0002_forger", FORGER)
    forged = site.run("manage.py", "migrate", "-v0")

    assert forged.returncode != 0 and "only grows" in forged.stderr
    (site.folder / "throwaway" / "migrations" / "0002_forger.py").unlink()
    if connection.vendor == "sqlite":  # PostgreSQL alters a table without rebuilding it
        site.add("0002_rebuilder", REBUILDER)
        rebuilt = site.run("manage.py", "migrate", "-v0")
        assert rebuilt.returncode != 0 and "trigger" in rebuilt.stderr
        (site.folder / "throwaway" / "migrations" / "0002_rebuilder.py").unlink()
    assert site.run("manage.py", "migrate", "-v0").returncode == 0
    after = site.told()
    assert after["things"] == said["things"]
    assert (after["faults"], after["missing"]) == ([], [])
