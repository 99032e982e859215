"""Use Cases group and share assets; grouping alone grants nothing."""

from __future__ import annotations

import pytest

from governance.errors import InvalidInput, NotPermitted
from labeling.labelsets.models import Labelset
from labeling.usecases import services
from labeling.usecases.models import UseCase
from labeling.usecases.selectors import assets_of
from workbench.models import Sheet

from .factories import make_labelset, make_sheet, make_template, share_with

pytestmark = pytest.mark.django_db


@pytest.fixture
def sheet(steward, approver):
    return make_sheet(steward, approver, approver).sheet


@pytest.fixture
def use_case(steward, sheet) -> UseCase:
    return services.create_use_case(by=steward, name="Tickets", assets=[sheet])


def test_a_use_case_groups_assets_of_several_kinds(use_case, steward, engineer, approver, team) -> None:
    template = make_template(engineer, approver, team).template
    services.add_assets(use_case=use_case, assets=[template], by=steward)

    shown = assets_of(use_case, steward)

    assert [len(shown[kind]) for kind in ("sheets", "labelsets", "templates")] == [1, 0, 1]


def test_grouping_grants_nothing(use_case, steward, viewer, sheet) -> None:
    share_with(use_case, viewer, steward)

    assert UseCase.objects.visible_to(viewer).get() == use_case
    assert not Sheet.objects.visible_to(viewer).exists()
    assert assets_of(use_case, viewer)["sheets"] == []


def test_sharing_grants_on_what_one_owns_and_reports_the_rest(
    use_case, steward, expert, approver, viewer, sheet
) -> None:
    foreign = make_labelset(expert, approver, approver).labelset
    share_with(foreign, steward, expert)
    services.add_assets(use_case=use_case, assets=[foreign], by=steward)

    report = services.share_assets(use_case=use_case, user=viewer.username, level="view", by=steward)

    assert report.shared == ["use case “Tickets”", "sheet “Tickets”"]
    assert report.refused == ["labelset “Topics” (owner: Expert)"]
    assert Sheet.objects.visible_to(viewer).get() == sheet
    assert not Labelset.objects.visible_to(viewer).exists()


def test_assets_that_one_cannot_see_are_not_named(use_case, steward, engineer, viewer, approver, sheet) -> None:
    share_with(use_case, engineer, steward)
    with pytest.raises(NotPermitted):
        services.share_assets(use_case=use_case, user=viewer.username, level="view", by=engineer)
    own = make_template(engineer, approver, approver).template
    share_with(own, steward, engineer)
    services.add_assets(use_case=use_case, assets=[own], by=steward)

    report = services.share_assets(use_case=use_case, user=viewer.username, level="view", by=engineer)

    assert report.shared == ["prompt template “Ask topic”"]
    assert report.refused == ["use case “Tickets” (owner: Steward)"]


def test_an_asset_that_one_may_not_see_cannot_be_added(use_case, steward, stranger, approver) -> None:
    hidden = make_labelset(stranger, approver, approver, name="Hidden").labelset

    with pytest.raises(NotPermitted):
        services.add_assets(use_case=use_case, assets=[hidden], by=steward)


def test_removing_an_asset_leaves_it(use_case, steward, sheet) -> None:
    services.remove_assets(use_case=use_case, assets=[sheet], by=steward)

    assert assets_of(use_case, steward)["sheets"] == []
    assert Sheet.objects.filter(pk=sheet.pk).exists()


def test_names_are_taken_once_and_can_change(use_case, steward) -> None:
    with pytest.raises(InvalidInput, match="taken"):
        services.create_use_case(by=steward, name="Tickets")

    assert services.update_use_case(use_case=use_case, by=steward, name="Support").name == "Support"


def test_a_use_case_can_be_deleted_and_its_assets_stay(use_case, steward, sheet) -> None:
    services.delete_use_case(use_case=use_case, by=steward)

    assert not UseCase.objects.exists()
    assert Sheet.objects.filter(pk=sheet.pk).exists()


def test_a_stranger_can_neither_change_nor_share(use_case, stranger, viewer) -> None:
    with pytest.raises(NotPermitted):
        services.update_use_case(use_case=use_case, by=stranger, name="Mine")
    with pytest.raises(NotPermitted):
        services.share_assets(use_case=use_case, user=viewer.username, level="view", by=stranger)


def test_only_sheets_labelsets_and_templates_are_grouped(use_case, steward) -> None:
    with pytest.raises(InvalidInput, match="sheets, labelsets and templates"):
        services.add_assets(use_case=use_case, assets=[use_case], by=steward)


def test_the_api_groups_shares_and_hides(api, steward, sheet, viewer, stranger) -> None:
    made = api(steward).post("/api/v1/use-cases/", {"name": "By API", "sheets": [str(sheet.pk)]})
    assert made.status_code == 201, made.json()["detail"]
    where = f"/api/v1/use-cases/{made.json()['id']}"

    shared = api(steward).post(f"{where}/share/", {"user": "viewer", "level": "view"})
    removed = api(steward).post(f"{where}/remove-assets/", {"sheets": [str(sheet.pk)]})

    assert len(shared.json()["shared"]) == 2
    assert removed.json()["assets"]["sheets"] == []
    assert api(viewer).get(f"{where}/").status_code == 200
    assert api(stranger).get(f"{where}/").status_code == 404
