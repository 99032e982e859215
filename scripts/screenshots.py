"""Pictures of the main pages for docs/images, taken on the way of the demonstration's flowers: `make screenshots`.

Needs chromium and chromium-driver. Each picture is a PNG, with a palette where it would be large.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from io import BytesIO
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
WIDTH, NARROW, HEIGHT = 1440, 390, 900
COLOURS, LARGE = 256, 250_000  # of a palette; bytes
IRIS, INVOICES = "Iris species, first pass", "Invoices: patients and amounts"


def main() -> None:
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            raise SystemExit(f"{program} is not installed: apt install chromium chromium-driver")
    sys.path.insert(0, str(ROOT))
    from tests.e2e.portal import Portal, new_browser
    from tests.e2e.site import demonstration

    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, demonstration(Path(folder)) as site:
        browser = new_browser(Path(folder) / "chromium")
        try:
            walk(Portal(browser, site))
        finally:
            browser.quit()


def walk(portal: Any) -> None:
    """From the Sheet to the lineage of a model, by the steps that the browser tests take."""
    from tests.e2e import steps

    _sheet(portal, steps)
    _pairs(portal, steps)
    _labels(portal, steps)
    _dataset(portal, steps)
    _model(portal, steps)
    _compliance(portal, steps)


def _sheet(portal: Any, steps: Any) -> None:
    portal.log_in(steps.STEWARD)
    portal.go("Sheets")
    portal.click("Medical invoices")
    take(portal, "sheet")


def _pairs(portal: Any, steps: Any) -> None:
    """Pairs whose check finds something, on the desk and in the list of findings."""
    extraction = "Invoice entity extraction"
    steps.generate(
        portal, sheet="Medical invoices", template=extraction, name=INVOICES, mode="manual", check=True
    )
    steps.generate(portal, sheet="Iris flowers", template="Iris species from measurements", name=IRIS, check=True)
    steps.start_review(portal, IRIS)
    steps.decide_with_keys(portal, "aaa")
    portal.go("Overview")
    take(portal, "overview")
    portal.go("Findings")
    portal.click("Detector")
    portal.click("personal data")
    take(portal, "findings")
    portal.go("Review desk")
    portal.click(f"Review {INVOICES}")
    portal.shows_a_picture()
    take(portal, "review")
    take(portal, "review-narrow", width=NARROW)


def _labels(portal: Any, steps: Any) -> None:
    portal.log_in(steps.EXPERT)
    portal.browser.get(f"{portal.site.url}/admin/label/")
    portal.click("localization", row="Circuit boards")
    portal.click("Labelled")
    portal.click("BOARD-")
    portal.shows_a_picture()
    take(portal, "labelling")


def _dataset(portal: Any, steps: Any) -> None:
    steps.approve_the_rest(portal, IRIS, 117)
    steps.finish_review(portal, IRIS)
    steps.curate_everything(portal, IRIS)
    steps.share_dataset(portal, IRIS)
    steps.open_dataset_version(portal, IRIS)
    steps.ask_for_approval(portal, "All three species are in it.")
    steps.sign(portal, steps.APPROVER, IRIS, "Looked at the first hundred lines.")


def _model(portal: Any, steps: Any) -> None:
    steps.train(portal, dataset=IRIS, run="Iris run 1", model="iris-species")
    steps.open_model(portal, "iris-species")
    steps.share(portal)
    portal.click("v1")
    take(portal, "model")
    steps.open_dataset_version(portal, IRIS)
    take(portal, "dataset")
    portal.go("Lineage")
    portal.click("iris-species v1")
    take(portal, "lineage")
    portal.go("Overview")
    take(portal, "overview-dark", theme="dark")


def _compliance(portal: Any, steps: Any) -> None:
    portal.log_in(steps.OFFICER)
    portal.go("Compliance desk")
    portal.click("Check the whole record")
    portal.wait_for_job()
    portal.go("Compliance desk")
    take(portal, "compliance")
    portal.go("Sheets")
    portal.click("Iris flowers")
    sheet = portal.address.split("/workbench/sheet/")[1].split("/")[0]
    portal.browser.get(f"{portal.site.url}/admin/recall/workbench.sheet/{sheet}/")
    portal.sees("Where it went")
    take(portal, "recall")


def take(portal: Any, name: str, *, width: int = WIDTH, theme: str = "light") -> None:
    """A picture of the page as it is."""
    metrics = {"width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
    portal.browser.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
    portal.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    portal.browser.execute_script("document.documentElement.dataset.theme = arguments[0]", theme)
    portal.browser.execute_script("document.activeElement.blur(); window.scrollTo(0, 0)")
    time.sleep(0.8)  # what the page draws after it has come
    size = keep(portal.browser.get_screenshot_as_png(), IMAGES / f"{name}.png")
    portal.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    sys.stdout.write(f"{name}.png: {size / 1024:.0f} kB\n")
    sys.stdout.flush()


def keep(picture: bytes, path: Path) -> int:
    """Write it, with a palette where it is large; returns its bytes."""
    from PIL import Image

    image = Image.open(BytesIO(picture)).convert("RGB")
    image.save(path, optimize=True)
    if path.stat().st_size > LARGE:
        image.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    return path.stat().st_size


if __name__ == "__main__":
    main()
