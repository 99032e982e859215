"""The database itself refuses a step past its gate: what no service did, such as a statement at a console."""

from __future__ import annotations

import sqlite3

import pytest
from django.db import DatabaseError, connection, transaction
from django.urls import reverse
from django.utils import timezone

from governance import constraints, derivations, desk
from governance.constraints import Terms
from governance.lifecycle import LIFECYCLES
from governance.models import ApprovalRequest, GatePolicy
from governance.record import live, triggers
from governance.record.guards import FIXED, PAST_GATE, UNSIGNED, guarded
from governance.uses import ALL_USES, BITS
from tests import databases
from tests.factories import CanonicalLabelFactory, SheetFactory, SheetVersionFactory, approval_request
from tests.world import make_world

pytestmark = pytest.mark.django_db
LOOSER = Terms(allowed_uses=ALL_USES, prohibited_uses=0, data_classification=1, usage_reason="consent was given")
REQUEST = ApprovalRequest._meta.db_table


@pytest.fixture
def asked(steward):
    """A relaxation that two officers must sign."""
    GatePolicy.objects.filter(gate=constraints.RELAX_GATE).update(approvals={"compliance-officer": 2})
    sheet = SheetFactory(owner=steward, prohibited_uses=BITS["training"])
    return constraints.request_relaxation(row=sheet, terms=LOOSER, by=steward)


def refused(why, write):
    with pytest.raises(DatabaseError, match=why), transaction.atomic():
        write()


def approve_past_the_desk(request):
    """As somebody at a database console would."""
    with connection.cursor() as cursor:
        key = request.pk.hex if connection.vendor == "sqlite" else request.pk
        cursor.execute(
            f"UPDATE {REQUEST} SET state = 'approved', decided_at = %s WHERE id = %s",
            [timezone.now(), key],
        )


def sign(request, by):
    return desk.decide(request=request, by=by, approve=True, comment="seen")


def test_a_request_without_signatures_is_not_approved(asked):
    refused(UNSIGNED, lambda: approve_past_the_desk(asked))


def test_one_signature_of_two_does_not_approve(asked, officer):
    sign(asked, officer)

    refused(UNSIGNED, lambda: approve_past_the_desk(asked))


def test_a_signature_taken_back_approves_nothing(asked, officer, make_user):
    GatePolicy.objects.filter(gate=constraints.RELAX_GATE).update(author_may_approve=True)
    sign(asked, officer)
    desk.take_back(approval=asked.approvals.get(), by=officer, reason="wrong sheet")

    refused(UNSIGNED, lambda: approve_past_the_desk(asked))


def test_the_asker_s_own_signature_approves_nothing(steward):
    request = approval_request(SheetFactory(owner=steward), requested_by=steward)
    request.approvals.create(
        approver=steward, person=steward.person, role="compliance-officer", verdict="approve", comment="mine",
        fingerprint=request.fingerprint,
    )  # fmt: skip

    refused(UNSIGNED, lambda: approve_past_the_desk(request))


def test_a_signature_for_something_else_approves_nothing(steward, officer):
    request = approval_request(SheetFactory(owner=steward), requested_by=steward)
    request.approvals.create(
        approver=officer, person=officer.person, role="compliance-officer", verdict="approve", comment="seen",
        fingerprint="1" * 64,
    )  # fmt: skip

    refused(UNSIGNED, lambda: approve_past_the_desk(request))


def test_a_request_is_not_born_approved(steward):
    sheet = SheetFactory(owner=steward)

    refused(
        UNSIGNED,
        lambda: approval_request(sheet, requested_by=steward, state="approved", decided_at=timezone.now()),
    )


@pytest.mark.parametrize(
    "changed",
    [{"needed": {}}, {"payload": {"allowed_uses": []}}, {"fingerprint": "1" * 64}, {"gate": "sheet-publish"},
     {"reason": "another"}],
    ids=lambda changed: next(iter(changed)),
)  # fmt: skip
def test_what_was_asked_for_does_not_change_under_a_signature(changed, asked, officer):
    sign(asked, officer)

    refused(FIXED, lambda: ApprovalRequest.objects.filter(pk=asked.pk).update(**changed))


def test_a_closed_request_is_not_opened_again(asked, steward):
    desk.withdraw(request=asked, by=steward)

    refused(FIXED, lambda: ApprovalRequest.objects.filter(pk=asked.pk).update(state="pending", decided_at=None))


def test_no_step_is_made_past_its_gate(steward):
    world = make_world("ada", steward)
    seen = 0
    for model, row in world.items():
        steps = LIFECYCLES.get(model._meta.label_lower, ())
        for step in (one for one in steps if one.gate):
            moments = {"published_at": None} if hasattr(model, "published_at") else {}
            with triggers.lifted():
                model.objects.filter(pk=row.pk).update(status=step.sources[0], **moments)
            seen += 1
            refused(PAST_GATE, lambda: model.objects.filter(pk=row.pk).update(status=step.target))  # noqa: B023

    assert seen == sum(1 for *_, steps in guarded() for step in steps if step.gate) >= 4


def test_no_step_leads_round_the_gate(steward):
    version = SheetVersionFactory(sheet__owner=steward)

    refused(PAST_GATE, lambda: type(version).objects.filter(pk=version.pk).update(status="archived"))


@pytest.mark.skipif(connection.vendor != "sqlite", reason="on PostgreSQL accounts part the application from others")
@pytest.mark.parametrize("table", ["governance_job", "auth_permission", "django_content_type", "labeling_pairclaim"])
def test_a_console_writes_no_table_that_decides_what_is_done(table, tmp_path):
    databases.copy_to(tmp_path)
    with sqlite3.connect(tmp_path / databases.FILE) as console:
        column = console.execute(f"SELECT name FROM pragma_table_info('{table}') LIMIT 1").fetchone()[0]
        for statement in (
            f"INSERT INTO {table} ({column}) VALUES (NULL)", f"UPDATE {table} SET {column} = {column}",
            f"DELETE FROM {table}",
        ):  # fmt: skip
            with pytest.raises(sqlite3.OperationalError, match="no such function: record_context"):
                console.execute(statement)


def test_a_derivation_opened_past_the_rules_is_found_by_the_check_of_the_record(steward):
    sheet = SheetFactory(owner=steward, prohibited_uses=BITS["training"])
    made = derivations.derivation_of([sheet], scope={})
    assert list(live.loosened()) == []

    type(made).objects.filter(pk=made.pk).update(uses=ALL_USES)

    [fault] = live.loosened()
    assert (fault.object_id, fault.kind) == (str(made.pk), "governance.derivation")


def test_the_approver_reads_of_everything_that_a_relaxation_reaches(steward, officer, stranger, client):
    sheet = SheetFactory(owner=steward, prohibited_uses=BITS["training"])
    made = derivations.derivation_of([sheet], scope={})
    CanonicalLabelFactory(sheet=SheetFactory(owner=stranger), derivation=made)
    asked = constraints.request_relaxation(row=sheet, terms=LOOSER, by=steward)
    assert asked.payload["what_if"]["effects"] == []
    address = reverse("admin:governance_approvalrequest_change", args=[asked.pk])

    client.force_login(steward)
    assert "canonical labels" not in client.get(address).content.decode()
    client.force_login(officer)
    assert "canonical labels" in client.get(address).content.decode()
