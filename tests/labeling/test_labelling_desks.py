"""The desks of labelsets, templates, labels and use cases: open, save through services, hide what is not shared."""

from __future__ import annotations

from itertools import product

import pytest
from django.urls import reverse

from labeling.labels.models import CanonicalLabel
from labeling.labelsets.models import Labelset, LabelsetVersion
from labeling.prompts.models import PromptTemplate, TemplateVersion
from labeling.usecases.models import UseCase

from .factories import bind, make_label, make_labelset, make_sheet, make_template

pytestmark = pytest.mark.django_db
KINDS = ("labeltype", "labelset", "labelsetversion", "prompttemplate", "templateversion", "canonicallabel", "usecase")


@pytest.fixture
def world(steward, approver, team, expert, engineer):
    version = make_sheet(steward, approver, team)
    labelset = make_labelset(expert, approver, team)
    bind(version.sheet, labelset, steward)
    label = make_label(version.sheet, "a1", "card", expert)
    template = make_template(engineer, approver, team, published=False)
    return {"sheet": version.sheet, "labelset": labelset, "label": label, "template": template}


def page(kind: str, what: str, *args: object) -> str:
    return reverse(f"admin:labeling_{kind}_{what}", args=args)


@pytest.mark.parametrize("who", ["engineer", "expert", "viewer", "stranger", "officer"])
def test_every_list_opens_also_with_a_search(request, client, world, who) -> None:
    client.force_login(request.getfixturevalue(who))

    for kind, query in product(KINDS, ({}, {"q": "card"})):
        assert client.get(page(kind, "changelist"), query).status_code == 200


def test_rows_that_are_not_shared_are_neither_listed_nor_opened(client, world, stranger) -> None:
    client.force_login(stranger)

    for kind, row in (("labelset", world["labelset"].labelset), ("canonicallabel", world["label"]),
                      ("prompttemplate", world["template"].template)):  # fmt: skip
        assert str(row.pk) not in client.get(page(kind, "changelist")).content.decode()
        assert client.get(page(kind, "change", row.pk)).status_code == 404
        assert client.get(page(kind, "history", row.pk)).status_code == 404


def test_a_labelset_is_made_from_lines(client, expert) -> None:
    client.force_login(expert)

    answer = client.post(page("labelset", "add"), {
        "name": "Colours", "label_type": "classification", "description": "",
        "classes": "red | like blood | #ff0000\ngreen", "response_schema": "", "seen_columns": "", "instructions": "",
    })  # fmt: skip

    assert answer.status_code == 302, answer.context["errors"]
    version = Labelset.objects.get(name="Colours").versions.get()
    assert version.classes[0] == {"name": "red", "description": "like blood", "color": "#ff0000"}
    assert version.response_schema["properties"]["label"]["enum"] == ["red", "green"]


def test_a_broken_rule_comes_back_as_an_error_of_the_field(client, expert) -> None:
    client.force_login(expert)

    answer = client.post(page("labelset", "add"), {
        "name": "Colours", "label_type": "classification", "classes": "red", "response_schema": '{"enum": ["blue"]}',
    })  # fmt: skip

    assert answer.status_code == 200
    assert "only in the schema" in answer.content.decode()
    assert not Labelset.objects.filter(name="Colours").exists()


def test_a_draft_is_changed_and_its_schema_follows_the_classes(client, expert, approver, team) -> None:
    draft = make_labelset(expert, approver, team, published=False)
    client.force_login(expert)
    form = client.get(page("labelsetversion", "change", draft.pk)).context["adminform"].form

    answer = client.post(page("labelsetversion", "change", draft.pk), {
        "classes": "card\nrefund\nloan", "response_schema": form["response_schema"].value(), "seen_columns": "text",
        "instructions": "Look.",
    })  # fmt: skip

    assert answer.status_code == 302, answer.context["errors"]
    draft = LabelsetVersion.objects.get(pk=draft.pk)
    assert draft.response_schema["properties"]["label"]["enum"] == ["card", "refund", "loan"]
    assert draft.seen_columns == ["text"]


def test_a_published_version_has_no_form(client, world, expert) -> None:
    client.force_login(expert)
    url = page("labelsetversion", "change", world["labelset"].pk)

    assert 'name="_save"' not in client.get(url).content.decode()
    assert client.post(url, {"classes": "x"}).status_code == 403


def test_steps_ask_for_a_reason_and_call_the_service(client, world, expert) -> None:
    client.force_login(expert)
    url = page("canonicallabel", "step", world["label"].pk, "retire")

    assert client.get(url).status_code == 200
    client.post(url, {"reason": "wrong item"})

    assert CanonicalLabel.objects.get().retired_at is not None


def test_the_page_of_a_label_shows_its_data_and_its_history_before_and_after(client, world, expert) -> None:
    make_label(world["sheet"], "a1", "refund", expert)
    client.force_login(expert)

    shown = client.get(page("canonicallabel", "change", world["label"].pk)).content.decode()
    history = client.get(page("canonicallabel", "history", world["label"].pk)).content.decode()

    assert "refund" in shown
    assert "card" in history
    assert "refund" in history


def test_labels_are_brought_under_a_version_from_its_page(client, world, expert) -> None:
    CanonicalLabel.objects.update(labelset=None, labelset_version=None)
    labelset = world["labelset"].labelset
    client.force_login(expert)
    assert client.get(reverse("labeling:labelset-labels", args=[labelset.pk])).status_code == 200

    client.post(reverse("labeling:labelset-bring", args=[labelset.pk, world["sheet"].pk]))

    assert CanonicalLabel.objects.get().labelset_version == world["labelset"]


def test_a_template_is_made_changed_and_tried_out(client, engineer, world) -> None:
    client.force_login(engineer)
    made = client.post(page("prompttemplate", "add"), {
        "name": "Mine", "label_type": "classification", "description": "", "user_prompt": "{{ text }}",
        "input_schema": "text | string | the message",
    })  # fmt: skip
    assert made.status_code == 302, made.context["errors"]
    draft = TemplateVersion.objects.get(template=PromptTemplate.objects.get(name="Mine"))
    form = client.get(page("templateversion", "change", draft.pk)).context["adminform"].form
    shown = {name: form[name].value() for name in form.fields}
    values = {name: "" if value is None else value for name, value in shown.items()}

    changed = client.post(
        page("templateversion", "change", draft.pk),
        values | {"number": "1.1.0", "user_prompt": "About:\n{{ txt }}", "output_schema": '{"type": "string"}'},
    )
    assert changed.status_code == 302, changed.context["errors"]
    tried = client.get(
        reverse("labeling:template-test", args=[draft.pk]), {"sheet": str(world["sheet"].pk), "limit": 2}
    )

    draft.refresh_from_db()
    assert (draft.version, draft.output_schema) == ("1.1.0", {"type": "string"})
    words = tried.content.decode()
    assert "line 2" in words
    assert "nearest" in words


def test_a_template_with_a_syntax_error_is_not_saved(client, engineer, world) -> None:
    client.force_login(engineer)

    answer = client.post(page("prompttemplate", "add"), {
        "name": "Bad", "label_type": "classification", "user_prompt": "a\n{{ text.upper() }}", "input_schema": "",
    })  # fmt: skip

    assert "user_prompt, line 2" in answer.content.decode()
    assert not PromptTemplate.objects.filter(name="Bad").exists()


def test_template_pages_open_for_readers(client, world, viewer) -> None:
    client.force_login(viewer)

    for kind, row in (("prompttemplate", world["template"].template), ("templateversion", world["template"])):
        assert client.get(page(kind, "change", row.pk)).status_code == 200


def test_a_use_case_is_made_regrouped_and_shared(client, world, steward, viewer) -> None:
    client.force_login(steward)
    sheet = world["sheet"]
    client.post(page("usecase", "add"), {"name": "Support", "description": "", "sheets": [str(sheet.pk)]})
    use_case = UseCase.objects.get()
    assert list(use_case.sheets.all()) == [sheet]

    client.post(page("usecase", "change", use_case.pk), {"name": "Support", "description": "more", "sheets": []})
    assert not use_case.sheets.exists()
    client.post(reverse("labeling:usecase-share", args=[use_case.pk]), {"user": "viewer", "level": "view"})

    assert UseCase.objects.visible_to(viewer).get().description == "more"


def test_the_list_of_labels_takes_few_queries(client, world, expert, django_assert_max_num_queries) -> None:
    for ref in ("a2", "a3", "a4"):
        make_label(world["sheet"], ref, "card", expert)
    client.force_login(expert)
    client.get(page("canonicallabel", "changelist"))

    with django_assert_max_num_queries(30):
        client.get(page("canonicallabel", "changelist"))
