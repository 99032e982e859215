"""The readable history and the record tell the same of every moment, for a walk of changes on several models."""

from __future__ import annotations

import random
from typing import Any

import pytest
from django.utils import timezone

from governance import context
from governance.models import RecordEntry, TagRule
from governance.record import live
from labeling.models import Labelset, UseCase
from tests.factories import SheetFactory
from workbench.models import Connection, Sheet

pytestmark = pytest.mark.django_db

STEPS = 40


def told_by_the_record(row: Any, moment: str) -> dict[str, Any] | None:
    """The row's columns as its entries up to the moment left them; None once it was deleted."""
    told = live.Told(row._meta.label_lower, str(row.pk))
    entries = RecordEntry.objects.filter(kind=told.kind, object_id=told.object_id, recorded_at__lte=moment)
    for entry in entries.with_values().order_by("version"):
        told.add({name: getattr(entry, name) for name in ("id", "version", "operation", "payload")})
    return told.columns if told.is_there else None


def told_by_the_history(row: Any, moment: Any) -> dict[str, Any] | None:
    past = type(row).history.as_of(moment).filter(pk=row.pk).first()
    return None if past is None else {name: getattr(past, name) for name in ("name", "description")}


def make(model: Any, name: str, owner: Any) -> Any:
    if model is Sheet:
        return SheetFactory(owner=owner, name=name, description="new")
    more = {"label_type_id": "classification"} if model is Labelset else {}
    return model.objects.create(name=name, description="new", owner=owner, **more)


def test_as_of_and_the_record_agree_after_every_step_of_a_walk(steward):
    chance, rows, seen = random.Random("one walk"), [], []
    with context.acting(user=steward, door="admin", reason="walk"):
        for step in range(STEPS):
            if not rows or chance.random() < 0.25:
                rows.append(make(chance.choice([UseCase, Sheet, Labelset, Connection]), f"row {step}", steward))
            row = chance.choice(rows)
            row.description = f"step {step}"
            row.save()
            if chance.random() < 0.1 and isinstance(row, UseCase):
                gone = UseCase.objects.get(pk=row.pk)
                gone.delete()
                rows.remove(row)
            seen.append((row, timezone.now()))

    compared = 0
    for _, moment in seen:
        for row in {row.pk: row for row, _ in seen}.values():
            record = told_by_the_record(row, moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
            history = told_by_the_history(row, moment)
            assert history == (record and {name: record[name] for name in ("name", "description")})
            compared += 1
    assert compared > STEPS * 5


def test_every_version_of_a_rule_is_an_entry_with_the_same_values_person_and_request(steward):
    rule = TagRule.objects.get(tag="PII")
    for step in range(5):
        with context.acting(user=steward, door="api", request_id=f"r-{step}"):
            rule.reason = f"reason {step}"
            rule.save()

    versions = list(rule.history.order_by("history_id"))[-5:]
    entries = RecordEntry.objects.filter(kind="governance.tagrule", object_id=str(rule.pk)).with_values()
    told = [(one.said["new"]["reason"], one.actor_id, one.request_id) for one in entries.order_by("version")][-5:]
    assert told == [(one.reason, one.history_user_id, one.request_id) for one in versions]
