"""The admin writes through services only, and shows nobody another team's rows."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.test import Client

from governance import access
from governance.admin import AccountAdmin, PersonAdmin, RoleGroupAdmin
from governance.admin_base import DeskAdmin
from governance.models import ApprovalRequest
from governance.portal.lists import CappedPaginator
from tests.factories import SheetFactory, approval_request

pytestmark = pytest.mark.django_db
FOR_ADMINISTRATORS = (AccountAdmin, PersonAdmin, RoleGroupAdmin)


def browser(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def sheet(steward, team):
    sheet = SheetFactory(owner=steward, name="Team sheet")
    access.share(collection=sheet, to=team, level="view", by=steward)
    return sheet


@pytest.fixture
def foreign(stranger):
    return SheetFactory(owner=stranger, name="Canary sheet")


@pytest.mark.parametrize("model", admin.site._registry, ids=lambda model: model._meta.label_lower)
def test_every_admin_class_is_a_desk(model):
    desk_admin = admin.site._registry[model]

    if desk_admin.__class__.__module__.startswith(("governance", "workbench", "labeling", "training")):
        assert isinstance(desk_admin, (DeskAdmin, *FOR_ADMINISTRATORS))


@pytest.mark.parametrize("model", admin.site._registry, ids=lambda model: model._meta.label_lower)
def test_no_desk_deletes_or_edits_inline(model, rf, officer):
    desk_admin = admin.site._registry[model]
    request = rf.get("/")
    request.user = officer

    assert not desk_admin.has_delete_permission(request)
    assert not getattr(desk_admin, "list_editable", ())


def test_a_request_about_a_row_that_someone_may_not_see_does_not_exist_for_them(sheet, steward, approver, stranger):
    request = approval_request(sheet, requested_by=steward)
    url = f"/admin/governance/approvalrequest/{request.pk}/change/"

    assert browser(approver).get(url).status_code == 200
    assert browser(stranger).get(url).status_code == 404
    listed = browser(stranger).get("/admin/governance/approvalrequest/").content.decode()
    assert "Team sheet" not in listed


def test_the_history_form_writes_nothing(sheet, steward, officer):
    request = approval_request(sheet, requested_by=steward)
    version = request.history.first()
    url = f"/admin/governance/approvalrequest/{request.pk}/history/{version.history_id}/"

    answer = browser(officer).post(url, {"reason": "rewritten"})

    assert answer.status_code == 403
    assert ApprovalRequest.objects.get().reason == "a reason"


def test_history_of_an_unseen_row_is_not_shown(foreign, stranger, approver):
    request = approval_request(foreign, requested_by=stranger)

    answer = browser(approver).get(f"/admin/governance/approvalrequest/{request.pk}/history/")

    assert answer.status_code == 404


def test_the_page_of_why_is_hidden_for_rows_out_of_sight(foreign, sheet, approver):
    seen = browser(approver).get(f"/admin/why/workbench.sheet/{sheet.pk}/")
    unseen = browser(approver).get(f"/admin/why/workbench.sheet/{foreign.pk}/")

    assert (seen.status_code, unseen.status_code) == (200, 404)


def test_tightening_on_the_page_acts_at_once(sheet, steward):
    answer = browser(steward).post(
        f"/admin/why/workbench.sheet/{sheet.pk}/",
        {"permitted": ["evaluation"], "data_classification": "3", "usage_reason": "patient names"},
    )

    assert answer.status_code == 302
    sheet.refresh_from_db()
    assert sheet.own_uses == 4


def test_loosening_on_the_page_becomes_a_request(sheet, steward):
    sheet.prohibited_uses = 1
    sheet.save()

    browser(steward).post(
        f"/admin/why/workbench.sheet/{sheet.pk}/",
        {"permitted": ["training"], "data_classification": "1", "usage_reason": "consent was given"},
    )

    sheet.refresh_from_db()
    assert sheet.prohibited_uses == 1
    assert ApprovalRequest.objects.get().payload["prohibited_uses"] == [
        "validation", "evaluation", "testing", "few_shot",
    ]


def test_a_gate_policy_that_names_no_role_comes_back_with_the_error_beside_the_field(make_user):
    from governance.models import GatePolicy

    root = make_user("root")
    root.is_superuser = True
    root.save()
    policy = GatePolicy.objects.get(gate="constraint-relax")

    answer = browser(root).post(
        f"/admin/governance/gatepolicy/{policy.pk}/do/propose/",
        {"lifetime_days": "30", "reauthenticate_minutes": "15", "reason": "nobody need sign"},
    )

    assert answer.status_code == 200
    assert "A gate needs at least one approval" in answer.content.decode()
    policy.refresh_from_db()
    assert policy.approvals == {"compliance-officer": 1}


def test_sharing_is_the_owners_right(sheet, approver, team):
    from governance.errors import NotPermitted

    with pytest.raises(NotPermitted, match="Only the owner"):
        access.share(collection=sheet, to=Group.objects.create(name="Others"), level="view", by=approver)


@pytest.mark.parametrize(
    "path", ["/admin/", "/admin/search/?q=sheet", "/admin/governance/job/", "/admin/governance/constraintchange/"]
)
def test_pages_of_the_ground_floor_open_for_every_role(path, viewer, officer):
    assert browser(viewer).get(path).status_code == 200
    assert browser(officer).get(path).status_code == 200


def test_search_finds_only_rows_in_sight(sheet, foreign, steward):
    approval_request(sheet, requested_by=steward)
    approval_request(foreign, requested_by=foreign.owner)

    found = browser(steward).get("/admin/search/?q=sheet").content.decode()

    assert "Team sheet" in found
    assert "Canary sheet" not in found


def test_who_may_only_read_accounts_is_not_led_to_a_form_for_passwords(officer, viewer, make_user):
    root = make_user("root")
    root.is_superuser = True
    root.save()
    url = f"/admin/governance/user/{viewer.pk}/change/"

    shown = {account: browser(account).get(url).content.decode() for account in (officer, root)}

    assert viewer.username in shown[officer] and "password/" not in shown[officer].split("<main")[1]
    assert "password/" in shown[root].split("<main")[1]


def test_a_list_that_counted_no_further_says_so(monkeypatch, client, officer, make_user):
    monkeypatch.setattr("governance.portal.lists.COUNT_AT_MOST", 2)
    client.force_login(officer)

    assert "2 or more record entries" in client.get("/admin/governance/recordentry/").content.decode()
    assert CappedPaginator([1, 2, 3], 10).count == 3
