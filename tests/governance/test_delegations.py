"""Lending one's right to sign: until a date, to another person, counted once, and never a way round the rules."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from governance import access, constraints, context, desk
from governance.approvals import delegations
from governance.approvals.selectors import waiting_for
from governance.constraints import Terms
from governance.errors import (
    AlreadyDecided,
    InvalidInput,
    NotPermitted,
    ReasonRequired,
    ReauthenticationRequired,
    SameApprover,
    ScopeMissing,
)
from governance.models import ApprovalRequest, Delegation, GatePolicy, User
from governance.roles import group_for
from governance.uses import ALL_USES, BITS
from tests.factories import SheetFactory

pytestmark = pytest.mark.django_db
LOOSER = Terms(allowed_uses=ALL_USES, prohibited_uses=0, data_classification=1, usage_reason="consent was given")


@pytest.fixture
def sheet(steward, team):
    sheet = SheetFactory(owner=steward, prohibited_uses=BITS["training"])
    access.share(collection=sheet, to=team, level="view", by=steward)
    return sheet


@pytest.fixture
def asked(sheet, steward):
    return constraints.request_relaxation(row=sheet, terms=LOOSER, by=steward)


@pytest.fixture
def deputy(make_user, team):
    """Sees the team's rows and holds no role that signs."""
    return make_user("deputy", "viewer", groups=(team,))


def lend(by, to, **fields):
    values = {"role": "compliance-officer", "until": timezone.now() + timedelta(days=7), "reason": "on leave"} | fields
    return delegations.delegate(by=by, to=to, **values)


def sign(request, by):
    return desk.decide(request=request, by=by, approve=True, comment="seen")


def test_a_deputy_signs_for_whom_they_stand_in_and_the_signature_says_so(asked, officer, deputy, api):
    with pytest.raises(NotPermitted):
        sign(asked, deputy)
    lent = lend(officer, deputy)
    assert [one.pk for one in waiting_for(deputy)] == [asked.pk]

    answer = api(deputy).post(f"/api/v1/approvals/{asked.pk}/approve/", {"comment": "seen"}).json()

    signed = answer["approvals"][0]
    assert (answer["state"], signed["approver"], signed["role"], signed["on_behalf_of"]) == (
        "approved", "Deputy", "compliance-officer", "Officer",
    )  # fmt: skip
    assert asked.approvals.get().delegation == lent


def test_the_page_of_the_request_offers_the_step_to_a_deputy_and_names_both(asked, officer, deputy, client):
    lend(officer, deputy)
    client.force_login(deputy)

    client.post(reverse("admin:governance_approvalrequest_step", args=[asked.pk, "approve"]), {"comment": "seen"})

    shown = client.get(reverse("admin:governance_approvalrequest_change", args=[asked.pk])).content.decode()
    assert "<strong>Deputy</strong> for Officer, as compliance officer" in shown


def test_a_deputy_must_see_the_row(asked, officer, make_user):
    outsider = make_user("outsider", "viewer")
    lend(officer, outsider)

    assert not waiting_for(outsider).exists()
    with pytest.raises(NotPermitted):
        sign(asked, outsider)


def test_lending_to_the_asker_does_not_help_the_asker(asked, officer, steward):
    lend(officer, steward)

    with pytest.raises(SameApprover):
        sign(asked, steward)


def test_a_policy_that_lets_authors_sign_lets_nobody_sign_their_own_with_a_lent_right(asked, officer, steward):
    GatePolicy.objects.filter(gate=constraints.RELAX_GATE).update(author_may_approve=True)
    lend(officer, steward)

    with pytest.raises(SameApprover, match="lent right"):
        desk.decide(request=asked, by=steward, approve=True, comment="mine")


def test_the_askers_own_right_does_not_count_through_a_deputy(sheet, deputy, make_user):
    both = make_user("both", "data-steward", "compliance-officer")
    asked = constraints.request_relaxation(row=sheet, terms=LOOSER, by=both)
    lend(both, deputy)

    assert not waiting_for(deputy).exists()
    with pytest.raises(SameApprover, match="who lent you the right"):
        sign(asked, deputy)


@pytest.mark.parametrize("deputy_first", [True, False])
def test_who_lent_the_right_and_the_deputy_count_once(sheet, steward, officer, deputy, deputy_first):
    GatePolicy.objects.filter(gate=constraints.RELAX_GATE).update(approvals={"compliance-officer": 2})
    asked = constraints.request_relaxation(row=sheet, terms=LOOSER, by=steward)
    lend(officer, deputy)
    first, second = (deputy, officer) if deputy_first else (officer, deputy)
    sign(asked, first)

    with pytest.raises(AlreadyDecided):
        sign(asked, second)

    asked.refresh_from_db()
    assert asked.state == ApprovalRequest.State.PENDING


def test_what_was_lent_cannot_be_lent_on(officer, make_user, deputy):
    approver = make_user("an-approver", "approver")
    lend(officer, approver)

    with pytest.raises(NotPermitted, match="cannot be lent on"):
        lend(approver, deputy)


def test_a_service_account_one_self_and_nobody_active_cannot_receive_it(officer, make_user):
    robot = User.objects.create_user("robot")
    alias = make_user("alias", person=officer.person)
    gone = make_user("gone")
    gone.is_active = False
    gone.save()

    for receiver in (robot, alias, gone, officer):
        with pytest.raises(InvalidInput):
            lend(officer, receiver)
    assert not Delegation.objects.exists()


@pytest.mark.parametrize("fields", [
    {"until": timezone.now() - timedelta(days=1)}, {"until": timezone.now() + timedelta(days=500)},
    {"gate": "no-gate"}, {"reason": " "},
])  # fmt: skip
def test_an_end_a_known_gate_and_a_reason_are_needed(officer, deputy, fields):
    with pytest.raises((InvalidInput, ReasonRequired)):
        lend(officer, deputy, **fields)


def test_it_holds_at_its_gate_only(asked, officer, deputy):
    lend(officer, deputy, gate="endpoint-clearance")

    assert not waiting_for(deputy).exists()
    with pytest.raises(NotPermitted):
        sign(asked, deputy)


def test_it_ends_on_its_date_when_revoked_and_when_the_lender_loses_the_role(asked, officer, deputy):
    ended = lend(officer, deputy)
    Delegation.objects.filter(pk=ended.pk).update(until=timezone.now())
    with pytest.raises(NotPermitted):
        sign(asked, deputy)
    revoked = lend(officer, deputy)
    delegations.revoke(delegation=revoked, by=officer)
    with pytest.raises(NotPermitted):
        sign(asked, deputy)
    lend(officer, deputy)
    officer.groups.remove(group_for("compliance-officer"))

    with pytest.raises(NotPermitted):
        sign(asked, deputy)


def test_only_those_concerned_see_it_and_end_it(officer, deputy, make_user, api, client):
    lent = lend(officer, deputy)
    other = make_user("other", "approver")
    address = f"/api/v1/delegations/{lent.pk}/"
    assert api(other).get(address).status_code == 404
    assert api(deputy).get(address).json()["state"] == "in force"
    with pytest.raises(NotPermitted):
        delegations.revoke(delegation=lent, by=other)

    api(deputy).post(f"{address}revoke/", {"reason": "back already"})

    lent.refresh_from_db()
    assert (lent.revoked_by, lent.history.first().history_change_reason) == (deputy, "back already")


def test_it_is_lent_in_the_portal_and_by_rest(officer, deputy, client, api):
    until = timezone.now() + timedelta(days=3)
    values = {"to": "deputy", "role": "compliance-officer", "gate": "", "until": f"{until:%Y-%m-%d %H:%M}",
              "reason": "on leave"}  # fmt: skip
    client.force_login(officer)
    client.post(reverse("admin:governance_delegation_add"), values)

    answer = api(officer).post("/api/v1/delegations/", values | {"until": until.isoformat(), "gate": "dataset-approve"})

    assert answer.status_code == 201, answer.json()
    assert set(Delegation.objects.values_list("gate", flat=True)) == {"", "dataset-approve"}
    assert "Deputy" in client.get(reverse("admin:governance_delegation_changelist")).content.decode()


def test_lending_needs_proof_of_who_one_is_and_a_token_made_for_signing(officer, deputy):
    with context.acting(user=officer, door="api"), pytest.raises(ReauthenticationRequired):
        lend(officer, deputy)
    with context.acting(user=officer, door="api"):
        context.acts_with_token(officer, authenticated_at=timezone.now(), scopes=frozenset({"read", "write"}))
        with pytest.raises(ScopeMissing):
            lend(officer, deputy)
