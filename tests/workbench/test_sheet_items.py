"""Reading items of a Sheet, and what binds what is made from some of its columns."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.errors import InvalidInput
from governance.uses import combine, uses_in
from tests.workbench.factories import CUSTOMER, PNG, SHOT, draft_sheet, published_sheet, write_file
from workbench.sheets import selectors
from workbench.sheets.errors import SourceNotRead


@pytest.fixture
def joined(steward, approver):
    return published_sheet(steward, approver, sources=[CUSTOMER, SHOT])


def refs(batches) -> list[str]:
    return [item.ref for batch in batches for item in batch]


def test_items_come_in_order_in_batches_and_resume_behind_any(joined):
    assert refs(selectors.iter_items(joined, batch_size=3)) == ["t1", "t2", "t3", "t4"]
    assert refs(selectors.iter_items(joined, after="t2")) == ["t3", "t4"]
    assert [len(batch) for batch in selectors.iter_items(joined, batch_size=3)] == [3, 1]


def test_a_row_has_its_columns_and_files_with_their_volume(joined):
    rows = selectors.items_by_ref(joined, ["t1", "t4", "gone"])

    assert set(rows) == {"t1", "t4"}
    assert set(rows["t1"]) == set(joined.column_names)
    assert rows["t1"]["shot_path"] == "desk.shots/t1.png"
    assert rows["t4"]["shot_path"] is None
    assert selectors.read_file(joined, rows["t1"]["shot_path"]) == PNG


@pytest.mark.parametrize(
    "path",
    ["desk.shots/../../tickets.csv", "desk.shots//etc/passwd", "/etc/passwd", "x", "desk.no/a", "desk.other/t1.png"],
)
def test_a_path_outside_the_volumes_of_the_version_is_not_read(joined, path):
    write_file("desk.other", "t1.png", PNG)

    with pytest.raises(InvalidInput):
        selectors.read_file(joined, path)


def test_a_smaller_sample_is_a_part_of_the_versions_own(steward, approver):
    version = published_sheet(steward, approver, sample_size=3)

    own, smaller = (
        set(refs(selectors.iter_items(version))),
        set(refs(selectors.iter_items(version, sample_size=2))),
    )

    assert (len(own), len(smaller)) == (3, 2)
    assert smaller < own
    assert selectors.count_items(version) == selectors.count_items(version, sample_size=100) == 3


def test_the_files_of_a_volume_can_be_the_items(steward, approver):
    version = published_sheet(
        steward,
        approver,
        primary_ref="desk.shots",
        primary_kind="volume",
        item_key="name",
        filter_sql="name LIKE 't%'",
    )

    rows = selectors.items_by_ref(version, ["t1.png"])

    assert refs(selectors.iter_items(version)) == ["t1.png", "t2.png", "t3.png"]
    assert rows["t1.png"]["path"] == "desk.shots/t1.png"
    assert [str(parent) for parent in selectors.parents_for(version, None)] == ["Tickets", "desk.shots"]


def parents(version, columns) -> set[str]:
    return {str(parent) for parent in selectors.parents_for(version, columns)}


def test_only_the_columns_used_bind_with_the_primary_table_and_the_item_key(joined):
    assert parents(joined, {"body"}) == {"Tickets", "desk.tickets", "desk.tickets#body", "desk.tickets#id"}


def test_a_column_of_a_joined_table_brings_the_table_and_what_it_is_joined_on(joined):
    assert parents(joined, {"customer_tier"}) == {
        "Tickets", "desk.tickets", "desk.tickets#id", "desk.tickets#customer",
        "desk.customers", "desk.customers#tier",
    }  # fmt: skip


def test_a_file_column_brings_its_volume_and_the_columns_of_its_name(joined):
    assert parents(joined, {"shot_path"}) == {"Tickets", "desk.tickets", "desk.tickets#id", "desk.shots"}


def test_the_filter_counts_as_used(steward, approver):
    version = published_sheet(steward, approver, filter_sql="customer_tier = 'gold'", sources=[CUSTOMER])

    assert "desk.customers#tier" in parents(version, {"body"})


def test_all_columns_bind_when_nobody_knows_which_are_used(joined):
    permits = combine(parent.own_constraint for parent in selectors.parents_for(joined, None))

    assert uses_in(permits.uses) == ["evaluation", "testing", "few_shot"], "customer_name is tagged PHI"
    untagged = combine(parent.own_constraint for parent in selectors.parents_for(joined, {"body"}))
    assert uses_in(untagged.uses) == ["training", "validation", "evaluation", "testing", "few_shot"]


def test_a_source_that_was_never_read_binds_nothing_and_is_refused(steward):
    draft = draft_sheet(steward)

    with pytest.raises(SourceNotRead, match=r"desk\.tickets.*Sync the catalog"):
        selectors.parents_for(draft, {"body"})


VALUES = st.none() | st.text(max_size=5) | st.integers() | st.booleans()
ROWS = st.dictionaries(st.sampled_from("abcd"), VALUES, min_size=1)


@given(row=ROWS, other=VALUES)
def test_a_digest_changes_with_the_columns_seen_and_with_no_other(row, other):
    seen = sorted(row)[:1]
    unseen = {**row, "unseen": other}
    changed = {**row, seen[0]: [row[seen[0]]]}

    assert selectors.digest_of(row, seen) == selectors.digest_of(unseen, seen)
    assert selectors.digest_of(dict(reversed(row.items())), None) == selectors.digest_of(row, None)
    assert selectors.digest_of(row, seen) != selectors.digest_of(changed, seen)
