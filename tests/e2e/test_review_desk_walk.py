"""A reviewer without superuser decides pair after pair with the keyboard alone, and history tells what they did."""

from __future__ import annotations

import json
import statistics
import time
import urllib.request
from collections import Counter
from typing import Any

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.e2e.desk_rows import NAME, SECOND
from tests.e2e.portal import PATIENCE, Portal
from tests.e2e.site import run
from tests.e2e.steps import EXPERT
from tests.labeling.desk_world import PASSWORD
from tests.proofs import keep_proof, proof_folder

PAIRS = 100 if proof_folder() else 30
EDITS, FLAGS, REJECTS = 5, 3, 2
CLAIMS_RUN_OUT = """
import django
django.setup()
from django.utils import timezone
from labeling.models import PairClaim
PairClaim.objects.update(until=timezone.now())
"""
TITLE = "return document.querySelector('#pair-title')?.textContent ?? ''"
# Milliseconds from each key to the next item on the screen, where the page need not be loaded anew.
WATCH = """
window.waits = [];
let pressed = null, shown = document.querySelector('#pair-title').textContent;
document.addEventListener('keydown', () => { pressed = performance.now(); }, true);
new MutationObserver(() => {
    const title = document.querySelector('#pair-title')?.textContent;
    if (!title || title === shown) return;
    shown = title;
    const start = pressed;
    requestAnimationFrame(() => requestAnimationFrame(() => window.waits.push(performance.now() - start)));
}).observe(document.body, {childList: true, subtree: true});
"""


class Keyboard:
    """The hands of the reviewer, on no mouse, and what the screen shows them."""

    def __init__(self, portal: Portal) -> None:
        self.portal, self.browser = portal, portal.browser

    @property
    def item(self) -> str:
        return str(self.browser.execute_script(TITLE))

    def press(self, *keys: str) -> None:
        for key in keys:
            ActionChains(self.browser).send_keys(key).perform()

    def decide(self, key: str) -> None:
        """One key, and the next pair is there."""
        before = self.item
        self.press(key)
        self.portal._until(lambda: self.item not in ("", before), f"the pair behind {before}", PATIENCE)

    def type_an_answer(self, text: str) -> None:
        self.press("e")
        ActionChains(self.browser).key_down(Keys.CONTROL).send_keys("a").key_up(Keys.CONTROL).perform()
        self.press(text)

    def tab_to(self, words: str) -> None:
        for _ in range(80):
            self.press(Keys.TAB)
            if words in self.browser.switch_to.active_element.text:
                return
        raise AssertionError(f"Tab does not lead to “{words}”. {self.portal.where_it_stands()}")


class Colleague:
    """A second reviewer, by REST."""

    def __init__(self, url: str) -> None:
        self.url, self.token = url, ""
        self.token = self.ask("POST", "login/", {"username": SECOND, "password": PASSWORD})["token"]

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Token {self.token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api/v1/{path}", data, headers, method=method)  # noqa: S310
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            return json.load(answer)

    def pair(self, item: str) -> Any:
        return self.ask("GET", f"pairs/?item_ref={item}")["results"][0]


def test_pairs_are_reviewed_by_keyboard_alone_and_every_decision_is_in_history(portal: Portal):
    hands, colleague = Keyboard(portal), Colleague(portal.site.url)
    portal.log_in(EXPERT)
    portal.go("Review desk")
    portal.click(f"Review {NAME}")
    portal.sees("Answer")
    portal.browser.execute_script(WATCH)
    expected: dict[str, Counter[str]] = {}

    def done(item: str, *actions: str) -> None:
        expected.setdefault(item, Counter()).update(actions)

    for place in range(PAIRS - EDITS - FLAGS - REJECTS - 1):
        item = hands.item
        hands.decide("a")
        done(item, "approve")
        if place == 2:
            hands.press("u")
            portal._until(lambda item=item: hands.item == item, f"{item} once more", PATIENCE)
            done(item, "reopen", "approve")
            hands.decide("a")
            portal.browser.execute_script(WATCH)
    waits = portal.browser.execute_script("return window.waits")
    for key, action, count in (("f", "flag", FLAGS), ("r", "reject", REJECTS)):
        for _ in range(count):
            item = hands.item
            hands.decide(key)
            done(item, action)

    for place in range(EDITS):
        item = hands.item
        hands.type_an_answer(f"written by hand {place}")
        if place == 1:
            portal.sees("Draft saved")
            portal.browser.refresh()
            portal.sees("Draft saved", "Discard draft")
            assert hands.browser.find_element(By.NAME, "answer-why").get_attribute("value") == "written by hand 1"
        hands.press(Keys.ESCAPE)
        hands.decide("a")
        done(item, "edit")

    item = _lose_the_claim(portal, hands, colleague)
    done(item, "reject", "reopen", "edit")

    assert len(expected) == PAIRS
    name = portal.browser.execute_script("return document.querySelector('.menu-head strong').textContent")
    for item, actions in expected.items():
        told = colleague.ask("GET", f"pairs/{colleague.pair(item)['id']}/decisions/")
        assert Counter(one["action"] for one in told) == actions, item
        people = {one["decided_by"] for one in told if one["action"] != "reject" or item != list(expected)[-1]}
        assert people <= {name}, item
    _keep(waits)


def _lose_the_claim(portal: Portal, hands: Keyboard, colleague: Colleague) -> str:
    """While this person types, their claim runs out and the colleague decides; both texts are compared, none lost."""
    item = hands.item
    pair = colleague.pair(item)
    assert colleague.ask("POST", f"pairs/{pair['id']}/claim/")["is_mine"] is False
    hands.type_an_answer("mine after all")
    portal.sees("Draft saved")
    _let_claims_run_out(portal)
    assert colleague.ask("POST", f"pairs/{pair['id']}/claim/")["is_mine"] is True
    colleague.ask("POST", f"pairs/{pair['id']}/reject/", {"version": pair["version"]})

    hands.press(Keys.ESCAPE, "a")
    portal.sees("This pair changed while you worked on it", "As it is now", "Yours, not saved", "mine after all")
    portal.picture("compared")
    hands.tab_to("Approve mine")
    hands.decide(Keys.ENTER)
    return item


def _let_claims_run_out(portal: Portal) -> None:
    """Fifteen minutes later."""
    run(portal.site.environment, "-c", CLAIMS_RUN_OUT)


def _keep(waits: list[float]) -> None:
    """The first page has nothing fetched ahead."""
    quick = sorted(waits)
    keep_proof(
        "review-desk",
        "From a decision to the next item on the screen, in milliseconds (goal: under 150)",
        {
            "pairs decided by keyboard": PAIRS, "decisions timed": len(quick),
            "median": round(statistics.median(quick)), "p95": round(quick[int(len(quick) * 0.95)]),
            "measured at": time.strftime("%Y-%m-%d"),
        },
    )  # fmt: skip
