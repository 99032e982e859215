"""What starting takes: `python -m benchmarks.startup`, in seconds of processor time and as a ratio to bare Django.

Each figure is the best of several fresh processes, after one that wrote the bytecode; the wait of a busy machine is
not in it. The bare start loads Django with its own admin and this project's other applications, but none of ours.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 5
OURS = """
import time
started = time.process_time()
import django
django.setup()
from django.urls import get_resolver
get_resolver().url_patterns
print(time.process_time() - started)
"""
BARE = """
import time
started = time.process_time()
from django.conf import settings
apps = ["auth", "contenttypes", "sessions", "messages", "staticfiles"]
settings.configure(
    INSTALLED_APPS=["django.contrib.admin"] + ["django.contrib." + app for app in apps]
    + ["rest_framework", "drf_spectacular", "django_filters", "guardian", "simple_history", "allauth"],
    AUTHENTICATION_BACKENDS=["django.contrib.auth.backends.ModelBackend"], ROOT_URLCONF=[], SECRET_KEY="-",
)
import django
django.setup()
import rest_framework.viewsets, drf_spectacular.openapi, django_filters.rest_framework, celery.app.base
print(time.process_time() - started)
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as bytecode:
        ours, bare = (best_seconds(program, bytecode) for program in (OURS, BARE))
    figures = {"seconds": round(ours, 2), "bare seconds": round(bare, 2), "ratio": round(ours / bare, 2)}
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


def best_seconds(program: str, bytecode: str) -> float:
    """The least processor time of `ROUNDS` fresh processes that find bytecode in the folder `bytecode`."""
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "workbench.settings", "PYTHONPYCACHEPREFIX": bytecode}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    spent = []
    for _ in range(ROUNDS + 1):
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        spent.append(float(done.stdout.splitlines()[-1]))
    return min(spent[1:])


if __name__ == "__main__":
    main()
