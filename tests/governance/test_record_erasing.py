"""Erasure of values, and the legal holds that stand before it."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from governance import context, desk
from governance.errors import (
    AlreadyDecided,
    ContentChanged,
    InvalidInput,
    NotPermitted,
    OnLegalHold,
    ReasonRequired,
    SameApprover,
)
from governance.models import (
    ApprovalRequest,
    Erasure,
    ErasureRequest,
    LegalHold,
    RecordEntry,
    RecordValues,
    User,
)
from governance.record import erasing, holds, sealing, triggers, verification
from governance.record.erasing import Wanted
from labeling.models import UseCase

# PostgreSQL seals only what is committed.
pytestmark = pytest.mark.django_db(transaction=connection.vendor == "postgresql")

ROW = "/admin/governance/erasurerequest/"


@pytest.fixture
def second_officer(make_user) -> User:
    return make_user("second-officer", "compliance-officer")


@pytest.fixture
def others(steward) -> UseCase:
    """A row that no erasure here is about."""
    return UseCase.objects.create(name="Zebrafish", description="stays", owner=steward)


@pytest.fixture
def gone(steward, others) -> str:
    """The key of a row about a person, changed once and deleted: what its record holds is to go."""
    with context.acting(user=steward, door="admin", reason="about Mr Meier"):
        row = UseCase.objects.create(name="Meier, Hans", description="born 1970", owner=steward)
        row.description = "moved to Bern"
        row.save()
        key = str(row.pk)
        row.delete()
    sealing.seal()
    return key


def wanted(key: str) -> Wanted:
    return Wanted(kind="labeling.usecase", object_id=key)


def ask(what: Wanted, by: User) -> ApprovalRequest:
    _, reach = erasing.preview(wanted=what, by=by)
    return erasing.request_erasure(wanted=what, digest=reach.digest, reason="Art. 17, asked on 2 March", by=by)


def approve(request: ApprovalRequest, by: User) -> None:
    desk.decide(request=request, by=by, approve=True, comment="checked the request")


def values_left(key: str) -> list[str | None]:
    keys = RecordEntry.objects.filter(object_id=key).values("pk")
    return list(RecordValues.objects.filter(pk__in=keys).values_list("payload", flat=True))


def faults() -> list[str]:
    return [str(fault) for fault in verification.verify().faults]


def test_two_officers_erase_a_row_and_every_proof_stays_valid(gone, others, officer, second_officer):
    _, reach = erasing.preview(wanted=wanted(gone), by=officer)
    assert (reach.entries, reach.versions, reach.rows, reach.live) == (3, 3, 1, 0)
    request = ask(wanted(gone), officer)
    assert None not in values_left(gone)

    approve(request, second_officer)

    assert values_left(gone) == [None, None, None]
    assert not UseCase.history.filter(id=gone).exists()
    assert UseCase.history.filter(id=others.pk).exists() and None not in values_left(str(others.pk))
    entry = RecordEntry.objects.with_values().filter(object_id=gone).first()
    assert "Second-officer" in entry.why_erased and "Art. 17" in entry.why_erased and "Officer" in entry.why_erased
    assert faults() == []
    sealing.seal()
    assert faults() == []


def test_no_trace_of_the_values_is_left_in_the_database(gone, officer, second_officer):
    approve(ask(wanted(gone), officer), second_officer)

    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            found += [table for row in cursor.fetchall() if "Meier, Hans" in str(row) or "moved to Bern" in str(row)]
    assert found == []


def test_rows_are_found_by_an_identifier_that_is_kept_nowhere(gone, officer):
    what = Wanted(kind="labeling.usecase", column="name", value="Meier, Hans")
    keys, reach = erasing.preview(wanted=what, by=officer)
    assert (keys, reach.entries) == ([gone], 3)

    request = ask(what, officer)

    kept = ErasureRequest.objects.get(pk=request.object_id)
    assert (kept.object_ids, kept.found_by) == ([gone], "name")
    assert "Meier" not in str(request.payload) + str(RecordValues.objects.latest("pk").payload)


def test_rows_are_found_by_a_number(steward, officer, gone, others):
    what = Wanted(kind="labeling.usecase", column="owner_id", value=str(steward.pk))

    assert set(erasing.preview(wanted=what, by=officer)[0]) == {gone, str(others.pk)}


def test_who_asked_does_not_decide_and_who_audits_not_may_not_ask(gone, officer, steward, approver):
    request = ask(wanted(gone), officer)

    with pytest.raises(SameApprover):
        approve(request, officer)
    with pytest.raises(NotPermitted):
        approve(request, approver)
    with pytest.raises(NotPermitted):
        erasing.preview(wanted=wanted(gone), by=steward)
    assert None not in values_left(gone)


def test_a_new_entry_of_the_row_voids_the_request(others, officer, second_officer):
    request = ask(wanted(str(others.pk)), officer)
    others.description = "changed meanwhile"
    others.save()

    with pytest.raises(ContentChanged):
        approve(request, second_officer)
    assert None not in values_left(str(others.pk))


def test_what_was_not_previewed_is_not_asked_for(gone, officer):
    with pytest.raises(ContentChanged):
        erasing.request_erasure(wanted=wanted(gone), digest="0" * 64, reason="Art. 17", by=officer)
    _, reach = erasing.preview(wanted=wanted(gone), by=officer)
    with pytest.raises(ReasonRequired):
        erasing.request_erasure(wanted=wanted(gone), digest=reach.digest, reason=" ", by=officer)
    assert not ErasureRequest.objects.exists()


@pytest.mark.parametrize(
    "what",
    [
        Wanted(kind="governance.erasure", object_id="1"), Wanted(kind="labeling.usecase"),
        Wanted(kind="labeling.usecase", column="password", value="x"),
        Wanted(kind="labeling.usecase", column="name", value=""),
        Wanted(kind="labeling.usecase", column="name", value="nobody"),
        Wanted(kind="labeling.usecase", object_id="x", column="name", value="y"),
    ],
)  # fmt: skip
def test_what_cannot_be_erased_is_named(what, officer):
    with pytest.raises(InvalidInput):
        erasing.preview(wanted=what, by=officer)


def test_a_live_row_may_be_erased_on_record_and_what_is_known_since_is_compared(others, officer, second_officer):
    approve(ask(wanted(str(others.pk)), officer), second_officer)
    assert faults() == []
    UseCase.objects.filter(pk=others.pk).update(description="known again")
    with triggers.lifted():
        UseCase.objects.filter(pk=others.pk).update(description="forged")

    [fault] = faults()
    assert "description changed past it" in fault


# -- holds ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["row", "kind", "all"])
def test_what_is_on_hold_is_erased_by_nobody(scope, gone, officer, second_officer):
    request = ask(wanted(gone), officer)
    place = {"row": ("labeling.usecase", gone), "kind": ("labeling.usecase", ""), "all": ("", "")}[scope]
    hold = holds.place_hold(kind=place[0], object_id=place[1], reason="case 4711", by=officer)

    # What stands in the request's fingerprint changed with it; and a new request is refused as well.
    with pytest.raises((OnLegalHold, ContentChanged)):
        approve(request, second_officer)
    with pytest.raises(OnLegalHold, match="case 4711"):
        ask(wanted(gone), second_officer)
    for entry in RecordEntry.objects.filter(object_id=gone):
        with pytest.raises(DatabaseError, match="legal hold"), transaction.atomic():
            Erasure.objects.create(entry=entry, actor_id=1, actor_name="past the service", reason="now")
    assert None not in values_left(gone)

    lift = holds.request_lift(hold=hold, reason="the case is closed", by=officer)
    with pytest.raises(SameApprover):
        approve(lift, officer)
    approve(lift, second_officer)
    with pytest.raises(AlreadyDecided):
        holds.request_lift(hold=LegalHold.objects.get(pk=hold.pk), reason="again", by=officer)
    approve(ask(wanted(gone), officer), second_officer)
    assert values_left(gone) == [None, None, None]
    assert faults() == []


def test_a_hold_placed_after_an_erasure_was_written_down_still_keeps_values(gone, officer):
    entry = RecordEntry.objects.filter(object_id=gone).first()
    holds.place_hold(kind="labeling.usecase", object_id=gone, reason="case 4711", by=officer)
    with triggers.lifted():
        Erasure.objects.bulk_create([Erasure(entry=entry, actor_id=1, actor_name="Forger", reason="as if")])

    with pytest.raises(DatabaseError, match="only grows"), transaction.atomic():
        RecordValues.objects.filter(pk=entry.pk).update(salt=None, payload=None)


def test_a_hold_of_another_row_keeps_nothing_here(gone, others, officer, second_officer):
    holds.place_hold(kind="labeling.usecase", object_id=str(others.pk), reason="case 4711", by=officer)

    approve(ask(wanted(gone), officer), second_officer)

    assert values_left(gone) == [None, None, None]


def test_holds_are_placed_by_officers_with_a_reason_on_what_is_on_record(officer, steward):
    with pytest.raises(NotPermitted):
        holds.place_hold(kind="", object_id="", reason="x", by=steward)
    with pytest.raises(ReasonRequired):
        holds.place_hold(kind="", object_id="", reason=" ", by=officer)
    with pytest.raises(InvalidInput):
        holds.place_hold(kind="sessions.session", object_id="", reason="x", by=officer)
    with pytest.raises(InvalidInput):
        holds.place_hold(kind="", object_id="1", reason="x", by=officer)


def test_readable_versions_go_with_an_erasure_only(steward, others):
    for statement in ("DELETE FROM labeling_historicalusecase", "UPDATE labeling_historicalusecase SET name = 'x'"):
        with pytest.raises(DatabaseError, match="only grows"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    assert UseCase.history.filter(id=others.pk).count() == 1


# -- doors ----------------------------------------------------------------------------------------------------


def test_the_page_shows_what_is_reached_and_asks_only_then(client, gone, officer, second_officer):
    client.force_login(officer)
    typed = {"kind": "labeling.usecase", "column": "name", "value": "Meier, Hans"}

    looked = client.post("/admin/compliance/erase/", typed | {"look": ""})
    assert looked.context["reach"].entries == 3 and gone in looked.content.decode()
    digest = looked.context["reach"].digest
    asked = client.post("/admin/compliance/erase/", typed | {"ask": "", "digest": digest, "reason": "Art. 17"})

    request = ApprovalRequest.objects.get(gate=erasing.GATE)
    assert asked["Location"] == f"/admin/governance/approvalrequest/{request.pk}/change/"
    shown = client.get(asked["Location"]).content.decode()
    assert gone in shown and "Meier" not in shown
    approve(request, second_officer)
    listed = client.get(ROW).content.decode()
    assert "erased" in listed and "Art. 17" in listed
    kept = ErasureRequest.objects.get()
    assert gone in client.get(f"{ROW}{kept.pk}/change/").content.decode()
    entry = RecordEntry.objects.filter(object_id=gone).first()
    assert "Art. 17" in client.get(f"/admin/governance/recordentry/{entry.pk}/change/").content.decode()


def test_the_page_says_what_is_wrong_and_keeps_strangers_out(client, officer, steward):
    client.force_login(officer)
    said = client.post("/admin/compliance/erase/", {"kind": "labeling.usecase", "object_id": "none", "look": ""})
    assert "Nothing on record matches" in said.content.decode()
    key = str(steward.pk)
    typed = {"kind": "governance.user", "object_id": key, "ask": "", "digest": "0", "reason": ""}
    asked = client.post("/admin/compliance/erase/", typed)
    assert "stand on every erased entry" in asked.content.decode() and asked.context["reach"].rows == 1
    assert not ErasureRequest.objects.exists()
    client.force_login(steward)
    assert client.get("/admin/compliance/erase/").status_code == 403


def test_by_rest_it_is_looked_at_asked_for_and_told(api, gone, officer, second_officer, steward):
    body = {"kind": "labeling.usecase", "object_id": gone}
    looked = api(officer).post("/api/v1/erasures/preview/", body, format="json").json()
    assert (looked["entries"], looked["object_ids"]) == (3, [gone])

    asked = api(officer).post(
        "/api/v1/erasures/", body | {"reason": "Art. 17", "digest": looked["digest"]}, format="json"
    )
    assert asked.status_code == 202, asked.content
    signed = api(second_officer).post(
        f"/api/v1/approvals/{asked.json()['approval']}/approve/", {"comment": "checked"}, format="json"
    )

    assert signed.status_code == 200, signed.content
    told = api(officer).get("/api/v1/record/", {"object_id": gone}).json()["results"]
    assert [entry["old"] for entry in told] == [None, None, None] and "Art. 17" in told[0]["erased"]
    assert api(officer).get("/api/v1/erasures/").json()["results"][0]["erased_at"]
    assert api(steward).get("/api/v1/erasures/").status_code in (403, 404)


def test_by_rest_a_hold_is_placed_and_its_lift_asked_for(api, gone, officer, second_officer):
    body = {"kind": "labeling.usecase", "object_id": gone, "reason": "case 4711"}
    placed = api(officer).post("/api/v1/legal-holds/", body, format="json")
    assert placed.status_code == 201, placed.content
    refused = api(officer).post("/api/v1/erasures/preview/", {**body, "reason": ""} | {}, format="json")
    assert refused.status_code == 400  # a preview takes no reason

    lift = f"/api/v1/legal-holds/{placed.json()['id']}/lift/"
    asked = api(officer).post(lift, {"reason": "closed"}, format="json")
    api(second_officer).post(f"/api/v1/approvals/{asked.json()['approval']}/approve/", {"comment": "ok"}, format="json")

    assert api(officer).get("/api/v1/legal-holds/").json()["results"][0]["lifted_at"]


def test_a_hold_is_placed_and_its_lift_asked_for_in_the_portal(client, gone, officer):
    client.force_login(officer)
    placed = client.post(
        "/admin/governance/legalhold/add/", {"kind": "labeling.usecase", "object_id": gone, "reason": "case 4711"}
    )
    assert placed.status_code == 302
    hold = LegalHold.objects.get()

    client.post(f"/admin/governance/legalhold/{hold.pk}/do/lift/", {"reason": "closed"})

    assert ApprovalRequest.objects.get(gate=holds.GATE).object_id == hold.pk
    assert "use case" in client.get(f"/admin/governance/legalhold/{hold.pk}/change/").content.decode()


@pytest.mark.parametrize(("where", "label"), [
    ({"kind": "workbench.sheet", "object_id": "7"}, "legal hold on workbench.sheet 7"),
    ({"kind": "workbench.sheet", "object_id": ""}, "legal hold on workbench.sheet"),
    ({"kind": "", "object_id": ""}, "legal hold on the whole record"),
])  # fmt: skip
def test_what_is_asked_to_be_lifted_reads_as_a_sentence(officer, where, label):
    hold = holds.place_hold(**where, reason="a lawsuit", by=officer)

    assert holds.request_lift(hold=hold, reason="it is over", by=officer).subject_label == label
