"""Exits take only rows that were checked for the very use they need."""

from __future__ import annotations

import pytest

from governance.errors import UseProhibited
from governance.exits import EXITS, exit_for
from governance.uses import Use
from labeling.models import CanonicalLabel

pytestmark = pytest.mark.django_db


@pytest.fixture
def training_exit():
    @exit_for(Use.TRAINING, name="test-training", description="rows of a test")
    def read(rows):
        return list(rows)

    yield read
    del EXITS["test-training"]


def test_an_exit_reads_rows_that_permit_its_use(training_exit):
    assert training_exit(CanonicalLabel.objects.permitting(Use.TRAINING).filter(item_ref="a")) == []


@pytest.mark.parametrize(
    "rows",
    [
        lambda: CanonicalLabel.objects.all(),
        lambda: CanonicalLabel.objects.permitting(Use.EVALUATION),
        lambda: list(CanonicalLabel.objects.permitting(Use.TRAINING)),
    ],
    ids=["unchecked", "checked for another use", "no queryset"],
)
def test_an_exit_refuses_everything_else(training_exit, rows):
    with pytest.raises(UseProhibited, match="takes only rows that permit training"):
        training_exit(rows())
