"""How soon each list page is painted among many rows: `python -m benchmarks.pages 100000`, on DATABASE_URL or SQLite.

Every table that has a list gets so many rows; someone who may see all of them opens each list in headless Chromium.
Figures are the browser's own `first-contentful-paint`, the median of several, in milliseconds from the click on.
"""

from __future__ import annotations

import itertools
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.record import a_database

ROUNDS = 3
GOAL_MS = 500
FCP = "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1"
OWN_PAGES = (
    "/admin/", "/admin/review/", "/admin/label/", "/admin/notifications/", "/admin/compliance/", "/admin/my-approvals/",
    "/admin/people-at-work/", "/admin/search/?q=measured", "/admin/experts/",
)  # fmt: skip
WITH_PARENTS = 5_000
NUMBERS = itertools.count(0, WITH_PARENTS)
NOT_MULTIPLIED = {"governance.RoleDescription", "governance.User", "governance.GatePolicy", "labeling.LabelType"}


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"WORKBENCH_DATA": folder, "DJANGO_SETTINGS_MODULE": "workbench.settings"}
        os.environ["WORKBENCH_LOG_LEVEL"] = "ERROR"
        import django

        django.setup()
        from django.db import connection

        with a_database(connection):
            session = make_rows(count)
            connection.close()
            figures = measured(Path(folder), session)
    slow = {page: value for page, value in figures.items() if value > GOAL_MS}
    sys.stdout.write(json.dumps({"rows": count, "ms": figures, f"above {GOAL_MS} ms": slow}, indent=2) + "\n")


def make_rows(count: int) -> str:
    """`count` rows of everything that has a list; returns the session of somebody who may see them all."""
    from django.contrib import admin
    from django.db import connection
    from django.test import Client

    from governance.models import Notification, Person, User
    from governance.record import triggers
    from governance.roles import group_for
    from labeling.models import PairDecision, TrainingSheet
    from tests.world import make_world

    auditor = User.objects.create_user("auditor", person=Person.objects.create(name="Auditor"), is_staff=True)
    auditor.is_superuser = True
    auditor.save()
    auditor.groups.add(group_for("domain-expert"), group_for("compliance-officer"))
    owner = User.objects.create_user("owner", person=Person.objects.create(name="Owner"))
    world = make_world("measured", owner)
    TrainingSheet.objects.update(status="ready", reviewed_at=None)
    listed = {*admin.site._registry, Notification, PairDecision}
    with triggers.lifted():
        for model in sorted(listed & set(world), key=lambda one: one._meta.label):
            if model._meta.label not in NOT_MULTIPLIED:
                sys.stderr.write(f"{model._meta.label}: {spread(world[model], count):,}\n")
        Notification.objects.update(account=auditor)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(auditor)
    return str(client.cookies["sessionid"].value)


def spread(row: Any, count: int) -> int:
    """`count` more rows like this one, by one statement; where a parent must vary, fewer, one by one."""
    from django.db import connection, models

    from tests.world import _columns_to_vary, multiply

    fields = {field.name: field for field in row._meta.concrete_fields}
    vary = [fields[name] for name in _columns_to_vary(type(row))]
    if any(field.is_relation for field in vary):
        multiply(row, min(count, WITH_PARENTS), next(NUMBERS))  # two of them may have the same parent
        return min(count, WITH_PARENTS)
    values = {}
    for field in fields.values():
        values[field.column] = f'one."{field.column}"'
        if field in vary or field.primary_key:
            values[field.column] = _varied(field, connection.vendor)
        elif field.column == "name":
            values[field.column] = "one.name || ' no. ' || place_"
    if isinstance(row._meta.pk, models.AutoField):
        del values[row._meta.pk.column]
    names, chosen = ", ".join(f'"{name}"' for name in values), ", ".join(values.values())
    key = row.pk if connection.vendor == "postgresql" else row._meta.pk.get_db_prep_value(row.pk, connection)
    table = row._meta.db_table
    statement = (
        # Names of our own tables and columns, nothing that anybody typed.
        "WITH RECURSIVE places(place_) AS (SELECT 1 UNION ALL SELECT place_ + 1 FROM places WHERE place_ < %s) "  # noqa: S608
        f'INSERT INTO "{table}" ({names}) SELECT {chosen} FROM "{table}" one, places '
        f'WHERE one."{row._meta.pk.column}" = %s'
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [count, key])
    return count


def _varied(field: Any, vendor: str) -> str:
    from django.db import models

    if isinstance(field, models.UUIDField):
        return "gen_random_uuid()" if vendor == "postgresql" else "lower(hex(randomblob(16)))"
    if isinstance(field, models.IntegerField):
        return f'one."{field.column}" + place_'
    return f"substr(one.\"{field.column}\", 1, {(field.max_length or 100) - 8}) || '_' || place_"


def measured(folder: Path, session: str) -> dict[str, float]:
    """Milliseconds to the first paint of each page, by its address."""
    from django.contrib import admin
    from django.urls import reverse

    from governance.admin_base import DeskAdmin
    from tests.e2e.portal import new_browser
    from tests.e2e.site import environment_of, serving

    desks = (model._meta for model, desk in admin.site._registry.items() if isinstance(desk, DeskAdmin))
    lists = sorted(reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist") for meta in desks)
    environment = environment_of(folder, _address()) | {"WORKBENCH_SEAL_EVERY": "0", "WORKBENCH_TAGS_EVERY": "0"}
    browser = new_browser(folder / "chromium")
    try:
        with serving(folder, environment, {}) as site:
            browser.get(f"{site.url}/healthz")
            browser.add_cookie({"name": "sessionid", "value": session})
            return {page: _first_paint(browser, f"{site.url}{page}") for page in [*OWN_PAGES, *lists]}
    finally:
        browser.quit()


def _address() -> str:
    """Of the database that the rows are in, for the processes that serve them."""
    from django.db import connection

    if connection.vendor == "sqlite":
        return ""
    known = connection.settings_dict
    who = f"{known['USER']}:{known['PASSWORD']}" if known["PASSWORD"] else known["USER"]
    return f"postgres://{who}@{known['HOST']}:{known['PORT'] or 5432}/{known['NAME']}"


def _first_paint(browser: Any, url: str) -> float:
    found = []
    for _ in range(ROUNDS + 1):
        browser.get(url)
        found.append(float(browser.execute_script(FCP)))
    return round(statistics.median(found[1:]), 1)  # the first one warms up


if __name__ == "__main__":
    main()
