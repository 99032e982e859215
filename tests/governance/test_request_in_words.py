"""The page of a request says in words what would be approved: names for masks and levels, nothing as raw JSON."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from django.urls import reverse

from governance import constraints, desk
from governance.constraints import Terms
from governance.models import GatePolicy
from governance.portal import content
from governance.uses import ALL_USES, BITS
from tests.factories import SheetFactory


def text_of(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_masks_levels_moments_and_switches_are_words():
    html = content.shown({
        "allowed_uses": BITS["training"] | BITS["few_shot"], "prohibited_uses": 0, "data_classification": 3,
        "permitted_until": "2027-03-31T12:00:00+00:00", "author_may_approve": False, "bytes": 12345, "empty": None,
    })  # fmt: skip

    assert text_of(html).split(" ", 1)[1].strip() == (
        "Allowed uses training, few-shot Prohibited uses none Classification restricted "
        "Permitted until 31 Mar 2027 12:00 UTC Author may approve no Bytes 12,345 Empty none"
    )


def test_rows_of_the_same_values_are_a_table_and_what_nests_is_a_list():
    html = content.shown({"answers": [{"answer": "card", "count": 3}, {"answer": "refund", "count": 1}],
                          "split": {"train": 0.8, "by": "patient"}})  # fmt: skip

    assert '<th scope="col">Answer</th><th scope="col">Count</th>' in html
    assert "<tr><td>refund</td><td>1</td></tr>" in html
    assert "<dt>Train</dt><dd>0.8</dd>" in html


@pytest.mark.parametrize(
    "long", [{"text": "a" * 700}, {"output_schema": {"type": "object"}}, {"rows": list(range(900))}]
)
def test_what_is_long_is_folded_and_whole(long):
    html = content.shown(long)

    assert "<details><summary>" in html
    assert "<details>" not in content.shown({"text": "short"})
    assert any(word in html for word in ("a" * 700, "object", "899"))


def test_values_are_escaped():
    assert "<script>" not in content.shown({"<script>": "<script>", "list": ["<script>"], "rows": [{"a": "<script>"}]})


@pytest.mark.django_db
def test_a_relaxation_stands_beside_what_is_so_now_and_signatures_are_lines(steward, officer, client):
    GatePolicy.objects.filter(gate=constraints.RELAX_GATE).update(approvals={"compliance-officer": 2})
    sheet = SheetFactory(owner=steward, prohibited_uses=BITS["training"], data_classification=2)
    until = datetime(2090, 3, 31, 12, tzinfo=UTC)
    asked = constraints.request_relaxation(row=sheet, by=steward, terms=Terms(
        allowed_uses=ALL_USES, prohibited_uses=0, data_classification=1, usage_reason="consent was given",
        permitted_until=until,
    ))  # fmt: skip
    desk.decide(request=asked, by=officer, approve=True, comment="seen the contract")
    client.force_login(officer)

    shown = client.get(reverse("admin:governance_approvalrequest_change", args=[asked.pk])).content.decode()

    assert '<th scope="row">Classification</th><td>confidential</td><td><span class="diff"><ins>internal' in shown
    assert '<th scope="row">Permitted until</th><td><span class="muted">no end</span></td>' in shown
    assert "31 Mar 2090 12:00 UTC" in shown
    words, moment = text_of(shown), r"\d\d \w{3} \d{4} \d\d:\d\d"
    assert re.search(f"Officer , as compliance officer, approved on {moment} “seen the contract”", words)
    for raw in ("data_classification", "prohibited_uses", "usage_reason", "what_if", "null", '"effects"'):
        assert raw not in words
