"""Where Django has words of its own, the portal uses the product's, and gives nothing away by them."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from django.test import Client

from governance.models import Person
from tests.factories import SheetFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(steward) -> Client:
    client = Client()
    client.force_login(steward)
    return client


def words(answer) -> str:
    """What the page says below its frame."""
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode().split("<main")[-1]).split())


@pytest.mark.parametrize("place", ["change", "history", "delete", "do/publish"])
def test_a_strangers_row_and_a_missing_one_are_the_same_page(browser, stranger, place):
    foreign = SheetFactory(owner=stranger, name="Canary sheet")

    theirs, missing = (browser.get(f"/admin/workbench/sheet/{key}/{place}/") for key in (foreign.pk, uuid4()))

    assert theirs.status_code == missing.status_code
    assert theirs.status_code == (403 if place == "delete" else 404)
    assert words(theirs) == words(missing)
    assert "Canary" not in words(theirs) and "deleted" not in words(theirs)
    assert not browser.get("/admin/").context["messages"]


def test_administrators_meet_the_same_page(browser, make_user):
    root = make_user("root")
    root.is_superuser = True
    root.save()
    browser.force_login(root)

    for place in ("user/987654", f"person/{uuid4()}"):
        answer = browser.get(f"/admin/governance/{place}/change/")
        assert (answer.status_code, "There is nothing here" in words(answer)) == (404, True)
    assert browser.get(f"/admin/governance/person/{Person.objects.first().pk}/change/").status_code == 200


def test_every_refused_log_in_reads_the_same(make_user):
    gone, outside = make_user("gone", "viewer"), make_user("outside", "viewer")
    gone.is_active, outside.is_staff = False, False
    gone.save()
    outside.save()
    make_user("vera", "viewer")
    password = "a long password for tests"

    said = {
        words(Client().post("/account/login/", {"login": name, "password": secret}))
        for name, secret in (("nobody", "x"), ("vera", "x"), ("gone", password), ("outside", password))
    }

    assert len(said) == 1
    assert "This user name and password do not open the Workbench." in said.pop()
    assert Client().post("/account/login/", {"login": "vera", "password": password}).status_code == 302


def test_no_page_of_logging_in_or_out_is_djangos(browser, make_user):
    outsider = Client()
    user = make_user("outside", "viewer")
    user.is_staff = False
    user.save()
    outsider.force_login(user)
    assert "You are logged in as outside, who may not open this page." in words(outsider.get("/admin/login/"))

    changed = browser.get("/admin/password_change/done/")
    left = browser.post("/admin/logout/")
    assert "Your password is changed" in words(changed)
    assert "You are logged out" in words(left) and "quality time" not in words(left)
