"""The supervisor is run as a process of its own, as users run it, over small Python children."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from workbench.supervisor import FIRST_DELAY, LONGEST_DELAY, STEADY_AFTER, Child, Program, describe_exit

PATIENCE = 15.0

STEADY = "import time\nwhile True: time.sleep(0.1)\n"
STUBBORN = """
import pathlib, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(__file__).with_suffix(".ready").touch()
while True: time.sleep(0.1)
"""
FAILING = "raise SystemExit(3)\n"
WITH_CHILD = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])\n"

SUPERVISOR = """
import sys
from workbench.supervisor import Program, Supervisor

programs = [Program(name=name, module=name) for name in sys.argv[2:]]
supervisor = Supervisor(
    programs=programs, say=lambda text: print(text, flush=True), grace=float(sys.argv[1])
)
raise SystemExit(supervisor.run())
"""


class Running:
    """A supervisor process over the modules `first` and `second`."""

    def __init__(self, folder: Path, process: subprocess.Popen[str]) -> None:
        self.folder = folder
        self.process = process
        self.seen: set[psutil.Process] = set()

    def children(self, name: str | None = None) -> list[psutil.Process]:
        """Living descendants, remembered, so that they can be looked for after the supervisor is gone."""
        try:
            found = psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        self.seen.update(found)
        return [
            child
            for child in found
            if name is None or command_line(child)[-2:] == ["workbench.supervisor", name]
        ]

    def survivors(self) -> list[psutil.Process]:
        return [child for child in self.seen if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return []


def wait_until(is_true: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def begin(*, first: str = STEADY, second: str = STEADY, grace: float = 5.0) -> Running:
        (tmp_path / "first.py").write_text(first)
        (tmp_path / "second.py").write_text(second)
        search_path = os.pathsep.join([str(Path(__file__).parents[2]), str(tmp_path)])
        process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISOR, str(grace), "first", "second"],
            env={**os.environ, "PYTHONPATH": search_path},
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(Running(tmp_path, process))
        return started[-1]

    yield begin
    for running in started:
        running.children()
        for process in [*running.survivors(), running.process]:
            process.kill()
        running.process.wait(PATIENCE)
        assert running.process.stdout is not None
        running.process.stdout.close()


@pytest.fixture
def two_steady(supervise: Callable[..., Running]) -> Running:
    running = supervise()
    wait_until(lambda: running.children("first") and running.children("second"))
    return running


def test_a_killed_child_is_started_again_and_the_other_is_left_alone(two_steady: Running):
    [first], [second] = two_steady.children("first"), two_steady.children("second")

    first.kill()
    wait_until(lambda: [c for c in two_steady.children("first") if c.pid != first.pid])

    assert [child.pid for child in two_steady.children("second")] == [second.pid]
    two_steady.stop()
    assert two_steady.process.stdout is not None
    assert (
        "The first process was ended by SIGKILL; it starts again in 0.5 s."
        in two_steady.process.stdout.read()
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_stop_signal_ends_all_children_and_reports_success(two_steady: Running, number: signal.Signals):
    status = two_steady.stop(number)

    assert status == 0
    assert two_steady.survivors() == []


def test_children_go_when_the_supervisor_itself_is_killed(two_steady: Running):
    assert len(two_steady.children()) == 2

    two_steady.stop(signal.SIGKILL)

    wait_until(lambda: not two_steady.survivors())


def test_a_child_that_ignores_sigterm_is_killed_after_the_grace_period(
    supervise: Callable[..., Running], tmp_path: Path
):
    running = supervise(second=STUBBORN, grace=0.5)
    wait_until((tmp_path / "second.ready").exists)
    running.children()

    running.stop()

    assert running.survivors() == []


def test_a_second_signal_does_not_wait_for_a_stubborn_child(
    supervise: Callable[..., Running], tmp_path: Path
):
    running = supervise(second=STUBBORN, grace=600)
    wait_until((tmp_path / "second.ready").exists)
    running.children()

    running.process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    running.stop(signal.SIGINT)

    assert running.survivors() == []


def test_what_a_child_has_started_ends_with_it(supervise: Callable[..., Running]):
    running = supervise(first=WITH_CHILD)
    wait_until(lambda: len(running.children()) == 3)

    running.stop()

    assert running.survivors() == []


def test_a_child_that_keeps_failing_is_restarted_ever_more_slowly(supervise: Callable[..., Running]):
    running = supervise(first=FAILING)
    assert running.process.stdout is not None

    told = [running.process.stdout.readline().strip() for _ in range(3)]

    assert told == [
        f"The first process ended with exit status 3; it starts again in {delay} s."
        for delay in ("0.5", "1", "2")
    ]


def test_delays_double_up_to_the_longest_and_start_over_after_a_steady_life():
    child = Child(program=Program(name="first", module="first"), started_at=100.0)

    young = [child.next_delay(now=100.1) for _ in range(7)]
    after_a_steady_life = child.next_delay(now=100.0 + STEADY_AFTER)

    assert young == [0.5, 1.0, 2.0, 4.0, 8.0, LONGEST_DELAY, LONGEST_DELAY]
    assert after_a_steady_life == FIRST_DELAY


@pytest.mark.parametrize(
    ("status", "words"),
    [(0, "ended with exit status 0"), (-9, "was ended by SIGKILL"), (-4242, "was ended by signal 4242")],
)
def test_an_exit_status_is_told_in_words(status: int, words: str):
    assert describe_exit(status) == words
