"""The lattice of constraints keeps its laws."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.errors import InvalidInput
from governance.uses import ALL_USES, Classification, Constraint, Use, combine, mask_of, masks_holding, uses_in

ends = st.none() | st.integers(0, 1000).map(lambda days: datetime(2027, 1, 1, tzinfo=UTC) + timedelta(days=days))
constraints = st.builds(
    Constraint, uses=st.integers(0, ALL_USES), classification=st.sampled_from(Classification), until=ends
)


@given(constraints, constraints, constraints)
def test_meeting_is_commutative_associative_and_idempotent(a, b, c):
    assert a.meet(b) == b.meet(a)
    assert a.meet(b).meet(c) == a.meet(b.meet(c))
    assert a.meet(a) == a


@given(st.lists(constraints), constraints)
def test_one_more_ancestor_never_permits_more(ancestors, another):
    before, after = combine(ancestors), combine([*ancestors, another])

    assert not after.is_looser_than(before)
    assert after.uses & before.uses == after.uses
    assert after.classification >= before.classification


@given(constraints, constraints)
def test_looser_means_that_something_new_is_permitted(a, b):
    new_use = a.uses & ~b.uses
    lower = a.classification < b.classification
    longer = b.until is not None and (a.until is None or a.until > b.until)

    assert a.is_looser_than(b) == bool(new_use or lower or longer)


@given(st.sets(st.sampled_from(Use.values)))
def test_a_set_of_uses_and_its_number_are_the_same(uses):
    assert set(uses_in(mask_of(uses))) == uses


@pytest.mark.parametrize("use", Use.values)
def test_exactly_half_of_the_masks_hold_a_use(use):
    holding = masks_holding(use)

    assert len(holding) == 16
    assert all(use in uses_in(mask) for mask in holding)


def test_an_unknown_use_is_named_with_those_that_exist():
    with pytest.raises(InvalidInput, match="'trainin' is not a use; expected some of: training") as caught:
        mask_of(["trainin"], field="allowed_uses")

    assert caught.value.field == "allowed_uses"
