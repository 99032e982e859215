"""An expert labels sources directly, light and wide, then dark and narrow: an invoice, a board, a row of a table."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from selenium.webdriver.common.by import By

from governance.portal.theme import COOKIE as THEME_COOKIE
from tests.e2e.drawing import ask, click_through, drag, layer, marked
from tests.e2e.outlines import NAME
from tests.e2e.portal import Portal
from tests.e2e.site import PROJECT
from tests.e2e.steps import EXPERT
from workbench.demo.invoices import invoice_truth

LOOKS = [("light", 1440), ("dark", 390)]
MAKE_ROWS = "import django; django.setup(); from tests.e2e.outlines import make_rows; make_rows()"


@pytest.fixture(scope="module")
def outlines(site) -> None:
    """Rows that the demonstration has not."""
    subprocess.run([sys.executable, "-c", MAKE_ROWS], cwd=PROJECT, env=site.environment, check=True, timeout=120)


@pytest.fixture(params=LOOKS, ids=["light-1440", "dark-390"])
def look(request, portal: Portal):
    """The browser in this theme and width; afterwards as it was."""
    theme, width = request.param
    portal.log_in(EXPERT)
    metrics: dict[str, Any] = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    portal.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    portal.browser.add_cookie({"name": THEME_COOKIE, "value": theme})
    portal.browser.get_log("browser")
    yield f"{theme}-{width}"
    portal.browser.delete_cookie(THEME_COOKIE)
    portal.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def first_gap(portal: Portal, sheet: str, label_type: str) -> str:
    """Open the first item without a label; its key."""
    portal.browser.get(f"{portal.site.url}/admin/label/")
    portal.click(label_type, row=sheet)
    portal.click("First gap")
    return str(portal.browser.find_element(By.TAG_NAME, "h1").text)


def label_of(portal: Portal, ref: str, label_type: str) -> Any:
    address = f"/api/v1/canonical-labels/?item_ref={ref}&label_type={label_type}"
    return ask(portal, address)["results"][0]["data"]


def save(portal: Portal, look: str, name: str, ref: str) -> None:
    """Save, after a look: nothing on the console, nothing wider than the window."""
    portal.picture(f"{name}-{look}")
    assert portal.too_wide() == ""
    portal.click("Save and next")
    portal.sees(f"Saved {ref}")
    assert [message["message"] for message in portal.browser.get_log("browser")] == []


def hit(portal: Portal, words: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """Search the pages; a box around the first place found, as parts of the picture."""
    portal.fill("Search in pdf_path", words)
    portal.click("Find")
    found = portal._until(lambda: portal.browser.find_elements(By.CSS_SELECTOR, ".hit"), f"{words} on the page", 10)[0]
    style = {side: float(found.value_of_css_property(side).removesuffix("px")) for side in ("left", "top")}
    size, whole = found.size, layer(portal).size
    left, top = style["left"] / whole["width"], style["top"] / whole["height"]
    right, bottom = left + size["width"] / whole["width"], top + size["height"] / whole["height"]
    return (left - 0.004, top - 0.003), (right + 0.004, bottom + 0.003)


def test_fields_of_an_invoice_are_filled_from_boxes_on_its_page(portal: Portal, look: str):
    ref = first_gap(portal, "Medical invoices", "entity_extraction")
    truth = invoice_truth()[ref]["entity_extraction"]
    layer(portal)

    for field, key in (("Patient name", "patient_name"), ("Insurance id", "insurance_id")):
        start, end = hit(portal, truth[key])
        portal.fill("Field to fill", field)
        drag(portal, start, end)
        portal.sees(f"“{truth[key]}” is in “{field}”")
    start, end = hit(portal, f"{truth['total_amount']:,.2f}")
    portal.fill("Field to fill", "Total amount")
    drag(portal, start, end)
    portal.sees("is in “Total amount”")
    portal.fill("Procedure codes", "\n".join(truth["procedure_codes"]))
    portal.fill("Provider name", truth["provider_name"])
    portal.browser.execute_script(
        "arguments[0].value = arguments[1]", portal._find("field", "Patient dob", ""), truth["patient_dob"]
    )
    save(portal, look, "invoice", ref)

    assert label_of(portal, ref, "entity_extraction") == truth


def test_a_board_gets_boxes_a_polygon_and_a_typed_box(portal: Portal, outlines, look: str):
    ref = first_gap(portal, NAME, "localization")
    layer(portal)

    drag(portal, (0.1, 0.1), (0.5, 0.5))
    drag(portal, (0.2, 0.2), (0.3, 0.3))  # inside the first
    portal.press("3")
    drag(portal, (0.6, 0.2), (0.8, 0.4))
    portal.press("g")
    click_through(portal, [(0.6, 0.6), (0.9, 0.6), (0.75, 0.9), (0.6, 0.6)])
    portal._until(lambda: len(marked(portal)) == 4, "four marks", 10)
    portal.press("b")
    portal.click("Add a box by its place")
    for name, value in (("x", 600), ("y", 440), ("width", 80), ("height", 20)):
        portal.fill(f"Box 5: {name}", f"{value}\t")
    portal.click("Save and next")
    portal.sees("does not lie in the picture of 640 x 480 pixels")
    assert len(marked(portal)) == 5
    portal.browser.get_log("browser")

    portal.fill("Box 5: width", "30\t")
    save(portal, look, "board", ref)

    boxes = label_of(portal, ref, "localization")["boxes"]
    first, inner, third, polygon, typed = boxes
    assert [one["class"] for one in (first, inner, third)] == ["short", "short", "missing_hole"]
    assert first["x"] < inner["x"] and inner["x"] + inner["width"] < first["x"] + first["width"]
    assert abs(first["x"] - 64) < 4 and abs(first["y"] - 48) < 4
    assert len(polygon["points"]) == 3
    assert polygon["x"] == min(point[0] for point in polygon["points"])
    assert typed == {"class": "missing_hole", "x": 600, "y": 440, "width": 30, "height": 20}


def test_a_row_is_labelled_by_a_number_and_a_draft_outlives_a_reload(portal: Portal, look: str):
    ref = {"light-1440": "IRIS-001", "dark-390": "IRIS-002"}[look]  # whether or not other walks have labelled it
    portal.browser.get(f"{portal.site.url}/admin/label/")
    portal.click("classification", row="Iris flowers")
    portal.click(ref)

    portal.press("2")
    portal.fill("Notes", f"seen in {look}")
    portal.sees("Draft saved")
    portal.browser.refresh()
    portal.sees("Your draft of", "it is no label yet")
    save(portal, look, "row", ref)

    assert label_of(portal, ref, "classification") == {"species": "versicolor"}
    portal.browser.get(f"{portal.site.url}/api/v1/label-drafts/")
    assert ref not in portal.text
