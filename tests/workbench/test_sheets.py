"""Sheets: drafts that say what is wrong with them, publication through the gate, versions that stay as they are."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from governance.approvals.registry import GATES
from governance.errors import (
    ApprovalPending,
    ContentChanged,
    InvalidInput,
    NotPermitted,
    ReasonRequired,
    SameApprover,
    TransitionNotAllowed,
    WorkbenchError,
)
from tests.workbench.factories import (
    CUSTOMER,
    CUSTOMERS,
    SHOT,
    TICKETS,
    draft_sheet,
    make_connection,
    published_sheet,
    share,
    sign,
    write_catalog,
    write_table,
)
from workbench.catalogs.models import CatalogObject
from workbench.sheets import selectors, services, transitions
from workbench.sheets.errors import (
    DraftExists,
    DuplicateItemKeys,
    NoItems,
    NotADraft,
    NotPublished,
    SheetInUse,
)
from workbench.sheets.models import Sheet, SheetVersion


def test_a_draft_knows_its_columns_where_they_come_from_and_what_they_are(steward):
    version = draft_sheet(steward, sources=[CUSTOMER, SHOT])

    assert (version.number, version.status, version.sheet.owner) == (1, "draft", steward)
    assert {column["name"]: column["origin"] for column in version.columns} == {
        "id": "desk.tickets#id",
        "customer": "desk.tickets#customer",
        "body": "desk.tickets#body",
        "amount": "desk.tickets#amount",
        "customer_name": "desk.customers#name",
        "customer_tier": "desk.customers#tier",
        "shot_path": "desk.shots",
    }
    assert version.column_roles == {
        "id": "metadata", "customer": "text", "body": "text", "amount": "metadata",
        "customer_name": "text", "customer_tier": "text", "shot_path": "image",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"primary_ref": "desk.ticket"}, "primary_ref", r"Did you mean 'desk\.tickets'\?"),
        ({"primary_ref": "../etc/passwd"}, "primary_ref", "is not the name of a table"),
        ({"item_key": "idd"}, "item_key", r"Did you mean 'id'\?"),
        ({"filter_sql": "amuont > 3"}, "filter_sql", r"line 1, column 1.*Did you mean 'amount'\?"),
        ({"filter_sql": "amount >\n  ; DROP TABLE x"}, "filter_sql", "line 2, column 3"),
        ({"sources": [{**CUSTOMER, "ref": "desk.customer"}]}, "sources", r"Did you mean 'desk\.customers'\?"),
        ({"sources": [{**CUSTOMER, "keys": [["customr", "cid"]]}]}, "sources", r"Did you mean 'customer'\?"),
        ({"sources": [{**CUSTOMER, "keys": ["customer"]}]}, "sources[0].keys", "no pair of join keys"),
        ({"sources": [{**CUSTOMER, "kind": "view"}]}, "sources[0].kind", "expected table or volume"),
        ({"sources": [{"alias": "x"}]}, "sources[0]", "must have ref"),
        ({"sources": [CUSTOMER, CUSTOMER]}, "sources", "is used twice"),
        ({"sources": [{**SHOT, "pattern": "../{id}.png"}]}, "sources", "without a folder"),
        ({"sample_size": 0}, "sample_size", "must be 1 or more"),
        ({"column_roles": {"bodi": "text"}}, "column_roles", r"Did you mean 'body'\?"),
        ({"column_roles": {"body": "novel"}}, "column_roles", "is no role"),
        ({"name": "  "}, "name", "Give a name"),
    ],
)
def test_bad_input_is_refused_with_the_field_at_fault(steward, fields, field, words):
    with pytest.raises(WorkbenchError, match=f"(?s){words}") as refused:
        draft_sheet(steward, **fields)

    assert refused.value.field == field
    assert not Sheet.objects.exists()


def test_a_join_that_would_multiply_rows_is_refused_and_names_the_keys(steward):
    write_catalog()
    write_table([*CUSTOMERS, {"cid": "c1", "name": "Other Jane", "tier": "gold"}], "desk.customers")

    with pytest.raises(WorkbenchError, match=r"more than one row for c1 \(2 rows\)") as refused:
        draft_sheet(steward, sources=[CUSTOMER])

    assert refused.value.field == "sources"


def test_duplicate_item_keys_are_named_and_stop_publication(steward):
    write_catalog()
    write_table([*TICKETS, TICKETS[0], TICKETS[0] | {"id": ""}], "desk.tickets")
    version = draft_sheet(steward)

    shown = selectors.preview(version)
    assert "“t1” stands on 2 rows" in shown.problem and "1 row without a value" in shown.problem
    with pytest.raises(DuplicateItemKeys, match="“t1” stands on 2 rows") as refused:
        services.request_publish(version=version, by=steward, reason="ready")
    assert refused.value.field == "item_key"
    assert {tuple(pair) for pair in refused.value.details["duplicates"]} == {("t1", 2), (None, 1)}


def test_a_filter_that_leaves_nothing_stops_publication(steward):
    version = draft_sheet(steward, filter_sql="amount > 1000")

    with pytest.raises(NoItems, match="The filter leaves no items"):
        services.request_publish(version=version, by=steward, reason="ready")


def test_the_preview_shows_joined_rows(steward):
    version = draft_sheet(steward, sources=[CUSTOMER, SHOT], filter_sql="amount >= 11")

    shown = selectors.preview(version)

    assert shown.item_count == 3
    assert [row["item_ref"] for row in shown.rows] == ["t2", "t3", "t4"]
    assert (shown.rows[0]["customer_name"], shown.rows[0]["shot_path"]) == ("Arlo Vane", "t2.png")
    assert shown.rows[2]["customer_name"] is None
    assert shown.problem == ""


def test_publication_needs_another_person_and_freezes_what_was_read(steward, approver, team):
    version = draft_sheet(steward, sources=[CUSTOMER])
    share(version, team, steward)
    request = services.request_publish(version=version, by=steward, reason="first data")
    with pytest.raises((SameApprover, NotPermitted)):
        sign(request, steward)

    sign(request, approver)

    version.refresh_from_db()
    assert (version.status, version.item_count) == ("published", 4)
    assert len(version.source_version) == 64
    assert version.published_at is not None
    assert version.history.first().history_change_reason == "approved: checked"
    assert version.history.first().history_user_id == approver.pk
    assert CatalogObject.objects.get(ref="desk.customers#name").tags == ["PHI"]


def test_a_definition_that_breaks_between_request_and_approval_is_not_published(steward, approver):
    draft = draft_sheet(steward)
    share(draft, approver, steward)
    request = services.request_publish(version=draft, by=steward, reason="ready")
    write_table([*TICKETS, TICKETS[0]], "desk.tickets")

    with pytest.raises(DuplicateItemKeys):
        sign(request, approver)
    draft.refresh_from_db()
    assert draft.status == "draft"


def test_a_draft_that_moves_to_another_table_leaves_its_old_roles_behind(steward):
    version = draft_sheet(steward, column_roles={"body": "label"})

    moved = services.update_draft(version=version, by=steward, primary_ref="desk.customers", item_key="cid")

    assert set(moved.column_roles) == {"cid", "name", "tier"}


def test_a_column_that_appears_before_the_approval_voids_the_request(steward, approver):
    draft = draft_sheet(steward)
    share(draft, approver, steward)
    request = services.request_publish(version=draft, by=steward, reason="ready")
    write_table([ticket | {"ssn": "1"} for ticket in TICKETS], "desk.tickets")

    with pytest.raises(ContentChanged, match="changed in the data"):
        sign(request, approver)
    request.refresh_from_db()
    draft.refresh_from_db()
    assert (request.state, draft.status) == ("void", "draft")


def test_a_draft_changed_after_the_request_voids_it(steward, approver):
    draft = draft_sheet(steward)
    share(draft, approver, steward)
    request = services.request_publish(version=draft, by=steward, reason="ready")
    services.update_draft(version=draft, by=steward, filter_sql="amount > 11")

    with pytest.raises(ContentChanged):
        sign(request, approver)


def test_publishing_reads_the_tags_again(steward, approver):
    draft = draft_sheet(steward)
    share(draft, approver, steward)
    request = services.request_publish(version=draft, by=steward, reason="ready")
    write_table(TICKETS, "desk.tickets", columns={"body": {"tags": ["PII"]}})

    sign(request, approver)

    assert CatalogObject.objects.get(ref="desk.tickets#body").data_classification == 3


def test_a_published_version_cannot_be_changed_or_deleted(steward, approver):
    version = published_sheet(steward, approver)

    with pytest.raises(NotADraft, match="only drafts"):
        services.update_draft(version=version, by=steward, filter_sql="amount > 3")
    with pytest.raises(NotADraft):
        services.delete_draft(version=version, by=steward)
    with pytest.raises(TransitionNotAllowed):
        services.request_publish(version=version, by=steward, reason="again")


def test_a_new_version_starts_as_a_copy_and_the_item_key_stays(steward, approver):
    version = published_sheet(steward, approver, sources=[CUSTOMER], filter_sql="amount > 3")

    copy = services.start_new_version(sheet=version.sheet, by=steward)

    assert (copy.number, copy.status) == (2, "draft")
    assert (copy.sources, copy.filter_sql, copy.columns) == (
        version.sources,
        version.filter_sql,
        version.columns,
    )
    with pytest.raises(DraftExists, match="v2"):
        services.start_new_version(sheet=version.sheet, by=steward)
    with pytest.raises(InvalidInput, match="labels hang on it") as refused:
        services.update_draft(version=copy, by=steward, item_key="body")
    assert refused.value.field == "item_key"


def test_the_newest_published_version_counts(steward, approver):
    first = published_sheet(steward, approver)
    draft = services.start_new_version(sheet=first.sheet, by=steward)
    assert selectors.published_version(first.sheet) == first

    sign(services.request_publish(version=draft, by=steward, reason="more"), approver)

    assert selectors.published_version(first.sheet) == draft
    services.archive(version=draft, by=steward, reason="wrong filter")
    assert selectors.published_version(first.sheet) == first


def test_a_sheet_without_a_published_version_says_so(steward):
    with pytest.raises(NotPublished, match="Have its draft published"):
        selectors.published_version(draft_sheet(steward).sheet)


def test_archiving_keeps_the_version_and_needs_a_reason(steward, approver):
    version = published_sheet(steward, approver)

    with pytest.raises(ReasonRequired):
        services.archive(version=version, by=steward, reason=" ")
    services.archive(version=version, by=steward, reason="superseded")

    version.refresh_from_db()
    assert version.status == "archived"
    assert version.history.first().history_change_reason == "superseded"


def test_deleting_the_only_draft_deletes_the_sheet_and_history_remembers(steward):
    version = draft_sheet(steward)

    services.delete_draft(version=version, by=steward)

    assert not Sheet.objects.exists()
    assert Sheet.history.filter(history_type="-").first().history_user_id == steward.pk


def test_deleting_a_second_draft_keeps_the_sheet(steward, approver):
    published = published_sheet(steward, approver)
    draft = services.start_new_version(sheet=published.sheet, by=steward)

    services.delete_draft(version=draft, by=steward)

    assert list(SheetVersion.objects.all()) == [published]


def test_a_draft_that_waits_for_approval_is_not_deleted(steward):
    version = draft_sheet(steward)
    services.request_publish(version=version, by=steward, reason="ready")

    with pytest.raises(ApprovalPending, match="withdraw"):
        services.delete_draft(version=version, by=steward)


def test_a_draft_with_work_that_hangs_on_it_is_not_deleted(steward, db):
    from tests.factories import CanonicalLabelFactory

    version = draft_sheet(steward)
    CanonicalLabelFactory(sheet=version.sheet)

    with pytest.raises(SheetInUse):
        services.delete_draft(version=version, by=steward)
    assert SheetVersion.objects.filter(pk=version.pk).exists()


def test_every_step_is_refused_to_those_without_role_or_right(steward, approver, expert, stranger):
    version = published_sheet(steward, approver)
    draft = services.start_new_version(sheet=version.sheet, by=steward)
    steps = [
        lambda user: services.create_sheet(
            by=user,
            name="New",
            connection=version.sheet.connection,
            item_key="id",
            primary_ref="desk.tickets",
        ),
        lambda user: services.update_draft(version=draft, by=user, filter_sql=""),
        lambda user: services.delete_draft(version=draft, by=user),
        lambda user: services.request_publish(version=draft, by=user, reason="mine"),
        lambda user: services.start_new_version(sheet=version.sheet, by=user),
        lambda user: services.archive(version=version, by=user, reason="mine"),
    ]

    for step in steps:
        for user in (expert, stranger):
            with pytest.raises(NotPermitted):
                step(user)
    assert set(SheetVersion.objects.visible_to(stranger)) == set()


def test_a_name_is_taken_once(steward):
    draft_sheet(steward)

    with pytest.raises(InvalidInput, match="is taken; choose another") as refused:
        draft_sheet(steward)
    assert refused.value.field == "name"


@pytest.mark.parametrize("transition", transitions.ALL, ids=lambda step: step.name)
@pytest.mark.parametrize("status", SheetVersion.Status.values)
def test_a_step_starts_only_from_its_sources(transition, status):
    version = SheetVersion(sheet=Sheet(name="S"), number=1, status=status)

    if status in transition.sources:
        transition.apply(version)
        assert version.status == transition.target
    else:
        with pytest.raises(TransitionNotAllowed, match=f"it is {status}"):
            transition.apply(version)


def test_the_table_refuses_a_second_draft_and_a_published_version_without_moment(steward):
    draft = draft_sheet(steward)
    fields = {"sheet": draft.sheet, "created_by": steward, "primary_ref": "desk.tickets"}

    with pytest.raises(IntegrityError, match=r"sheetversion_one_draft|sheet_id"), transaction.atomic():
        SheetVersion.objects.create(number=2, **fields)
    with pytest.raises(IntegrityError, match="sheetversion_published_has_moment"), transaction.atomic():
        SheetVersion.objects.create(number=2, status="published", **fields)
    SheetVersion.objects.create(number=2, status="published", published_at=timezone.now(), **fields)


def test_the_gate_is_registered_and_shows_the_whole_definition(steward):
    version = draft_sheet(steward, sources=[CUSTOMER], filter_sql="amount > 3", sample_size=2)

    shown = GATES["sheet-publish"].content(version)

    assert shown["filter"] == "amount > 3"
    assert shown["secondary sources"] == version.sources
    assert shown["item key"] == "id"
    assert make_connection(steward).name == shown["connection"]
