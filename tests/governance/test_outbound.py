"""Which addresses are called: where a name leads decides, each time, at the connection itself."""

from __future__ import annotations

import ast
import asyncio
import re
import socket
from pathlib import Path

import httpx
import pytest
import requests
from django.conf import settings
from django.db import IntegrityError, transaction

from governance.errors import AddressRefused, InvalidInput, NotPermitted, ReasonRequired
from governance.models import AllowedAddress, RecordEntry
from governance.outbound import services
from governance.outbound.addresses import allowance_of, allowances, check_url, of_a_setting, text_of
from governance.outbound.checks import check_allowed_addresses
from governance.outbound.clients import CheckedSession, CheckedTransport
from tests.workbench.fake_openai import running
from tests.world import OUR_APPS
from workbench.endpoints import services as endpoints
from workbench.endpoints.models import ModelEndpoint
from workbench.endpoints.port import Question

ROOT = Path(settings.BASE_DIR)

# Each leads to a place that is not public, or is written so that two programs read two hosts in it.
REFUSED = (
    "http://127.0.0.1/v1", "http://127.1.2.3/v1", "http://localhost/v1", "http://LOCALHOST./v1", "http://[::1]/v1",
    "http://0.0.0.0/v1", "http://[::]/v1", "http://10.0.0.1/v1", "http://172.16.0.1/v1", "http://192.168.1.1/v1",
    "http://100.64.0.1/v1", "http://100.100.100.200/v1", "http://169.254.169.254/latest/meta-data/",
    "http://169.254.1.1/v1", "http://168.63.129.16/v1", "http://192.0.0.192/v1", "http://198.18.0.1/v1",
    "http://224.0.0.251/v1", "http://239.1.1.1/v1", "http://240.0.0.1/v1", "http://255.255.255.255/v1",
    "http://[fe80::1]/v1", "http://[fec0::1]/v1", "http://[fc00::1]/v1", "http://[fd00:ec2::254]/v1",
    "http://[ff02::1]/v1", "http://[::ffff:127.0.0.1]/v1", "http://[::ffff:a9fe:a9fe]/v1", "http://[::127.0.0.1]/v1",
    "http://[64:ff9b::7f00:1]/v1", "http://[64:ff9b::a9fe:a9fe]/v1", "http://[64:ff9b:1::a00:1]/v1",
    "http://[2002:7f00:1::]/v1", "http://[2001:0:4136:e378:8000:63bf:80ff:fffe]/v1", "http://[2001:db8::1]/v1",
    "http://2130706433/v1", "http://0x7f000001/v1", "http://0x7f.1/v1", "http://0177.0.0.1/v1", "http://127.1/v1",
    "http://127.0.0.1.:80/v1", "http://user@127.0.0.1/v1", "http://user:word@models.example.com/v1",
    "http://models.example.com@127.0.0.1/v1", "http://models.example.com\\@127.0.0.1/v1", "http://127。0。0。1/v1",
    "http://①②⑦.0.0.1/v1", "http://127.0.0.1%2f@models.example.com/v1", "http://[fe80::1%25eth0]/v1",
    "http://models.example.com:0/v1", "http://models.example.com:99999/v1", "http:///v1", "http://-x.example.com/v1",
    "ftp://models.example.com/v1", "file:///etc/passwd", "gopher://models.example.com/v1", "//models.example.com/v1",
    "http://models.example.com/\tv1", "http://[::1", "javascript:alert(1)", "unix:///var/run/docker.sock",
)  # fmt: skip
PUBLIC = ("http://8.8.8.8/v1", "https://1.1.1.1:8443/v1", "https://[2606:4700::1111]/v1", "http://[64:ff9b::808:808]/")


def resolving(monkeypatch, **names: list[str] | str) -> list[str]:
    """Names lead where the test says; returns what was asked, in order."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def lookup(host, port, *args, **options):
        asked.append(host)
        found = names.get(str(host).split(".")[0])
        if found is None:
            return real(host, port, *args, **options)
        addresses = found.pop(0).split() if isinstance(found, list) else found.split()
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port))
            for one in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    return asked


# -- what is refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", REFUSED)
def test_an_address_that_is_not_public_or_not_plainly_written_is_refused(url):
    with pytest.raises(AddressRefused):
        check_url(url, ())


@pytest.mark.parametrize("url", PUBLIC)
def test_a_public_address_is_called(url):
    check_url(url, ())


def test_a_refusal_names_the_address_why_and_who_can_allow_it_where(monkeypatch):
    resolving(monkeypatch, models="10.2.0.7")

    with pytest.raises(AddressRefused) as refused:
        check_url("https://models.example.com/v1", (), field="base_url")

    assert str(refused.value) == (
        "models.example.com:443 may not be called: it leads to 10.2.0.7, which is a private address. If it should be "
        "called, an administrator can allow it under Allowed addresses, or whoever keeps the server with "
        "WORKBENCH_OUTBOUND_ALLOWED."
    )
    assert refused.value.field == "base_url"


def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch):
    resolving(monkeypatch, models="8.8.8.8 10.0.0.1")

    with pytest.raises(AddressRefused, match=r"leads to 10\.0\.0\.1"):
        check_url("https://models.example.com/v1", ())


@pytest.mark.parametrize(
    ("allowed", "url", "fine"),
    [
        ("127.0.0.1", "http://127.0.0.1:11434/v1", True),
        ("127.0.0.1:11434", "http://127.0.0.1:11434/v1", True),
        ("127.0.0.1:11434", "http://127.0.0.1:6379/", False),
        ("127.0.0.0/8", "http://127.9.9.9/v1", True),
        ("127.0.0.1", "http://[::ffff:127.0.0.1]/v1", True),
        ("127.0.0.1", "http://[::1]/v1", False),
        ("[::1]:80", "http://[::1]/v1", True),
        ("localhost", "http://localhost/v1", True),
        ("localhost", "http://LOCALHOST./v1", True),
        ("localhost", "http://127.0.0.1/v1", False),
        ("inside.example.com", "http://inside.example.com/v1", True),
        ("inside.example.com", "http://other.example.com/v1", False),
        ("cloud.example.com", "http://cloud.example.com/v1", False),
        ("169.254.169.254", "http://169.254.169.254/", True),
        ("169.254.0.0/16", "http://169.254.169.254/", False),
        ("169.254.0.0/16", "http://169.254.1.1/", True),
    ],
)
def test_an_allowance_opens_what_it_names_and_no_more(monkeypatch, allowed, url, fine):
    resolving(monkeypatch, inside="10.2.0.7", other="10.2.0.8", cloud="169.254.169.254")
    rules = (allowance_of(allowed),)

    if fine:
        check_url(url, rules)
    else:
        with pytest.raises(AddressRefused):
            check_url(url, rules)


@pytest.mark.parametrize(
    "text", ["", "http://x", "a b", "*", "10.0.0.0/33", "0.0.0.0/0", "::/0", "x:0", "x:y", "0x7f.1", "a..b"]
)
def test_what_is_no_host_address_or_network_cannot_be_allowed(text):
    with pytest.raises(InvalidInput):
        allowance_of(text)


@pytest.mark.parametrize(
    ("written", "kept"),
    [("LOCALHOST.:80", "localhost:80"), ("10.1.2.3/16", "10.1.0.0/16"), ("10.1.2.3/32", "10.1.2.3"),
     ("[0:0::1]:80", "[::1]:80"), ("fd00::/8", "fd00::/8")],
)  # fmt: skip
def test_an_allowance_is_kept_in_one_form(written, kept):
    assert text_of(allowance_of(written)) == kept
    assert allowance_of(kept) == allowance_of(written)


def test_a_setting_that_allows_nothing_that_can_be_read_is_found_when_the_site_starts(settings):
    settings.OUTBOUND_ALLOWED = ["localhost:11434", "http://x"]

    [fault] = check_allowed_addresses()

    assert "WORKBENCH_OUTBOUND_ALLOWED: 'http://x' is no host with a port" in fault.msg


# -- the connection itself ------------------------------------------------------------------------------------


def get(url: str, *allowed: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=CheckedTransport(map(allowance_of, allowed))) as client:
            return await client.get(url)

    return asyncio.run(ask())


def get_in_turn(url: str, *allowed: str) -> requests.Response:
    with CheckedSession(map(allowance_of, allowed)) as session:
        return session.get(url)


@pytest.mark.parametrize("call", [get, get_in_turn])
def test_both_clients_refuse_a_private_address_and_call_it_once_it_is_allowed(call):
    with running() as server:
        for url in (f"{server.url}/models", f"{server.url}/models".replace("127.0.0.1", "localhost")):
            with pytest.raises(AddressRefused, match="loopback"):
                call(url)

        answer = call(f"{server.url}/models", "127.0.0.1")

    assert answer.status_code == 200


@pytest.mark.parametrize("call", [get, get_in_turn])
def test_a_name_that_leads_elsewhere_after_it_was_checked_is_refused_when_it_is_called(monkeypatch, call):
    resolving(monkeypatch, rebound=["8.8.8.8", "127.0.0.1"])
    with running() as server:
        port = server.url.split(":")[2].split("/")[0]
        check_url(f"http://rebound.example.com:{port}/v1", ())

        with pytest.raises(AddressRefused, match="rebound"):
            call(f"http://rebound.example.com:{port}/v1/models")

    assert server.calls == 0


@pytest.mark.parametrize("call", [get, get_in_turn])
def test_a_connection_asks_once_where_the_name_leads_and_goes_there(monkeypatch, call):
    asked = resolving(monkeypatch, moving=["127.0.0.1", "169.254.169.254"])
    with running() as server:
        port = server.url.split(":")[2].split("/")[0]
        answer = call(f"http://moving.example.com:{port}/v1/models", "127.0.0.1")

    assert answer.status_code == 200
    assert [name for name in asked if "moving" in str(name)] == ["moving.example.com"]


@pytest.mark.parametrize("call", [get, get_in_turn])
def test_credentials_in_an_address_are_refused_by_the_clients_too(call):
    with pytest.raises(AddressRefused, match="user name or password"):
        call("http://user:word@8.8.8.8/v1")


def test_a_redirect_is_not_followed():
    with running("redirect") as server, CheckedSession([allowance_of("127.0.0.1")]) as session:
        answer = session.post(f"{server.url}/chat/completions", json={"model": "m"})

    assert answer.status_code == 307 and server.calls == 1


def test_proxies_of_the_environment_are_not_used(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with running() as server:
        assert get(f"{server.url}/models", "127.0.0.1").status_code == 200
        assert get_in_turn(f"{server.url}/models", "127.0.0.1").status_code == 200


# -- model endpoints ------------------------------------------------------------------------------------------


def asked(endpoint: ModelEndpoint) -> str:
    answers: list = []
    question = Question(key="1", messages=[{"role": "user", "content": "Which?"}], classification=0)
    endpoints.answer_all(endpoint=endpoint, questions=[question], on_answer=answers.append)
    return str(answers[0].error)


def test_an_endpoint_with_a_private_address_is_refused_when_saved_and_named_in_the_form(engineer, client, api):
    with pytest.raises(AddressRefused, match="loopback") as refused:
        endpoints.create_endpoint(by=engineer, name="Mine", base_url="http://localhost:11434/v1", model_name="m")
    client.force_login(engineer)
    page = client.post("/admin/workbench/modelendpoint/add/", {
        "name": "Mine", "engine": "openai", "base_url": "http://localhost:11434/v1", "model_name": "m",
        "max_classification": 1, "max_in_flight": 1, "timeout_seconds": 5, "retries": 0, "is_active": "on",
    })  # fmt: skip
    answer = api(engineer).post(
        "/api/v1/endpoints/", {"name": "Mine", "base_url": "http://localhost:11434/v1", "model_name": "m"}
    )

    assert refused.value.field == "base_url"
    assert "localhost:11434 may not be called" in page.content.decode()
    assert answer.status_code == 400
    assert (answer.json()["code"], answer.json()["address"]) == ("address_refused", "127.0.0.1")
    assert not ModelEndpoint.objects.filter(name="Mine").exists()


def test_an_endpoint_whose_address_is_no_longer_allowed_is_not_asked_and_can_be_switched_off(engineer, settings):
    with running() as server:
        settings.OUTBOUND_ALLOWED = ["127.0.0.1"]
        endpoint = endpoints.create_endpoint(by=engineer, name="Mine", base_url=server.url, model_name="m", retries=3)
        assert asked(endpoint) == ""

        settings.OUTBOUND_ALLOWED = []
        refused = asked(endpoint)

    assert refused.startswith("“Mine” was not asked: 127.0.0.1:") and "Allowed addresses" in refused
    assert server.calls == 1
    assert not endpoints.update_endpoint(endpoint=endpoint, by=engineer, is_active=False).is_active


def test_an_endpoint_whose_name_comes_to_lead_inside_is_not_asked(engineer, monkeypatch):
    endpoint = ModelEndpoint.objects.create(name="Moved", base_url="http://moved.example.com/v1", model_name="m")
    resolving(monkeypatch, moved="10.0.0.1")

    assert "leads to 10.0.0.1, which is a private address" in asked(endpoint)


# -- rows that allow ------------------------------------------------------------------------------------------


@pytest.fixture
def administrator(make_user):
    user = make_user("administrator")
    user.is_superuser = True
    user.save()
    return user


def test_an_administrator_allows_an_address_on_record_and_ends_that(administrator, engineer):
    with running() as server:
        endpoint = ModelEndpoint.objects.create(name="Mine", base_url=server.url, model_name="m")
        row = services.allow_address(by=administrator, address="127.0.0.1", reason="Our own GPU server")
        assert asked(endpoint) == ""

        services.revoke_address(allowed=row, by=administrator, reason="It has moved")
        assert "was not asked" in asked(endpoint)

    entries = RecordEntry.objects.filter(kind="governance.allowedaddress").order_by("version").with_values()
    assert [entry.said["reason"] for entry in entries] == ["Our own GPU server", "It has moved"]
    assert services.allow_address(by=administrator, address="127.0.0.1", reason="And back").pk != row.pk


def test_nobody_but_an_administrator_allows_or_ends(administrator, engineer, officer, api):
    row = services.allow_address(by=administrator, address="10.2.0.0/16", reason="The cluster")

    for user in (engineer, officer):
        with pytest.raises(NotPermitted, match="Only an administrator"):
            services.allow_address(by=user, address="10.3.0.0/16", reason="Mine")
        with pytest.raises(NotPermitted):
            services.revoke_address(allowed=row, by=user, reason="No")
    assert api(engineer).get("/api/v1/allowed-addresses/").status_code == 403
    assert api(officer).get(f"/api/v1/allowed-addresses/{row.pk}/").json()["address"] == "10.2.0.0/16"
    assert api(officer).post("/api/v1/allowed-addresses/", {"address": "x", "reason": "y"}).status_code == 403


def test_a_reason_is_needed_and_one_address_is_allowed_once(administrator):
    with pytest.raises(ReasonRequired):
        services.allow_address(by=administrator, address="localhost", reason=" ")
    services.allow_address(by=administrator, address="localhost:80", reason="Mine")

    with pytest.raises(InvalidInput, match="allowed already"):
        services.allow_address(by=administrator, address="LOCALHOST.:80", reason="Mine")
    with pytest.raises(IntegrityError, match=r"allowedaddress_once|UNIQUE"), transaction.atomic():
        AllowedAddress.objects.create(address="localhost:80", reason="x", allowed_by=administrator)


def test_an_administrator_allows_and_ends_in_the_portal_and_over_rest(administrator, client, api):
    client.force_login(administrator)
    client.post("/admin/governance/allowedaddress/add/", {"address": "10.2.0.7:8000", "reason": "The GPU server"})
    row = AllowedAddress.objects.get()
    answer = api(administrator).post(
        f"/api/v1/allowed-addresses/{row.pk}/revoke/", {"reason": "Moved"}
    )
    made = api(administrator).post("/api/v1/allowed-addresses/", {"address": "10.2.0.8", "reason": "The new one"})

    assert (row.address, row.reason, row.allowed_by) == ("10.2.0.7:8000", "The GPU server", administrator)
    assert answer.json()["revoked_at"] is not None
    assert made.status_code == 201
    assert [text_of(one) for one in allowances()] == ["10.2.0.8"]


# -- no other way out -----------------------------------------------------------------------------------------

CLIENTS = re.compile(
    r"^(socket|socketserver|ssl|http\.client|urllib\.request|urllib3|requests|httpx\w*|aiohttp|openai|smtplib|ftplib"
    r"|telnetlib|poplib|imaplib|nntplib|xmlrpc|websockets?|paramiko|boto3?\w*|botocore|google|azure|redis|fsspec|pyarrow\.fs)(\.|$)"
)
OPENS = {"open_connection", "open_unix_connection", "create_datagram_endpoint", "sock_connect", "urlopen"}
MAY_CALL = {
    "governance/outbound/addresses.py": "asks where a name leads",
    "governance/outbound/clients.py": "the only clients there are",
    "workbench/endpoints/openai_engine.py": "the vendor's client, over the transport of governance.outbound",
    "governance/sign_in/openid.py": "the name of an error; its session is of governance.outbound",
    "governance/leases.py": "the name of this machine",
    "governance/record/delivering.py": "S3's own client; the server's settings alone name the place",
    "workbench/management/commands/start.py": "whether the site that it has just started answers",
}


def ways_out(source: str) -> list[str]:
    """Names of modules and functions in `source` that could open a connection."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [one.name for one in node.names if CLIENTS.match(one.name)]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [f"{node.module}.{one.name}" for one in node.names]
            found += [name for name in (str(node.module), *names) if CLIENTS.match(name)][:1]
        elif isinstance(node, ast.Attribute) and node.attr in OPENS:
            found.append(node.attr)
    return found


def test_the_search_for_ways_out_finds_them():
    assert ways_out("import urllib.request\nfrom http import client\nimport httpx") == [
        "urllib.request", "http.client", "httpx",
    ]  # fmt: skip
    assert ways_out("asyncio.open_connection('x', 1)\nfrom urllib.parse import urlsplit") == ["open_connection"]


def test_what_a_setting_names_is_called_there_and_nowhere_else(monkeypatch):
    resolving(monkeypatch, inside="10.2.0.7", other="10.2.0.8")
    trusted = (of_a_setting("https://inside.example.com/realms/main"),)

    check_url("https://inside.example.com/token", trusted)
    for elsewhere in ("https://inside.example.com:8443/", "https://other.example.com/", "https://10.2.0.7/"):
        with pytest.raises(AddressRefused):
            check_url(elsewhere, trusted)


def test_no_other_module_opens_a_connection():
    files = [path for app in OUR_APPS for path in sorted((ROOT / app).rglob("*.py"))]
    found = {
        path.relative_to(ROOT).as_posix(): ways for path in files if (ways := ways_out(path.read_text("utf-8")))
    }

    assert set(found) == set(MAY_CALL), "call through governance.outbound.clients, or name the module with its reason"
