"""Rights that hold at every door: who may only view changes nothing, and other teams' rows do not exist.

All addresses are found by looking at the URL configuration, so that a new page or action is covered at once.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import models
from django.urls import URLPattern, reverse

from governance import access
from governance.admin_base import DeskAdmin
from governance.models import (
    AccountLink,
    AllowedAddress,
    Collection,
    ErasureRequest,
    EvidenceExport,
    GatePolicy,
    HandOut,
    LegalHold,
    MembershipEnd,
    Person,
    PolicyProposal,
    SavedQuestion,
    SeenAs,
    TagRule,
    User,
)
from labeling.models import LabelType
from tests.world import OUR_APPS, World, make_world
from workbench.models import ModelEndpoint

WORD = "zanzibar"
# By role, not by row.
SHARED_BY_ALL = {
    AccountLink, AllowedAddress, ErasureRequest, EvidenceExport, GatePolicy, HandOut, LabelType, LegalHold,
    MembershipEnd, ModelEndpoint, Person, PolicyProposal, SavedQuestion, SeenAs, TagRule, User,
}  # fmt: skip
TEAM_ROLES = ("data-steward", "domain-expert", "approver", "ml-engineer", "agent-developer", "viewer")
BODY = {
    "reason": "because", "comment": "because", "notes": "because", "name": "taken over", "description": "taken over",
    "version": 1, "action": "approve", "level": "view", "group": "The team", "usage_reason": "because",
    "prohibited_uses": ["training"], "allowed_uses": [], "data_classification": "restricted", "data": {"label": "x"},
    "alias": "champion", "answer": {"label": "x"},
}  # fmt: skip


def patterns(kind: str) -> Iterator[tuple[str, URLPattern]]:
    """Every address in the `<kind>_urls` of our apps, with its converters still in it."""
    root = {"portal": "admin/", "api": "api/v1/"}[kind]
    for app in OUR_APPS:
        if find_spec(f"{app}.{kind}_urls"):
            for pattern in import_module(f"{app}.{kind}_urls").urlpatterns:
                yield root + str(pattern.pattern), pattern


def addresses(path: str, pattern: URLPattern, world: World) -> list[str]:
    """The address with rows of `world` put in: the row of the view's model; where that is not known, each row of its
    app; where the address says the kind, each row there is."""
    path = "/" + re.sub(r"[\^$]|\\Z", "", path)
    slots = re.findall(r"<[^>]+>|\(\?P<[^>]+>\[[^\]]+\]\+\)", path)
    if not slots:
        return [path]
    if len(slots) == 1 and "uuid" not in slots[0]:
        rows = [world[model]] if (model := _model_of(pattern)) in world else []
    else:
        rows = list(world.values())
        if not any("kind" in slot for slot in slots):
            app = pattern.callback.__module__.partition(".")[0]
            rows = [row for row in rows if row._meta.app_label == app]
    return [_filled(path, slots, row) for row in rows]


def _model_of(pattern: URLPattern) -> Any:
    view = pattern.callback
    if queryset := getattr(getattr(view, "cls", None), "queryset", None):
        return queryset.model
    return getattr(getattr(view, "model_admin", None), "model", None)


def _filled(path: str, slots: list[str], row: models.Model) -> str:
    for slot in slots:
        if "kind" in slot:
            value = row._meta.label_lower
        elif "ref" in slot:
            value = f"{WORD}.rows"
        elif "step_name" in slot or "slug" in slot:
            value = "archive"
        else:
            value = str(row.pk)
        path = path.replace(slot, value, 1)
    return path


def list_of(model: type[models.Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def admin_addresses(world: World) -> list[str]:
    """Pages of every row's desk: lists, forms, histories, and each of its steps."""
    found = []
    for model, desk in admin.site._registry.items():
        info = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        found += [list_of(model), reverse(f"{info}_add")]
        if model not in world:
            continue
        key = world[model].pk
        found += [reverse(f"{info}_{page}", args=[key]) for page in ("change", "delete", "history")]
        if isinstance(desk, DeskAdmin):
            found += [reverse(f"{info}_step", args=[key, step.name]) for step in desk.steps]
        if hasattr(model._meta, "simple_history_manager_attribute"):
            version = world[model].history.first()
            found.append(reverse(f"{info}_simple_history", args=[key, version.pk]) if version else found[-1])
    return found


def page_addresses(world: World) -> list[str]:
    """Our own pages under /admin/."""
    return [address for path, pattern in patterns("portal") for address in addresses(path, pattern, world)]


def api_addresses(world: World) -> list[str]:
    found = [address for path, pattern in patterns("api") for address in addresses(path, pattern, world)]
    return sorted({address for address in found if "format" not in address})


def names_them(answer: Any, address: str) -> bool:
    """Whether the other team's word stands in the answer, besides where it repeats what was asked for."""
    said = b"".join(answer.streaming_content) if answer.streaming else answer.content
    text = said.decode(errors="replace").lower()
    return WORD in (text.replace(f"{WORD}.rows", "") if f"{WORD}.rows" in address else text)


def everything_stored() -> str:
    """A digest of all rows of all our tables, histories included."""
    digest = hashlib.sha256()
    for app in OUR_APPS:
        for model in apps.get_app_config(app).get_models():
            rows = sorted(map(str, model._base_manager.values_list()))
            digest.update(f"{model._meta.label} {rows}".encode())
    return digest.hexdigest()


def share_all(world: World, team: Group, level: str) -> None:
    for row in world.values():
        if isinstance(row, Collection):
            access.share(collection=row, to=team, level=level, by=row.owner)


@pytest.fixture
def team(db) -> Group:
    return Group.objects.create(name="The team")


@pytest.fixture
def ours(make_user, team) -> World:
    """Rows of a team that may even change them, as far as the role goes."""
    world = make_world("ours", make_user("owner"))
    share_all(world, team, "change")
    return world


@pytest.fixture
def theirs(make_user) -> World:
    return make_world(WORD, make_user("other"))


@pytest.fixture
def onlooker(make_user, team) -> User:
    return make_user("onlooker", "viewer", groups=(team,))


@pytest.fixture
def colleague(make_user, team) -> User:
    """Every role of a team at once, so that no page is closed to them for their role."""
    return make_user("colleague", *TEAM_ROLES, groups=(team,))


# -- who may only view ----------------------------------------------------------------------------------------


@pytest.mark.one_database
def test_who_may_only_view_changes_nothing_in_the_portal(ours, onlooker, client):
    client.force_login(onlooker)
    before = everything_stored()

    answers = {
        address: client.post(address, BODY | {"_save": "Save", "post": "yes", "data": "{}"}).status_code
        for address in sorted({*admin_addresses(ours), *page_addresses(ours)})
    }

    assert not [address for address, status in answers.items() if status >= 500]
    accepted = [address for address, status in answers.items() if status < 400]
    assert everything_stored() == before, f"a viewer's POST changed something, most likely one of {accepted}"


@pytest.mark.one_database
def test_the_matrix_of_the_portal_reaches_forms_and_steps(ours):
    addresses = admin_addresses(ours)

    assert any("/do/" in address for address in addresses)
    assert any(re.search(r"/history/\d+/", address) for address in addresses)


@pytest.mark.one_database
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_who_may_only_view_changes_nothing_through_the_api(method, ours, onlooker, client):
    client.force_login(onlooker)
    before = everything_stored()

    send = getattr(client, method)
    answers = {
        address: send(address, json.dumps(BODY), content_type="application/json").status_code
        for address in api_addresses(ours)
    }

    assert not [address for address, status in answers.items() if status >= 500]
    accepted = [address for address, status in answers.items() if status < 300]  # previews only compute an answer
    assert everything_stored() == before, f"a viewer's {method} changed something, most likely one of {accepted}"


@pytest.mark.one_database
def test_who_may_only_view_is_offered_no_button(ours, onlooker):
    offered = [
        f"{model._meta.label}: {step.label}"
        for model, desk in admin.site._registry.items()
        if isinstance(desk, DeskAdmin) and model in ours
        for step in desk.steps
        if step.is_open(ours[model], onlooker)
    ]

    assert not offered


# -- other teams' rows ----------------------------------------------------------------------------------------


@pytest.mark.one_database
@pytest.mark.parametrize("whose", ["theirs", "ours"])
def test_rows_of_another_team_show_nowhere_in_the_portal(whose, ours, theirs, colleague, client):
    client.force_login(colleague)
    pages = {reverse("admin:index"), "/admin/search/?q=zanziba"}
    world = {"ours": ours, "theirs": theirs}[whose]
    pages |= {*admin_addresses(world), *page_addresses(world)}
    pages |= {f"{page}?q=zanziba" for page in map(list_of, admin.site._registry)}

    shown = [page for page in pages if names_them(client.get(page, follow=True), page)]

    assert not shown


def test_rows_of_another_team_are_offered_by_no_autocomplete(ours, theirs, colleague, client):
    client.force_login(colleague)
    asked = [
        {"app_label": field.model._meta.app_label, "model_name": field.model._meta.model_name, "field_name": field.name}
        for model in admin.site._registry
        for field in model._meta.concrete_fields
        if field.many_to_one
    ]

    offered = [
        one
        for one in asked
        if WORD in client.get(reverse("admin:autocomplete"), one | {"term": "zanziba"}).content.decode().lower()
    ]

    assert asked and not offered


def test_rows_of_another_team_show_nowhere_in_the_api(ours, theirs, colleague, client):
    client.force_login(colleague)

    shown = [
        address
        for address in {*api_addresses(theirs), *api_addresses(ours)}
        if names_them(client.get(address), address)
    ]

    assert not shown


def test_rows_of_another_team_answer_404_in_the_api(theirs, colleague, client):
    client.force_login(colleague)
    rows = World({model: row for model, row in theirs.items() if model not in SHARED_BY_ALL})
    details = [address for address in api_addresses(rows) if re.search(r"/[0-9a-f-]{36}/$", address)]

    found = {address: code for address in details if (code := client.get(address).status_code) not in {404, 405}}

    assert details and not found


@pytest.mark.one_database
def test_the_owner_meets_the_word_everywhere(theirs, client):
    """The searches above look at pages that do show the rows to those who may see them."""
    owner = User.objects.get(username="other")
    owner.groups.add(*Group.objects.filter(role__slug__in=TEAM_ROLES))
    client.force_login(owner)
    lists = [list_of(model) for model in admin.site._registry if issubclass(model, Collection)]

    silent = [one for one in lists if WORD not in client.get(one).content.decode().lower()]

    assert lists and not silent


def test_the_doors_that_were_tried_are_counted(ours, capsys):
    doors = {
        "pages of lists, forms, histories and steps": admin_addresses(ours),
        "our own pages and downloads": page_addresses(ours),
        "addresses of the API": api_addresses(ours),
        "kinds of row": list(admin.site._registry),
    }

    with capsys.disabled():
        print("\n" + ", ".join(f"{len(found)} {name}" for name, found in doors.items()), end=" ")  # noqa: T201
    assert all(doors.values())
