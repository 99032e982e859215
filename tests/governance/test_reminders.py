"""Reminders of open approvals: to those who could sign, once a person, request and day, by mail where there is one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from governance import constraints, jobs
from governance.approvals import delegations
from governance.constraints import Terms
from governance.models import ApprovalRequest, Reminder
from governance.record import triggers
from governance.uses import ALL_USES, BITS
from tests.factories import SheetFactory

pytestmark = pytest.mark.django_db
LOOSER = Terms(allowed_uses=ALL_USES, prohibited_uses=0, data_classification=1, usage_reason="consent was given")


@pytest.fixture
def asked(steward):
    sheet = SheetFactory(owner=steward, prohibited_uses=BITS["training"])
    return constraints.request_relaxation(row=sheet, terms=LOOSER, by=steward)


def since(request, **ago):
    ApprovalRequest.objects.filter(pk=request.pk).update(requested_at=timezone.now() - timedelta(**ago))


def run():
    job = jobs.enqueue("remind-signers", subject=None, by=None)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    return job.result


def test_a_request_that_waits_long_reminds_who_could_sign_and_nobody_else(asked, officer, approver, client):
    assert run() == {"reminded": 0, "mailed": 0}
    since(asked, days=4)

    assert run() == {"reminded": 1, "mailed": 0}

    reminder = Reminder.objects.get()
    assert (reminder.account, reminder.why, reminder.request) == (officer, "open", asked)
    client.force_login(officer)
    assert "reminder: waits since" in client.get(reverse("admin:index")).content.decode()
    page = client.get(reverse("admin:governance_approvalrequest_change", args=[asked.pk])).content.decode()
    assert "Officer on" in page and "no e-mail is set up" in client.get(
        reverse("admin:governance_approvalrequest_changelist")
    ).content.decode()  # fmt: skip


def test_a_request_about_to_expire_reminds_too(asked, officer):
    ApprovalRequest.objects.filter(pk=asked.pk).update(expires_at=timezone.now() + timedelta(hours=20))

    run()

    assert Reminder.objects.get().why == "expiring"


def test_it_is_once_a_person_and_day_however_often_it_runs(asked, officer, make_user):
    make_user("officer-again", "compliance-officer", person=officer.person)
    since(asked, days=4)

    assert [run()["reminded"] for _ in range(3)] == [1, 0, 0]
    Reminder.objects.update(day=timezone.localdate() - timedelta(days=1))
    assert run()["reminded"] == 1


def test_who_signed_and_who_asked_are_not_reminded_and_a_deputy_is(asked, officer, steward, make_user):
    deputy = make_user("deputy", "data-steward", "compliance-officer")
    with triggers.lifted():
        ApprovalRequest.objects.filter(pk=asked.pk).update(needed={"compliance-officer": 2})
    from governance import desk

    desk.decide(request=asked, by=officer, approve=True, comment="seen")
    since(asked, days=4)

    run()

    assert [one.account for one in Reminder.objects.all()] == [deputy]


def test_a_deputy_is_reminded(asked, officer, make_user, team):
    from governance import access

    deputy = make_user("deputy", "viewer", groups=(team,))
    access.share(collection=asked.subject, to=team, level="view", by=asked.requested_by)
    delegations.delegate(
        by=officer, to=deputy, role="compliance-officer", until=timezone.now() + timedelta(days=1), reason="leave"
    )
    since(asked, days=4)

    run()

    assert {one.account for one in Reminder.objects.all()} == {officer, deputy}


def test_a_message_goes_out_where_a_mail_server_is_set_and_says_nothing_of_the_row(asked, officer, settings):
    settings.EMAIL_HOST = "mail.example.org"
    settings.SITE_URL = "https://workbench.example.org"
    officer.email = "officer@example.org"
    officer.save()
    since(asked, days=4)

    assert run() == {"reminded": 1, "mailed": 1}

    (message,) = mail.outbox
    assert message.to == ["officer@example.org"]
    assert f"https://workbench.example.org/admin/governance/approvalrequest/{asked.pk}/change/" in message.body
    assert asked.subject.name not in message.body + message.subject and "consent" not in message.body


def test_a_mail_server_that_is_down_holds_nothing_up(asked, officer, settings, monkeypatch):
    def down(**_):
        raise ConnectionRefusedError("no mail server")

    settings.EMAIL_HOST = "mail.example.org"
    monkeypatch.setattr("governance.approvals.reminders.send_mail", down)
    officer.email = "officer@example.org"
    officer.save()
    since(asked, days=4)

    assert run() == {"reminded": 1, "mailed": 0}
    assert Reminder.objects.get().mailed_to == ""
