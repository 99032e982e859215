"""People prove who they are: password, code, provider; what is kept of it; sessions; and lockout."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import requests
from allauth.mfa.models import Authenticator
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from joserfc import jwt as jose
from joserfc.jwk import KeySet

from governance import constraints, context, desk
from governance.constraints import Terms
from governance.errors import ReauthenticationRequired
from governance.models import Approval, ApprovalRequest, GatePolicy, RecordEntry, SignInEvent, User
from governance.sign_in.cache import SharedFileCache
from governance.sign_in.ways import PROVED_AT
from governance.uses import ALL_USES, BITS, Classification
from tests.factories import SheetFactory
from tests.governance.oidc_provider import CLIENT_ID, CLIENT_SECRET, Provider, running_provider
from tests.governance.soft_key import SoftKey
from workbench.settings import oidc_provider

PASSWORD = "a long password for tests"
LOGIN = "/account/login/"
NO_TRAINING = Terms(
    allowed_uses=ALL_USES, prohibited_uses=BITS["training"], data_classification=Classification.RESTRICTED,
    usage_reason="patient names",
)  # fmt: skip
EVERYTHING = Terms(
    allowed_uses=ALL_USES, prohibited_uses=0, data_classification=Classification.INTERNAL, usage_reason="invented names"
)


def log_in(client: Client, name: str, password: str = PASSWORD, **more: str) -> Any:
    return client.post(LOGIN, {"login": name, "password": password} | more)


def is_in(client: Client) -> bool:
    return client.get("/admin/").status_code == 200


def events() -> list[tuple[str, str, str]]:
    """(name, way, outcome), oldest first."""
    return list(SignInEvent.objects.order_by("happened_at", "id").values_list("name", "way", "outcome"))


# -- password -------------------------------------------------------------------------------------------------


def test_the_admins_login_leads_to_the_one_page_and_back_to_where_someone_wanted(steward, client):
    asked = client.get("/admin/governance/job/", follow=True)
    assert asked.redirect_chain[-1][0] == "/account/login/?next=%2Fadmin%2Fgovernance%2Fjob%2F"

    answer = log_in(client, "steward", next="/admin/governance/job/")

    assert answer["Location"] == "/admin/governance/job/"
    assert events() == [("Steward", "password", "signed_in")]


@pytest.mark.parametrize("evil", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "/\\evil.example"])
def test_nobody_is_led_to_another_site(evil, steward, client):
    assert "evil" not in client.get("/admin/login/", {"next": evil})["Location"]
    assert log_in(client, "steward", next=evil)["Location"] == "/admin/"


def test_a_refused_try_keeps_the_account_but_never_an_unknown_name_nor_what_was_typed(steward, client):
    log_in(client, "steward", "my secret guess")
    log_in(client, "my secret typed as a name", "x")

    assert events() == [("Steward", "password", "failed"), ("", "password", "failed")]
    assert "my secret" not in str(list(SignInEvent.objects.values_list()))
    with_values = RecordEntry.objects.filter(kind="governance.signinevent").with_values()
    assert with_values.count() == 2
    assert not [entry for entry in with_values if "my secret" in json.dumps(entry.said)]


def test_a_sign_out_is_kept_and_ends_the_session(steward, client):
    log_in(client, "steward")

    client.post("/account/logout/")

    assert not is_in(client)
    assert events()[-1] == ("Steward", "", "signed_out")


def test_nobody_can_sign_up(db, client):
    for address in ("/account/signup/", "/account/password/reset/", "/account/email/"):
        assert client.get(address).status_code == 404


def test_new_passwords_have_twelve_characters_and_short_ones_of_old_go_on(steward, client):
    steward.set_password("short")
    steward.save()

    assert log_in(client, "steward", "short").status_code == 302
    new = {"new_password1": "eleven char", "new_password2": "eleven char"}
    refused = client.post("/admin/password_change/", {"old_password": "short"} | new)
    assert "at least 12 characters" in refused.content.decode()


def test_ten_failed_tries_lock_the_name_at_every_door_and_no_other(steward, expert, client):
    for _ in range(10):
        assert log_in(client, "steward", "guess").status_code == 200

    locked = log_in(client, "steward")
    by_rest = client.post("/api/v1/login/", {"username": "steward", "password": PASSWORD}, "application/json")

    assert "Too many tries" in locked.content.decode()
    assert (by_rest.status_code, by_rest.json()["code"]) == (429, "throttled")
    assert int(by_rest["Retry-After"]) > 0
    assert events()[-1][2] == "locked_out"
    assert log_in(Client(), "expert").status_code == 302


def test_an_unknown_name_is_locked_like_a_known_one(db, client):
    for _ in range(10):
        log_in(client, "nobody", "guess")

    assert "Too many tries" in log_in(client, "nobody", "guess").content.decode()


def test_another_host_in_the_header_buys_no_more_tries(steward, settings):
    settings.ALLOWED_HOSTS = ["*"]
    for port in range(10):
        log_in(Client(HTTP_HOST=f"localhost:{8000 + port}"), "Steward" if port % 2 else "steward", "guess")

    assert "Too many tries" in log_in(Client(HTTP_HOST="127.0.0.1"), "steward").content.decode()


def test_of_many_processes_one_alone_adds_a_key_to_the_shared_cache(tmp_path: Path):
    caches = [SharedFileCache(str(tmp_path), {}) for _ in range(8)]
    start, added = threading.Barrier(8), []

    def add(cache: SharedFileCache) -> None:
        start.wait()
        added.append(cache.add("lock", True, 60))

    threads = [threading.Thread(target=add, args=(cache,)) for cache in caches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(added) == [False] * 7 + [True]
    caches[0].delete("lock")
    assert caches[1].add("lock", True, 0.001) is True
    time.sleep(0.01)
    assert caches[2].add("lock", True, 60) is True


def test_the_shared_cache_forgets_what_has_expired_and_nothing_else(tmp_path: Path, monkeypatch):
    cache = SharedFileCache(str(tmp_path), {"MAX_ENTRIES": 1})
    for number in range(20):
        cache.set(f"lives-{number}", number, 60)
        cache.set(f"dies-{number}", number, 0.001)
    time.sleep(0.01)
    monkeypatch.setattr("governance.sign_in.cache.SWEPT_ONCE_IN", 1)
    cache.set("one-more", 1, 60)

    assert all(cache.get(f"lives-{number}") == number for number in range(20))
    assert len(list(tmp_path.glob("*.djcache"))) == 21


# -- second factor --------------------------------------------------------------------------------------------


def code_of(secret: str, *, later: int = 0) -> str:
    """What an app shows (RFC 6238), now or so many codes later: a code serves once."""
    counter = struct.pack(">Q", int(time.time() // 30) + later)
    digest = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    [number] = struct.unpack(">I", digest[digest[-1] & 15 :][:4])
    return f"{(number & 0x7FFFFFFF) % 1_000_000:06}"


def set_up_app(client: Client) -> tuple[str, list[str]]:
    """Through the pages, as a person does: the key, and the recovery codes."""
    client.post("/account/reauthenticate/", {"password": PASSWORD})
    page = client.get("/account/2fa/totp/activate/").content.decode()
    [secret] = re.findall(r'id="authenticator_secret">([A-Z2-7]+)<', page)
    shown = client.post("/account/2fa/totp/activate/", {"code": code_of(secret)}, follow=True).content.decode()
    return secret, re.findall(r"\b\d{8}\b", shown.partition("recovery_codes")[2])


def test_an_authenticator_app_is_set_up_and_asked_for_from_then_on(steward, client, django_capture_on_commit_callbacks):
    log_in(client, "steward")
    with django_capture_on_commit_callbacks(execute=True):
        secret, codes = set_up_app(client)
    assert len(codes) == 10
    client.post("/account/logout/")

    half = log_in(client, "steward")
    assert half["Location"].startswith("/account/2fa/authenticate/")
    assert not is_in(client)
    wrong = client.post("/account/2fa/authenticate/", {"code": "000000"})
    assert "This code is not right" in wrong.content.decode()
    client.post("/account/2fa/authenticate/", {"code": code_of(secret, later=1)})

    assert is_in(client)
    said = [event[1:] for event in events()]
    assert ("totp", "factor_added") in said
    assert ("totp", "failed") in said
    assert said[-1] == ("totp", "signed_in")


def test_a_recovery_code_opens_once_and_codes_are_shown_once(steward, client):
    log_in(client, "steward")
    _, codes = set_up_app(client)
    again = client.get("/account/2fa/recovery-codes/").content.decode()
    assert not any(code in again for code in codes)

    for expected in (True, False):
        other = Client()
        log_in(other, "steward")
        other.post("/account/2fa/authenticate/", {"code": codes[0]})
        assert is_in(other) is expected
    assert ("Steward", "recovery_code", "signed_in") in events()


def test_the_key_of_an_app_is_kept_encrypted(steward, client):
    log_in(client, "steward")
    secret, codes = set_up_app(client)

    stored = json.dumps(list(Authenticator.objects.values_list("data", flat=True)))

    assert secret not in stored
    assert not any(code in stored for code in codes)


def test_a_password_alone_buys_no_token_past_the_second_factor(steward, client):
    log_in(client, "steward")
    secret, _ = set_up_app(client)
    body = {"username": "steward", "password": PASSWORD}

    without = client.post("/api/v1/login/", body, "application/json")
    wrong = client.post("/api/v1/login/", body | {"code": "000000"}, "application/json")
    right = client.post("/api/v1/login/", body | {"code": code_of(secret, later=1)}, "application/json")

    assert [without.status_code, wrong.status_code, right.status_code] == [401, 401, 200]
    assert without.json()["code"] == "second_factor_required"


def test_the_pages_of_signing_in_hold_no_inline_script_or_style(steward, client):
    log_in(client, "steward")
    pages = {address: client.get(address, follow=True).content.decode() for address in (
        "/account/2fa/", "/account/sessions/", "/account/tokens/", "/account/reauthenticate/",
        "/account/2fa/totp/activate/", "/account/2fa/webauthn/",
    )}  # fmt: skip
    client.post("/account/reauthenticate/", {"password": PASSWORD})
    for address in ("/account/2fa/totp/activate/", "/account/2fa/webauthn/add/"):
        pages[address] = client.get(address).content.decode()
    pages[LOGIN] = Client().get(LOGIN).content.decode()

    for address, text in pages.items():
        assert not re.search(r"\sstyle=|<style|\son\w+=", text), address
        scripts = re.findall(r"<script[^>]*>", text)
        assert all("src=" in tag or 'type="application/json"' in tag for tag in scripts), address
    assert "data-webauthn" in pages["/account/2fa/webauthn/add/"]


# -- passkeys -------------------------------------------------------------------------------------------------


@pytest.fixture
def phone() -> Client:
    """A browser that will ask by https, without which no browser makes passkeys."""
    return Client()


def add_passkey(phone: Client, origin: str = "https://testserver") -> tuple[SoftKey, Any]:
    phone.post("/account/reauthenticate/", {"password": PASSWORD}, secure=True)
    page = phone.get("/account/2fa/webauthn/add/", secure=True).content.decode()
    options = json.loads(re.search(r'id="js_data" type="application/json">(.*?)</script>', page)[1])
    key = SoftKey(origin)
    made = json.dumps(key.register(options["creation_options"]))
    answer = phone.post(
        "/account/2fa/webauthn/add/", {"name": "My phone", "passwordless": "on", "credential": made}, secure=True
    )
    return key, answer


def log_in_by(key: SoftKey, client: Client) -> Any:
    asked = client.get("/account/2fa/webauthn/login/", headers={"accept": "application/json"}, secure=True).json()
    signed = json.dumps(key.sign(asked["request_options"]))
    return client.post("/account/2fa/webauthn/login/", {"credential": signed}, secure=True)


def test_a_passkey_logs_in_alone(steward, phone):
    phone.post(LOGIN, {"login": "steward", "password": PASSWORD}, secure=True)
    key, _ = add_passkey(phone)

    other = Client()
    log_in_by(key, other)

    assert other.get("/admin/", secure=True).status_code == 200
    assert events()[-1] == ("Steward", "passkey", "signed_in")
    assert ("Steward", "passkey", "factor_added") in events()


def test_a_passkey_of_another_key_or_of_a_false_page_opens_nothing(steward, phone):
    phone.post(LOGIN, {"login": "steward", "password": PASSWORD}, secure=True)
    key, _ = add_passkey(phone)
    stranger = SoftKey("https://testserver")
    stranger.id, stranger.user_handle = key.id, key.user_handle
    lured = key
    lured.origin = "https://testserver.evil.example"

    for one in (stranger, lured):
        other = Client()
        log_in_by(one, other)
        assert not is_in(other)
        assert events()[-1] == ("", "passkey", "failed")


def test_a_passkey_of_someone_who_may_no_longer_enter_is_refused(steward, phone):
    phone.post(LOGIN, {"login": "steward", "password": PASSWORD}, secure=True)
    key, _ = add_passkey(phone)
    User.objects.filter(pk=steward.pk).update(is_staff=False)

    other = Client()
    answer = log_in_by(key, other)

    assert answer.status_code == 403
    assert "_auth_user_id" not in other.session


# -- sessions -------------------------------------------------------------------------------------------------


def test_a_session_is_listed_and_once_ended_is_out(steward, client):
    log_in(client, "steward")
    phone = Client(HTTP_USER_AGENT="A phone")
    log_in(phone, "steward")
    page = client.get("/account/sessions/").content.decode()
    assert "A phone" in page

    [address] = re.findall(r'action="(/account/sessions/\d+/end/)"', page)
    client.post(address)

    assert is_in(client)
    assert not is_in(phone)


def test_a_new_password_ends_the_other_sessions_and_keeps_this_one_in_the_list(steward, client):
    log_in(client, "steward")
    phone = Client()
    log_in(phone, "steward")
    new = {"new_password1": "another long password", "new_password2": "another long password"}
    client.post("/admin/password_change/", {"old_password": PASSWORD} | new)

    assert is_in(client)
    assert not is_in(phone)
    assert client.get("/account/sessions/").content.decode().count("this one") == 1


def test_someone_elses_session_cannot_be_ended(steward, expert, client):
    log_in(client, "steward")
    theirs = Client()
    log_in(theirs, "expert")
    page = Client()
    log_in(page, "expert")
    [address] = re.findall(r'action="(/account/sessions/\d+/end/)"', page.get("/account/sessions/").content.decode())

    assert client.post(address).status_code == 404
    assert is_in(theirs)


# -- recent proof ---------------------------------------------------------------------------------------------


@pytest.fixture
def relaxation(steward, officer) -> ApprovalRequest:
    """A request that only the officer may decide; asked for on the server."""
    sheet = SheetFactory(owner=steward)
    constraints.tighten(row=sheet, terms=NO_TRAINING, by=steward)
    return constraints.request_relaxation(row=sheet, terms=EVERYTHING, by=steward)


def age(client: Client, minutes: int) -> None:
    """The session's last proof is so old."""
    session = client.session
    session[PROVED_AT] = time.time() - minutes * 60
    session.save()


def test_an_approval_without_recent_proof_is_refused_by_rest_and_nothing_is_written(relaxation, officer, api):
    client = api(officer)
    age(client, 16)

    answer = client.post(f"/api/v1/approvals/{relaxation.pk}/approve/", {"comment": "fine"})

    assert (answer.status_code, answer.json()["code"]) == (403, "reauthentication_required")
    assert not Approval.objects.exists()


def test_an_approval_with_recent_proof_keeps_its_moment(relaxation, officer, api):
    client = api(officer)
    age(client, 14)

    assert client.post(f"/api/v1/approvals/{relaxation.pk}/approve/", {"comment": "fine"}).status_code == 200
    proved = Approval.objects.get().authenticated_at
    assert timedelta(minutes=13) < timezone.now() - proved < timedelta(minutes=15)


def test_the_portal_asks_who_they_are_and_leads_back_to_the_filled_form(relaxation, officer, client):
    log_in(client, "officer")
    age(client, 16)
    form = reverse("admin:governance_approvalrequest_step", args=[relaxation.pk, "approve"])

    sent = client.post(form, {"comment": "Read it twice."})
    assert unquote(sent["Location"]) == f"/account/reauthenticate/?next={form}"
    assert not Approval.objects.exists()
    refused = client.post("/account/reauthenticate/", {"password": "guess", "next": form})
    assert "This is not your password." in refused.content.decode()
    back = client.post("/account/reauthenticate/", {"password": PASSWORD, "next": form}, follow=True)
    assert "Read it twice." in back.content.decode()
    client.post(form, {"comment": "Read it twice."})

    assert Approval.objects.get().comment == "Read it twice."
    assert events()[-1] == ("Officer", "password", "confirmed")


def test_what_was_typed_comes_back_to_its_own_person_only(relaxation, officer, make_user, client):
    make_user("other", "compliance-officer")
    log_in(client, "officer")
    age(client, 16)
    form = reverse("admin:governance_approvalrequest_step", args=[relaxation.pk, "approve"])
    client.post(form, {"comment": "Read it twice."})
    client.post("/account/logout/")
    log_in(client, "other")

    assert "Read it twice." not in client.get(form).content.decode()


def test_asking_for_a_relaxation_needs_recent_proof_too(steward, client):
    sheet = SheetFactory(owner=steward)
    constraints.tighten(row=sheet, terms=NO_TRAINING, by=steward)
    log_in(client, "steward")
    age(client, 16)
    page = reverse("governance:why", args=["workbench.sheet", sheet.pk])

    looser = {"permitted": ["training"], "data_classification": "0", "usage_reason": "We looked again."}
    sent = client.post(page, looser)
    assert sent["Location"].startswith("/account/reauthenticate/")
    back = client.post("/account/reauthenticate/", {"password": PASSWORD, "next": page}, follow=True)

    assert "We looked again." in back.content.decode()
    assert not ApprovalRequest.objects.exists()


def test_a_policy_of_zero_minutes_asks_for_a_session_and_no_more(relaxation, officer, api):
    GatePolicy.objects.update(reauthenticate_minutes=0)
    client = api(officer)
    age(client, 60 * 10)

    assert client.post(f"/api/v1/approvals/{relaxation.pk}/approve/", {"comment": "fine"}).status_code == 200


def test_a_task_or_another_persons_session_signs_nothing(relaxation, officer, steward):
    now = timezone.now()
    for door, user in (("task", officer), ("admin", steward)):
        proved = now if door == "admin" else None
        with (
            context.acting(user=user, door=door, authenticated_at=proved),
            pytest.raises(ReauthenticationRequired),
        ):
            desk.decide(request=relaxation, by=officer, approve=True, comment="fine")


# -- an identity provider -------------------------------------------------------------------------------------


@pytest.fixture
def provider(db, settings, monkeypatch) -> Iterator[Provider]:
    """A real provider, which the site trusts, whose group `wb-approvers` means approver."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")  # for the browser's part, which the tests play themselves
    with running_provider() as running:
        settings.SOCIALACCOUNT_PROVIDERS = oidc_provider(running.url, CLIENT_ID, CLIENT_SECRET, "Example ID")
        settings.OIDC_SERVER_URL, settings.OIDC_NAME = running.url, "Example ID"
        settings.OIDC_ROLES = {"wb-approvers": "approver", "wb-stewards": "data-steward"}
        settings.OIDC_UNKNOWN = "create"
        running.people["ada-1"] = {
            "name": "Ada Lovelace", "preferred_username": "ada", "email": "ada@example.org", "groups": ["wb-approvers"],
        }  # fmt: skip
        yield running


def through(provider: Provider, client: Client, subject: str, address: str = "") -> Any:
    """Go to the provider, say who one is, and come back."""
    sent = client.post(address or "/account/oidc/sso/login/?process=login")
    assert sent["Location"].startswith(f"{provider.url}/authorize?")
    form = requests.get(sent["Location"], timeout=5).text
    hidden = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', form.replace("&amp;", "&")))
    back = requests.post(f"{provider.url}/consent", hidden | {"subject": subject}, allow_redirects=False, timeout=5)
    return client.get(back.headers["Location"].removeprefix("http://testserver"))


def test_the_provider_of_these_tests_satisfies_a_vendors_client(provider):
    """Authlib, which we did not write, gets through: code with PKCE, signed ID token with our nonce."""
    session = OAuth2Session(
        CLIENT_ID, CLIENT_SECRET, scope="openid profile", redirect_uri="http://testserver/back",
        code_challenge_method="S256",
    )  # fmt: skip
    found = requests.get(f"{provider.url}/.well-known/openid-configuration", timeout=5).json()
    address, state = session.create_authorization_url(
        found["authorization_endpoint"], nonce="n-1", code_verifier="v" * 48
    )
    form = requests.get(address, timeout=5).text.replace("&amp;", "&")
    hidden = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', form))
    back = requests.post(f"{provider.url}/consent", hidden | {"subject": "ada-1"}, allow_redirects=False, timeout=5)
    tokens = session.fetch_token(
        found["token_endpoint"], authorization_response=back.headers["Location"], state=state, code_verifier="v" * 48
    )
    keys = KeySet.import_key_set(requests.get(found["jwks_uri"], timeout=5).json())

    decoded = jose.decode(tokens["id_token"], keys, algorithms=["RS256"])
    claims = CodeIDToken(
        decoded.claims, decoded.header, {"iss": {"value": provider.url}, "nonce": {"value": "n-1"}},
        {"nonce": "n-1", "client_id": CLIENT_ID},
    )  # fmt: skip
    claims.validate()
    assert claims["sub"] == "ada-1"
    assert session.get(found["userinfo_endpoint"]).json()["name"] == "Ada Lovelace"


def test_an_unknown_person_gets_an_account_with_the_roles_of_their_groups_that_is_nobodys_yet(provider, client):
    through(provider, client, "ada-1")

    ada = User.objects.get(username="ada")
    assert is_in(client)
    assert [group.role.slug for group in ada.groups.all()] == ["approver"]
    assert (ada.is_staff, ada.is_superuser, ada.person) == (True, False, None)
    assert not ada.has_usable_password()
    assert events()[-1] == ("Ada Lovelace", "oidc", "signed_in")


def test_roles_follow_the_provider_at_every_sign_in_and_are_on_record(provider, client, team):
    through(provider, client, "ada-1")
    ada = User.objects.get(username="ada")
    ada.groups.add(team)
    provider.people["ada-1"]["groups"] = ["wb-stewards", "somebody-elses"]

    through(provider, Client(), "ada-1")

    assert {group.name for group in ada.groups.all()} == {"Data steward", "Team Iris"}
    changes = RecordEntry.objects.filter(kind="governance.user_groups", operation="delete").with_values()
    assert [entry.said["reason"] for entry in changes] == ["roles as the identity provider says"]
    assert {entry.said["actor"] for entry in changes} == {"Ada Lovelace"}


def test_an_unknown_person_is_refused_where_the_site_says_so(provider, client, settings):
    settings.OIDC_UNKNOWN = "refuse"

    answer = through(provider, client, "ada-1")

    assert answer.status_code == 403
    assert "You are not known here" in answer.content.decode()
    assert not User.objects.filter(username="ada").exists()
    assert events() == [("", "oidc", "failed")]


def test_a_name_that_is_taken_here_is_not_taken_over(provider, client, make_user):
    """Providers often let people choose their name; an account is opened by the provider's subject alone."""
    local = make_user("ada", "compliance-officer")

    through(provider, client, "ada-1")

    assert client.session["_auth_user_id"] != str(local.pk)
    assert User.objects.get(pk=client.session["_auth_user_id"]).username != "ada"


def test_an_account_that_was_closed_here_stays_closed(provider, client):
    through(provider, client, "ada-1")
    User.objects.filter(username="ada").update(is_active=False)

    assert through(provider, Client(), "ada-1").status_code == 403


def test_user_information_about_someone_else_is_not_believed(provider, client):
    provider.other_subject = "eve-2"

    answer = through(provider, client, "ada-1")

    assert answer.status_code == 403
    assert not is_in(client)


def test_a_stale_sign_in_at_the_provider_is_no_recent_proof(provider, client):
    """`auth_time` says when the provider saw the person; a session there that is hours old proves nothing now."""
    given = provider.give_code

    def hours_ago(asked: dict[str, str], subject: str) -> str:
        code = given(asked, subject)
        provider.codes[code]["auth_time"] = time.time() - 3 * 3600
        return code

    provider.give_code = hours_ago  # type: ignore[method-assign]
    through(provider, client, "ada-1")

    assert client.session[PROVED_AT] < time.time() - 2 * 3600


def test_proving_it_again_at_the_provider_leads_back_to_the_filled_form(provider, client, relaxation, make_user):
    through(provider, client, "ada-1")
    ada = User.objects.get(username="ada")
    ada.person = make_user("helper").person
    ada.save()
    from governance.roles import group_for

    ada.groups.add(group_for("compliance-officer"))
    age(client, 16)
    form = reverse("admin:governance_approvalrequest_step", args=[relaxation.pk, "approve"])
    client.post(form, {"comment": "Read it twice."})

    asked = client.get(f"/account/reauthenticate/?next={form}", follow=True)
    [address] = re.findall(r'action="(/account/oidc/sso/login/[^"]+)"', asked.content.decode())
    assert "prompt%3Dlogin" in address
    back = through(provider, client, "ada-1", address.replace("&amp;", "&"))

    assert back["Location"] == form
    assert "Read it twice." in client.get(form).content.decode()


def test_a_policy_lets_forms_lead_to_the_provider_and_nowhere_else(tmp_path: Path):
    environment = os.environ | {
        "WORKBENCH_DATA": str(tmp_path), "WORKBENCH_OIDC_SERVER_URL": "https://id.example.org/realms/main",
        "WORKBENCH_OIDC_CLIENT_ID": "workbench",
    }  # fmt: skip
    printed = subprocess.run(
        [sys.executable, "-c", "from workbench import settings as s; print(s.CONTENT_SECURITY_POLICY['DIRECTIVES'])"],
        cwd=django_settings.BASE_DIR, env=environment, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip

    assert "'form-action': [\"'self'\", 'https://id.example.org']" in printed
    assert printed.count("id.example.org") == 1


# -- who sees it ----------------------------------------------------------------------------------------------


def test_the_compliance_officer_reads_the_sign_ins_and_others_do_not(officer, steward, client):
    log_in(Client(), "steward", "guess")
    address = reverse("admin:governance_signinevent_changelist")
    log_in(client, "officer")

    assert "Steward" in client.get(address).content.decode()
    other = Client()
    log_in(other, "steward")
    assert other.get(address).status_code == 403
