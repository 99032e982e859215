"""Which tests stay together in one process when pytest-xdist runs them in several."""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

TOGETHER = "tests/e2e/"


class OneBrowser(LoadScopeScheduling):  # type: ignore[misc]
    """Browser tests share one site and build on one another: one process runs them all, in their order."""

    def _split_scope(self, nodeid: str) -> str:
        return TOGETHER if nodeid.startswith(TOGETHER) else nodeid


@pytest.hookimpl(tryfirst=True, optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneBrowser:
    """By path, not by the mark `xdist_group`: pytest-xdist 3.8 drops it under pytest 9.2 without a word."""
    return OneBrowser(config, log)
