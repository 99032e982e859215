"""One's own keys: chosen on a page of the account area or by REST, switched off, and what is refused."""

from __future__ import annotations

import pytest
from django.urls import reverse
from rest_framework.test import APIClient

from governance.errors import NotPermitted
from governance.portal import keys

pytestmark = pytest.mark.django_db
PAGE = "/account/keys/"


@pytest.fixture
def ada(make_user):
    return make_user("ada", "domain-expert")


def fields(user, **changed):
    return {**keys.of(user).by_slug, "single_keys": "on", **changed}


def test_other_keys_are_chosen_on_the_page_and_only_for_oneself(ada, make_user, client):
    client.force_login(ada)
    assert 'name="review.approve" value="a"' in client.get(PAGE).content.decode()

    answer = client.post(PAGE, fields(ada, **{"review.approve": "X", "review.undo": ""}))

    assert answer.status_code == 302
    ada.refresh_from_db()
    assert ada.keys == {"review.approve": "x", "review.undo": ""}
    chosen = keys.of(ada).on("review")
    assert chosen["approve"] == "x" and "undo" not in chosen
    assert keys.of(make_user("ben")).on("review")["approve"] == "a"


def test_all_single_keys_are_switched_off(ada, client):
    client.force_login(ada)

    client.post(PAGE, {name: value for name, value in fields(ada).items() if name != "single_keys"})

    ada.refresh_from_db()
    assert keys.of(ada).on("review") == {}
    assert 'data-keys="off"' in client.get(reverse("admin:index")).content.decode()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"review.approve": "ab"}, "no single key"),
        ({"review.approve": "\t\x07"}, "no single key"),
        ({"review.approve": "/"}, "on every page"),
        ({"review.approve": "r"}, "cannot do both"),
        ({"review.sing": "x"}, "expected one of"),
    ],
)
def test_a_key_that_cannot_be_is_refused_with_the_reason(ada, api, changed, words):
    told = api(ada).patch("/api/v1/keys/", {"keys": changed}, format="json")

    assert told.status_code == 400 and words in told.content.decode()
    ada.refresh_from_db()
    assert ada.keys == {}


def test_rest_says_and_changes_ones_own_keys(ada, api):
    assert api(ada).get("/api/v1/keys/").json()["keys"]["review.skip"] == "s"

    told = api(ada).patch("/api/v1/keys/", {"single_keys": False, "keys": {"review.skip": "n"}}, format="json").json()

    assert (told["single_keys"], told["keys"]["review.skip"]) == (False, "n")
    assert APIClient().get("/api/v1/keys/").status_code in {401, 403}


def test_nobody_chooses_keys_for_somebody_else(ada, make_user):
    with pytest.raises(NotPermitted):
        keys.choose(user=ada, by=make_user("ben"), single_keys=False)


def test_two_keys_that_swap_are_taken_together(ada):
    keys.choose(user=ada, by=ada, keys={"review.approve": "r", "review.reject": "a"})

    ada.refresh_from_db()
    assert ada.keys == {"review.approve": "r", "review.reject": "a"}
