"""Drawing on pictures, and asking by REST, in the browser of whoever is logged in."""

from __future__ import annotations

import json
from typing import Any

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.e2e.portal import Portal

ASK = """
const [address, done] = arguments;
fetch(address, {headers: {Accept: "application/json"}}).then((answer) => answer.json()).then(done, String);
"""


def ask(portal: Portal, address: str) -> Any:
    """What the API answers to whoever is logged in."""
    return portal.browser.execute_async_script(ASK, address)


def layer(portal: Portal) -> WebElement:
    """Where one draws; it is there once the picture is."""
    return portal._until(
        lambda: next(iter(portal.browser.find_elements(By.CSS_SELECTOR, ".a9s-annotationlayer")), None), "a picture", 20
    )


def at(portal: Portal, points: list[tuple[float, float]]) -> list[tuple[WebElement, int, int]]:
    """Places of the picture, as parts of its width and height, for the mouse."""
    where = layer(portal)
    portal.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", where)
    size = where.size
    return [(where, round((x - 0.5) * size["width"]), round((y - 0.5) * size["height"])) for x, y in points]


def drag(portal: Portal, start: tuple[float, float], end: tuple[float, float]) -> None:
    between = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    first, half, last = at(portal, [start, between, end])
    mouse = ActionChains(portal.browser, duration=50).move_to_element_with_offset(*first).click_and_hold()
    mouse.move_to_element_with_offset(*half).move_to_element_with_offset(*last).release().perform()


def click_through(portal: Portal, points: list[tuple[float, float]]) -> None:
    mouse = ActionChains(portal.browser, duration=50)
    for place in at(portal, points):
        mouse.move_to_element_with_offset(*place).click().pause(0.1)
    mouse.perform()


def marked(portal: Portal) -> list[dict[str, Any]]:
    value = portal.browser.find_element(By.CSS_SELECTOR, "[data-marks]").get_attribute("value")
    return list(json.loads(value or "[]"))
