"""What a tag means changes by rule: stricter at once, looser with a second person, and never what was done by hand."""

from __future__ import annotations

import pytest

from governance import constraints
from governance.constraints import Terms
from governance.errors import InvalidInput, LooserThanNow, NotPermitted, ReasonRequired
from governance.models import ConstraintChange, TagRule
from governance.rules import tag_rules
from governance.rules.tag_rules import Rule
from governance.uses import ALL_USES, Classification, mask_of, uses_in
from tests.workbench.factories import make_connection, sign
from workbench.catalogs import services
from workbench.catalogs.models import CatalogObject

NAME = "desk.customers#name"  # the column that carries PHI


def rule(*uses: str, classification: int = Classification.RESTRICTED, reason: str = "the board decided") -> Rule:
    return Rule(allowed_uses=mask_of(uses), data_classification=classification, reason=reason)


def column(ref: str = NAME) -> CatalogObject:
    return CatalogObject.objects.get(kind="column", ref=ref)


def phi() -> TagRule:
    return TagRule.objects.get(tag="PHI")


@pytest.fixture
def connection(steward):
    found = make_connection(steward)
    services.sync_catalog(connection=found, by=steward)
    return found


def test_a_stricter_rule_binds_at_once_with_its_reason_on_record(connection, steward):
    tag_rules.tighten_rule(rule=phi(), terms=rule("testing"), by=steward)

    assert uses_in(column().own_uses) == ["testing"]
    change = ConstraintChange.objects.get(object_id=column().pk, reason="tag PHI: the board decided")
    assert (change.direction, change.actor_name) == ("tightened", steward.display_name)


def test_a_looser_rule_waits_for_a_compliance_officer(connection, steward, officer, approver):
    wanted = rule("training", "evaluation", "testing", "few_shot", classification=Classification.CONFIDENTIAL)
    with pytest.raises(LooserThanNow):
        tag_rules.tighten_rule(rule=phi(), terms=wanted, by=steward)
    asked = tag_rules.request_relaxed_rule(rule=phi(), terms=wanted, by=steward)
    with pytest.raises(NotPermitted):
        sign(asked, approver)
    assert "training" not in uses_in(column().own_uses)

    sign(asked, officer)

    assert uses_in(column().own_uses) == ["training", "evaluation", "testing", "few_shot"]
    assert column().data_classification == Classification.CONFIDENTIAL


def test_a_looser_rule_leaves_what_was_made_stricter_by_hand(connection, steward, officer):
    terms = Terms(allowed_uses=mask_of(["testing"]), prohibited_uses=0, data_classification=3, usage_reason="contract")
    constraints.tighten(row=column(), terms=terms, by=steward)

    sign(tag_rules.request_relaxed_rule(rule=phi(), terms=rule(*uses_in(ALL_USES)), by=steward), officer)

    assert uses_in(column().own_uses) == ["testing"]


def test_a_rule_that_did_not_change_binds_nothing_again(connection, steward):
    before = ConstraintChange.objects.count()

    services.sync_catalog(connection=connection, by=steward)

    assert ConstraintChange.objects.count() == before


def test_a_new_rule_binds_what_carries_its_tag_already(connection, steward):
    row = column("desk.customers#tier")
    CatalogObject.objects.filter(pk=row.pk).update(tags=["gold-tier"])

    made = tag_rules.add_rule(tag="gold-tier", terms=rule("evaluation"), by=steward)

    assert made.tag == "GOLD-TIER"
    assert uses_in(column("desk.customers#tier").own_uses) == ["evaluation"]


@pytest.mark.parametrize("tag", ["", "two words", "PHI", "phi", "<b>", "X" * 65])
def test_a_tag_that_is_none_or_has_a_rule_is_refused_by_name(tag, connection, steward):
    with pytest.raises(InvalidInput) as refused:
        tag_rules.add_rule(tag=tag, terms=rule("testing"), by=steward)

    assert refused.value.field == "tag"


def test_a_rule_changes_with_a_reason_only(connection, steward):
    with pytest.raises(ReasonRequired):
        tag_rules.tighten_rule(rule=phi(), terms=rule("testing", reason=""), by=steward)


def test_only_who_keeps_rules_changes_them(connection, expert, officer):
    for user in (expert, officer):
        with pytest.raises(NotPermitted):
            tag_rules.tighten_rule(rule=phi(), terms=rule("testing"), by=user)
        with pytest.raises(NotPermitted):
            tag_rules.add_rule(tag="NEW", terms=rule("testing"), by=user)


def test_two_who_change_one_rule_do_not_overwrite_one_another(connection, steward, officer):
    asked = tag_rules.request_relaxed_rule(rule=phi(), terms=rule(*uses_in(ALL_USES)), by=steward)
    tag_rules.tighten_rule(rule=phi(), terms=rule("testing"), by=steward)

    with pytest.raises(Exception, match="void"):
        sign(asked, officer)

    assert uses_in(column().own_uses) == ["testing"]


def test_the_page_shows_what_a_rule_would_change_and_changes_it(connection, steward, client):
    client.force_login(steward)
    url = f"/admin/tag-rules/{phi().pk}/change/"
    typed = {"permitted": ["testing"], "data_classification": 3, "reason": "the board decided"}

    tried = client.post(url, typed | {"try": "1"})
    assert tried.status_code == 200
    assert "Nothing has been changed" in tried.content.decode()
    assert len(uses_in(column().own_uses)) == 3

    client.post(url, typed)
    assert uses_in(column().own_uses) == ["testing"]
    assert "Allowed uses" not in client.get(f"/admin/governance/tagrule/{phi().pk}/change/").content.decode()
    refused = client.post("/admin/tag-rules/add/", typed | {"tag": "PHI"})
    assert "has a rule already" in refused.content.decode()


def test_rules_change_by_rest(connection, steward, expert, api):
    address = f"/api/v1/tag-rules/{phi().pk}"
    body = {"allowed_uses": ["testing"], "data_classification": "restricted", "reason": "the board decided"}

    assert api(expert).post(f"{address}/tighten/", body).status_code in (403, 404)
    assert api(steward).post(f"{address}/what-if/", body).status_code == 200
    assert api(steward).post(f"{address}/tighten/", body).json()["allowed_uses"] == ["testing"]
    looser = body | {"allowed_uses": ["testing", "training"]}
    assert api(steward).post(f"{address}/tighten/", looser).status_code == 409
    assert api(steward).post(f"{address}/request-relaxation/", looser).status_code == 202
    made = api(steward).post("/api/v1/tag-rules/", body | {"tag": "secret"})
    assert (made.status_code, made.json()["tag"]) == (201, "SECRET")
