"""From data to a model one can ask about, by clicks alone: each role logs in when it is needed, nobody is a superuser.

Another team's use case lies in the same tables all the while; none of its names may ever be on a page.
"""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tests.e2e.portal import Portal
from tests.e2e.steps import (
    APPROVER,
    DEVELOPER,
    ENGINEER,
    EXPERT,
    OFFICER,
    STEWARD,
    VIEWER,
    approve_the_rest,
    ask_for_approval,
    curate_everything,
    decide_with_keys,
    finish_review,
    freeze,
    generate,
    new_dataset,
    open_dataset_version,
    open_model,
    reject_the_rest,
    share,
    share_dataset,
    sign,
    start_review,
    train,
)
from tests.e2e.stranger import WORD

EVERYBODY_WHO_READS = (STEWARD, DEVELOPER, ENGINEER, EXPERT, APPROVER, OFFICER, VIEWER)


@pytest.fixture(scope="module", autouse=True)
def _never_meets_the_stranger(portal: Portal) -> None:
    """The officer reads everything for audit; to all others the other team does not exist."""
    portal.forbid(WORD, besides=OFFICER)


def test_a_steward_publishes_a_sheet_and_a_developer_a_template(portal: Portal):
    portal.log_in(STEWARD)
    portal.go("Catalog")
    portal.click("flowers.iris")
    portal.sees("7 columns · 150 rows")
    portal.click("Make a Sheet from it")
    portal.fill("Name", "Long petals")
    portal.fill("Item key", "flower_id")
    portal.fill("Filter", "petal_length_cm > 2")
    portal.click("Preview")
    portal.sees("IRIS-051")
    portal.picture("preview")
    portal.click("Save draft")
    portal.sees("Saved “Long petals v1” as a draft")
    share(portal)
    portal.click("Request publication")
    portal.fill("Reason", "Setosa is told apart by eye.")
    portal.click("Request publication")
    portal.sees("Asked. It waits for: 1 approver")
    sign(portal, APPROVER, "Long petals", "The filter is right.")
    portal.log_in(STEWARD)
    portal.go("Sheets")
    portal.click("Long petals")
    portal.sees("Published", "Items 100")

    portal.log_in(DEVELOPER)
    portal.go("Prompt templates")
    portal.click("Iris species from measurements")
    portal.click("1.0.0")
    portal.click("Duplicate")
    portal.fill("Name", "Iris species, short")
    portal.click("Duplicate")
    portal.sees("Iris species, short 1.0.0", "Draft")


def test_iris_from_the_sheet_to_the_lineage_of_a_model(portal: Portal):
    name = "Iris species, first pass"
    portal.log_in(STEWARD)
    portal.go("Sheets")
    portal.click("Iris flowers")
    portal.sees("Published", "Items 150")

    generate(portal, sheet="Iris flowers", template="Iris species from measurements", name=name)
    portal.sees("30 pre-approved · 120 to review · 0 rejected · 0 flagged of 150")
    start_review(portal, name)
    decide_with_keys(portal, "aaaafr")
    portal.sees("30 pre-approved · 4 approved · 114 to review · 1 rejected · 1 flagged of 150")
    approve_the_rest(portal, name, 114)
    start_review(portal, name)
    decide_with_keys(portal, "a")
    portal.sees("Every pair is decided", "30 pre-approved · 119 approved · 0 to review · 1 rejected · 0 flagged of 150")

    finish_review(portal, name)
    curate_everything(portal, name)
    portal.sees("149 of 150 pairs", "Approved 149 · training allowed 149 · prohibited 0")
    share_dataset(portal, name)
    open_dataset_version(portal, name)
    ask_for_approval(portal, "All three species are in it.")
    sign(portal, APPROVER, name, "Looked at the first hundred lines.")
    train(portal, dataset=name, run="Iris run 1", model="iris-species")
    portal.sees("Accuracy", "Approved 149 · training allowed 149 · prohibited 0")
    open_model(portal, "iris-species")
    share(portal)

    for role in EVERYBODY_WHO_READS:
        portal.log_in(role)
        portal.go("Lineage")
        portal.click("iris-species v1")
        portal.sees("flowers.iris", "Iris flowers v1", "Iris run 1", "149 pairs", "Erik Expert")
    portal.picture("lineage")


INVOICES = {
    "Visit classification": "AI generated",
    "Document type": "AI generated",
    "Billing summary": "AI generated",
    "Invoice entity extraction": "manual",
}
TEXT, NAME, PDF = (
    "column billing.invoices#extracted_text (tag PHI)", "column billing.invoices#patient_name (tag PHI)",
    "volume billing.invoice_pdfs (tag PHI)",
)  # fmt: skip
# Label type → why its pairs are left out → how many. Summaries are bound by the PDF, too: experts see it beside them.
LEFT_OUT = {
    "summarization": {f"{TEXT}; {NAME}; {PDF}": 60},
    "entity_extraction": {f"{TEXT}; {PDF}": 20, "not approved: rejected": 40},
    "classification": {},
    "document_type": {},
}


@pytest.fixture(scope="module")
def reviewed_invoices(portal: Portal) -> None:
    """Four Training Sheets from the same sixty invoices, generated and reviewed: two walks go on from there."""
    for template, mode in INVOICES.items():
        generate(portal, sheet="Medical invoices", template=template, name=f"Invoices: {template}", mode=mode)
        portal.sees("20 pre-approved · 40 to review · 0 rejected · 0 flagged of 60")
    start_review(portal, "Invoices: Visit classification")
    decide_with_keys(portal, "aaa")
    for template, waiting in (("Visit classification", 37), ("Document type", 40), ("Billing summary", 40)):
        approve_the_rest(portal, f"Invoices: {template}", waiting)
    reject_the_rest(portal, "Invoices: Invoice entity extraction", 40, "Nobody has read these documents yet.")
    for template in INVOICES:
        finish_review(portal, f"Invoices: {template}")


@pytest.mark.usefixtures("reviewed_invoices")
def test_invoices_train_without_the_pairs_that_show_patient_data(portal: Portal):
    new_dataset(portal, name="Invoices for training", sheets=[f"Invoices: {template}" for template in INVOICES])
    portal.sees("120 of 240 pairs", "Approved 200 · training allowed 120 · prohibited 80")
    freeze(portal)
    portal.sees("120 of 240 pairs")
    assert left_out(portal) == Counter(LEFT_OUT["summarization"]) + Counter(LEFT_OUT["entity_extraction"])
    portal.picture("left-out")
    share_dataset(portal, "Invoices for training")
    open_dataset_version(portal, "Invoices for training")
    ask_for_approval(portal, "No patient data is in it.")
    portal.sees("1 approver")
    sign(portal, APPROVER, "Invoices for training", "Read the reasons of what is left out.")
    train(portal, dataset="Invoices for training", run="Invoices run 1", model="invoices")
    portal.sees("Approved 200 · training allowed 120 · prohibited 80")
    open_model(portal, "invoices")
    portal.click("v1")

    learned = {
        template: sum(map(int, found.groups()))
        for template in INVOICES
        if (found := re.search(rf"Invoices: {template} (\d+) pairs trained, (\d+) validated", portal.text))
    }
    assert learned == {"Visit classification": 60, "Document type": 60}


def left_out(portal: Portal) -> Counter[str]:
    """Pairs left out by cause, both sides of the split together: the side of an item differs from site to site."""
    causes: Counter[str] = Counter()
    for reason, pairs in portal.table("Reason"):
        causes[re.sub(r"^.*?(training|validation) prohibited: ", "", reason)] += int(pairs)
    return causes


@pytest.mark.usefixtures("reviewed_invoices")
def test_restricted_pairs_are_approved_by_a_compliance_officer_too(portal: Portal):
    name = "Summaries to evaluate with"
    new_dataset(portal, name=name, sheets=["Invoices: Billing summary"], purpose="evaluation only")
    freeze(portal)
    portal.sees("60 of 60 pairs", "restricted")
    share_dataset(portal, name)
    open_dataset_version(portal, name)
    ask_for_approval(portal, "To see how summaries get better.")
    portal.sees("1 approver", "1 compliance officer")
    sign(portal, APPROVER, name, "Only to evaluate.")
    open_dataset_version(portal, name)
    portal.sees("waits for: 1 compliance officer")
    sign(portal, OFFICER, name, "Evaluation keeps nothing in weights.")
    open_dataset_version(portal, name)
    portal.sees("Approved", "Carla Compliance")


def test_the_compliance_officer_reads_why_patient_data_may_not_train(portal: Portal):
    portal.log_in(OFFICER)
    portal.go("Constraint changes")
    portal.sees("billing.invoice_pdfs", "Tightened", "tag PHI", "Sara Steward")
    portal.click("billing.invoices#patient_name")
    portal.sees("What binds it", "training prohibited", "Identifiable patient data")
    portal.picture("why")


def test_boards_from_a_picture_to_the_root_cause_model(portal: Portal):
    name = "Boards: root cause"
    portal.log_in(EXPERT)
    portal.go("Labelling tool")
    portal.click("root_cause")
    portal.picture("labelling")
    portal.sees("Root cause")
    portal.shows_a_picture()

    generate(portal, sheet="Circuit boards", template="Board root cause", name=name)
    portal.sees("40 pre-approved · 60 to review · 0 rejected · 0 flagged of 100")
    start_review(portal, name)
    decide_with_keys(portal, "ar")
    approve_the_rest(portal, name, 58)
    finish_review(portal, name)
    curate_everything(portal, name)
    portal.sees("99 of 100 pairs", "not approved: rejected")
    share_dataset(portal, name)
    open_dataset_version(portal, name)
    ask_for_approval(portal, "Sensors and experts agree.")
    sign(portal, APPROVER, name, "Looked at each cause.")
    train(portal, dataset=name, run="Boards run 1", model="board-root-cause")
    open_model(portal, "board-root-cause")
    share(portal)

    portal.log_in(VIEWER)
    portal.go("Lineage")
    portal.click("board-root-cause v1")
    portal.sees("factory.boards", "factory.sensors", "Circuit boards v1", "Boards run 1", "99 pairs")
