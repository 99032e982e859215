"""Who holds a lease, and whether that process still lives. No database here."""

from __future__ import annotations

import functools
import os
import socket
import uuid

import psutil

LEASE_SECONDS = 60


@functools.cache
def _host() -> str:
    """This machine's name and boot, so that process ids of another boot are never taken for ours."""
    return f"{socket.gethostname()}/{int(psutil.boot_time())}"


def new_owner() -> str:
    """A name for one holder: machine, process, its start, and a random part."""
    process = psutil.Process(os.getpid())
    return f"{_host()}:{process.pid}:{process.create_time():.2f}:{uuid.uuid4().hex[:8]}"


def is_dead(owner: str) -> bool:
    """Whether the process behind `owner` is known to be gone: it ran on this machine and does so no more.

    Owners on other machines are never known to be dead; their leases run out instead.
    """
    host, pid, started, _ = owner.rsplit(":", 3)
    if host != _host():
        return host.split("/")[0] == _host().split("/")[0]
    try:
        return abs(psutil.Process(int(pid)).create_time() - float(started)) > 0.05
    except psutil.NoSuchProcess:
        return True
