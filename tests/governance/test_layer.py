"""What every page has: the theme, the command palette, the counts in the top bar."""

from __future__ import annotations

import pytest
from django.urls import reverse

from governance import access
from governance.models import Job
from labeling.models import TrainingSheet
from tests.world import make_pairs

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]
PALETTE = "/admin/palette/"


def entries(client, query: str = "") -> dict[str, list[str]]:
    groups = client.get(PALETTE, {"q": query}).json()["groups"]
    return {group["title"]: [entry["label"] for entry in group["entries"]] for group in groups}


@pytest.mark.parametrize(("chosen", "following"), [("dark", "auto"), ("light", "dark"), ("auto", "light")])
def test_the_theme_is_kept_and_drawn_by_the_server(chosen, following, client):
    login = reverse("account_login")

    answer = client.post(reverse("governance:theme"), {"theme": chosen}, headers={"Referer": f"http://testserver{login}"})
    page = client.get(login).content.decode()

    assert answer["Location"].endswith(login)
    assert f'data-theme="{chosen}"' in page and f'name="theme" value="{following}"' in page


def test_what_is_no_theme_changes_nothing_and_leads_to_no_other_site(client):
    client.cookies["theme"] = '"><script>'

    answer = client.post(reverse("governance:theme"), {"theme": "pink"}, headers={"Referer": "https://example.org/"})

    assert answer["Location"] == "/admin/" and "theme" not in answer.cookies
    assert 'data-theme="auto"' in client.get(reverse("account_login")).content.decode()
    assert client.get(reverse("governance:theme")).status_code == 405


def test_the_palette_offers_pages_and_actions_that_this_role_opens(steward, viewer, client):
    client.force_login(steward)
    of_steward = entries(client)
    client.force_login(viewer)
    of_viewer = entries(client)

    assert "Label: People at work" in of_steward["Pages"] and "Label: People at work" not in of_viewer["Pages"]
    assert "Add connection" in of_steward["Actions"]
    assert not [one for one in of_viewer["Actions"] if one.startswith("Add ")]
    client.logout()
    assert client.get(PALETTE).status_code == 302


def test_every_action_of_the_palette_opens(stranger, client):
    client.force_login(stranger)
    groups = {group["title"]: group["entries"] for group in client.get(PALETTE).json()["groups"]}

    closed = [one for one in groups["Actions"] if client.get(one["url"], follow=True).status_code != 200]

    assert len(groups["Actions"]) > 6 and not closed


def test_the_palette_finds_rows_that_one_may_see_and_no_others(expert, make_user, team, client):
    ours, theirs = make_pairs("ours", make_user("owner")), make_pairs("theirs", make_user("other"))
    access.share(collection=ours[TrainingSheet], to=team, level="view", by=ours[TrainingSheet].owner)
    client.force_login(expert)

    assert entries(client, "ours pairs")["Training sheets"] == ["ours pairs"]
    assert entries(client, "theirs") == {} and theirs[TrainingSheet].name == "theirs pairs"
    assert entries(client, "REVIEW desk") == {"Pages": ["Label: Review desk"]}


def test_jobs_that_run_are_counted_in_the_top_bar(engineer, client):
    Job.objects.create(kind="labeling.decide", state="running", requested_by=engineer, lease_owner="w",
                       lease_until="2100-01-01T00:00Z", started_at="2026-01-01T00:00Z")  # fmt: skip
    client.force_login(engineer)

    assert "1 job</a>" in client.get("/admin/").content.decode()
