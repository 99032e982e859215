"""Three experts answer blind, a fourth settles where they differ, and the label says how; then a mention is read."""

from __future__ import annotations

import subprocess
import sys

import pytest
from selenium.webdriver.common.by import By

from tests.e2e.drawing import ask, drag, layer, marked
from tests.e2e.outlines import BY_THREE, LABELS_BY_THREE, PEOPLE
from tests.e2e.portal import Portal
from tests.e2e.site import PROJECT
from tests.e2e.steps import EXPERT, OFFICER, STEWARD
from tests.e2e.stranger import WORD
from tests.labeling.desk_world import PASSWORD

MAKE_ROWS = "import django; django.setup(); from tests.e2e.outlines import make_rows_for_three as make; make()"
ANN, BOB, CY, DEE = PEOPLE
CORNERS = {ANN: ((0.1, 0.1), (0.4, 0.4)), BOB: ((0.5, 0.5), (0.8, 0.8))}
# What each says of the three items. Of the last they say different things: kappa of Ann and Bob is then
# (2/3 - 4/9) / (1 - 4/9) = 0.4, alpha of all three 1 - (2/9) / (40/72) = 0.6.
SAID = {ANN: ("good", "defect", "defect"), BOB: ("good", "defect", "good"), CY: ("good", "defect", "defect")}
REASON = "The second trace is open as well."


@pytest.fixture
def people(portal: Portal) -> None:
    """Four more experts in the team, and a Sheet of boards whose labelset takes a verdict beside boxes."""
    site = portal.site
    subprocess.run([sys.executable, "-c", MAKE_ROWS], cwd=PROJECT, env=site.environment, check=True, timeout=120)
    site.passwords.update(dict.fromkeys(PEOPLE, PASSWORD))
    portal.forbid(WORD, besides=OFFICER)


def open_experts(portal: Portal, username: str) -> None:
    portal.log_in(username)
    portal.go("Several experts")
    portal.click(BY_THREE)
    portal.sees("opinions on each item")


def ask_three(portal: Portal) -> None:
    """The owner of the labelset has each item answered by three."""
    portal.log_in(EXPERT)
    portal.go("Labelsets")
    portal.click(LABELS_BY_THREE)
    portal.click("Ask several experts")
    portal.fill("Opinions on each item", 3)
    portal.fill("Reason", "One pair of eyes misses too much.")
    portal.click("Ask several experts")
    portal.sees("Ask several experts: done.")


def assign(portal: Portal) -> list[str]:
    """The lead gives the first three items to three people."""
    open_experts(portal, STEWARD)
    items = [row[0] for row in portal.table("Item")[:3]]
    portal.click("Assign items")
    for name in (ANN, BOB, CY):
        portal.fill(shown_name(name), True)
    portal.fill("Items", "\n".join(items))
    portal.click("Assign")
    portal.sees("9 places assigned.")
    portal.click("Places")
    assert len(portal.table("Item")) == 9
    portal.picture("places")
    return items


def shown_name(username: str) -> str:
    return username.replace("-", " ").title()


def answer(portal: Portal, username: str, items: list[str]) -> None:
    """One expert answers what was given to them, and sees nothing of what others said."""
    portal.log_in(username)
    portal.sees("Answer 3 items given to you")
    open_experts(portal, username)
    portal.click("Next item for me")
    for item, said in zip(items, SAID[username], strict=True):
        portal.sees(item, "You answer on your own")
        portal.sees_not(*(f"note of {other}" for other in PEOPLE), *map(shown_name, set(PEOPLE) - {username}))
        assert ask(portal, f"/api/v1/opinions/?item_ref={item}")["results"] == []
        layer(portal)
        portal.fill(said, True)
        if item == items[2] and username in CORNERS:
            drag(portal, *CORNERS[username])
            portal._until(lambda: len(marked(portal)) == 1, "a box", 10)
        portal.fill("Notes", f"note of {username}")
        portal.click("Save and next")
        portal.sees(f"Your opinion on {item} is kept.")
    free_own_place(portal, username)


def free_own_place(portal: Portal, username: str) -> None:
    """“Next” has taken an item that was given to nobody; leave it to others."""
    open_experts(portal, username)
    portal.click("My places")
    assert len(portal.table("Item")) == 1
    portal.click("Free the place of")
    portal.click("Free")
    portal.sees("is free.", "You have no place")


def see_agreement(portal: Portal) -> None:
    open_experts(portal, STEWARD)
    portal.click("Agreement")
    portal.fill("Compare", "verdict")
    portal.click("Show")
    rows = {row[0]: row for row in portal.table("What")}
    assert rows["verdict"][2] == "0.600" and " to " in rows["verdict"][3]
    pairs = {(row[0], row[1]): row for row in portal.table("Who")}
    of_two = pairs[shown_name(ANN), shown_name(BOB)]
    assert (of_two[2], of_two[3]) == ("3", "0.400") and " to " in of_two[4]
    portal.fill("Between", f"{shown_name(ANN)} and {shown_name(BOB)}")
    portal.click("Compare")
    cells = {tuple(row) for row in portal.table("defect")}
    assert cells == {("defect", "1", "1"), ("good", "0", "1")}
    portal.picture("agreement")


def settle(portal: Portal, item: str) -> None:
    """A fourth person takes what all said as it is, sees the drawings of the rest, and corrects one of them."""
    open_experts(portal, DEE)
    portal.click("Settle what is agreed", confirm=True)
    portal.sees("2 items have their canonical label.")
    portal.click("Conflict")
    portal.click(item)
    portal.sees("What the experts said", f"note of {BOB}")
    drawn = portal.browser.find_elements(By.CSS_SELECTOR, ".drawing svg")
    assert [len(one.find_elements(By.TAG_NAME, "polygon")) for one in drawn] == [1, 1, 0]
    portal.picture("side-by-side")
    portal.click(f"Correct it: what {shown_name(ANN)} said")
    layer(portal)
    assert len(marked(portal)) == 1
    drag(portal, (0.6, 0.2), (0.9, 0.4))
    portal._until(lambda: len(marked(portal)) == 2, "two boxes", 10)
    portal.fill("Reason", REASON)
    portal.picture("corrected")
    portal.click("Settle")
    portal.sees(f"{item} is settled.")


def see_the_label(portal: Portal, username: str, item: str) -> None:
    open_experts(portal, username)
    portal.click("Settled")
    portal.click(item)
    portal.sees("settled by a third person", f"By {shown_name(DEE)}", REASON)
    portal.sees(*(shown_name(name) for name in (ANN, BOB, CY)), *(f"note of {name}" for name in (ANN, BOB, CY)))


def test_three_answer_blind_a_fourth_settles_and_a_mention_reaches_who_was_meant(portal: Portal, people: None):
    ask_three(portal)
    items = assign(portal)
    portal.browser.get_log("browser")
    for username in (ANN, BOB, CY):
        answer(portal, username, items)
    see_agreement(portal)
    open_experts(portal, ANN)
    portal.click("Conflict")
    portal.click(items[2])
    portal.sees("someone else must settle it")

    settle(portal, items[2])
    see_the_label(portal, DEE, items[2])
    label = portal.address
    found = ask(portal, f"/api/v1/canonical-labels/?item_ref={items[2]}&label_type=localization")["results"]
    data = next(one["data"] for one in found if label.split("/")[-3] == one["id"])
    assert data["verdict"] == "defect" and len(data["boxes"]) == 2
    portal.fill("Say something", f"@{BOB} look at the second trace")
    portal.click("Comment")
    portal.sees("look at the second trace")

    portal.log_in(BOB)
    portal.click("Notifications")
    portal.sees(f"{shown_name(DEE)} mentioned you", "look at the second trace")
    portal.click("Open")
    portal.sees("Comments", "look at the second trace")
    assert portal.address.split("#")[0].split("?")[0] == label.split("#")[0].split("?")[0]
    portal.log_in(ANN)
    portal.click("Notifications")
    portal.sees("Nothing here")
    assert [message["message"] for message in portal.browser.get_log("browser")] == []
