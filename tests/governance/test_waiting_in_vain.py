"""Requests that can no longer come true close by themselves, with the reason, and say so before that."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from governance import constraints, desk, jobs
from governance.constraints import Terms
from governance.errors import InvalidInput
from governance.models import ApprovalRequest, LegalHold, RecordEntry
from governance.record import erasing, holds
from governance.uses import ALL_USES, BITS
from tests.factories import SheetFactory, SheetVersionFactory

pytestmark = pytest.mark.django_db
State = ApprovalRequest.State


def looser(**fields):
    return Terms(**{"allowed_uses": ALL_USES, "prohibited_uses": 0, "data_classification": 1,
                    "usage_reason": "consent was given"} | fields)  # fmt: skip


def relaxation_of(sheet, by, **fields):
    return constraints.request_relaxation(row=sheet, terms=looser(**fields), by=by)


@pytest.fixture
def sheet(steward):
    return SheetFactory(owner=steward, prohibited_uses=BITS["training"])


@pytest.fixture
def other(steward):
    """A request that nothing happened to."""
    return relaxation_of(SheetFactory(owner=steward, prohibited_uses=BITS["training"]), steward)


def change(sheet, by):
    constraints.tighten(row=sheet, by=by, terms=Terms(
        allowed_uses=ALL_USES, prohibited_uses=BITS["training"], data_classification=3, usage_reason="secret after all",
    ))  # fmt: skip


def run():
    job = jobs.enqueue("close-requests", subject=None, by=None)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    return job.result["closed"]


def reason_of(request):
    return request.history.first().history_change_reason


def page_of(request):
    return reverse("admin:governance_approvalrequest_change", args=[request.pk])


def test_a_request_whose_content_changed_closes_by_itself_and_no_other_does(sheet, other, steward, officer):
    asked = relaxation_of(sheet, steward)
    change(sheet, steward)

    assert run() == 1

    asked.refresh_from_db()
    other.refresh_from_db()
    assert (asked.state, other.state) == (State.VOID, State.PENDING)
    assert "changed after it was asked for" in reason_of(asked)
    assert RecordEntry.objects.filter(kind="governance.approvalrequest", object_id=str(asked.pk)).count() == 2
    assert run() == 0


def test_who_asked_finds_it_on_the_overview_until_it_is_asked_for_again(sheet, steward, officer, make_user, client):
    asked = relaxation_of(sheet, steward)
    change(sheet, steward)
    run()

    client.force_login(make_user("another", "data-steward"))
    assert "changed after it was asked for" not in client.get(reverse("admin:index")).content.decode()
    client.force_login(steward)
    assert "changed after it was asked for" in client.get(reverse("admin:index")).content.decode()
    assert "Why it closed" in client.get(page_of(asked)).content.decode()
    client.post(reverse("admin:governance_approvalrequest_step", args=[asked.pk, "ask-again"]))

    assert ApprovalRequest.objects.filter(state=State.PENDING).count() == 1
    assert "changed after it was asked for" not in client.get(reverse("admin:index")).content.decode()


def test_its_page_says_at_once_that_its_content_changed_and_opening_it_changes_nothing(
    sheet, other, steward, officer, client
):
    asked = relaxation_of(sheet, steward)
    client.force_login(officer)
    assert "cannot be approved any more" not in client.get(page_of(asked)).content.decode()
    change(sheet, steward)

    shown = client.get(page_of(asked)).content.decode()

    assert "It cannot be approved any more" in shown and "have it asked for anew" in shown
    assert "cannot be approved any more" not in client.get(page_of(other)).content.decode()
    asked.refresh_from_db()
    assert asked.state == State.PENDING


def test_approving_is_not_offered_in_vain_and_rest_says_why(sheet, other, steward, officer, client):
    asked = relaxation_of(sheet, steward)
    client.force_login(officer)
    change(sheet, steward)
    approving = [reverse("admin:governance_approvalrequest_step", args=[one.pk, "approve"]) for one in (asked, other)]

    pages = [client.get(page_of(one)).content.decode() for one in (asked, other)]
    said = [client.get(f"/api/v1/approvals/{one.pk}/").json()["in_vain"] for one in (asked, other)]

    assert [address in page for address, page in zip(approving, pages, strict=True)] == [False, True]
    assert "changed after it was asked for" in said[0] and said[1] == ""


def test_what_was_not_decided_in_time_is_closed_and_counted_too(other, steward, officer, client):
    ApprovalRequest.objects.filter(pk=other.pk).update(expires_at=timezone.now() - timedelta(minutes=1))
    client.force_login(officer)
    assert "not decided in time" in client.get(page_of(other)).content.decode()

    assert run() == 1

    other.refresh_from_db()
    assert (other.state, reason_of(other)) == (State.EXPIRED, "not decided in time")
    client.force_login(steward)
    assert "Not decided in time: Relax a constraint" in client.get(reverse("admin:index")).content.decode()


def test_a_request_about_a_row_that_is_gone_closes_and_stays_in_sight_of_who_asked(
    sheet, other, steward, approver, client
):
    asked = relaxation_of(sheet, steward)
    sheet.delete()

    assert run() == 1

    asked.refresh_from_db()
    assert asked.state == State.VOID
    assert "is gone" in reason_of(asked)
    client.force_login(steward)
    assert "is gone" in client.get(reverse("admin:index")).content.decode()
    assert client.get(page_of(asked)).status_code == 200
    client.force_login(approver)
    assert client.get(page_of(asked)).status_code == 404


def test_a_relaxation_that_would_have_ended_while_it_waited_closes_and_cannot_be_approved(
    sheet, other, steward, officer, monkeypatch
):
    asked = relaxation_of(sheet, steward, permitted_until=timezone.now() + timedelta(days=1))
    assert run() == 0
    later = timezone.now() + timedelta(days=2)
    monkeypatch.setattr(timezone, "now", lambda: later)
    with pytest.raises(InvalidInput, match="is past"):
        desk.decide(request=asked, by=officer, approve=True, comment="agreed")

    assert run() == 1

    asked.refresh_from_db()
    assert asked.state == State.VOID
    assert "is past" in reason_of(asked)


def test_an_erasure_closes_once_what_it_reaches_is_on_legal_hold(officer, steward, other):
    wanted = erasing.Wanted(kind="workbench.sheet", object_id=str(SheetFactory(owner=steward).pk))
    _, reach = erasing.preview(wanted=wanted, by=officer)
    asked = erasing.request_erasure(wanted=wanted, digest=reach.digest, reason="art. 17", by=officer)
    assert run() == 0
    holds.place_hold(kind=wanted.kind, object_id=wanted.object_id, reason="a lawsuit", by=officer)
    assert LegalHold.objects.count() == 1

    assert run() == 1

    asked.refresh_from_db()
    assert asked.state == State.VOID
    assert "legal hold" in reason_of(asked)


def test_looking_after_a_sheet_reads_no_catalog(sheet, steward):
    version = SheetVersionFactory(sheet=sheet, primary_ref="no.such_table")
    asked = ApprovalRequest(
        gate="sheet-publish", subject=version, subject_label=str(version), needed={"approver": 1}, reason="ready",
        requested_by=steward, expires_at=timezone.now() + timedelta(days=1), payload={},
    )  # fmt: skip
    from governance.approvals.registry import GATES, fingerprint

    asked.fingerprint = fingerprint(GATES["sheet-publish"], version, {})
    asked.save()

    assert run() == 0
