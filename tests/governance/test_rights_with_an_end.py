"""Shares and memberships with an end: past it they grant nothing at any door, with no job in between."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from governance import access, jobs
from governance.approvals.selectors import possible_signers
from governance.errors import InvalidInput, NotPermitted
from governance.models import MembershipEnd, RecordEntry, User
from governance.people import memberships
from governance.roles import group_for, roles_of
from tests.factories import SheetFactory
from workbench.models import Sheet
from workbench.sheets.models import SheetGroupPermission, SheetUserPermission

pytestmark = pytest.mark.django_db
SOON = timedelta(days=7)


@pytest.fixture
def sheet(steward):
    SheetFactory(owner=steward)
    return SheetFactory(owner=steward)


@pytest.fixture
def root(make_user):
    root = make_user("root")
    root.is_superuser = True
    root.save()
    return root


def until_passed(*tables):
    for table in tables:
        table.objects.update(until=timezone.now())


@pytest.mark.parametrize("by_group", [False, True])
def test_a_share_past_its_end_grants_nothing_anywhere(sheet, steward, viewer, team, by_group, api, client):
    to = team if by_group else viewer
    access.share(collection=sheet, to=to, level="change", by=steward, until=timezone.now() + SOON)
    address, page = f"/api/v1/sheets/{sheet.pk}/", reverse("admin:workbench_sheet_change", args=[sheet.pk])
    client.force_login(viewer)
    assert api(viewer).get(address).status_code == 200
    assert client.get(page).status_code == 200

    until_passed(SheetUserPermission, SheetGroupPermission)

    viewer = User.objects.get(pk=viewer.pk)
    assert api(viewer).get(address).status_code == 404
    assert client.get(page).status_code == 404
    assert not Sheet.objects.visible_to(viewer).exists()
    assert not viewer.has_perm("workbench.view_sheet", sheet)


def test_shared_again_the_newer_end_holds_for_all_of_it(sheet, steward, viewer):
    access.share(collection=sheet, to=viewer, level="change", by=steward)
    end = timezone.now() + SOON
    access.share(collection=sheet, to=viewer, level="view", by=steward, until=end)

    (held,) = access.shares_of(sheet)
    assert (held.level, held.until) == ("change", end)
    access.share(collection=sheet, to=viewer, level="view", by=steward)
    assert access.shares_of(sheet)[0].until is None


def test_an_end_that_has_passed_is_refused(sheet, steward, viewer):
    with pytest.raises(InvalidInput, match="has passed"):
        access.share(collection=sheet, to=viewer, level="view", by=steward, until=timezone.now() - SOON)


def test_the_panel_and_rest_show_until_when_to_the_owner_alone(sheet, steward, viewer, team, api, client):
    body = {"user": viewer.username, "level": "view", "until": (timezone.now() + SOON).isoformat()}
    assert api(steward).post(f"/api/v1/sheets/{sheet.pk}/share/", body).status_code == 204
    client.force_login(steward)
    share = reverse("admin:workbench_sheet_step", args=[sheet.pk, "share"])
    client.post(share, {"group": team.name, "user": "", "level": "change", "until": "2099-01-31 12:00"})

    held = api(steward).get(f"/api/v1/sheets/{sheet.pk}/shares/").json()

    assert [(one["name"], one["level"], one["is_over"]) for one in held] == [
        ("viewer", "view", False), ("Team Iris", "change", False),
    ]  # fmt: skip
    assert "until 31 Jan 2099" in client.get(share).content.decode()
    assert api(viewer).get(f"/api/v1/sheets/{sheet.pk}/shares/").status_code == 403


def test_a_share_and_its_end_are_on_record(sheet, steward, viewer):
    access.share(collection=sheet, to=viewer, level="view", by=steward, until=timezone.now() + SOON)

    entry = RecordEntry.objects.filter(kind="workbench.sheetuserpermission").with_values().get()
    assert entry.said["new"]["until"] and "until" in entry.said["reason"]


# -- memberships ------------------------------------------------------------------------------------------------


def end(user, group, root):
    return memberships.end_membership(
        user=user, group=group, until=timezone.now() + SOON, by=root, reason="here for the audit"
    )


def test_an_ended_membership_counts_at_no_door(sheet, steward, viewer, team, root, api):
    access.share(collection=sheet, to=team, level="view", by=steward)
    end(viewer, team, root)
    end(viewer, group_for("viewer"), root)
    assert api(viewer).get("/api/v1/sheets/").json()["results"]

    until_passed(MembershipEnd)

    viewer = User.objects.get(pk=viewer.pk)
    assert (roles_of(viewer), viewer.has_perm("workbench.view_sheet")) == (set(), False)
    assert not Sheet.objects.visible_to(viewer).exists()
    assert api(viewer).get("/api/v1/sheets/").status_code == 403


def test_an_ended_role_signs_nothing(sheet, steward, officer, root):
    from governance import constraints, desk
    from governance.constraints import Terms

    Sheet.objects.filter(pk=sheet.pk).update(prohibited_uses=1)
    terms = Terms(allowed_uses=31, prohibited_uses=0, data_classification=1, usage_reason="consent")
    asked = constraints.request_relaxation(row=sheet, terms=terms, by=steward)
    end(officer, group_for("compliance-officer"), root)
    until_passed(MembershipEnd)

    assert possible_signers(asked) == []
    with pytest.raises(NotPermitted):
        desk.decide(request=asked, by=officer, approve=True, comment="seen")


def test_the_job_takes_ended_memberships_away_on_record_and_leaves_others(viewer, officer, team, root):
    officer.groups.add(team)
    end(viewer, team, root)
    end(officer, team, root)
    MembershipEnd.objects.filter(user=viewer).update(until=timezone.now())

    jobs.run(jobs.enqueue("end-memberships", subject=None, by=None).pk)
    jobs.run(jobs.enqueue("end-memberships", subject=None, by=None).pk)

    assert not viewer.groups.filter(pk=team.pk).exists()
    assert officer.groups.filter(pk=team.pk).exists()
    assert MembershipEnd.objects.get().user == officer
    entry = RecordEntry.objects.filter(kind="governance.user_groups", operation="delete").with_values().get()
    assert "here for the audit" in entry.said["reason"]


def test_administrators_set_an_end_in_the_portal_and_take_it_away_by_rest(viewer, officer, team, root, client, api):
    client.force_login(root)
    client.post(reverse("admin:governance_membershipend_add"), {
        "user": viewer.pk, "group": team.pk, "until_0": "2099-01-31", "until_1": "12:00", "reason": "an audit",
    })  # fmt: skip
    made = MembershipEnd.objects.get()
    assert made.set_by == root
    assert api(officer).post(f"/api/v1/membership-ends/{made.pk}/keep/", {}).status_code == 403

    assert api(root).post(f"/api/v1/membership-ends/{made.pk}/keep/", {}).status_code == 204

    body = {"user": "viewer", "group": "Team Iris", "until": "2099-01-31T12:00:00Z", "reason": "an audit"}
    assert api(root).post("/api/v1/membership-ends/", body).status_code == 201
    assert api(root).post("/api/v1/membership-ends/", body | {"group": "Nobody"}).status_code == 400


def test_an_end_needs_a_membership_and_a_moment_to_come(officer, team, root):
    with pytest.raises(InvalidInput, match="is not in"):
        end(officer, team, root)
    officer.groups.add(team)
    with pytest.raises(InvalidInput, match="has passed"):
        memberships.end_membership(user=officer, group=team, until=timezone.now(), by=root, reason="over")


def test_the_desk_shows_what_ends_soon(sheet, steward, viewer, team, officer, root, client):
    access.share(collection=sheet, to=viewer, level="view", by=steward, until=timezone.now() + SOON)
    end(viewer, team, root)
    client.force_login(officer)

    shown = client.get(reverse("governance:compliance")).content.decode()

    assert f"{sheet.name} shared with Viewer" in shown and "Viewer in Team Iris" in shown


# -- see as -----------------------------------------------------------------------------------------------------


def look(client, **asked):
    return client.get(reverse("governance:see-as"), asked)


def test_an_administrator_sees_which_rows_an_account_sees_and_why(
    sheet, steward, viewer, officer, team, root, client, api
):
    mine = SheetFactory(owner=viewer)
    access.share(collection=sheet, to=team, level="change", by=steward, until=timezone.now() + SOON)
    client.force_login(root)

    shown = look(client, account="viewer", kind="workbench.sheet").content.decode()

    assert "shared with Team Iris to see and change until" in shown and mine.name in shown and "owner" in shown
    rows = api(root).get("/api/v1/see-as/", {"account": "viewer", "kind": "workbench.sheet"}).json()
    assert {one["name"] for one in rows["rows"]} == {sheet.name, mine.name}
    assert [one["because"] for one in rows["actions"]] == ["Viewer"]
    audits = api(root).get("/api/v1/see-as/", {"account": "officer", "kind": "workbench.sheet"}).json()
    assert {why for one in audits["rows"] for why in one["because"]} == {"audits: reads every row"}
    overview = look(client, account="viewer").content.decode()
    assert "Team Iris" in overview


def test_each_look_is_on_record_and_nobody_else_looks(viewer, officer, root, client, api):
    from governance.models import SeenAs

    client.force_login(officer)
    assert look(client, account="viewer").status_code == 403
    assert api(officer).get("/api/v1/see-as/", {"account": "viewer"}).status_code == 403
    assert not SeenAs.objects.exists()

    client.force_login(root)
    look(client, account="viewer", kind="workbench.sheet")

    seen = SeenAs.objects.get()
    assert (seen.looked_by, seen.account, seen.kind) == (root, viewer, "workbench.sheet")
    client.force_login(officer)
    assert "viewer" in client.get(reverse("admin:governance_seenas_changelist")).content.decode().lower()


def test_looking_takes_the_same_few_queries_however_many_rows(steward, viewer, team, root, client):
    client.force_login(root)

    def queries(count):
        for _ in range(count):
            access.share(collection=SheetFactory(owner=steward), to=team, level="view", by=steward)
        with CaptureQueriesContext(connection) as seen:
            assert look(client, account="viewer", kind="workbench.sheet").status_code == 200
        return len(seen)

    assert queries(2) == queries(40)
