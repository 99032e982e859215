"""Keeps a few child processes running, and ends them with their parent, however that one ends.

Standard library only. Each child is a Python module run by `python -m workbench.supervisor MODULE ...`, which
first starts a thread that watches a pipe. Only the supervisor holds the other end: when it dies, even by kill
-9, the system closes that end, and the child goes too.
"""

import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

LIFELINE = "WORKBENCH_LIFELINE"
FIRST_DELAY, LONGEST_DELAY, STEADY_AFTER = 0.5, 10.0, 30.0
"""Seconds before a restart: the first time, at most, and the life after which counting starts again."""
GRACE = 10.0
"""Seconds a child gets between SIGTERM and SIGKILL."""
POLL = 0.05
PROJECT_FOLDER = Path(__file__).resolve().parent.parent

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Program:
    """A Python module to keep running, as `python -m module arguments` would."""

    name: str
    module: str
    arguments: Sequence[str] = ()

    def command(self) -> list[str]:
        return [sys.executable, "-m", "workbench.supervisor", self.module, *self.arguments]


@dataclass(kw_only=True)
class Child:
    """One program and its present process, or the moment of its next start."""

    program: Program
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    delay: float = FIRST_DELAY
    start_due_at: float = 0.0

    def next_delay(self, now: float) -> float:
        """Seconds until the next start; doubles while the child keeps dying young."""
        if now - self.started_at >= STEADY_AFTER:
            self.delay = FIRST_DELAY
        delay = self.delay
        self.delay = min(delay * 2, LONGEST_DELAY)
        return delay


@dataclass(kw_only=True)
class Supervisor:
    """Starts the programs, restarts those that die, and ends all of them on SIGINT or SIGTERM."""

    programs: Sequence[Program]
    say: Say
    grace: float = GRACE
    _children: list[Child] = field(init=False, default_factory=list)
    _stop_signals: int = field(init=False, default=0)

    def run(self) -> int:
        """Until SIGINT or SIGTERM; to be called in the main thread, which receives signals.

        A second signal ends the children without waiting for them.
        """
        read_end, write_end = os.pipe()
        previous = {
            number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)
        }
        self._children = [Child(program=program) for program in self.programs]
        try:
            while not self._stop_signals:
                self._look_after(read_end)
                time.sleep(POLL)
        finally:
            self._end_all()
            os.close(write_end)
            os.close(read_end)
            for number, handler in previous.items():
                signal.signal(number, handler)
        return 0

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stop_signals += 1

    def _look_after(self, read_end: int) -> None:
        now = time.monotonic()
        for child in self._children:
            if child.process is not None and child.process.poll() is not None:
                self._plan_restart(child, child.process, now)
            if child.process is None and now >= child.start_due_at:
                child.process, child.started_at = start(child.program, read_end), now

    def _plan_restart(self, child: Child, ended: subprocess.Popen[bytes], now: float) -> None:
        how = describe_exit(ended.returncode)
        signal_group(ended, signal.SIGKILL)  # what it had started itself
        delay = child.next_delay(now)
        child.process, child.start_due_at = None, now + delay
        self.say(f"The {child.program.name} process {how}; it starts again in {delay:g} s.")

    def _end_all(self) -> None:
        processes = [child.process for child in self._children if child.process is not None]
        for process in processes:
            signal_group(process, signal.SIGTERM)
        deadline = time.monotonic() + self.grace
        while (
            self._stop_signals < 2
            and time.monotonic() < deadline
            and any(p.poll() is None for p in processes)
        ):
            time.sleep(POLL)
        for process in processes:
            signal_group(process, signal.SIGKILL)
            process.wait()


def start(program: Program, read_end: int) -> subprocess.Popen[bytes]:
    """In a session of its own, so that Ctrl-C reaches the supervisor alone, which then ends all in order."""
    search_path = os.pathsep.join(filter(None, (str(PROJECT_FOLDER), os.environ.get("PYTHONPATH"))))
    return subprocess.Popen(
        program.command(),
        stdin=subprocess.DEVNULL,
        pass_fds=(read_end,),
        env={**os.environ, LIFELINE: str(read_end), "PYTHONPATH": search_path},
        start_new_session=True,
    )


def signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        pass  # macOS says PermissionError for a group of which only a zombie is left


def describe_exit(status: int) -> str:
    if status >= 0:
        return f"ended with exit status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


def follow_parent(read_end: int, *, grace: float = GRACE) -> None:
    """Start the thread that ends this process when nobody holds the other end of the pipe any more."""
    threading.Thread(target=_end_with_parent, args=(read_end, grace), name="lifeline", daemon=True).start()


def _end_with_parent(read_end: int, grace: float) -> None:
    os.read(read_end, 1)  # nothing is ever written: this returns at end of file
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(grace)
    os.killpg(0, signal.SIGKILL)


def run_module(module: str, arguments: Sequence[str]) -> None:
    """Run `module` as __main__ in this process, tied to the supervisor's life."""
    follow_parent(int(os.environ.pop(LIFELINE)))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    run_module(sys.argv[1], sys.argv[2:])
