"""Asking the drawing program about one file, within limits, and keeping its last answers for a while."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.catalogs.errors import FileNotShown

PROGRAM = Path(__file__).with_name("drawer.py")
SECONDS = 20.0  # of the clock, for one question
MOST_BYTES = 50 * 1024 * 1024
KEPT_BYTES = 64 * 1024 * 1024
AT_ONCE = 2


@dataclass(frozen=True)
class Drawn:
    """What the program said of a file, and the picture it drew, if it drew one."""

    facts: dict[str, Any]
    picture: bytes


class _Kept:
    """The last answers by content and question, in memory only: who may see a file is asked before, each time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: OrderedDict[str, Drawn] = OrderedDict()
        self._size = 0

    def get(self, key: str) -> Drawn | None:
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
            return self._answers.get(key)

    def put(self, key: str, answer: Drawn) -> None:
        with self._lock:
            if key in self._answers or len(answer.picture) > KEPT_BYTES // 4:
                return
            self._answers[key] = answer
            self._size += len(answer.picture) + len(key)
            while self._size > KEPT_BYTES or len(self._answers) > 2_000:
                old_key, old = self._answers.popitem(last=False)
                self._size -= len(old.picture) + len(old_key)


_kept = _Kept()
_places = threading.BoundedSemaphore(AT_ONCE)


def ask(content: bytes, question: str, **asked: Any) -> Drawn:
    """:raises FileNotShown: the file cannot be used, or takes more time or memory than it may."""
    if len(content) > MOST_BYTES:
        raise FileNotShown(
            f"The file has {len(content):,} bytes; previews are drawn up to {MOST_BYTES:,}. Download it instead.",
            field="path",
        )
    line = json.dumps({"question": question, **asked}, sort_keys=True)
    key = f"{hashlib.sha256(content).hexdigest()} {line}"
    if (known := _kept.get(key)) is not None:
        return known
    answer = _answer(_run(f"{line}\n".encode() + content))
    _kept.put(key, answer)
    return answer


def _run(sent: bytes) -> bytes:
    # -I: neither the folder of the program nor the environment adds modules.
    command = [sys.executable, "-I", str(PROGRAM)]
    try:
        with _places:
            done = subprocess.run(command, input=sent, capture_output=True, timeout=SECONDS, check=False, env={})
    except subprocess.TimeoutExpired as error:
        raise FileNotShown(
            f"The file was not drawn within {SECONDS:g} seconds. Put a simpler copy into the volume.", field="path"
        ) from error
    if done.returncode != 0:
        raise FileNotShown(
            "The file cannot be drawn: it is damaged, or needs more time or memory than one file may take.",
            field="path",
        )
    return done.stdout


def _answer(told: bytes) -> Drawn:
    line, _, picture = told.partition(b"\n")
    facts = json.loads(line)
    if "refused" in facts:
        raise FileNotShown(facts["refused"], field="path")
    return Drawn(facts, picture)
