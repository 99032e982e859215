"""Every page that a role can reach by links answers 200; each kind of page is looked at once, in the browser.

Then it says nothing on the console, fits the window at 1440 and at 390 pixels, and passes WCAG 2.2 AA as far as a
machine can tell, in light and in dark. Runs after the walks, so that pages have something to show.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.e2e.portal import Portal
from tests.e2e.steps import APPROVER, DEVELOPER, ENGINEER, EXPERT, OFFICER, STEWARD, VIEWER

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
ALL_RULES = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
CONTRAST = {"type": "rule", "values": ["color-contrast"]}  # the only rule that sees which theme is on
RUN_AXE = """
const [only, done] = arguments;
axe.run(document, {preload: false, runOnly: only, resultTypes: ["violations"]}).then(
    (found) => done(found.violations.map((one) =>
        `${one.id}: ${one.nodes.length} × ${one.nodes[0].target.join(" ")} | ${one.nodes[0].failureSummary ?? ""}`)),
    (error) => done([`axe failed: ${error}`]));
"""
# Axe takes long for what is alike: the rows of a table, and the sidebar that a page of this role has shown before.
# A bar that stays in sight lies over what can be scrolled away from under it, which axe cannot know.
PREPARE = """
document.querySelectorAll("tbody > tr:nth-child(n + 6)").forEach((row) => row.remove());
if (arguments[0]) document.querySelectorAll(".sidebar li").forEach((entry) => entry.remove());
document.querySelectorAll(".action-bar, .list-foot").forEach((bar) => { bar.style.position = "static"; });
"""
# Asks for pages without drawing them. A link in a picture has no plain `href` property.
ASK = """
const [addresses, done] = arguments;
const ask = async (address) => {
    const answer = await fetch(address);
    const html = (answer.headers.get("content-type") ?? "").startsWith("text/html") ? await answer.text() : "";
    const page = new DOMParser().parseFromString(html, "text/html");
    const links = Array.from(page.querySelectorAll("a[href]")).map((link) => link.getAttribute("href"));
    return {status: answer.status, address: answer.url, drawn: html !== "",
            links: links.map((link) => new URL(link, answer.url).href)};
};
Promise.all(addresses.map(ask)).then(done, (error) => done(String(error)));
"""
THEME = "document.documentElement.dataset.theme = arguments[0]"
NO_PAGES = re.compile(r"/(logout|download|file|pair-file|schema)/|/static/|/export/|label-export|do/cancel")
LEAFING = {"_changelist_filters", "_popup", "_to_field", "page", "after", "pair", "queue", "status"}
FOREIGN = re.compile(r"/api/v1/docs/")  # Swagger UI draws this page; its buttons in buttons are not ours to mend
AT_ONCE = 6
MOST = 250
# These reach every kind of page; `make proof` looks with the eyes of the others too.
ROLES = [
    *(ENGINEER, STEWARD, EXPERT, OFFICER),
    *(pytest.param(role, marks=pytest.mark.proof) for role in (APPROVER, DEVELOPER, VIEWER)),
]


@pytest.fixture(scope="module")
def seen_kinds() -> set[str]:
    """Kinds of pages that were looked at as some role."""
    return set()


def shape_of(address: str) -> str:
    """The address without ids and values: pages of one shape come from the same view of the same model."""
    parts = urlsplit(address)
    path = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9a-f]{64}\b", "*", parts.path)
    path = re.sub(r"/[^/]+/(change|history|do|delete)/", r"/*/\1/", re.sub(r"/\d+/", "/*/", path))
    path = re.sub(r"/(tables|volumes)/[^/]+/", r"/\1/*/", path)
    asked = sorted(set(parse_qs(parts.query)) - LEAFING)
    is_list = re.fullmatch(r"/admin/[a-z]+/[a-z]+/", path)
    return f"{path}?{'filtered' if is_list and asked else ','.join(asked)}"


def kind_of(shape: str) -> str:
    """Filtered lists, histories, steps and reasons look the same for every model."""
    shape = re.sub(r"^/admin/[a-z]+/[a-z]+/(\?filtered|\*/(?:history|do)/)", r"/admin/*/*/\1", shape)
    return re.sub(r"/why/[^/]+/", "/why/*/", shape)


class Inspector:
    """Asks for one page of each shape that this role can reach, and keeps what is wrong."""

    def __init__(self, portal: Portal, seen: set[str]) -> None:
        self.portal = portal
        self.browser = portal.browser
        self.seen = seen
        self.known: dict[str, str] = {}
        self.faults: list[str] = []
        self.has_looked = False

    def crawl(self) -> None:
        """Breadth first from the page that is open: a shape and where it was linked from."""
        waiting = self.new_among([self.browser.current_url], "")
        while waiting and len(self.known) < MOST:
            due, waiting = waiting[:AT_ONCE], waiting[AT_ONCE:]
            for asked, page in zip(due, self.ask(due), strict=True):
                waiting += self.new_among(self.checked(asked, page), shape_of(asked))

    def new_among(self, addresses: list[str], origin: str) -> list[str]:
        """One address for each shape that is not known yet."""
        new = []
        for address in addresses:
            if (shape := shape_of(address)) not in self.known:
                self.known[shape] = origin
                new.append(address)
        return new

    def ask(self, addresses: list[str]) -> list[dict[str, Any]]:
        answers = self.browser.execute_async_script(ASK, addresses)
        assert isinstance(answers, list), f"{answers}, while asking for {addresses}"
        return answers

    def checked(self, asked: str, page: dict[str, Any]) -> list[str]:
        """What the page links to inside the site, after a look at it where it is the first of its kind."""
        if page["status"] != 200:
            self.fault(asked, f"answered {page['status']}; {self.known[shape_of(asked)]} links to it")
            return []
        kind = kind_of(shape_of(page["address"]))
        if page["drawn"] and kind not in self.seen:
            self.seen.add(kind)
            self.look_at(page["address"])
        inside = [one.partition("#")[0] for one in page["links"] if one.startswith(self.portal.site.url)]
        return [one for one in inside if not NO_PAGES.search(one)]

    def look_at(self, address: str) -> None:
        self.browser.get_log("browser")  # a page that was refused while asking has been noted
        self.browser.get(address)
        self.fits(address, 390)
        self.fits(address, 1440)
        for message in self.browser.get_log("browser"):
            self.fault(address, f"console {message['level']}: {message['message']}")
        if not FOREIGN.search(address):
            self.browser.execute_script(PREPARE, self.has_looked)
            self.has_looked = True
            self.browser.execute_script(AXE)
            self.passes_axe(address, "light", ALL_RULES)
            self.passes_axe(address, "dark", CONTRAST)
            self.browser.get_log("browser")  # axe tries styles of its own, which the policy refuses

    def fits(self, address: str, width: int) -> None:
        metrics: dict[str, Any] = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        if wide := self.portal.too_wide():
            self.fault(address, f"at {width} px: {wide}")

    def passes_axe(self, address: str, theme: str, rules: dict[str, Any]) -> None:
        self.browser.execute_script(THEME, theme)
        for violation in self.browser.execute_async_script(RUN_AXE, rules):
            self.fault(address, f"axe, {theme}: {violation}")

    def fault(self, address: str, what: str) -> None:
        self.faults.append(f"{shape_of(address)}  {what}")


@pytest.mark.timeout(900)  # the first role looks at nearly all of it
@pytest.mark.parametrize("role", ROLES)
def test_every_page_is_clean(role: str, portal: Portal, seen_kinds: set[str]):
    portal.log_in(role)
    portal.browser.get_log("browser")  # what the walks have left there
    inspector = Inspector(portal, seen_kinds)

    inspector.crawl()

    assert not inspector.faults, f"{len(inspector.known)} pages, {len(inspector.faults)} faults:\n" + "\n".join(
        inspector.faults
    )
    assert len(inspector.known) < MOST, "the crawl has not come to its end: pages of a new shape never stop"
