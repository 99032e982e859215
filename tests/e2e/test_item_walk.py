"""An expert uses what stands beside the answer: spans, pages, words, two pictures; and the network goes for a while."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.e2e.desk_rows import NAME as DESK
from tests.e2e.drawing import ask, marked
from tests.e2e.portal import PATIENCE, Portal
from tests.e2e.returns import LETTER, NAME
from tests.e2e.site import PROJECT
from tests.e2e.steps import EXPERT
from tests.e2e.test_labelling_walk import label_of

MAKE_ROWS = """
import sys, pathlib, django
django.setup()
from tests.e2e import returns
returns.make_rows(pathlib.Path(sys.argv[1]))
"""
# Where words stand on the screen: the middle of the first letter's left edge, and of the last one's right edge.
PLACE = """
const [column, words] = arguments;
const box = document.querySelector(`[data-source="${column}"] [data-source-text]`);
const start = box.textContent.indexOf(words), walker = document.createTreeWalker(box, NodeFilter.SHOW_TEXT);
const range = document.createRange();
let seen = 0, begun = false;
box.scrollIntoView({block: 'center'});
for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const end = start + words.length;
    if (!begun && seen + node.length > start) { range.setStart(node, start - seen); begun = true; }
    if (seen + node.length >= end) { range.setEnd(node, end - seen); break; }
    seen += node.length;
}
const {left, right, top, height} = range.getBoundingClientRect();
return [Math.ceil(left), Math.floor(right) + 1, Math.round(top + height / 2)];
"""
REPORT = """
const root = document.querySelector('[data-source="report_path"]'), image = root.querySelector('img.picture');
const asked = new URL(image.src).searchParams;
const lies = image.naturalWidth > image.naturalHeight;
return [asked.get('page'), asked.get('rotation'), lies, root.querySelectorAll('.hit').length];
"""
OVER = "const over = document.querySelector('.picture-over'); return over !== null && !over.hidden"
KEPT = "return Object.keys(localStorage).filter((key) => key.startsWith('workbench.draft.')).length"
STATE = "return document.querySelector('[data-draft-state]').textContent"


@pytest.fixture(scope="module")
def returned(site) -> None:
    """Rows that the demonstration has not, below a folder that the site may read."""
    folder = site.environment["WORKBENCH_DATA"]
    subprocess.run(
        [sys.executable, "-c", MAKE_ROWS, folder], cwd=PROJECT, env=site.environment, check=True, timeout=120
    )


def open_item(portal: Portal, ref: str) -> None:
    portal.log_in(EXPERT)
    portal.browser.get(f"{portal.site.url}/admin/label/")
    portal.click("entity_extraction", row=NAME)
    portal.click(ref)
    portal.sees("Nothing is marked yet")
    portal.browser.get_log("browser")


def select(portal: Portal, column: str, words: str) -> None:
    """Drag over the words with the mouse."""
    left, right, middle = portal.browser.execute_script(PLACE, column, words)
    mouse = ActionBuilder(portal.browser)
    hand: Any = mouse.pointer_action
    hand.move_to_location(left, middle).pointer_down().move_to_location(right, middle).pointer_up()
    mouse.perform()


def report(portal: Portal, *wanted: Any) -> None:
    """Page, turn, whether it lies, places shown."""
    portal._until(lambda: portal.browser.execute_script(REPORT) == list(wanted), f"the report as {wanted}", PATIENCE)


def value(portal: Portal, name: str) -> str:
    return str(portal.browser.find_element(By.NAME, name).get_attribute("value"))


def said(portal: Portal) -> str:
    return str(portal.browser.execute_script(STATE))


def test_words_are_marked_with_mouse_and_keyboard_in_code_points(portal: Portal, returned):
    open_item(portal, "R-1")

    select(portal, "letter", "Zoë 🙂 Nowak")
    portal.press("1")
    select(portal, "letter", "Łódź")
    portal.click("place")
    select(portal, "letter", "Łódź")
    portal.press("2")
    portal.sees("These words are marked as place already")
    portal.click("Select with the keyboard")
    portal.browser.find_element(By.CSS_SELECTOR, "textarea[aria-readonly]").click()
    keys = ActionChains(portal.browser).key_down(Keys.CONTROL).send_keys(Keys.HOME).key_up(Keys.CONTROL)
    keys = keys.send_keys("x").key_down(Keys.SHIFT)
    for _ in "Zoë":
        keys = keys.send_keys(Keys.ARROW_RIGHT)
    keys.key_up(Keys.SHIFT).send_keys("2").perform()
    assert [one["text"] for one in marked(portal)] == ["Zoë", "Zoë 🙂 Nowak", "Łódź"]
    ActionChains(portal.browser).key_down(Keys.CONTROL).send_keys("z").key_up(Keys.CONTROL).perform()
    portal.click("Save and next")
    portal.sees("Saved R-1")

    person, place = label_of(portal, "R-1", "entity_extraction")["found"]
    assert (person["class"], place["class"]) == ("person", "place")
    for one in (person, place):
        assert LETTER[one["start"] : one["end"]] == one["text"]
    assert [message["message"] for message in portal.browser.get_log("browser")] == []


def test_pages_are_leafed_turned_and_searched_and_two_pictures_flicker(portal: Portal, returned):
    open_item(portal, "R-2")

    for key, page in (("]", "2"), ("[", "1")):
        portal.press(key)
        report(portal, page, "0", True, 0)
    portal.fill("Search in report_path", "capacitor")
    portal.click("Find")
    report(portal, "2", "0", True, 1)
    portal.browser.execute_script("document.activeElement.blur()")
    portal.press("o")
    report(portal, "2", "90", False, 1)

    portal.press("x")
    shown = set()
    deadline = time.monotonic() + PATIENCE
    while len(shown) < 2 and time.monotonic() < deadline:
        shown.add(portal.browser.execute_script(OVER))
    assert shown == {True, False}
    portal.press("x")
    assert portal.browser.execute_script(OVER) is False
    assert [message["message"] for message in portal.browser.get_log("browser")] == []


def test_fields_are_filled_from_selected_words(portal: Portal, returned):
    open_item(portal, "R-2")
    portal.press("]")
    report(portal, "2", "0", True, 0)
    portal.click("Words of the page")
    portal.sees("1,234.50 EUR")

    portal.fill("Field to fill", "Costs")
    select(portal, "report_path", "1,234.50")
    portal.click("Fill from the selected words")
    portal.fill("Field to fill", "Fault")
    select(portal, "report_path", "capacitor C14")
    portal.press("t")
    portal.sees("“capacitor C14” is in “Fault”")

    assert (value(portal, "answer-costs"), value(portal, "answer-fault")) == ("1234.50", "capacitor C14")
    portal.sees("Draft saved")
    portal.click("Throw it away") if portal.can_click("Throw it away") else None


@contextmanager
def no_network(portal: Portal) -> Iterator[None]:
    def switch(offline: bool) -> None:
        speed = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        portal.browser.execute_cdp_cmd("Network.enable", {})
        portal.browser.execute_cdp_cmd("Network.emulateNetworkConditions", {"offline": offline, **speed})

    switch(True)
    try:
        yield
    finally:
        switch(False)


def test_what_is_labelled_without_a_network_is_kept_here_and_sent_when_it_is_back(portal: Portal, returned):
    open_item(portal, "R-3")
    with no_network(portal):
        portal.fill("Notes", "typed without a network")
        portal.sees("Not saved yet: no connection. Kept in this browser.")
        portal.click("Save and next")
        portal.sees("Not sent: no connection. What you entered is kept")
        portal.click("Account of")
        portal.click("Log out")
        portal.sees("Nothing was sent: no connection")
        assert value(portal, "label-notes") == "typed without a network"
        assert portal.browser.execute_script(KEPT) == 1

    portal._until(lambda: said(portal).startswith("Draft saved"), "that the draft is saved", PATIENCE)
    assert portal.browser.execute_script(KEPT) == 0
    with no_network(portal):
        portal.fill("Notes", "typed, and the browser was closed")
    portal.browser.get(portal.site.url)  # whichever page is opened next
    portal._until(lambda: portal.browser.execute_script(KEPT) == 0, "that nothing is left here", PATIENCE)
    portal.browser.get(f"{portal.site.url}/admin/label/")
    portal.click("entity_extraction", row=NAME)
    portal.click("R-3")
    assert value(portal, "label-notes") == "typed, and the browser was closed"
    portal.click("Throw it away")
    portal.sees_not("Your draft of")
    portal.browser.get_log("browser")  # what could not be fetched


def test_a_decision_without_a_network_waits_with_what_was_typed(portal: Portal):
    portal.log_in(EXPERT)
    portal.go("Review desk")
    portal.click(f"Review {DESK}")
    portal.sees("Answer")
    pair = portal.browser.find_element(By.ID, "pair-title").text
    with no_network(portal):
        portal.fill("Why", "written without a network")
        portal.sees("Not saved yet: no connection. Kept in this browser.")
        portal.browser.switch_to.active_element.send_keys(Keys.ESCAPE)
        portal.press("a")
        portal.sees("Not sent: no connection. What you typed is kept")
        assert portal.browser.find_element(By.ID, "pair-title").text == pair

    portal.press("a")
    portal._until(lambda: portal.browser.find_element(By.ID, "pair-title").text != pair, "the next pair", PATIENCE)
    assert portal.browser.execute_script(KEPT) == 0
    told = ask(portal, f"/api/v1/pairs/?item_ref={pair}")
    assert "written without a network" in json.dumps(told["results"][0])
    portal.browser.get_log("browser")


def test_logging_out_leaves_nothing_of_what_was_typed_in_the_browser(portal: Portal, returned):
    open_item(portal, "R-4")
    with no_network(portal):
        portal.fill("Notes", "typed at a shared desk")
    assert portal.browser.execute_script(KEPT) == 1

    portal.click("Account of")
    portal.click("Log out")
    portal.sees("You are logged out")
    assert portal.browser.execute_script(KEPT) == 0

    portal.sessions.pop(EXPERT)
    portal.user = ""
    portal.log_in(EXPERT)
    portal.browser.get(f"{portal.site.url}/admin/label/")
    portal.click("entity_extraction", row=NAME)
    portal.click("R-4")
    assert value(portal, "label-notes") == "typed at a shared desk"
    portal.click("Throw it away")
    portal.browser.get_log("browser")
