"""A dataset names the declassifications that its rows rest on: to who approves it, and in what leaves with it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from governance import desk, jobs
from governance.models import ApprovalRequest, Declassification
from governance.rules.declassifications import Leave, end, request_declassification
from governance.uses import Classification, mask_of
from labeling.generation import services as generation
from labeling.generation.models import Mode
from labeling.review.services import approve_pair, finish_review
from tests.labeling.factories import bind, make_labelset, make_sheet, make_template, share_with
from tests.training.factories import frozen, make_dataset
from training.datasets import services
from training.datasets.manifest import manifest_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def reviewed(steward, approver, expert, engineer, team):
    """`reviewed(name)`: a reviewed Training Sheet whose template shows a protected column, and its leave, if any."""

    def make(name, officer=None):
        found = make_sheet(steward, approver, team, name=name)
        bind(found.sheet, make_labelset(expert, approver, team, name=f"{name} topics"), steward)
        template = make_template(
            engineer, approver, team, name=f"{name} lengths", user_prompt="{{ patient | length }} letters: {{ text }}",
            input_schema=[{"name": "text", "type": "string"}, {"name": "patient", "type": "string"}],
        )  # fmt: skip
        made = generation.start_generation(
            by=engineer, name=name, sheet=found.sheet, template_version=template, mode=Mode.MANUAL
        )
        jobs.run_waiting()
        share_with(made, team, engineer, "change")
        if officer is not None:
            give_leave(made, engineer, officer)
        for pair in made.pairs.all():
            approve_pair(pair=pair, by=expert, version=pair.version, data={"label": "card"})
        return finish_review(training_sheet=made, by=expert)

    return make


def give_leave(made, by, officer):
    asked = request_declassification(row=made.pairs.first(), by=by, leave=Leave(
        uses=mask_of(["training", "validation"]), classification=Classification.INTERNAL,
        until=timezone.now() + timedelta(days=30), reason="the prompt shows lengths only",
    ))  # fmt: skip
    desk.decide(request=asked, by=officer, approve=True, comment="seen")


@pytest.fixture
def version(reviewed, engineer, officer, team):
    """Of rows that rest on leave; leave for other rows lies beside it."""
    reviewed("Others", officer)
    made = make_dataset(engineer, reviewed("Tickets", officer), name="Tickets set")
    share_with(made.dataset, team, engineer)
    return frozen(made, engineer)


def test_its_manifest_names_the_leave_that_its_rows_rest_on_and_no_other(version, officer):
    (told,) = manifest_of(version)["declassifications"]

    assert told["declassification"] == "template Tickets lengths 1.0.0 on Sheet Tickets"
    assert (told["permits"], told["classification"]) == (["training", "validation"], "internal")
    assert [(given["by"], given["role"]) for given in told["approved by"]] == [("Officer", "compliance-officer")]
    one = Declassification.objects.get(pk=told["id"])
    assert told["until"] == one.permitted_until.isoformat()

    end(declassification=one, reason="not needed any more", by=officer)

    assert manifest_of(version)["declassifications"] == []


def test_who_approves_it_reads_the_leave_and_only_sources_that_they_may_see(version, engineer, approver, officer,
                                                                            client):  # fmt: skip
    asked = services.request_approval(version=version, by=engineer, reason="ready")
    page = reverse("admin:governance_approvalrequest_change", args=[asked.pk])
    client.force_login(approver)

    shown = client.get(page).content.decode()

    assert "template Tickets lengths 1.0.0 on Sheet Tickets" in shown
    assert "template Others lengths" not in shown
    assert "<td>Officer</td>" in shown
    assert "1 that you may not see" in shown and "main.tickets#patient" not in shown
    client.force_login(officer)
    assert "main.tickets#patient" in client.get(page).content.decode()


def test_the_page_of_the_version_names_it_too(version, approver, client):
    client.force_login(approver)

    shown = client.get(reverse("admin:training_datasetversion_change", args=[version.pk])).content.decode()

    assert "Declassifications that its rows rest on" in shown
    assert "approved by Officer" in shown and "main.tickets#patient" not in shown


def test_an_approval_binds_to_the_leave_that_was_shown(version, engineer, officer):
    asked = services.request_approval(version=version, by=engineer, reason="ready")
    assert desk.why_in_vain(asked) == ""

    end(declassification=Declassification.objects.get(scope_label__contains="Tickets"), reason="over", by=officer)

    assert desk.close_what_cannot_come_true() == 1
    assert ApprovalRequest.objects.get(pk=asked.pk).state == ApprovalRequest.State.VOID


def test_naming_the_leave_costs_as_many_queries_for_many_rows(version, django_assert_max_num_queries):
    from governance.rules.leave import in_words, leave_under
    from training.datasets.sources import derivations_under

    with django_assert_max_num_queries(4):
        in_words(leave_under(derivations_under(version)))
