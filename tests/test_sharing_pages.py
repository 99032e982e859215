"""Sharing in the portal: offered on each page that needs it, with names to choose from, to the owner alone."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse

from governance import access
from governance.approvals.registry import GATES
from governance.portal.rows import row_url
from labeling.models import TrainingSheet
from tests.world import make_world

pytestmark = pytest.mark.django_db
VERSIONS = ("labeling.labelsetversion", "labeling.templateversion", "training.datasetversion", "training.modelversion")
WHOLES = ("labeling.labelset", "labeling.prompttemplate", "labeling.trainingsheet", "training.curateddataset",
          "training.registeredmodel")  # fmt: skip


@pytest.fixture
def world(db, make_user, team):
    owner = make_user("olga", "ml-engineer", "domain-expert", "data-steward", groups=(team,))
    make_world("foreign", make_user("foreigner", "ml-engineer"))
    return {model._meta.label_lower: row for model, row in make_world("ours", owner).items()}


def share_url(row) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_step", args=[row.pk, "share"])


@pytest.mark.parametrize("kind", [*WHOLES, *VERSIONS])
def test_the_owner_shares_from_the_page_of_the_asset_or_of_its_version(client, world, viewer, kind):
    row, owner = world[kind], world["governance.user"]
    client.force_login(owner)
    assert share_url(row) in client.get(row_url(row)).content.decode()
    assert not access.can_see(viewer, row)

    answer = client.post(share_url(row), {"user": viewer.username, "group": "", "level": "view"}, follow=True)

    assert "Shared." in answer.content.decode()
    assert access.can_see(viewer, row)
    client.force_login(viewer)
    assert share_url(row) not in client.get(row_url(row)).content.decode()


@pytest.mark.parametrize("kind", ["labeling.trainingsheet", "training.datasetversion"])
def test_the_form_suggests_people_and_groups_and_needs_no_script(client, world, make_user, kind):
    gone = make_user("gone", "viewer", groups=(Group.objects.create(name="Team gone"),))
    gone.is_active = False
    gone.save()
    make_user("guest", "viewer", groups=(Group.objects.create(name="Team guest"),))
    made = make_user("<b>ann</b>", "viewer")
    made.first_name = "Ann & Co"
    made.save()
    client.force_login(world["governance.user"])

    page = client.get(share_url(world[kind])).content.decode()

    lists = dict(re.findall(r'<datalist id="id_(\w+)-names">(.*?)</datalist>', page))
    assert set(lists) == {"user", "group"}
    for name in lists:
        assert f'list="id_{name}-names"' in page
    assert "olga" in lists["user"] and "foreigner" in lists["user"]
    assert '<option value="&lt;b&gt;ann&lt;/b&gt;">Ann &amp; Co</option>' in lists["user"]
    assert "guest" in lists["user"] and "gone" not in lists["user"]
    assert "Team guest" in lists["group"] and "Team gone" not in lists["group"]
    assert "onclick" not in page and "style=" not in page


def test_a_use_case_is_shared_with_suggested_people(client, world):
    client.force_login(world["governance.user"])

    page = client.get(reverse("labeling:usecase-share", args=[world["labeling.usecase"].pk])).content.decode()

    assert '<datalist id="id_user-names">' in page and 'list="id_user-names"' in page


def test_a_training_sheet_that_nobody_else_sees_says_so_to_its_owner_until_it_is_shared(client, world, viewer, team):
    sheet, owner = world["labeling.trainingsheet"], world["governance.user"]
    client.force_login(owner)
    for status, says in (("generating", True), ("ready", True), ("reviewed", False)):
        TrainingSheet.objects.filter(pk=sheet.pk).update(
            status=status, reviewed_at=sheet.reviewed_at if status == "reviewed" else None
        )
        page = client.get(row_url(sheet)).content.decode()
        assert ("Not shared with anyone yet" in page, f'href="{share_url(sheet)}">Share this' in page) == (says, says)

    TrainingSheet.objects.filter(pk=sheet.pk).update(status="ready", reviewed_at=None)
    access.share(collection=sheet, to=owner, level="view", by=owner)
    assert "Not shared with anyone yet" in client.get(row_url(sheet)).content.decode()
    access.share(collection=sheet, to=team, level="view", by=owner)
    assert "Not shared with anyone yet" not in client.get(row_url(sheet)).content.decode()


def test_requests_and_policies_carry_the_title_of_their_gate(client, world, make_user):
    root = make_user("root")
    root.is_superuser = root.is_staff = True
    root.save()
    request, policy = world["governance.approvalrequest"], world["governance.gatepolicy"]
    title = GATES[request.gate].title
    client.force_login(root)

    for row in (request, policy):
        page = client.get(row_url(row)).content.decode()
        assert f"<h1>{title}" in page and request.gate not in page.split("<main")[1]
    listed = client.get(reverse("admin:governance_approvalrequest_changelist"), {"gate": request.gate})
    assert f">{title}</" in listed.content.decode() and "ours sheet v1" in listed.content.decode()
    other = client.get(reverse("admin:governance_approvalrequest_changelist"), {"gate": "dataset-approve"})
    assert "ours sheet v1" not in other.content.decode()
