"""A tag on a source closes every exit of everything made from it in one short transaction, however much that is."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from governance import constraints
from governance.models import ConstraintChange, RecordEntry
from governance.record import triggers
from governance.uses import ALL_USES, BITS, Use
from labeling.models import QAPair
from tests.proofs import keep_proof
from tests.test_exit_matrix import SECRET, Chain, ways_to_close
from tests.test_rights import TEAM_ROLES
from training.lineage import recall

ONE_SECOND, FIVE_SECONDS, FOUR_TIMES = 1.0, 5.0, 4.0


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    started = time.perf_counter()
    found = work()
    return found, time.perf_counter() - started


def fill(chain: Chain, count: int) -> None:
    """So many pairs like the chain's own, by one statement."""
    pair = chain.world[QAPair]
    columns = [field.column for field in QAPair._meta.concrete_fields]
    keys = {"id": "gen_random_uuid()", "position": "number + 10", "item_ref": "'item-' || number"}
    if connection.vendor == "sqlite":
        keys["id"] = "lower(hex(randomblob(16)))"
    chosen = ", ".join(keys.get(column, f'"{column}"') for column in columns)
    named = ", ".join(f'"{column}"' for column in columns)
    numbers = (
        f"WITH RECURSIVE numbers(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < {count})"
    )
    with triggers.lifted(), connection.cursor() as cursor:
        cursor.execute(
            f"{numbers} INSERT INTO labeling_qapair ({named}) SELECT {chosen} FROM labeling_qapair, numbers "
            "WHERE labeling_qapair.id = %s",
            [pair.pk if connection.vendor == "postgresql" else pair.pk.hex],
        )
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE")


def bare_update() -> None:
    """What it would cost to write every row: one column, no record, no index on it but the one it has."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE labeling_qapair SET effective_uses = effective_uses")


def retag(make_user: Any, count: int) -> dict[str, Any]:
    chain = Chain(SECRET, make_user("ada", *TEAM_ROLES))
    fill(chain, count)
    officer = make_user("carla", "compliance-officer")
    permitted = QAPair.objects.permitting(Use.TRAINING)
    assert permitted.count() == count + 1
    with triggers.lifted():
        _, bare = timed(bare_update)
    entries, changes = RecordEntry.objects.count(), ConstraintChange.objects.count()

    _, terms = next(ways_to_close(Use.TRAINING))
    change, closing = timed(lambda: constraints.tighten(row=chain.places["column"], terms=terms, by=chain.owner))
    left, asking = timed(lambda: QAPair.objects.permitting(Use.TRAINING).count())
    found, recalling = timed(lambda: recall.recall(recall.of_row(chain.places["column"]), officer))

    assert left == 0
    assert found.pairs == count + 1
    assert [group.assets for group in found.groups if group.title == recall.MODELS] != [[]]
    assert max(change.reached.values()) == count + 1
    assert ConstraintChange.objects.count() == changes + 1
    assert change.new_prohibited & BITS["training"] and change.old_allowed == ALL_USES
    return {
        "pairs": f"{count + 1:,}",
        "one bare UPDATE of the column over them": f"{bare:.2f} s",
        "re-tag, to its commit": f"{closing:.2f} s, {closing / bare:.2f} of the bare UPDATE",
        "exits closed, asked right after the commit": f"{asking:.2f} s",
        "entries on record for it": RecordEntry.objects.count() - entries,
        "recall down to models": f"{recalling:.2f} s",
        "seconds": (bare, closing, asking, recalling),
    }


@pytest.mark.django_db(transaction=True)
def test_one_tag_closes_two_thousand_pairs_with_a_few_entries(make_user):
    found = retag(make_user, 2_000)

    assert found["entries on record for it"] < 10


@pytest.mark.proof
@pytest.mark.timeout(3600)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="a million pairs are for PostgreSQL")
@pytest.mark.django_db(transaction=True)
def test_one_tag_closes_a_million_pairs_within_a_second(make_user):
    found = retag(make_user, 1_000_000)
    bare, closing, asking, recalling = found.pop("seconds")
    keep_proof("retag", "Re-tagging a source closes a million pairs at once", found)

    assert asking < ONE_SECOND and closing < FOUR_TIMES * bare
    assert recalling < FIVE_SECONDS
    assert found["entries on record for it"] < 10
