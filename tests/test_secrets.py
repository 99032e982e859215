"""A secret that is entered is nowhere to be read again: not in tables, history, record, pages, answers or logs."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client
from django.urls import reverse

from governance import secrets
from governance.models import RecordEntry, User
from tests.governance.test_sign_in import log_in, set_up_app
from tests.test_rights import admin_addresses, api_addresses
from tests.workbench.fake_openai import running
from tests.world import World
from workbench.endpoints import services
from workbench.models import ModelEndpoint

MARK = "marked-secret-7f3a"
FORM = {
    "name": "Marked", "description": "", "engine": "openai", "model_name": "m", "max_classification": 1,
    "max_in_flight": 1, "timeout_seconds": 5, "retries": 0, "is_active": "on",
}  # fmt: skip


@pytest.fixture
def administrator(make_user) -> User:
    user = make_user("administrator", "compliance-officer", "ml-engineer")
    user.is_superuser = True
    user.save()
    return user


def every_table() -> dict[str, str]:
    """All that the database holds, by table, as text."""
    found = {}
    with connection.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            table = model._meta.db_table
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            found[table] = str(cursor.fetchall())
    return found


def tables_that_hold(text: str) -> list[str]:
    return [name for name, content in every_table().items() if text in content]


def shown_in(client: Client, addresses: list[str]) -> list[str]:
    """Addresses whose answer repeats the mark."""
    found = []
    for address in addresses:
        answer = client.get(address)
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        if MARK.encode() in content or any(MARK in str(value) for value in answer.headers.values()):
            found.append(address)
    return found


def test_a_key_of_a_model_server_is_seen_by_that_server_alone(administrator, client, api, settings, caplog):
    caplog.set_level(logging.DEBUG)
    settings.OUTBOUND_ALLOWED = ["127.0.0.1"]
    with running() as server:
        body = {"name": "By REST", "base_url": server.url, "model_name": "m", "api_key": f"{MARK}-rest"}
        made = api(administrator).post("/api/v1/endpoints/", body)
        refused = api(administrator).post("/api/v1/endpoints/", body | {"timeout_seconds": "soon"})
        unknown = api(administrator).post("/api/v1/endpoints/", body | {"apikey": MARK})
        client.force_login(administrator)
        add = reverse("admin:workbench_modelendpoint_add")
        again = client.post(add, FORM | {"base_url": server.url, "api_key": f"{MARK}-form", "timeout_seconds": "soon"})
        client.post(add, FORM | {"base_url": server.url, "api_key": f"{MARK}-form"})
        endpoint = ModelEndpoint.objects.get(name="Marked")
        tested = services.test_endpoint(endpoint=endpoint, by=administrator)
    broken = services.test_endpoint(endpoint=endpoint, by=administrator)  # the server is gone
    world = World({ModelEndpoint: endpoint})
    entries = [f"/api/v1/record/{pk}/" for pk in RecordEntry.objects.values_list("pk", flat=True)]

    assert made.status_code == 201 and not tested.error and broken.error
    assert server.keys == [f"Bearer {MARK}-form"]
    assert secrets.reveal(endpoint.sealed_key) == f"{MARK}-form"
    assert not tables_that_hold(MARK)
    assert not shown_in(client, [*admin_addresses(world), *api_addresses(world), *entries, "/api/v1/record/"])
    for answer in (made, refused, unknown, again):
        assert MARK not in answer.content.decode()
    assert MARK not in str(broken) and MARK not in caplog.text


def test_a_password_a_token_and_the_key_of_an_app_are_kept_so_that_nobody_can_use_them(
    administrator, client, caplog, monkeypatch
):
    monkeypatch.setattr("tests.governance.test_sign_in.PASSWORD", f"{MARK} is my password")
    caplog.set_level(logging.DEBUG)
    administrator.set_password(f"{MARK} is my password")
    administrator.save()
    log_in(client, "administrator", f"{MARK} is my password")
    app_key, codes = set_up_app(client)
    made = client.post("/account/tokens/", {"name": "a program", "scopes": ["read"], "days": 5}).content.decode()
    token = re.findall(r"wb_[\w-]{43}", made)[0]
    again = client.get("/account/tokens/").content.decode()

    for secret in (MARK, app_key, codes[0], token):
        assert not tables_that_hold(secret), "it can be read in a table"
        assert secret not in caplog.text
    assert token not in again


def test_a_sealed_key_cannot_be_opened_with_another_sealing_key(settings):
    sealed = secrets.seal(MARK)
    assert MARK not in sealed and secrets.reveal(sealed) == MARK

    settings.SEALING_KEY = b"0" * 43 + b"="
    with pytest.raises(Exception, match="sealed with another key file"):
        secrets.reveal(sealed)


def environment(folder: Path, **more: str) -> dict[str, str]:
    return os.environ | {"WORKBENCH_DATA": str(folder), "DATABASE_URL": ""} | more


def manage(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *words], cwd=django_settings.BASE_DIR, capture_output=True, text=True,
        check=False, **options,
    )  # fmt: skip


def test_the_sealing_key_comes_from_the_environment_and_is_written_nowhere(tmp_path):
    done = manage(
        "check", "-v", "3", env=environment(tmp_path, WORKBENCH_SEALING_KEY=MARK, WORKBENCH_SECRET_KEY=MARK * 4)
    )

    kept = [path for path in tmp_path.rglob("*") if path.is_file() and MARK.encode() in path.read_bytes()]
    assert done.returncode == 0 and MARK not in done.stdout + done.stderr
    assert not kept


def test_keys_that_the_site_made_itself_are_for_its_own_account_alone(tmp_path):
    manage("check", env={**environment(tmp_path), "WORKBENCH_SEALING_KEY": "", "WORKBENCH_SECRET_KEY": ""})

    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob(".workbench_*_key")}
    assert modes == {".workbench_sealing_key": 0o600, ".workbench_secret_key": 0o600}


def test_the_check_of_a_deployment_finds_nothing_in_production_settings(tmp_path):
    production = environment(tmp_path, WORKBENCH_HTTPS="1", WORKBENCH_ALLOWED_HOSTS="workbench.example.org")

    done = manage("check", "--deploy", "--fail-level", "INFO", env=production)

    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout
