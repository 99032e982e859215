"""The Celery application. Messages only wake workers; the sweep in each worker finds what they miss."""

from __future__ import annotations

import logging
import os
import threading
import warnings
from typing import Any

from celery import Celery
from celery.exceptions import SecurityWarning
from celery.signals import celeryd_init, worker_ready, worker_shutting_down

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "workbench.settings")

app = Celery("workbench")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["governance"])

SWEEP_SECONDS = 1.0
SWEEPS_A_LOOK = 10
"""Every so many sweeps, what comes round by itself is looked at."""
_stop = threading.Event()


@celeryd_init.connect
def trust_plain_messages(conf: Any, **_: Any) -> None:
    """Run as root, such as in a container, without Celery's warning against it, as long as nothing but JSON is read.

    The warning is about pickle: reading a pickled message runs what its writer put into it, with the worker's rights.
    Reading JSON runs nothing, and our messages name a job and no more. Should settings ever accept another format,
    the warning is there again (and for pickle, Celery refuses to start). C_FORCE_ROOT would silence that, too.
    """
    if set(conf.accept_content) == {"json"}:
        warnings.filterwarnings("ignore", category=SecurityWarning, module=r"celery\.platforms")


@worker_ready.connect
def start_sweeping(**_: Any) -> None:
    threading.Thread(target=_sweep_until_stopped, name="sweep", daemon=True).start()


@worker_shutting_down.connect
def stop_sweeping(**_: Any) -> None:
    _stop.set()


def _sweep_until_stopped() -> None:
    from django.db import close_old_connections

    from governance import context, jobs, schedule

    sweeps = 0
    while not _stop.wait(SWEEP_SECONDS):
        try:
            with context.acting(user=None, door="task", reason="the worker's sweep"):
                jobs.sweep()
                if sweeps % SWEEPS_A_LOOK == 0:
                    schedule.enqueue_due()
            sweeps += 1
        except Exception:
            logging.getLogger(__name__).warning("sweep failed; trying again", exc_info=True)
        finally:
            close_old_connections()
