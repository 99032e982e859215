"""The published schema of the API, and the page that shows it."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.db import connection
from drf_spectacular.generators import SchemaGenerator

OPERATIONS: list[tuple[str, dict[str, Any]]] = [
    (f"{method.upper()} {path}", operation)
    for path, methods in SchemaGenerator().get_schema(request=None, public=True)["paths"].items()
    for method, operation in methods.items()
]
NOUNS = (
    "use-cases", "catalog", "sheets", "templates", "endpoints", "labelsets", "canonical-labels", "training-sheets",
    "pairs", "curated-datasets", "exports", "runs", "models", "lineage", "approvals", "jobs",
)  # fmt: skip


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "sqlite", reason="the schema is written on SQLite; others narrow numbers")
def test_the_committed_schema_is_that_of_the_code():
    made = io.StringIO()
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=made)

    committed = (Path(settings.BASE_DIR) / "docs" / "openapi.yaml").read_text(encoding="utf-8")
    assert committed.strip() == made.getvalue().strip(), "run: make schema"


@pytest.mark.parametrize("noun", NOUNS)
def test_the_api_has_every_noun_of_the_portal(noun):
    assert any(name.startswith(f"GET /api/v1/{noun}/") for name, _ in OPERATIONS)


def test_every_operation_says_in_one_line_what_it_does():
    silent = [name for name, operation in OPERATIONS if not (operation["summary"] and operation.get("description"))]
    long = [name for name, operation in OPERATIONS if len(operation["summary"]) > 120]

    assert not silent
    assert not long


def test_every_operation_says_that_it_may_refuse():
    without = [name for name, operation in OPERATIONS if "application/problem+json" not in str(operation["responses"])]

    assert not without


def test_no_operation_deletes_or_overwrites_without_a_service():
    """PUT would replace a row whole; deleting is there for drafts and for what grants or holds nothing of value."""
    assert not [name for name, _ in OPERATIONS if name.startswith("PUT")]


def test_the_page_keeps_to_the_content_security_policy(client, engineer):
    client.force_login(engineer)

    page = client.get("/api/v1/docs/")
    text = page.content.decode()

    assert page.status_code == 200
    assert "<style" not in text
    assert not re.search(r"\sstyle=", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))
    assert "'unsafe" not in page["Content-Security-Policy"]


def test_the_page_and_its_parts_come_from_this_site(client, engineer):
    client.force_login(engineer)

    text = client.get("/api/v1/docs/").content.decode()
    addresses = re.findall(r'<(?:script|link)[^>]+(?:src|href)="([^"]+)"', text)

    assert addresses
    assert all(address.startswith("/") for address in addresses)
    files = [address.removeprefix("/static/") for address in addresses if address.startswith("/static/")]
    assert all(finders.find(name) for name in files)
    [start] = [address for address in addresses if address.startswith("/api/v1/docs/")]
    script = client.get(start.replace("&amp;", "&"))
    assert script["Content-Type"].startswith("application/javascript")
    assert "SwaggerUIBundle" in script.content.decode()
