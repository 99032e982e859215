"""Several experts as their browsers meet them: three answer blind, a fourth settles, and the label's page says who."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from governance.models import RecordEntry
from governance.roles import group_for
from labeling.agreement.models import Opinion, Turn
from labeling.labels.models import CanonicalLabel

from .factories import bind, make_labelset, make_sheet

pytestmark = pytest.mark.django_db


@pytest.fixture
def sheet(steward, approver, team, expert, stranger):
    version = make_sheet(steward, approver, team)
    bind(version.sheet, make_labelset(expert, approver, team, seen_columns=["text"]), steward)
    foreign = make_sheet(stranger, approver, approver, name="Foreign")
    bind(foreign.sheet, make_labelset(stranger, approver, approver, name="Foreign topics"), stranger)
    return version.sheet


@pytest.fixture
def browser():
    def of(user) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return of


@pytest.fixture
def at(sheet):
    def url(name: str, **more: str) -> str:
        return f"{reverse(f'labeling:{name}')}?{urlencode({'sheet': sheet.pk, 'label_type': 'classification', **more})}"

    return url


def answer(client: Client, url: str, name: str) -> str:
    """Fills in the form that the page shows; the item that comes next."""
    form = client.get(url).context["answer_form"]
    posted = client.post(
        url,
        {form.add_prefix(next(name for name in form.fields if "label" in name)): name, "opinion-confidence": "high"},
    )
    assert posted.status_code == 302, posted.content.decode()
    return parse_qs(urlsplit(posted.url).query).get("item", [""])[0]


def test_three_answer_blind_a_fourth_settles_and_the_page_of_the_label_says_who(
    browser, at, sheet, make_user, team, expert, steward
) -> None:
    people = [make_user(name, "domain-expert", groups=(team,)) for name in ("ann", "bob", "cy", "dee")]
    ann, bob, cy, dee = map(browser, people)
    labelset = sheet.labelset_bindings.get().labelset
    step = reverse("admin:labeling_labelset_step", args=[labelset.pk, "ask-opinions"])
    asked = browser(expert).post(step, {"number": 3, "reason": "three heads"})
    assert asked.status_code == 302

    assigned = browser(steward).post(at("experts-assign"), {"experts": [people[0].pk], "items": "a2\n"})
    assert assigned.status_code == 302
    assert "item=a2" in ann.post(at("experts-next")).url
    assert answer(ann, at("experts-item", item="a2"), "card") == "a1"
    for client, first, second in ((ann, "card", ""), (bob, "card", "refund")):
        for ref, name in (("a1", first), ("a2", second)):
            if name:
                answer(client, at("experts-item", item=ref), name)
    blind = cy.get(at("experts-item", item="a2"))
    assert blind.context["own"] is None
    for word in ("Ann", "Bob", "Jane Smith"):
        assert word not in blind.content.decode()
    early = dee.get(at("experts-settle", item="a2"), follow=True).content.decode()
    assert "2 of the 3 opinions" in early
    for ref in ("a1", "a2"):
        answer(cy, at("experts-item", item=ref), "card")

    rows = {row["ref"]: (row["given"], row["state"]["text"]) for row in ann.get(at("experts")).context["rows"]}
    assert rows == {"a1": (3, "agreed"), "a2": (3, "conflict"), "a3": (0, "open"), "a4": (0, "open")}
    report = browser(steward).get(at("experts-agreement", field="label"))
    assert report.context["report"].confusions == [("card", "refund", 2)]
    assert ann.get(at("experts-agreement")).status_code == 403
    ann.post(at("experts-agree"))
    assert [one.item_ref for one in CanonicalLabel.objects.filter(sheet=sheet)] == ["a1"]

    own = ann.get(at("experts-settle", item="a2"), follow=True).content.decode()
    assert "someone else must settle it" in own
    page = dee.get(at("experts-settle", item="a2"))
    assert [line["differs"] for line in page.context["sides"]] == [True]
    choice = next(value for value, text in page.context["form"].fields["choice"].choices if "Bob" in text)
    fields = {"settle-choice": choice, "settle-confidence": "high"}
    assert "This field is required" in dee.post(at("experts-settle", item="a2"), fields).content.decode()
    done = dee.post(at("experts-settle", item="a2"), {**fields, "settle-reason": "money back is asked for"})
    assert done.status_code == 302

    label = CanonicalLabel.objects.get(sheet=sheet, item_ref="a2")
    shown = ann.get(reverse("admin:labeling_canonicallabel_change", args=[label.pk])).content.decode()
    assert label.data == {"label": "refund"}
    for words in ("money back is asked for", "By Dee", "Ann", "Bob", "Cy", "settled by a third person"):
        assert words in shown


def test_a_conflict_may_be_settled_with_an_answer_that_nobody_gave(browser, at, make_user, team, sheet, expert) -> None:
    labelset = sheet.labelset_bindings.get().labelset
    step = reverse("admin:labeling_labelset_step", args=[labelset.pk, "ask-opinions"])
    browser(expert).post(step, {"number": 2, "reason": "two heads"})
    ann, bob, dee = (browser(make_user(name, "domain-expert", groups=(team,))) for name in ("ann", "bob", "dee"))
    answer(ann, at("experts-item", item="a1"), "card")
    answer(bob, at("experts-item", item="a1"), "card")

    form = dee.get(at("experts-settle", item="a1")).context["answer_form"]
    values = {"settle-choice": "another", "settle-confidence": "low", "settle-reason": "the guide says so"}
    dee.post(
        at("experts-settle", item="a1"),
        {**values, form.add_prefix(next(name for name in form.fields if "label" in name)): "refund"},
    )

    assert CanonicalLabel.objects.get(sheet=sheet).data == {"label": "refund"}


def test_a_hidden_sheet_does_not_exist_and_pages_have_no_inline_script(browser, at, make_user, expert) -> None:
    outsider = browser(make_user("outsider", "domain-expert"))
    for name in ("experts", "experts-item", "experts-settle"):
        assert outsider.get(at(name, item="a1")).status_code == 404
    assert outsider.post(at("experts-next")).status_code == 404
    for url in (reverse("labeling:experts"), at("experts"), at("experts-item", item="a1")):
        page = browser(expert).get(url).content.decode()
        assert " style=" not in page
        assert "<script>" not in page


def test_those_who_may_only_look_give_no_opinion(browser, at, viewer, sheet) -> None:
    page = browser(viewer).get(at("experts-item", item="a1"))
    form = page.context["answer_form"]

    said = browser(viewer).post(
        at("experts-item", item="a1"),
        {form.add_prefix(next(name for name in form.fields if "label" in name)): "card", "opinion-confidence": "high"},
    )

    assert "Save and next" not in page.content.decode()
    assert "roles do not include" in said.content.decode()
    assert not Opinion.objects.exists()


def ask_two(browser, sheet, expert) -> None:
    step = reverse("admin:labeling_labelset_step", args=[sheet.labelset_bindings.get().labelset_id, "ask-opinions"])
    browser(expert).post(step, {"number": 2, "reason": "two heads"})


@pytest.fixture
def places(browser, at, sheet, make_user, team, expert, steward):
    """Ann and Bob have a place at a1 each, assigned; returns both people."""
    ask_two(browser, sheet, expert)
    people = [make_user(name, "domain-expert", groups=(team,)) for name in ("ann", "bob")]
    given = {"experts": [one.pk for one in people], "items": "a1\n"}
    assert browser(steward).post(at("experts-assign"), given).status_code == 302
    return people


def test_a_place_is_freed_in_the_portal_with_a_reason_where_it_is_anothers(
    browser, at, places, steward, stranger
) -> None:
    ann, _ = places
    of_ann, of_bob = (Turn.objects.get(expert=one) for one in places)
    stranger.groups.add(group_for("domain-expert"))
    offered = browser(steward).get(at("experts-assign")).content.decode()
    assert "Ann" in offered and stranger.display_name not in offered  # who may not see the Sheet
    shown = browser(ann).get(at("experts-turns")).content.decode()
    assert "of Ann at a1" in shown and "of Bob" not in shown

    assert browser(ann).post(at("experts-free", turn=str(of_bob.pk))).status_code == 302
    assert Turn.objects.count() == 2  # another's is none of hers
    assert browser(ann).post(at("experts-free", turn=str(of_ann.pk)), {"reason": ""}).status_code == 302
    assert list(Turn.objects.values_list("expert__username", flat=True)) == ["bob"]

    lead = browser(steward)
    assert "of Bob at a1" in lead.get(at("experts-turns")).content.decode()
    assert "This field is required" in lead.post(at("experts-free", turn=str(of_bob.pk)), {}).content.decode()
    done = lead.post(at("experts-free", turn=str(of_bob.pk)), {"reason": "Bob is away."}, follow=True)
    assert "the place of Bob is free" in done.content.decode() and not Turn.objects.exists()
    entries = RecordEntry.objects.with_values().filter(kind="labeling.turn", object_id=str(of_bob.pk))
    entry = entries.latest("version")
    assert (entry.operation, entry.actor_id, entry.said["reason"]) == ("delete", steward.pk, "Bob is away.")
    again = lead.get(at("experts-free", turn=str(of_bob.pk)), follow=True).content.decode()
    assert "This place is free already" in again
    assert "free already" in lead.get(at("experts-free", turn="x"), follow=True).content.decode()


def test_items_given_to_somebody_wait_on_their_overview(browser, places, viewer) -> None:
    ann, _ = places

    page = browser(ann).get(reverse("admin:index")).content.decode()

    assert "Answer 1 item given to you" in page
    assert "given to you" not in browser(viewer).get(reverse("admin:index")).content.decode()


def test_what_is_said_for_what_stands_in_a_table_of_steps(browser, at, places, steward, sheet) -> None:
    ann, bob = map(browser, places)
    for ref, first, second in (("a1", "card", "refund"), ("a2", "card", "refund"), ("a3", "refund", "card"),
                               ("a4", "card", "card")):  # fmt: skip
        for client, name in ((ann, first), (bob, second)):
            answer(client, at("experts-item", item=ref), name)
    lead = browser(steward)

    together = lead.get(at("experts-agreement", field="label")).context["heat"]
    of_two = lead.get(at("experts-agreement", field="label", between="0"))

    assert [[cell.count for cell in cells] for _, cells in together.rows] == [[1, 3], [3, 0]]
    heat = of_two.context["heat"]
    assert (heat.first, heat.second, heat.values) == ("Ann", "Bob", ["card", "refund"])
    cells = [[(cell.count, cell.step, cell.is_same) for cell in cells] for _, cells in heat.rows]
    assert cells == [[(1, 5, True), (2, 5, False)], [(1, 3, False), (0, 0, True)]]
    page = of_two.content.decode()
    assert '<td class="step-3">1</td>' in page and '<td class="step-0 same">0</td>' in page
    assert " style=" not in page and "<script>" not in page
    wrong = lead.get(at("experts-agreement", between="7"), follow=True).content.decode()
    assert "There are no such two people" in wrong
