"""A running site and a real browser for the walks. One site and one browser serve all of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.portal import Portal, new_browser
from tests.e2e.site import Site, running_site

FOLDER = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One process runs them all (tests/together.py); pages are looked at after the walks."""
    for item in items:
        if FOLDER in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(420))


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: apt install chromium chromium-driver")
    with running_site(tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture(scope="session")
def portal(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """The browser on that site, with nobody logged in yet."""
    browser = new_browser(tmp_path_factory.mktemp("chromium"))
    try:
        yield Portal(browser, site)
    finally:
        browser.quit()


@pytest.fixture(autouse=True)
def _shown_on_failure(request: pytest.FixtureRequest) -> Iterator[None]:
    """A failed walk says where it stood and keeps a picture of it."""
    failed_before = request.session.testsfailed
    yield
    if request.session.testsfailed > failed_before and "portal" in request.fixturenames:
        portal: Portal = request.getfixturevalue("portal")
        print(portal.where_it_stands())  # noqa: T201 - pytest shows it below the failure
