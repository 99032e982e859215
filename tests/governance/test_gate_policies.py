"""Policies of gates: nobody edits one; a proposal passes a gate of its own, and two cannot overwrite one another."""

from __future__ import annotations

import pytest
from django.urls import reverse

from governance import desk
from governance.approvals import policies
from governance.approvals.registry import GATES, fingerprint
from governance.errors import ContentChanged, InvalidInput, NotPermitted, ReasonRequired, SameApprover
from governance.models import ApprovalRequest, GatePolicy
from tests.factories import SheetFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def policy(db):
    return GatePolicy.objects.get(gate="sheet-publish")


@pytest.fixture
def second_officer(make_user):
    return make_user("second-officer", "compliance-officer")


def propose(policy, by, **changed):
    return policies.propose(policy=policy, by=by, reason="two should look", **changed)


def approve(request, by):
    return desk.decide(request=request, by=by, approve=True, comment="agreed")


def test_new_values_act_once_another_officer_approved(policy, officer, second_officer):
    request = propose(policy, officer, approvals={"approver": 2}, comment_required=False)
    policy.refresh_from_db()
    assert policy.approvals == {"approver": 1}

    approve(request, second_officer)

    policy.refresh_from_db()
    assert (policy.approvals, policy.comment_required, policy.lifetime_days) == ({"approver": 2}, False, 30)
    version = policy.history.first()
    assert (version.actor_name, version.history_change_reason) == ("Second-officer", "approved: agreed")


def test_who_proposes_never_approves_whatever_the_policy_of_that_gate_says(policy, officer):
    GatePolicy.objects.filter(gate=policies.GATE).update(author_may_approve=True)
    request = propose(policy, officer, lifetime_days=10)

    with pytest.raises(SameApprover):
        approve(request, officer)


def test_of_two_proposals_the_later_approval_is_void(policy, officer, second_officer):
    first = propose(policy, officer, lifetime_days=10)
    second = propose(policy, officer, reauthenticate_minutes=5)
    approve(first, second_officer)

    with pytest.raises(ContentChanged):
        approve(second, second_officer)

    policy.refresh_from_db()
    second.refresh_from_db()
    assert (policy.lifetime_days, policy.reauthenticate_minutes) == (10, 15)
    assert second.state == ApprovalRequest.State.VOID


def test_the_policy_of_that_gate_changes_the_same_way(officer, second_officer):
    own = GatePolicy.objects.get(gate=policies.GATE)
    request = propose(own, officer, approvals={"compliance-officer": 2})
    assert (request.gate, request.needed) == (policies.GATE, {"compliance-officer": 1})

    approve(request, second_officer)

    assert GatePolicy.objects.get(gate=policies.GATE).approvals == {"compliance-officer": 2}


@pytest.mark.parametrize(("changed", "says"), [
    ({"approvals": {"compliance-officer": 2}}, "no policy could be changed any more"),
    ({"author_may_approve": True}, "never approves it"),
])  # fmt: skip
def test_the_policy_of_that_gate_cannot_lock_everybody_out(officer, changed, says):
    with pytest.raises(InvalidInput, match=says):
        propose(GatePolicy.objects.get(gate=policies.GATE), officer, **changed)


@pytest.mark.parametrize("changed", [
    {"approvals": {}}, {"approvals": {"boss": 1}}, {"approvals": {"approver": 0}}, {"approvals": {"approver": True}},
    {"lifetime_days": 0}, {"lifetime_days": 400}, {"reauthenticate_minutes": 1441}, {"approvals": {"approver": 1}},
])  # fmt: skip
def test_values_that_cannot_be_used_are_refused(policy, officer, changed):
    with pytest.raises(InvalidInput):
        propose(policy, officer, **changed)

    assert not ApprovalRequest.objects.exists()


def test_who_has_not_the_right_proposes_nothing(policy, steward):
    with pytest.raises(NotPermitted):
        propose(policy, steward, lifetime_days=10)


def test_the_page_of_a_policy_has_no_form_and_leads_to_a_proposal_with_before_and_after(
    policy, officer, second_officer, client
):
    client.force_login(officer)
    page = reverse("admin:governance_gatepolicy_change", args=[policy.pk])
    assert client.post(page, {"lifetime_days": 1}).status_code == 403
    values = {"needs_approver": "2", "lifetime_days": "30", "reauthenticate_minutes": "15", "comment_required": "on",
              "reason": "two should look"}  # fmt: skip
    client.post(reverse("admin:governance_gatepolicy_step", args=[policy.pk, "propose"]), values)
    request = ApprovalRequest.objects.get()

    client.force_login(second_officer)
    shown = client.get(reverse("admin:governance_approvalrequest_change", args=[request.pk])).content.decode()
    assert "<td>1 approver</td><td><span class=\"diff\"><ins>2 approver</ins>" in shown
    client.post(
        reverse("admin:governance_approvalrequest_step", args=[request.pk, "approve"]), {"comment": "agreed"}
    )

    policy.refresh_from_db()
    assert policy.approvals == {"approver": 2}


def test_a_program_proposes_by_rest_and_learns_where_the_request_is(policy, officer, api):
    answer = api(officer).post(
        "/api/v1/gate-policies/sheet-publish/propose/", {"lifetime_days": 7, "reason": "quicker"}
    )

    assert answer.status_code == 202, answer.json()
    body = api(officer).get(answer.headers["Location"]).json()
    assert body["payload"]["after"]["A request lives"] == "7 days"
    assert api(officer).get("/api/v1/gate-policies/sheet-publish/").json()["lifetime_days"] == 30


def test_an_approval_needs_no_comment_where_its_policy_says_so_and_a_rejection_always_does(
    policy, steward, approver, team
):
    from governance import access
    from tests.factories import approval_request

    GatePolicy.objects.filter(gate="constraint-relax").update(comment_required=False)
    sheet = SheetFactory(owner=steward)
    access.share(collection=sheet, to=team, level="view", by=steward)
    asked = fingerprint(GATES["constraint-relax"], sheet, {})
    request = approval_request(sheet, requested_by=steward, needed={"approver": 2}, fingerprint=asked, payload={})

    with pytest.raises(ReasonRequired):
        desk.decide(request=request, by=approver, approve=False, comment=" ")
    desk.decide(request=request, by=approver, approve=True, comment="")

    assert desk.missing_roles(request) == {"approver": 1}
