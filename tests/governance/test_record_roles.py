"""On PostgreSQL the application's account cannot get at the record, and the site goes on working with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from tests import databases

pytestmark = pytest.mark.skipif(connection.vendor != "postgresql", reason="accounts are PostgreSQL's")

WORK = """
import json, django
django.setup()
from governance import context, desk
from governance.models import Person, RecordEntry, RecordValues, User
from governance.record import erasing, sealing, verification
from governance.roles import group_for

def officer(name):
    user = User.objects.create_user(name, password="a long password", person=Person.objects.create(name=name))
    user.groups.add(group_for("compliance-officer"))
    return user

with context.acting(user=None, door="command", reason="ordinary work", account="operator"):
    one, two = officer("one"), officer("two")
    person = Person.objects.create(name="Ada")
    person.name = "Ada B."
    person.save()
    person.delete()
    key = RecordEntry.objects.filter(kind="governance.person", operation="delete").latest("pk").object_id
    wanted = erasing.Wanted(kind="governance.person", object_id=key)
    sealing.seal()
    _, reach = erasing.preview(wanted=wanted, by=one)
    asked = erasing.request_erasure(wanted=wanted, digest=reach.digest, reason="Art. 17", by=one)
    desk.decide(request=asked, by=two, approve=True, comment="checked")
    sealing.seal()
left = RecordValues.objects.filter(pk__in=RecordEntry.objects.filter(object_id=key).values("pk"), payload__isnull=False)
print(json.dumps({"faults": [str(one) for one in verification.verify().faults], "left": left.count(),
                  "sealed": verification.verify().sealed}))
"""
ATTACKS = [
    "UPDATE governance_recordentry SET door = 'admin'",
    "DELETE FROM governance_recordentry",
    "INSERT INTO governance_recordvalues (salt, payload) VALUES ('x', 'y')",
    "UPDATE governance_recordvalues SET salt = NULL, payload = NULL",
    "DELETE FROM governance_historicaltagrule",
    "UPDATE governance_checkpoint SET size = 0",
    "DELETE FROM governance_sealedentry",
    "UPDATE governance_erasure SET reason = 'x'",
    "TRUNCATE governance_recordentry CASCADE",
    "TRUNCATE governance_person CASCADE",
    "ALTER TABLE governance_recordentry DISABLE TRIGGER record_keep",
    "ALTER TABLE governance_person DISABLE TRIGGER ALL",
    "DROP TRIGGER record_change ON governance_person",
    "CREATE OR REPLACE FUNCTION record_keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE TRIGGER own BEFORE INSERT ON governance_person EXECUTE FUNCTION record_keep_whole()",
    "CREATE TABLE governance_own (id int)",
    "SET session_replication_role = replica",
    "SELECT * FROM record_context_key",
    "UPDATE record_context_key SET fingerprint = 'x'",
    "SELECT record_said()",
    "ALTER TABLE governance_recordentry OWNER TO {application}",
    "GRANT UPDATE ON governance_recordentry TO {application}; UPDATE governance_recordentry SET door = 'admin'",
]


class Site:
    """A database with an owner, and an account for the application."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        mark = uuid.uuid4().hex[:12]
        self.owner, self.application = f"owner_{mark}", f"app_{mark}"
        self.tell(*(f"CREATE ROLE {name} LOGIN PASSWORD 'secret'" for name in (self.owner, self.application)))

    def tell(self, *statements: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as server:
            for statement in statements:
                server.execute(statement)  # type: ignore[arg-type]

    def url_for(self, account: str) -> str:
        parts = urlsplit(self.url)
        return f"postgres://{account}:secret@{parts.hostname}:{parts.port}{parts.path}"

    def run(self, url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        own = {"DATABASE_URL": url, "WORKBENCH_DATA": str(self.folder), "DJANGO_SETTINGS_MODULE": "workbench.settings",
               "PYTHONPATH": str(settings.BASE_DIR)}  # fmt: skip
        return subprocess.run(
            [sys.executable, *arguments], cwd=settings.BASE_DIR, env=os.environ | own, capture_output=True, text=True,
            check=False,
        )  # fmt: skip

    def manage(self, url: str, *words: str) -> None:
        done = self.run(url, "manage.py", *words)
        assert done.returncode == 0, done.stderr

    def drop(self) -> None:
        for name in (self.owner, self.application):
            self.tell(f"REASSIGN OWNED BY {name} TO CURRENT_USER", f"DROP OWNED BY {name}", f"DROP ROLE {name}")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with databases.own(tmp_path) as url:
        site = Site(url, tmp_path)
        yield site
        site.drop()


@pytest.mark.timeout(600)
def test_the_applications_account_works_and_cannot_get_at_the_record(site):
    roles = ("record_roles", "--owner", site.owner, "--application", site.application, "--execute")
    site.manage(site.url, *roles)

    worked = site.run(site.url_for(site.application), "-c", WORK)
    assert worked.returncode == 0, worked.stderr
    said = json.loads(worked.stdout)
    assert (said["faults"], said["left"]) == ([], 0) and said["sealed"] > 100

    passed = []
    for attack in ATTACKS:
        try:
            with psycopg.connect(site.url_for(site.application), autocommit=True) as server:
                server.execute(attack.format(application=site.application))  # type: ignore[arg-type]
        except psycopg.errors.InsufficientPrivilege:
            continue
        passed.append(attack)
    assert passed == []

    # The owner migrates; the application's start looks for migrations and makes no trigger.
    site.tell("ALTER TABLE governance_person DISABLE TRIGGER record_change")
    site.manage(site.url_for(site.owner), "migrate", "-v0")
    site.manage(site.url_for(site.owner), *roles)
    site.manage(site.url_for(site.application), "migrate", "-v0")
    site.manage(site.url_for(site.application), "check", "--database", "default")
    site.manage(site.url_for(site.application), "verify_record")


@pytest.mark.django_db
def test_an_account_that_could_take_every_right_is_refused():
    with pytest.raises(CommandError, match="no account"):
        call_command("record_roles", owner="nobody_here", application="nobody_there")
    with pytest.raises(CommandError, match="no name"):
        call_command("record_roles", owner='x"; DROP TABLE y; --', application="z")
    me = connection.settings_dict["USER"]
    with pytest.raises(CommandError, match="superuser"):
        call_command("record_roles", owner=me, application=me)
