"""What the catalog's tags say becomes rows that bind; connections stay in the folders they may read."""

from __future__ import annotations

import pytest
from django.core.management import call_command

from governance import constraints
from governance.errors import InvalidInput, NotPermitted
from governance.models import ConstraintChange, TagRule
from governance.rules import tag_rules
from governance.uses import Classification, mask_of, uses_in
from tests.workbench.factories import CUSTOMERS, TICKETS, make_connection, sign, write_table
from workbench.catalogs import selectors, services
from workbench.catalogs.models import CatalogObject, Connection


def row(ref: str, kind: str = "column") -> CatalogObject:
    return CatalogObject.objects.get(kind=kind, ref=ref)


def test_tables_columns_and_volumes_become_rows_with_what_their_tags_permit(steward):
    connection = make_connection(steward)

    result = services.sync_catalog(connection=connection, by=steward)

    assert row("desk.tickets", "table").description == "Table tickets"
    assert row("desk.tickets#body").description == "What the customer wrote"
    assert row("desk.shots", "volume").tags == []
    name = row("desk.customers#name")
    assert (name.tags, uses_in(name.own_uses)) == (["PHI"], ["evaluation", "testing", "few_shot"])
    assert name.data_classification == Classification.RESTRICTED
    assert "tag PHI" in name.usage_reason
    assert row("desk.customers#tier").own_uses == 31
    assert result.tightened == ["desk.customers#name"]
    assert len(result.created) == result.seen == CatalogObject.objects.count()


def test_reading_again_changes_nothing_and_records_nothing(steward):
    connection = make_connection(steward)
    services.sync_catalog(connection=connection, by=steward)
    before = CatalogObject.history.count(), ConstraintChange.objects.count()

    again = services.sync_catalog(connection=connection, by=steward)

    assert (again.created, again.tightened, again.tags_gone, again.missing) == ([], [], [], [])
    assert (CatalogObject.history.count(), ConstraintChange.objects.count()) == before


def test_a_tag_that_appears_later_tightens_at_once_and_is_on_record(steward):
    connection = make_connection(steward)
    services.sync_catalog(connection=connection, by=steward)
    write_table(TICKETS, "desk.tickets", tags=("CONFIDENTIAL",), columns={"body": {"tags": ["PII"]}})

    services.sync_catalog(connection=connection, by=steward)

    assert uses_in(row("desk.tickets", "table").own_uses) == ["training", "validation"]
    change = ConstraintChange.objects.get(subject_label__contains="desk.tickets#body")
    assert (change.direction, change.actor_id) == ("tightened", steward.pk)
    assert "tag PII" in change.reason


def test_a_tag_that_vanishes_keeps_the_constraint_and_says_so(steward):
    connection = make_connection(steward)
    services.sync_catalog(connection=connection, by=steward)
    write_table(CUSTOMERS, "desk.customers")

    result = services.sync_catalog(connection=connection, by=steward)

    name = row("desk.customers#name")
    assert result.tags_gone == ["desk.customers#name"]
    assert (name.tags, uses_in(name.own_uses)) == ([], ["evaluation", "testing", "few_shot"])
    assert "tag PHI is no longer in the catalog" in name.usage_reason
    assert services.sync_catalog(connection=connection, by=steward).tags_gone == []


def test_a_tag_without_a_rule_binds_nothing(steward):
    connection = make_connection(steward)
    TagRule.objects.all().delete()

    services.sync_catalog(connection=connection, by=steward)

    assert row("desk.customers#name").own_uses == 31


def test_an_approved_relaxation_outlives_readings_and_gets_only_what_a_rule_takes_away(steward, officer):
    connection = make_connection(steward)
    services.sync_catalog(connection=connection, by=steward)
    name = row("desk.customers#name")
    looser = constraints.Terms(
        allowed_uses=31, prohibited_uses=0, data_classification=1, usage_reason="names are invented"
    )
    asked = constraints.request_relaxation(row=name, terms=looser, by=steward)
    sign(asked, officer)

    services.sync_catalog(connection=connection, by=steward)
    assert row("desk.customers#name").own_uses == 31

    stricter = tag_rules.Rule(allowed_uses=mask_of(["testing"]), data_classification=3, reason="no model sees it")
    tag_rules.tighten_rule(rule=TagRule.objects.get(tag="PHI"), terms=stricter, by=steward)
    services.sync_catalog(connection=connection, by=steward)
    assert uses_in(row("desk.customers#name").own_uses) == ["training", "validation", "testing"]


def test_a_table_that_is_gone_keeps_its_row_and_is_named(steward, settings):
    connection = make_connection(steward)
    services.sync_catalog(connection=connection, by=steward)
    (settings.CATALOG_ROOT / "desk" / "customers.csv").unlink()

    result = services.sync_catalog(connection=connection, by=steward)

    assert result.missing == [
        "desk.customers",
        "desk.customers#cid",
        "desk.customers#name",
        "desk.customers#tier",
    ]
    assert row("desk.customers#name").data_classification == Classification.RESTRICTED


def test_only_the_named_sources_are_read(steward):
    result = services.sync_catalog(connection=make_connection(steward), by=steward, refs=["desk.shots"])

    assert (result.created, result.missing) == (["desk.shots"], [])


def test_reading_needs_the_role_and_the_connection(steward, engineer, stranger):
    connection = make_connection(steward)

    for user in (engineer, stranger):
        with pytest.raises(NotPermitted):
            services.sync_catalog(connection=connection, by=user)
    assert not CatalogObject.objects.exists()


def test_the_command_reads_every_connection(steward, capsys):
    make_connection(steward)

    call_command("sync_catalog")

    assert "Desk data: 8 tables, columns and volumes read: 8 new" not in capsys.readouterr().err
    assert CatalogObject.objects.filter(ref="desk.tickets").exists()


def test_the_command_names_a_connection_that_does_not_exist(steward):
    make_connection(steward)

    with pytest.raises(Exception, match="There is no connection 'Elsewhere'"):
        call_command("sync_catalog", "Elsewhere")


@pytest.mark.parametrize("location", ["/etc", "/", "../.."])
def test_a_connection_reads_only_folders_the_server_allows(steward, settings, location):
    settings.CATALOG_ROOT.mkdir()

    with pytest.raises(InvalidInput, match="is not one this server may read") as refused:
        services.create_connection(by=steward, name="Elsewhere", location=location)

    assert refused.value.field == "location"
    assert not Connection.objects.exists()


def test_a_link_out_of_the_catalog_is_no_way_around(steward, settings, tmp_path):
    settings.CATALOG_ROOT.mkdir()
    (tmp_path / "outside").mkdir()
    (settings.CATALOG_ROOT / "inside").symlink_to(tmp_path / "outside")

    with pytest.raises(InvalidInput, match="is not one this server may read"):
        services.create_connection(by=steward, name="X", location=str(settings.CATALOG_ROOT / "inside"))


def test_a_folder_that_an_administrator_allowed_can_be_read(steward, settings, tmp_path):
    (tmp_path / "more").mkdir()
    settings.CATALOG_FOLDERS = [str(tmp_path)]

    made = services.create_connection(by=steward, name="More", location=str(tmp_path / "more"))

    assert selectors.catalog_of(made).list_schemas() == []


def test_a_connection_name_is_taken_once(steward):
    make_connection(steward)

    with pytest.raises(InvalidInput, match="is taken; choose another") as refused:
        services.create_connection(by=steward, name="Desk data")

    assert refused.value.field == "name"


def test_changing_a_connection_needs_the_right_on_it(steward, stranger):
    connection = make_connection(steward)

    with pytest.raises(NotPermitted):
        services.update_connection(connection=connection, by=stranger, name="Mine")
    changed = services.update_connection(connection=connection, by=steward, name="Desk", reason="shorter")

    assert changed.history.first().history_change_reason == "shorter"
