"""`manage.py migrate` on a database whose triggers are not those of this version."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings


@pytest.mark.one_database  # a file of SQLite, whatever the others run on
@pytest.mark.timeout(180)
def test_migrate_puts_missing_triggers_back_and_drops_the_tokens_kept_in_plain_text(tmp_path: Path):
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    environment |= {"WORKBENCH_DATA": str(tmp_path), "DJANGO_SETTINGS_MODULE": "workbench.settings"}

    def manage(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *words], cwd=settings.BASE_DIR, env=environment, capture_output=True,
            text=True, timeout=120,
        )  # fmt: skip

    # An older version's tables without triggers: those of this version cannot stand on them, and say so.
    assert manage("migrate", "-v0", "governance", "0003_compliance").returncode != 0
    with sqlite3.connect(tmp_path / "workbench.sqlite3") as database:
        database.execute("CREATE TABLE authtoken_token (key varchar(40) PRIMARY KEY, user_id bigint)")
        database.execute("INSERT INTO authtoken_token VALUES ('plain', 1)")
    assert "triggers of the record are missing" in manage("check", "--database", "default").stderr

    migrated = manage("migrate", "-v0")

    assert migrated.returncode == 0, migrated.stderr
    assert manage("check", "--database", "default").returncode == 0
    with sqlite3.connect(tmp_path / "workbench.sqlite3") as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert "authtoken_token" not in tables
    assert {"governance_signinevent", "governance_apitoken"} <= tables
