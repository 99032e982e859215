"""Leave for what one tool makes to permit more than its sources do: given by two people, for one tool, until a date."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from governance import constraints, jobs
from governance.constraints import Terms
from governance.derivations import ancestors_of
from governance.desk import close_what_cannot_come_true
from governance.errors import (
    ApprovalPending,
    InvalidInput,
    NotPermitted,
    ReasonRequired,
    SameApprover,
    TransitionNotAllowed,
)
from governance.models import ApprovalRequest, ConstraintChange, Declassification, RecordEntry
from governance.rules.declassifications import EXPIRY, Leave, end, request_declassification, what_if_given
from governance.uses import ALL_USES, Classification, mask_of
from labeling.generation import services
from labeling.generation.models import Mode, QAPair
from labeling.labels.models import CanonicalLabel
from labeling.prompts import services as prompts
from labeling.review.services import approve_pair
from workbench.models import CatalogObject

from .factories import bind, make_label, make_labelset, make_sheet, make_template, share_with, sign

pytestmark = pytest.mark.django_db
TRAINING = mask_of(["training", "validation"])


def leave(**fields) -> Leave:
    asked = {
        "uses": TRAINING, "classification": Classification.INTERNAL, "until": timezone.now() + timedelta(days=30),
        "reason": "the prompt shows the length of the name only",
    }  # fmt: skip
    return Leave(**{**asked, **fields})


@pytest.fixture
def version(steward, approver, team, expert):
    found = make_sheet(steward, approver, team)
    bind(found.sheet, make_labelset(expert, approver, team), steward)
    return found


@pytest.fixture
def lengths(engineer, approver, team):
    return make_template(
        engineer, approver, team, name="Lengths", user_prompt="{{ patient | length }} letters: {{ text }}",
        input_schema=[{"name": "text", "type": "string"}, {"name": "patient", "type": "string"}],
    )  # fmt: skip


@pytest.fixture
def generate(engineer, team):
    def make(version, template, name="Pairs", mode=Mode.MANUAL):
        made = services.start_generation(
            by=engineer, name=name, sheet=version.sheet, template_version=template, mode=mode
        )
        jobs.run_waiting()
        share_with(made, team, engineer)
        assert not made.pairs.exclude(error="").exists()
        return made

    return make


def trains(sheet) -> int:
    return QAPair.objects.permitting("training").filter(training_sheet=sheet).count()


def given(row, engineer, officer, **fields) -> Declassification:
    asked = request_declassification(row=row, leave=leave(**fields), by=engineer)
    sign(asked, officer)
    return Declassification.objects.get(pk=asked.object_id)


def test_leave_reaches_what_its_tool_made_and_makes_and_nothing_else(version, lengths, generate, engineer, officer,
                                                                     approver, team):  # fmt: skip
    made = generate(version, lengths)
    full = make_template(
        engineer, approver, team, name="Full", user_prompt="{{ patient }}: {{ text }}",
        input_schema=[{"name": "text", "type": "string"}, {"name": "patient", "type": "string"}],
    )  # fmt: skip
    other = generate(version, full, name="With names")
    assert (trains(made), trains(other)) == (0, 0)

    one = given(made.pairs.first(), engineer, officer)

    later = generate(version, lengths, name="Later pairs")
    assert (trains(made), trains(later), trains(other)) == (4, 4, 0)
    pair = later.pairs.select_related("derivation").first()
    assert pair.effective_constraint.classification == Classification.INTERNAL
    assert pair.effective_constraint.until == one.permitted_until
    told = next(ancestor for ancestor in ancestors_of(pair) if ancestor.pk == one.pk)
    assert "template Lengths 1.0.0 on Sheet Tickets" in told.label
    assert told.reason == "the prompt shows the length of the name only"


def test_nothing_changes_until_a_compliance_officer_who_did_not_ask_has_signed(version, lengths, generate, engineer,
                                                                               approver, officer):  # fmt: skip
    made = generate(version, lengths)
    asked = request_declassification(row=made.pairs.first(), leave=leave(), by=engineer)

    with pytest.raises(NotPermitted):
        sign(asked, approver)
    assert trains(made) == 0
    assert asked.payload["what_if"]["effects"] == [
        {"what": "Q&A pairs", "use": use, "lost": 0, "gained": 4} for use in ("training", "validation")
    ]
    assert [source["source"] for source in asked.payload["lifted"]] == ["column"]

    sign(asked, officer)
    assert trains(made) == 4


def test_who_asked_cannot_sign_even_as_officer(version, lengths, generate, officer, engineer, team):
    made = generate(version, lengths)
    officer.groups.add(*engineer.groups.all())
    asked = request_declassification(row=made.pairs.first(), leave=leave(), by=type(officer).objects.get(pk=officer.pk))

    with pytest.raises(SameApprover):
        sign(asked, officer)


def test_ended_leave_binds_again_at_once_and_both_changes_are_on_record(version, lengths, generate, engineer, officer):
    made = generate(version, lengths)
    one = given(made.pairs.first(), engineer, officer)

    end(declassification=one, reason="lengths were enough to find a patient", by=officer)

    assert trains(made) == 0
    changes = ConstraintChange.objects.filter(kind="governance.declassification", object_id=one.pk)
    assert [change.direction for change in changes.order_by("changed_at")] == ["relaxed", "tightened"]
    assert {change.reached["Q&A pairs"] for change in changes} == {4}
    assert RecordEntry.objects.filter(kind="governance.declassification", object_id=str(one.pk)).count() == 3
    with pytest.raises(TransitionNotAllowed, match="ended"):
        end(declassification=one, reason="again", by=officer)


def test_leave_that_has_run_out_permits_nothing_at_once_and_then_what_the_sources_do(
    version, lengths, generate, engineer, officer, monkeypatch
):
    made = generate(version, lengths)
    one = given(made.pairs.first(), engineer, officer)
    assert QAPair.objects.permitting("testing").filter(training_sheet=made).count() == 4
    after = one.permitted_until + timedelta(seconds=1)
    monkeypatch.setattr(timezone, "now", lambda: after)

    assert trains(made) == 0
    assert QAPair.objects.permitting("testing").filter(training_sheet=made).count() == 0

    jobs.run(jobs.enqueue(EXPIRY, subject=None, by=None).pk)

    assert trains(made) == 0
    assert QAPair.objects.permitting("testing").filter(training_sheet=made).count() == 4
    one.refresh_from_db()
    assert one.end_reason.startswith("ran out")


def test_a_source_that_became_stricter_than_the_approver_saw_is_lifted_no_more(
    version, lengths, generate, engineer, officer, steward
):
    made = generate(version, lengths)
    given(made.pairs.first(), engineer, officer)
    column = CatalogObject.objects.get(ref="main.tickets#patient", kind="column")
    stricter = Terms(
        allowed_uses=mask_of(["testing"]), prohibited_uses=0, data_classification=3, usage_reason="consent withdrawn"
    )

    constraints.tighten(row=column, terms=stricter, by=steward)

    assert trains(made) == 0


def test_what_another_source_prohibits_stays_prohibited(version, lengths, generate, engineer, officer, steward):
    made = generate(version, lengths)
    given(made.pairs.first(), engineer, officer)
    assert trains(made) == 4
    terms = Terms(allowed_uses=ALL_USES & ~TRAINING, prohibited_uses=0, data_classification=1, usage_reason="contract")

    constraints.tighten(row=version.sheet, terms=terms, by=steward)

    assert trains(made) == 0


def test_leave_for_a_template_is_none_for_answers_that_experts_gave_on_seeing_the_source(
    version, lengths, generate, engineer, officer, expert
):
    label = make_label(version.sheet, "a1", "card", expert)
    assert not CanonicalLabel.objects.permitting("training").filter(pk=label.pk).exists()
    made = generate(version, lengths)
    reused = made.pairs.get(item_ref="a1")
    assert reused.canonical_label_id == label.pk

    given(made.pairs.get(item_ref="a2"), engineer, officer)

    assert trains(made) == 3
    assert not QAPair.objects.permitting("training").filter(pk=reused.pk).exists()
    with pytest.raises(InvalidInput, match="several tools"):
        request_declassification(row=reused, leave=leave(), by=engineer)


def test_why_says_where_leave_cannot_be_asked_for_and_what_to_do(version, lengths, generate, engineer, expert, viewer,
                                                                  client):  # fmt: skip
    make_label(version.sheet, "a1", "card", expert)
    made = generate(version, lengths)
    joined, single = made.pairs.get(item_ref="a1"), made.pairs.get(item_ref="a2")

    def why(row):
        return client.get(reverse("governance:why", args=["labeling.qapair", row.pk])).content.decode()

    client.force_login(engineer)
    assert "several tools made" in why(joined) and "or ask that the constraint of a source be relaxed" in why(joined)
    assert "Ask for a declassification" not in why(joined)
    assert "several tools made" not in why(single) and "Ask for a declassification" in why(single)
    client.force_login(viewer)
    assert "several tools made" not in why(joined)


def test_a_label_made_by_approving_a_pair_has_the_leave_of_its_pair(version, lengths, generate, engineer, officer,
                                                                     expert):  # fmt: skip
    made = generate(version, lengths)
    pair = made.pairs.get(item_ref="a1")
    approve_pair(pair=pair, by=expert, version=pair.version, data={"label": "card"})
    label = CanonicalLabel.objects.get(item_ref="a1")

    given(pair, engineer, officer)

    assert CanonicalLabel.objects.permitting("training").filter(pk=label.pk).exists()


def test_leave_for_one_version_of_a_template_is_none_for_the_next(version, lengths, generate, engineer, officer,
                                                                  approver):  # fmt: skip
    made = generate(version, lengths)
    given(made.pairs.first(), engineer, officer)
    draft = prompts.start_new_version(template=lengths.template, by=engineer)
    prompts.update_draft(version=draft, by=engineer, user_prompt="{{ patient }}: {{ text }}")
    sign(prompts.request_publish(version=draft, by=engineer, reason="ready"), approver)
    draft.refresh_from_db()

    assert trains(generate(version, draft, name="Second")) == 0


@pytest.mark.parametrize(
    ("fields", "error", "field"),
    [
        ({"reason": " "}, ReasonRequired, "reason"),
        ({"until": timezone.now() - timedelta(days=1)}, InvalidInput, "until"),
        ({"until": timezone.now() + timedelta(days=4000)}, InvalidInput, "until"),
        ({"uses": mask_of(["testing"]), "classification": Classification.RESTRICTED}, InvalidInput, "uses"),
    ],
)
def test_leave_without_a_reason_an_end_or_an_effect_is_refused(version, lengths, generate, engineer, fields, error,
                                                               field):  # fmt: skip
    made = generate(version, lengths)

    with pytest.raises(error) as refused:
        request_declassification(row=made.pairs.first(), leave=leave(**fields), by=engineer)

    assert refused.value.field == field
    assert not Declassification.objects.exists()


def test_what_is_asked_for_already_is_not_asked_for_again(version, lengths, generate, engineer):
    made = generate(version, lengths)
    request_declassification(row=made.pairs.first(), leave=leave(), by=engineer)

    with pytest.raises(ApprovalPending):
        request_declassification(row=made.pairs.last(), leave=leave(), by=engineer)

    assert Declassification.objects.count() == 1


def test_pages_and_rest_show_what_has_run_out_as_prohibited_and_the_leave_in_words(
    version, lengths, generate, engineer, officer, api, client, monkeypatch
):
    made = generate(version, lengths)
    pair = made.pairs.first()
    one = given(pair, engineer, officer)
    client.force_login(officer)
    page = client.get(f"/admin/why/labeling.qapair/{pair.pk}/").content.decode()
    assert "training, validation; down to internal (in force)" in page
    assert "training" in api(officer).get(f"/api/v1/pairs/{pair.pk}/").json()["permits"]
    after = one.permitted_until + timedelta(seconds=1)
    monkeypatch.setattr("governance.uses.timezone.now", lambda: after)

    assert api(officer).get(f"/api/v1/pairs/{pair.pk}/").json()["permits"] == []


def test_the_page_names_no_source_that_one_may_not_see(version, lengths, generate, engineer, officer, client):
    url = f"/admin/declassify/labeling.qapair/{generate(version, lengths).pairs.first().pk}/"
    client.force_login(engineer)

    page = client.get(url).content.decode()

    assert "a column that you may not see" in page
    assert "main.tickets#patient" not in page


def test_who_asked_reads_no_name_of_a_source_that_they_may_not_see(
    version, lengths, generate, engineer, officer, client, api
):
    row = generate(version, lengths).pairs.first()
    asked = request_declassification(row=row, leave=leave(), by=engineer)
    addresses = [
        f"/api/v1/approvals/{asked.pk}/", f"/api/v1/declassifications/{asked.object_id}/",
        f"/admin/governance/approvalrequest/{asked.pk}/change/",
        f"/admin/governance/declassification/{asked.object_id}/change/",
    ]  # fmt: skip
    client.force_login(engineer)
    for address in addresses:
        answer = (api(engineer) if address.startswith("/api/") else client).get(address)
        assert answer.status_code == 200
        assert "main.tickets#patient" not in answer.content.decode(), address

    client.force_login(officer)
    assert all("main.tickets#patient" in client.get(address).content.decode() for address in addresses[2:])


def test_trying_it_changes_nothing(version, lengths, generate, engineer):
    made = generate(version, lengths)

    report = what_if_given(row=made.pairs.first(), leave=leave(), by=engineer)

    assert {effect.gained for effect in report.effects} == {4}
    assert trains(made) == 0
    assert not Declassification.objects.exists()


def test_by_rest_it_is_asked_for_shown_and_ended(version, lengths, generate, engineer, officer, stranger, api):
    made = generate(version, lengths)
    body = {
        "kind": "labeling.qapair", "object_id": str(made.pairs.first().pk), "permits": ["training", "validation"],
        "classification": "internal", "until": (timezone.now() + timedelta(days=9)).isoformat(), "reason": "lengths",
    }  # fmt: skip

    assert api(stranger).post("/api/v1/declassifications/", body).status_code in (403, 404)
    assert api(engineer).post("/api/v1/declassifications/what-if/", body).json()["effects"][0]["gained"] == 4
    asked = api(engineer).post("/api/v1/declassifications/", body)
    assert asked.status_code == 202, asked.content
    signed = api(officer).post(f"/api/v1/approvals/{asked.json()['approval']}/approve/", {"comment": "looked at it"})
    assert signed.status_code == 200, signed.content
    assert trains(made) == 4
    found = api(officer).get("/api/v1/declassifications/").json()["results"]
    assert [(one["standing"], one["permits"]) for one in found] == [("in force", ["training", "validation"])]
    ended = api(officer).post(f"/api/v1/declassifications/{found[0]['id']}/end/", {"reason": "no longer needed"})
    assert (ended.status_code, ended.json()["standing"]) == (200, "ended")
    assert trains(made) == 0


def test_leave_whose_end_passed_while_it_waited_closes_by_itself(version, lengths, generate, engineer, officer,
                                                                  monkeypatch):  # fmt: skip
    made = generate(version, lengths)
    asked = request_declassification(row=made.pairs.first(), leave=leave(), by=engineer)
    assert close_what_cannot_come_true() == 0
    # Its end passes before the request itself runs out.
    ApprovalRequest.objects.filter(pk=asked.pk).update(expires_at=leave().until + timedelta(days=5))
    after = leave().until + timedelta(seconds=1)
    monkeypatch.setattr(timezone, "now", lambda: after)

    assert close_what_cannot_come_true() == 1

    asked.refresh_from_db()
    assert asked.state == "void"
    assert "which is past" in asked.history.first().history_change_reason
    assert trains(made) == 0
