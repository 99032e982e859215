"""How the worker is run."""

from __future__ import annotations

import os
import warnings
from types import SimpleNamespace

import pytest
from celery.exceptions import SecurityError
from celery.platforms import check_privileges
from celery.signals import celeryd_init

from workbench.celery import app


def told(monkeypatch, accept_content: list[str]) -> list[str]:
    """What Celery says to root who starts a worker that accepts these formats."""
    monkeypatch.delenv("C_FORCE_ROOT", raising=False)
    for name in ("getuid", "geteuid", "getgid", "getegid"):
        monkeypatch.setattr(os, name, lambda: 0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        celeryd_init.send(sender="test", instance=None, conf=SimpleNamespace(accept_content=accept_content), options={})
        check_privileges(accept_content)
    return [str(warning.message) for warning in caught]


def test_root_is_not_warned_of_messages_that_run_nothing(monkeypatch):
    assert list(app.conf.accept_content) == ["json"]
    assert told(monkeypatch, list(app.conf.accept_content)) == []


def test_root_is_warned_again_as_soon_as_another_format_is_accepted(monkeypatch):
    assert any("superuser privileges" in words for words in told(monkeypatch, ["json", "yaml"]))
    with pytest.raises(SecurityError):
        told(monkeypatch, ["json", "pickle"])
