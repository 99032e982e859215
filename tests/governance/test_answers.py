"""What can be answered to a request, and taken back: every state, every step, and who is told."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone

from governance import constraints, desk
from governance.constraints import Terms
from governance.errors import AlreadyDecided, ApprovalInUse, NotPermitted, ReasonRequired, WorkbenchError
from governance.models import Approval, ApprovalRequest, ApprovalWithdrawal, GatePolicy, RecordEntry
from governance.record import triggers
from governance.uses import ALL_USES, BITS
from tests.factories import SheetFactory

pytestmark = pytest.mark.django_db
State = ApprovalRequest.State
LOOSER = Terms(allowed_uses=ALL_USES, prohibited_uses=0, data_classification=1, usage_reason="consent was given")


@pytest.fixture
def sheet(steward):
    return SheetFactory(owner=steward, prohibited_uses=BITS["training"])


@pytest.fixture
def second_officer(make_user):
    return make_user("second-officer", "compliance-officer")


@pytest.fixture
def asked(sheet, steward):
    """A relaxation that two officers must sign."""
    GatePolicy.objects.filter(gate=constraints.RELAX_GATE).update(approvals={"compliance-officer": 2})
    return constraints.request_relaxation(row=sheet, terms=LOOSER, by=steward)


def approve(request, by):
    return desk.decide(request=request, by=by, approve=True, comment="seen")


def page_of(request):
    return reverse("admin:governance_approvalrequest_change", args=[request.pk])


def step(request, name):
    return reverse("admin:governance_approvalrequest_step", args=[request.pk, name])


# -- asking for changes -----------------------------------------------------------------------------------------


def test_who_is_asked_for_changes_reads_the_comment_and_asks_again_with_one_click(
    asked, sheet, officer, steward, client
):
    client.force_login(officer)
    client.post(step(asked, "ask-for-changes"), {"comment": "name the contract"})
    asked.refresh_from_db()
    assert asked.state == State.CHANGES

    client.force_login(steward)
    assert "name the contract" in client.get(reverse("admin:index")).content.decode()
    shown = client.get(reverse("admin:workbench_sheet_change", args=[sheet.pk])).content.decode()
    assert "name the contract" in shown and step(asked, "ask-again") in shown
    client.post(step(asked, "ask-again"))

    again = ApprovalRequest.objects.get(state=State.PENDING)
    assert (again.reason, again.payload["allowed_uses"]) == (asked.reason, asked.payload["allowed_uses"])
    assert "name the contract" not in client.get(reverse("admin:index")).content.decode()


def test_nobody_but_the_asker_asks_again(asked, officer, make_user):
    desk.ask_for_changes(request=asked, by=officer, comment="name the contract")

    with pytest.raises(NotPermitted):
        desk.ask_again(request=asked, by=make_user("other", "data-steward"))


def test_changes_are_asked_for_by_rest(asked, officer, api):
    answer = api(officer).post(f"/api/v1/approvals/{asked.pk}/ask-for-changes/", {"comment": "name the contract"})

    assert (answer.status_code, answer.json()["state"]) == (200, "changes")
    assert answer.json()["approvals"][0]["verdict"] == "changes"


# -- taking a signature back ------------------------------------------------------------------------------------


def test_a_signature_taken_back_counts_no_more_and_may_be_given_again(asked, officer, second_officer, sheet):
    approve(asked, officer)
    desk.take_back(approval=asked.approvals.get(), by=officer, reason="wrong sheet")
    approve(asked, second_officer)
    sheet.refresh_from_db()
    assert sheet.prohibited_uses == BITS["training"]

    approve(asked, officer)

    sheet.refresh_from_db()
    assert sheet.prohibited_uses == 0
    assert asked.approvals.count() == 3


def test_taking_back_adds_a_row_and_changes_none(asked, officer):
    approve(asked, officer)
    before = Approval.objects.values().get()

    desk.take_back(approval=asked.approvals.get(), by=officer, reason="wrong sheet")

    assert Approval.objects.values().get() == before
    entry = RecordEntry.objects.get(kind="governance.approvalwithdrawal")
    assert entry.operation == "insert"
    with pytest.raises(Exception, match="only grows"):
        ApprovalWithdrawal.objects.update(reason="something else")


def test_everyone_sees_a_signature_that_was_taken_back(asked, officer, client):
    approve(asked, officer)
    client.force_login(officer)
    client.post(step(asked, "take-back"), {"reason": "wrong sheet"})

    shown = client.get(page_of(asked)).content.decode()

    assert "no longer counts" in shown and "wrong sheet" in shown


def test_only_the_signer_takes_it_back_and_says_why(asked, officer, second_officer, api):
    approve(asked, officer)
    signed = asked.approvals.get()
    with pytest.raises(NotPermitted):
        desk.take_back(approval=signed, by=second_officer, reason="not mine")
    with pytest.raises(ReasonRequired):
        desk.take_back(approval=signed, by=officer, reason=" ")

    body = {"signature": str(signed.pk), "reason": "wrong sheet"}
    answer = api(officer).post(f"/api/v1/approvals/{asked.pk}/take-back/", body)

    assert answer.json()["approvals"][0]["withdrawn"]["reason"] == "wrong sheet"
    with pytest.raises(AlreadyDecided):
        desk.take_back(approval=signed, by=officer, reason="again")


def test_after_the_step_it_is_refused_with_what_to_do_instead(asked, officer, second_officer):
    approve(asked, officer)
    approve(asked, second_officer)

    with pytest.raises(ApprovalInUse, match="Tighten the constraint instead"):
        desk.take_back(approval=asked.approvals.first(), by=officer, reason="too soon")

    assert not ApprovalWithdrawal.objects.exists()


# -- every state, every step ------------------------------------------------------------------------------------

STEPS = {
    "approve": lambda request, cast: approve(request, cast["other"]),
    "reject": lambda request, cast: desk.decide(request=request, by=cast["other"], approve=False, comment="no"),
    "ask for changes": lambda request, cast: desk.ask_for_changes(request=request, by=cast["other"], comment="but"),
    "take back": lambda request, cast: desk.take_back(
        approval=request.approvals.get(approver=cast["signer"]), by=cast["signer"], reason="no more"
    ),
    "withdraw": lambda request, cast: desk.withdraw(request=request, by=cast["asker"]),
    "ask again": lambda request, cast: desk.ask_again(request=request, by=cast["asker"]),
}
LEADS_TO = {
    (State.PENDING, "approve"): State.APPROVED,
    (State.PENDING, "reject"): State.REJECTED,
    (State.PENDING, "ask for changes"): State.CHANGES,
    (State.PENDING, "take back"): State.PENDING,
    (State.PENDING, "withdraw"): State.WITHDRAWN,
    **{(state, "ask again"): state for state in State if state not in {State.PENDING, State.APPROVED}},
}


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("state", list(State))
def test_each_step_starts_from_its_states_only(state, name, asked, officer, second_officer, steward):
    approve(asked, officer)
    if state != State.PENDING:
        with triggers.lifted():
            ApprovalRequest.objects.filter(pk=asked.pk).update(state=state, decided_at=timezone.now())
    asked.refresh_from_db()
    cast = {"asker": steward, "signer": officer, "other": second_officer}
    before = (Approval.objects.count(), ApprovalWithdrawal.objects.count(), ApprovalRequest.objects.count())

    if (state, name) in LEADS_TO:
        STEPS[name](asked, cast)
        asked.refresh_from_db()
        assert asked.state == LEADS_TO[state, name]
        return
    with pytest.raises(WorkbenchError):
        STEPS[name](asked, cast)

    asked.refresh_from_db()
    after = (Approval.objects.count(), ApprovalWithdrawal.objects.count(), ApprovalRequest.objects.count())
    assert (asked.state, after) == (state, before)


# -- my approvals -----------------------------------------------------------------------------------------------


def test_my_approvals_lists_what_waits_for_me_what_i_decided_and_what_i_asked(
    asked, officer, second_officer, steward, api, client
):
    approve(asked, officer)

    def mine(user, whose):
        return [one["id"] for one in api(user).get("/api/v1/approvals/", {"mine": whose}).json()["results"]]

    here = [str(asked.pk)]
    assert (mine(officer, "waiting"), mine(officer, "decided")) == ([], here)
    assert (mine(second_officer, "waiting"), mine(second_officer, "decided")) == (here, [])
    assert (mine(steward, "asked"), mine(steward, "waiting"), mine(officer, "asked")) == (here, [], [])
    client.force_login(second_officer)
    shown = client.get(reverse("governance:my-approvals"), follow=True).content.decode()
    assert str(asked.pk) in shown
    client.force_login(officer)
    assert str(asked.pk) not in client.get(reverse("governance:my-approvals"), follow=True).content.decode()


# -- words --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", State.values)
def test_every_state_goes_on_after_this_request_is(state):
    words = ApprovalRequest(state=state).standing

    assert words == words.lower() and words


def test_what_was_closed_with_changes_asked_for_is_said_in_a_sentence(asked, officer, second_officer):
    desk.ask_for_changes(request=asked, by=officer, comment="name the contract")

    with pytest.raises(AlreadyDecided, match="This request is closed: changes were asked for; nothing is left"):
        approve(asked, second_officer)
