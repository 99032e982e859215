"""Reading the record: by person and by door, with names beside numbers."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from governance import context
from governance.models import RecordEntry, TagRule
from governance.uses import BITS, Classification

pytestmark = pytest.mark.django_db

LIST = "/admin/governance/recordentry/"
REST = "/api/v1/record/"


@pytest.fixture
def rule(officer, steward) -> TagRule:
    """Changed by the steward in the portal, by the officer in a task, and by nobody past every door."""
    rule = TagRule.objects.get(tag="PII")
    rows = TagRule.objects.filter(pk=rule.pk)
    with context.acting(user=steward, door="admin"):
        rows.update(reason="by the steward")
    with context.acting(user=officer, door="task"):
        rows.update(
            reason="by the officer", allowed_uses=BITS["training"] | BITS["few_shot"],
            data_classification=Classification.CONFIDENTIAL,
        )  # fmt: skip
    with context.acting(user=None, door=""):
        rows.update(reason="past every door", allowed_uses=0)
    return rule


def reasons(answer: Any) -> list[str]:
    return [entry["new"]["reason"] for entry in answer.json()["results"]]


@pytest.mark.parametrize(("asked", "expected"), [
    ({"actor_id": "{steward}"}, ["by the steward"]),
    ({"actor_id": "none"}, ["past every door"]),
    ({"door": "task"}, ["by the officer"]),
    ({"door": "none"}, ["past every door"]),
    ({"actor_id": "{steward}", "door": "task"}, []),
])  # fmt: skip
def test_entries_are_asked_for_by_person_and_door(asked, expected, rule, steward, officer, api, client):
    asked = {name: value.format(steward=steward.pk) for name, value in asked.items()}
    only = {"kind": "governance.tagrule", "object_id": str(rule.pk), "operation": "update"}

    assert reasons(api(officer).get(REST, asked | only)) == expected

    client.force_login(officer)
    in_portal = {name.replace("actor_id", "person"): value for name, value in asked.items()}
    page = client.get(LIST, in_portal | {"kind": "governance.tagrule", "q": str(rule.pk)})
    shown = page.context["cl"].queryset.filter(operation="update")
    assert [entry.said["new"]["reason"] for entry in shown] == expected


@pytest.mark.parametrize("value", ["steward", "-1", "9" * 30])
def test_a_person_who_cannot_be_one_is_refused_by_name_and_widens_nothing(value, rule, officer, api, client):
    answer = api(officer).get(REST, {"actor_id": value})
    assert answer.status_code == 400
    assert (answer.json()["field"], value[:50] in answer.json()["detail"]) == ("actor_id", True)

    client.force_login(officer)
    page = client.get(LIST, {"person": value})
    assert page.context["cl"].result_count == 0 and "is no person" in page.content.decode()


def test_the_portal_offers_accounts_by_name(rule, officer, steward, client):
    client.force_login(officer)

    page = client.get(LIST).content.decode()

    assert f"person={steward.pk}" in page and "person=none" in page and "Steward" in page


@pytest.mark.parametrize(("rows", "index"), [
    (lambda: RecordEntry.objects.by_person("1"), "recordentry_person"),
    (lambda: RecordEntry.objects.by_person("none"), "recordentry_person"),
    (lambda: RecordEntry.objects.through("task"), "recordentry_door"),
    (lambda: RecordEntry.objects.through("none"), "recordentry_door"),
])  # fmt: skip
def test_an_index_serves_them(rows, index, rule):
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # a table this small is read whole otherwise
            cursor.execute("SET LOCAL enable_seqscan = off")
        assert index in rows().order_by("-id")[:50].explain()


def test_uses_and_classifications_stand_with_their_names(rule, officer, api, client):
    asked = {"object_id": str(rule.pk), "kind": "governance.tagrule", "door": "task"}

    [entry] = api(officer).get(REST, asked).json()["results"]

    assert entry["new"]["allowed_uses"] == BITS["training"] | BITS["few_shot"]
    assert entry["new_names"] == {"allowed_uses": "training, few_shot", "data_classification": "confidential"}
    assert entry["old_names"].keys() == entry["new_names"].keys()
    client.force_login(officer)
    page = client.get(f"{LIST}{entry['id']}/change/").content.decode()
    assert "17 (training, few_shot)" in page and "2 (confidential)" in page
    [last, *_] = api(officer).get(REST, asked | {"door": "none"}).json()["results"]
    assert last["new_names"] == {"allowed_uses": "no use"}


def test_numbers_that_are_no_mask_stay_numbers(officer, steward, api):
    entry = RecordEntry.objects.filter(kind="governance.user", object_id=str(steward.pk)).first()

    [told, *_] = api(officer).get(REST, {"kind": "governance.user", "object_id": str(steward.pk)}).json()["results"]

    assert told["id"] == entry.pk and "id" not in told["new_names"]


def test_who_does_not_audit_reads_nothing_by_any_filter(rule, steward, api):
    assert api(steward).get(REST, {"actor_id": str(steward.pk)}).status_code in (403, 404)
