"""What a person sees and does in the browser, in the words on the page. No addresses, no element ids."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from selenium import webdriver
from selenium.common.exceptions import (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    JavascriptException,
    StaleElementReferenceException,
)
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select

from tests.e2e.site import Site

PATIENCE = 10.0
JOB_WITHIN = 90.0
DOWNLOADS = "downloads"  # in the browser's own folder
Found = TypeVar("Found")

# Visible controls of a kind, with the words a person would call them by. Arguments: kind, words, row.
FIND = """
const [kind, words, row] = arguments;
const clean = (text) => (text ?? "").replace(/\\s+/g, " ").trim();
const shown = (element) => element.checkVisibility({visibilityProperty: true}) && element.getClientRects().length > 0;
const selectors = {
    click: "a[href], button, summary, input[type=submit], input[type=button], [role=button], [role=tab]",
    field: "input:not([type=hidden]):not([type=submit]), textarea, select",
};
let scopes = [document];
const dialog = document.querySelector("dialog[open]");
if (dialog) scopes = [dialog];
else if (row) {
    scopes = Array.from(document.querySelectorAll("tr, li, section, fieldset, article, details, .card"))
        .filter((one) => shown(one) && clean(one.innerText).includes(row))
        .sort((a, b) => a.innerText.length - b.innerText.length);
}
const named = (element) => {
    const names = [clean(element.getAttribute("aria-label"))];
    for (const label of element.labels ?? []) names.push(clean(label.innerText));
    const by = element.getAttribute("aria-labelledby");
    if (by) names.push(by.split(" ").map((id) => clean(document.getElementById(id)?.innerText)).join(" "));
    if (kind === "click") names.push(clean(element.innerText), clean(element.value), clean(element.title));
    return names.filter(Boolean).map((name) => name.replace(/[:*]+$/, "").trim());
};
// “Train” is not the beginning of “Training”.
const whole = (name, start) => start >= 0 && !/^\\p{L}/u.test(name.slice(start + words.length));
const fits = [
    (name) => name === words,
    (name) => name.startsWith(words) && whole(name, 0),
    (name) => whole(name, name.indexOf(words)),
];
for (const fit of fits) {
    for (const scope of scopes) {
        for (const element of scope.querySelectorAll(selectors[kind])) {
            const drawn = ["checkbox", "radio", "file"].includes(element.type);  // by its label, where it is hidden
            if ((shown(element) || drawn) && !element.disabled && named(element).some(fit)) return element;
        }
    }
}
return null;
"""
TABLE = """
const clean = (text) => (text ?? "").replace(/\\s+/g, " ").trim();
const heading = (table) => clean(table.tHead?.innerText);
const found = Array.from(document.querySelectorAll("table")).find((table) => heading(table).startsWith(arguments[0]));
const words = (row) => Array.from(row.cells).map((cell) => clean(cell.innerText));
return Array.from(found?.tBodies[0]?.rows ?? []).map(words);
"""
PICTURE = "return Array.from(document.images).some((image) => image.complete && image.naturalWidth > 100)"
SHOWN_TEXT = "return document.body.innerText.replace(/\\s+/g, ' ')"
OPEN_THE_MENU = "document.querySelectorAll('details[data-menu]').forEach((menu) => menu.setAttribute('open', ''))"

OVERFLOW = """
const wide = document.documentElement.scrollWidth - window.innerWidth;
if (wide <= 1) return "";
const out = Array.from(document.querySelectorAll("main *, #content *, header *")).find((one) => {
    const box = one.getBoundingClientRect();
    return box.right > window.innerWidth + 1 && box.width > 0 && getComputedStyle(one).position !== "fixed";
});
return `${wide} px too wide` + (out ? `, from <${out.tagName.toLowerCase()} class="${out.className}">` : "");
"""

class NotOnPage(AssertionError):
    """Somebody looking at the page would not find it."""


def new_browser(profile: Path) -> webdriver.Chrome:
    """Headless Chromium that asks nobody for anything and keeps every console message."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--disable-dev-shm-usage", f"--user-data-dir={profile}", "--window-size=1440,1000",
    ):  # fmt: skip
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    browser = webdriver.Chrome(options=options, service=service)
    browser.set_page_load_timeout(60)
    return browser


class Portal:
    """One browser window on the site, and whoever is logged in."""

    def __init__(self, browser: webdriver.Chrome, site: Site) -> None:
        self.browser = browser
        self.site = site
        self.user = ""
        self.sessions: dict[str, list[dict[str, Any]]] = {}
        self.pages_seen: list[tuple[str, str]] = []
        self.forbidden = ""
        self.exempt = ""
        profile = browser.capabilities["chrome"]["userDataDir"]
        self.downloads = Path(profile) / DOWNLOADS
        saved = {"behavior": "allow", "downloadPath": str(self.downloads)}
        browser.execute_cdp_cmd("Browser.setDownloadBehavior", saved)

    # -- who ----------------------------------------------------------------------------------------------

    def log_in(self, username: str) -> None:
        """As this person: from the login page the first time, later where they are still logged in."""
        if self.user != username:
            self.browser.delete_all_cookies()
            self.user = username
            for cookie in self.sessions.get(username, []):
                self.browser.add_cookie(cookie)
        self.browser.get(self.site.url)  # whatever a walk has left open
        if username not in self.sessions:
            self.fill("Username", username)
            self.fill("Password", self.site.passwords[username])
            self.click("Log in")
            self.sessions[username] = self.browser.get_cookies()
        self.go("Overview")

    # -- what is there ------------------------------------------------------------------------------------

    def too_wide(self) -> str:
        """What of this page does not fit its window; nothing where it fits."""
        return str(self.browser.execute_script(OVERFLOW))

    @property
    def text(self) -> str:
        """All words on the page, spaces joined."""
        return str(self.browser.execute_script(SHOWN_TEXT))

    def sees(self, *words: str, within: float = PATIENCE) -> None:
        """Each of these is on the page, or appears soon."""
        for one in words:
            self._until(lambda one=one: one in self.text, f"“{one}” on the page", within)

    def sees_not(self, *words: str) -> None:
        text = self.text
        for one in words:
            if one in text:
                raise AssertionError(f"“{one}” is on the page, and must not be. {self.where_it_stands()}")

    def forbid(self, word: str, *, besides: str) -> None:
        """From now on no page may hold this word, for anybody but one person."""
        self.forbidden, self.exempt = word, besides

    def table(self, heading: str) -> list[list[str]]:
        """The cells, as words, of the table whose first column has this heading."""
        return list(self.browser.execute_script(TABLE, heading))

    def words_of(self, element_id: str) -> str:
        """What one element says, such as a key that is there to be copied."""
        return str(self.browser.find_element(By.ID, element_id).text).strip()

    def shows_a_picture(self) -> None:
        """Some picture of the page has been loaded, and is no icon."""
        self._until(lambda: self.browser.execute_script(PICTURE), "a picture", PATIENCE)

    def has(self, words: str) -> bool:
        return words in self.text

    def can_click(self, words: str, row: str = "") -> bool:
        return self._find("click", words, row) is not None

    # -- what one does ------------------------------------------------------------------------------------

    def go(self, entry: str) -> None:
        """Follow an entry of the sidebar."""
        self.click(entry, row="")

    def click(self, words: str, *, row: str = "", confirm: bool = False) -> None:
        """Press the link or button with these words; `row` names something else in the same row, card or section.

        `confirm` also answers the question that follows.
        """
        self._press("click", words, row)
        if confirm:
            self._until(lambda: self.browser.find_elements(By.CSS_SELECTOR, "dialog[open]"), "a question", 5)
            self._press("click", words, "")
        self._settle()

    def fill(self, label: str, value: Any, *, row: str = "") -> None:
        """Give the field with this label a value: text, a choice by its words, or True/False for a box."""
        field = self._until(lambda: self._find("field", label, row), f"a field “{label}”", PATIENCE)
        kind = field.get_attribute("type")
        if field.tag_name == "select":
            self._choose(field, label, value)
        elif kind in {"checkbox", "radio"}:
            if field.is_selected() != bool(value):
                self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", field)
                self._click_or_its_label(field)
        else:
            self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", field)
            field.clear()
            field.send_keys(str(value))

    def press(self, key: str) -> None:
        """A single key, as experts use while reviewing."""
        self.browser.find_element(By.TAG_NAME, "body").send_keys(getattr(Keys, key, key))
        self._settle()

    @property
    def address(self) -> str:
        return str(self.browser.current_url)

    def moves_on_from(self, address: str) -> None:
        """Wait until another page is shown than the one at this address."""
        self._until(lambda: self.address != address, f"a page other than {address}", PATIENCE)
        self._settle()

    def wait_for_job(self, within: float = JOB_WITHIN) -> None:
        """Stay on a page that follows a job until it has finished; the page goes on by itself."""
        deadline = time.monotonic() + within
        while self._follows_a_job():
            if time.monotonic() > deadline:
                raise AssertionError(f"The job has not finished in {within:g} s. {self.where_it_stands()}")
            time.sleep(0.3)
        self._settle()

    def picture(self, name: str) -> None:
        """Keep what is on the screen where WORKBENCH_PICTURES names a folder."""
        if folder := os.environ.get("WORKBENCH_PICTURES"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.browser.save_screenshot(str(Path(folder) / f"{len(self.pages_seen):03d}-{name}.png"))

    def where_it_stands(self) -> str:
        self.picture("failed")
        return f"\n{self.user} at {self.browser.current_url}:\n{self.text[:3000]}\n"

    # -- how ----------------------------------------------------------------------------------------------

    def _find(self, kind: str, words: str, row: str) -> WebElement | None:
        try:
            return self.browser.execute_script(FIND, kind, words, row)  # type: ignore[no-any-return]
        except JavascriptException:
            return None

    def _press(self, kind: str, words: str, row: str) -> None:
        where = f"“{words}” to press" + (f" beside “{row}”" if row else "")

        def pressed() -> bool:
            element = self._find(kind, words, row)
            if element is None:
                return False
            self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
            element.click()
            return True

        self._until(pressed, where, PATIENCE)

    def _choose(self, field: WebElement, label: str, value: Any) -> None:
        select = Select(field)
        wanted = [value] if isinstance(value, str) else list(value)
        for one in wanted:
            texts = [option.text.strip() for option in select.options]
            fitting = [text for text in texts if text == one] or [text for text in texts if one in text]
            if not fitting:
                raise NotOnPage(f"“{label}” offers no “{one}”, only {texts}. {self.where_it_stands()}")
            select.select_by_visible_text(fitting[0])

    def _click_or_its_label(self, field: WebElement) -> None:
        try:
            field.click()
        except (ElementClickInterceptedException, ElementNotInteractableException):
            self.browser.execute_script("arguments[0].labels[0].click()", field)

    def _follows_a_job(self) -> bool:
        return bool(self.browser.find_elements(By.CSS_SELECTOR, "[data-progress-url]"))

    def _until(self, look: Callable[[], Found | None], what: str, within: float) -> Found:
        deadline = time.monotonic() + within
        while True:
            try:
                found = look()
            except (StaleElementReferenceException, ElementClickInterceptedException, JavascriptException):
                found = None
            if found:
                return found
            if time.monotonic() > deadline:
                raise NotOnPage(f"{self.user} does not find {what}. {self.where_it_stands()}")
            time.sleep(0.1)

    def _settle(self) -> None:
        """Until the page that a press has led to is there; any page at fault ends the walk."""
        self._until(
            lambda: self.browser.execute_script("return document.readyState === 'complete'"), "the page", 30
        )
        self.pages_seen.append((self.user, self.browser.current_url))
        if self.forbidden and self.user != self.exempt and self.forbidden in self._page_beside_the_directory():
            raise AssertionError(f"“{self.forbidden}” of another team is on the page. {self.where_it_stands()}")
        for fault in ("Something broke", "There is no such page", "You may not do this"):
            if fault in self.browser.title:
                raise AssertionError(f"{fault}. {self.where_it_stands()}")

    def _page_beside_the_directory(self) -> str:
        """All of the page's source, without the accounts that one can share with: colleagues are no secret."""
        return re.sub(r'<datalist id="id_user-names">.*?</datalist>', "", self.browser.page_source.lower())
