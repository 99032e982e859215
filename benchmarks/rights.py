"""How fast a page of 50 rows opens among many, by rights: `python -m benchmarks.rights 1000000`, on DATABASE_URL.

Pairs lie in Training Sheets, each shared with one of 50 teams. Asked by a member of every team and by a member of
one, through the API and the portal; each figure is the median of several, in milliseconds.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from typing import Any

from benchmarks.record import a_database

SHEETS, TEAMS, ROUNDS = 1_000, 50, 7
PAGES = {
    "API, pairs of all sheets": "/api/v1/pairs/?page_size=50",
    "API, pairs that wait for review": "/api/v1/pairs/?page_size=50&status=unlabeled",
    "API, pairs of one sheet": "/api/v1/pairs/?page_size=50&training_sheet={sheet}",
    "API, Training Sheets": "/api/v1/training-sheets/?page_size=50",
    "portal, list of Training Sheets": "/admin/labeling/trainingsheet/",
    "portal, review of one sheet": "/admin/labeling/qapair/?training_sheet={sheet}",
}


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"WORKBENCH_DATA": folder, "DJANGO_SETTINGS_MODULE": "workbench.settings"}
        os.environ["WORKBENCH_LOG_LEVEL"] = "ERROR"
        import django

        django.setup()
        from django.db import connection

        with a_database(connection):
            figures = measured(count)
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


def measured(count: int) -> dict[str, Any]:
    from django.test import Client

    sheet, people = make_rows(count)
    figures: dict[str, Any] = {"pairs": count, "sheets": SHEETS, "teams": TEAMS}
    for who, user in people.items():
        client = Client(headers={"host": "localhost"})
        client.force_login(user)
        figures[who] = {name: median_ms(client, path.format(sheet=sheet)) for name, path in PAGES.items()}
    return figures


def median_ms(client: Any, path: str) -> float:
    seconds = []
    for _ in range(ROUNDS + 1):
        started = time.perf_counter()
        answer = client.get(path)
        seconds.append(time.perf_counter() - started)
        if answer.status_code != 200:
            raise SystemExit(f"{path} answered {answer.status_code}")
    return round(statistics.median(seconds[1:]) * 1000, 1)  # the first one warms up


def make_rows(count: int) -> tuple[Any, dict[str, Any]]:
    """The rows, and who asks for them; the sheet is one that both may see."""
    from django.contrib.auth.models import Group, Permission
    from django.db import connection

    from governance.models import Person, User
    from governance.record import triggers
    from governance.roles import group_for
    from labeling.generation.models import TrainingSheetGroupPermission
    from labeling.models import QAPair, TrainingSheet
    from tests.world import make_world, multiply

    owner = User.objects.create_user("owner", person=Person.objects.create(name="Owner"))
    teams = [Group.objects.create(name=f"Team {number}") for number in range(TEAMS)]
    people = {
        "in every team": User.objects.create_user("all", person=Person.objects.create(name="All"), is_staff=True),
        "in one team": User.objects.create_user("one", person=Person.objects.create(name="One"), is_staff=True),
    }
    for user in people.values():
        user.groups.add(group_for("domain-expert"), group_for("ml-engineer"), teams[0])
    people["in every team"].groups.add(*teams)
    world = make_world("measured", owner)
    with triggers.lifted():
        multiply(world[TrainingSheet], SHEETS)
        sheets = list(TrainingSheet.objects.exclude(pk=world[TrainingSheet].pk).order_by("pk"))
        view = Permission.objects.get(codename="view_trainingsheet")
        TrainingSheetGroupPermission.objects.bulk_create(
            TrainingSheetGroupPermission(content_object=sheet, group=teams[place % TEAMS], permission=view)
            for place, sheet in enumerate(sheets)
        )
        _spread(world[QAPair], count)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return sheets[0].pk, people


def _spread(pair: Any, count: int) -> None:
    """`count` pairs like this one over the sheets, by one statement."""
    from django.db import connection

    columns = [field.column for field in type(pair)._meta.concrete_fields]
    of_server = connection.vendor == "postgresql"
    own = {
        "id": "gen_random_uuid()" if of_server else "lower(hex(randomblob(16)))",
        "position": f"number / {SHEETS} + 10",
        "item_ref": "'item-' || number",
        "training_sheet_id": "sheet.id",
        "status": "CASE WHEN number %% 10 = 0 THEN 'unlabeled' ELSE 'labeled' END",
        "canonical_label_id": "NULL",
        "canonical_version": "NULL",
        "labeling_mode": "'manual'",
    }
    chosen = ", ".join(own.get(column, f'pair."{column}"') for column in columns)
    named = ", ".join(f'"{column}"' for column in columns)
    statement = (
        # Names of our own columns, nothing that anybody typed.
        "WITH RECURSIVE numbers(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < %s), "  # noqa: S608
        "sheet AS (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM labeling_trainingsheet WHERE id <> %s) "
        f"INSERT INTO labeling_qapair ({named}) SELECT {chosen} FROM labeling_qapair pair, numbers "
        f"JOIN sheet ON sheet.place = number %% {SHEETS} WHERE pair.id = %s"
    )
    key = pair.pk if of_server else pair.pk.hex
    sheet = pair.training_sheet_id if of_server else pair.training_sheet_id.hex
    with connection.cursor() as cursor:
        cursor.execute(statement, [count, sheet, key])


if __name__ == "__main__":
    main()
