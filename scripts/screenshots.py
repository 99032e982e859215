"""Pictures of the ten main pages for docs/images, taken on the way of the demonstration's flowers: `make screenshots`.

Needs chromium and chromium-driver. Each picture is a PNG with a palette, so that it stays small.
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
WIDTH, HEIGHT, COLOURS = 1280, 800, 96
NAME = "Iris species, first pass"


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

    portal.log_in(steps.STEWARD)
    portal.go("Sheets")
    portal.click("Iris flowers")
    take(portal, "sheet")
    steps.generate(portal, sheet="Iris flowers", template="Iris species from measurements", name=NAME)
    take(portal, "training-sheet")
    steps.start_review(portal, NAME)
    take(portal, "review")
    steps.decide_with_keys(portal, "aaa")
    portal.go("Overview")
    take(portal, "overview")
    portal.browser.get(f"{portal.site.url}/admin/label/")
    take(portal, "labelling")
    steps.approve_the_rest(portal, NAME, 117)
    steps.finish_review(portal, NAME)
    steps.curate_everything(portal, NAME)
    take(portal, "dataset")
    steps.share_dataset(portal, NAME)
    steps.open_dataset_version(portal, NAME)
    steps.ask_for_approval(portal, "All three species are in it.")
    portal.log_in(steps.APPROVER)
    portal.go("Approvals")
    portal.click(NAME)
    take(portal, "approval")
    steps.sign(portal, steps.APPROVER, NAME, "Looked at the first hundred lines.")
    steps.train(portal, dataset=NAME, run="Iris run 1", model="iris-species")
    take(portal, "run")
    portal.go("Lineage")
    portal.click("iris-species v1")
    take(portal, "lineage")
    portal.log_in(steps.OFFICER)
    portal.go("Compliance desk")
    take(portal, "compliance")


def take(portal: Any, name: str) -> None:
    """A picture of the page as it is."""
    metrics = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
    portal.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    portal.browser.execute_script("window.scrollTo(0, 0)")
    time.sleep(0.5)  # what the page draws after it has come
    size = keep(portal.browser.get_screenshot_as_png(), IMAGES / f"{name}.png")
    portal.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    sys.stdout.write(f"{name}.png: {size / 1024:.0f} kB\n")
    sys.stdout.flush()


def keep(picture: bytes, path: Path) -> int:
    """Write it with a palette; returns its bytes."""
    from PIL import Image

    image = Image.open(BytesIO(picture)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    image.save(path, optimize=True)
    return path.stat().st_size


if __name__ == "__main__":
    main()
