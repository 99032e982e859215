"""Many processes change constraints through every door at once, and some are killed.

`python -m tests.recordwork SETTINGS.json` migrates the database of the environment, lets writers loose on it, and
prints as JSON whether the record holds everything that was acknowledged. A change is acknowledged when it stands in a
file outside the database, synchronised after its commit. The process that forks the writers holds no connection.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
KIND = "labeling.qapair"
COLUMNS = ("allowed_uses", "prohibited_uses", "usage_reason")
# Which part of all changes goes through which door.
SHARES = {"form": 0.01, "rest": 0.02, "update": 0.27, "bulk_create": 0.20, "bulk_update": 0.25, "raw_sql": 0.25}
AT_ONCE = {"form": 1, "rest": 1, "update": 20, "bulk_create": 25, "bulk_update": 25, "raw_sql": 10}
DOORS = {"form": "admin", "rest": "api", "update": "task", "bulk_create": "command", "bulk_update": "task"}
SEAL_EVERY = 2.0  # seconds
GIVE_UP = 90.0  # seconds without any success


@dataclass
class Settings:
    """What one run does."""

    folder: Path
    changes: int
    writers: int
    pairs: int
    kills: int

    @classmethod
    def read(cls, path: Path) -> Settings:
        given = json.loads(path.read_text())
        return cls(**given | {"folder": Path(given["folder"])})

    def log_of(self, name: str) -> Path:
        """Where one writer keeps what was acknowledged to it."""
        return self.folder / f"acknowledged-{name}.jsonl"

    @property
    def stop(self) -> Path:
        return self.folder / "stop-sealing"


# -- what writers do ------------------------------------------------------------------------------------------


class Writer:
    """One process that changes constraints, now by this door and now by that."""

    def __init__(self, settings: Settings, name: str) -> None:
        from django.test import Client
        from rest_framework.test import APIClient

        from governance.models import User
        from labeling.models import QAPair

        self.settings, self.name, self.serial = settings, name, 0
        self.random = random.Random(f"{name} {os.getpid()}")
        self.log = settings.log_of(name).open("ab")
        self.pairs = QAPair.objects
        self.owner = User.objects.get(username="owner")
        self.keys = list(self.pairs.order_by("pk").values_list("pk", flat=True)[: settings.pairs])
        self.pattern = self.pairs.get(pk=self.keys[0])
        self.browser = Client(SERVER_NAME="localhost")
        self.browser.force_login(self.owner)
        self.program = APIClient(SERVER_NAME="localhost")
        self.program.force_login(self.owner)

    def work(self, changes: int) -> None:
        """Make so many changes; a failed one counts for nothing and the next is tried."""
        done: Counter[str] = Counter()
        while (left := changes - done.total()) > 0:
            way = min(SHARES, key=lambda way: done[way] / SHARES[way])
            count = min(AT_ONCE[way], left)
            line = patiently(partial(self.change, way, count))
            if line is not None:
                self.acknowledge(line)
                done[way] += count

    def change(self, way: str, count: int) -> dict[str, Any] | None:
        """One transaction by one door; None if a rule refused it."""
        self.serial += 1
        tag = f"{self.name}.{self.serial}/{count}"
        if way in {"form", "rest"}:
            return getattr(self, way)(tag)  # type: ignore[no-any-return]
        return self.in_bulk(way, tag, count)

    def acknowledge(self, line: Mapping[str, Any]) -> None:
        self.log.write(json.dumps(line).encode() + b"\n")
        self.log.flush()
        os.fsync(self.log.fileno())

    # Each returns what stands in the log: the way, the tag, and each row's old (where known) and new values.

    def form(self, tag: str) -> dict[str, Any] | None:
        """The form on the page that says why a row permits what it permits."""
        from governance.uses import ALL_USES, mask_of

        pair, kept = self._stricter()
        answer = self.browser.post(
            f"/admin/why/{KIND}/{pair.pk}/",
            {"permitted": kept, "data_classification": pair.data_classification, "usage_reason": tag},
        )
        if answer.status_code != 302 or "/why/" not in answer["Location"]:
            return None
        new = {"usage_reason": tag, "prohibited_uses": ALL_USES & ~mask_of(kept)}
        return self._said("form", tag, {str(pair.pk): (None, new)}, request_id=answer["X-Request-ID"])

    def rest(self, tag: str) -> dict[str, Any] | None:
        from governance.uses import mask_of

        pair, kept = self._stricter()
        terms = {"allowed_uses": kept, "prohibited_uses": [], "usage_reason": tag, "data_classification": "internal"}
        answer = self.program.post(f"/api/v1/pairs/{pair.pk}/tighten/", terms, format="json")
        if answer.status_code != 200:
            return None
        new = {"usage_reason": tag, "allowed_uses": mask_of(kept), "prohibited_uses": 0}
        return self._said("rest", tag, {str(pair.pk): (None, new)}, request_id=answer["X-Request-ID"])

    def in_bulk(self, way: str, tag: str, count: int) -> dict[str, Any]:
        from contextlib import nullcontext

        from django.db import transaction

        from governance import context

        doing = context.acting(user=self.owner, door=DOORS[way], reason=tag) if way in DOORS else nullcontext()
        with doing, transaction.atomic():
            rows = getattr(self, way)(tag, count)
        return self._said(way, tag, rows)

    def update(self, tag: str, count: int) -> dict[str, Any]:
        pairs, mask = self._locked(count), self._mask()
        new = self._new(tag, mask)
        self.pairs.filter(pk__in=[pair.pk for pair in pairs]).update(**new, effective_uses=mask)
        return {str(pair.pk): (_values(pair), new) for pair in pairs}

    def bulk_create(self, tag: str, count: int) -> dict[str, Any]:
        pairs = [a_copy(self.pattern, f"{tag} {place}", usage_reason=tag) for place in range(count)]
        self.pairs.bulk_create(pairs)
        return {str(pair.pk): (None, _values(pair)) for pair in pairs}

    def bulk_update(self, tag: str, count: int) -> dict[str, Any]:
        pairs = self._locked(count)
        rows = {}
        for pair in pairs:
            old = _values(pair)
            pair.allowed_uses = pair.effective_uses = self._mask()
            pair.prohibited_uses, pair.usage_reason = 0, tag
            rows[str(pair.pk)] = (old, _values(pair))
        self.pairs.bulk_update(pairs, [*COLUMNS, "effective_uses"])
        return rows

    def raw_sql(self, tag: str, count: int) -> dict[str, Any]:
        """Past every door: nobody says who acts."""
        from django.db import connection

        pairs, mask = self._locked(count), self._mask()
        places = ", ".join(["%s"] * count)
        keys = [pair.pk.hex if connection.vendor == "sqlite" else pair.pk for pair in pairs]
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE labeling_qapair SET allowed_uses = %s, prohibited_uses = 0, effective_uses = %s, "
                f"usage_reason = %s WHERE id IN ({places})",
                [mask, mask, tag, *keys],
            )
        return {str(pair.pk): (_values(pair), self._new(tag, mask)) for pair in pairs}

    def _stricter(self) -> tuple[Any, list[str]]:
        """A row, and part of what it permits by itself now. Another writer may be faster: then a rule refuses."""
        from governance.uses import uses_in

        pair = self.pairs.get(pk=self.random.choice(self.keys))
        return pair, uses_in(pair.own_uses & self._mask())

    def _locked(self, count: int) -> list[Any]:
        keys = self.random.sample(self.keys, count)
        return list(self.pairs.select_for_update().filter(pk__in=keys).order_by("pk"))

    def _mask(self) -> int:
        return self.random.randrange(32)

    @staticmethod
    def _new(tag: str, mask: int) -> dict[str, Any]:
        return {"allowed_uses": mask, "prohibited_uses": 0, "usage_reason": tag}

    @staticmethod
    def _said(way: str, tag: str, rows: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        return {"way": way, "tag": tag, "rows": rows, **more}


def _values(pair: Any) -> dict[str, Any]:
    return {name: getattr(pair, name) for name in COLUMNS}


def a_copy(pattern: Any, item_ref: str, **changed: Any) -> Any:
    """A new pair like `pattern`."""
    from copy import copy

    from governance.ids import uuid7

    pair = copy(pattern)
    pair._state = copy(pattern._state)
    pair._state.adding = True
    pair.pk, pair.item_ref = uuid7(), item_ref
    for name, value in changed.items():
        setattr(pair, name, value)
    return pair


# -- the process that starts them, and kills them -------------------------------------------------------------


def set_up(settings: Settings) -> None:
    """The tables, a data steward who owns a Training Sheet, and its pairs."""
    from django.core.management import call_command
    from django.db import connections

    call_command("migrate", verbosity=0)
    from governance import context
    from governance.models import Person, User
    from governance.roles import group_for
    from labeling.models import QAPair
    from tests.world import make_pairs

    owner = User.objects.create_user("owner", person=Person.objects.create(name="Owner"), is_staff=True)
    owner.groups.add(group_for("data-steward"))
    pattern = make_pairs("load", owner)[QAPair]
    with context.acting(user=owner, door="command", reason="set up"):
        copies = [a_copy(pattern, f"item {place:06d}") for place in range(settings.pairs)]
        QAPair.objects.bulk_create(copies, batch_size=500)
    connections.close_all()


class Crew:
    """Writers that are replaced when they are killed, and one process that seals all the while."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.random = random.Random(7)
        self.writers: dict[int, tuple[int, int]] = {}  # process → slot, incarnation
        self.sealer = 0
        self.killed = 0
        self.failed: list[str] = []
        self.tally = Tally(settings.folder)

    def work(self) -> None:
        for slot in range(self.settings.writers):
            self._start_writer(slot, 0)
        self._start_sealer()
        marks = [(turn + 1) * self.settings.changes / (self.settings.kills + 1) for turn in range(self.settings.kills)]
        while self.writers:
            time.sleep(0.05)
            self._replace_the_dead()
            if marks and self.tally.rows() >= marks[0]:
                marks.pop(0)
                self._kill_one()
        self.settings.stop.touch()
        while self.sealer:
            time.sleep(0.05)
            self._replace_the_dead()

    def _start_writer(self, slot: int, incarnation: int) -> None:
        share = self.settings.changes * (slot + 1) // self.settings.writers
        share -= self.settings.changes * slot // self.settings.writers
        self.tally.rows()
        left = share - self.tally.of(f"{slot}.")
        if left > 0:
            name = f"{slot}.{incarnation}"
            pid = _forked(lambda: patiently(lambda: Writer(self.settings, name)).work(left))
            self.writers[pid] = (slot, incarnation)

    def _start_sealer(self) -> None:
        self.sealer = _forked(lambda: seal_until(self.settings.stop))

    def _kill_one(self) -> None:
        pid = self.random.choice([*self.writers, self.sealer])
        os.kill(pid, signal.SIGKILL)
        self.killed += 1

    def _replace_the_dead(self) -> None:
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                pid, status = ended
                was_killed = os.WIFSIGNALED(status)
                if not was_killed and os.WEXITSTATUS(status):
                    self.failed.append(f"process {pid} of slot {self.writers.get(pid, ('sealer',))[0]} failed")
                if pid == self.sealer:
                    self.sealer = 0
                    if was_killed:
                        self._start_sealer()
                else:
                    slot, incarnation = self.writers.pop(pid)
                    if was_killed:
                        self._start_writer(slot, incarnation + 1)


def _forked(work: Callable[[], None]) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        work()
        status = 0
    except BaseException:  # noqa: BLE001 - nothing may leave a forked process but its status
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def seal_until(stop: Path) -> None:
    """Seal now and again, whatever the writers do, and once more at the end."""
    from governance.record import sealing

    is_last = False
    while not is_last:
        is_last = stop.exists()
        patiently(sealing.seal)
        waited = time.monotonic() + SEAL_EVERY
        while time.monotonic() < waited and not stop.exists():
            time.sleep(0.05)


def patiently(work: Callable[[], T]) -> T:
    """Until the server is there again, or whoever holds a lock has let it go."""
    from django.db import Error, connection

    began = time.monotonic()
    while True:
        try:
            return work()
        except Error:
            if time.monotonic() - began > GIVE_UP:
                raise
        with suppress(Error):
            connection.close()
        time.sleep(0.1)


# -- what must hold afterwards --------------------------------------------------------------------------------


def acknowledged_in(folder: Path) -> Iterator[dict[str, Any]]:
    """Every whole line of every writer: one that is killed may leave half of one, which acknowledges nothing."""
    for path in sorted(folder.glob("acknowledged-*.jsonl")):
        with path.open("rb") as lines:
            yield from (json.loads(line) for line in lines if line.endswith(b"\n"))


class Tally:
    """How many rows were acknowledged so far; reads each line once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.read: dict[str, tuple[int, int]] = {}  # file → bytes read, rows

    def rows(self) -> int:
        for path in self.folder.glob("acknowledged-*.jsonl"):
            at, count = self.read.get(path.name, (0, 0))
            with path.open("rb") as lines:
                lines.seek(at)
                for line in lines:
                    if line.endswith(b"\n"):
                        at, count = at + len(line), count + len(json.loads(line)["rows"])
            self.read[path.name] = (at, count)
        return sum(count for _, count in self.read.values())

    def of(self, slot: str) -> int:
        return sum(count for name, (_, count) in self.read.items() if name.startswith(f"acknowledged-{slot}"))


@dataclass
class Replayed:
    """The record read from its beginning: what each entry left behind, and what does not fit."""

    problems: list[str] = field(default_factory=list)
    changes: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    by_tag: Counter[str] = field(default_factory=Counter)
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    entries: int = 0
    versions: int = 0


def replay(entries: Iterable[Mapping[str, Any]]) -> Replayed:
    """`entries` of one kind, object by object and by version. Each one's old values are what the one before left."""
    found, state, before = Replayed(), {}, None
    for entry in entries:
        said = json.loads(entry["payload"])
        place = f"{entry['object_id']} version {entry['version']}"
        if before is None or before["object_id"] != entry["object_id"]:
            state, expected = {}, 1
        else:
            expected = before["version"] + 1
        if entry["version"] != expected:
            found.problems.append(f"{place}: version {expected} was expected")
        old, new = said["old"] or {}, said["new"] or {}
        if any(state.get(name) != value for name, value in old.items()):
            found.problems.append(f"{place}: its old values are not what the entry before left")
        state = {**state, **new}
        if "usage_reason" in new:
            values = {name: state[name] for name in COLUMNS}
            known = {name: old[name] for name in COLUMNS if name in old}
            found.changes[entry["object_id"], new["usage_reason"]].append(
                {"old": known, "new": values, "door": entry["door"], "request_id": entry["request_id"]}
            )
            found.by_tag[new["usage_reason"]] += 1
        found.states[entry["object_id"]] = {name: state[name] for name in COLUMNS}
        found.entries += 1
        found.versions += 1 if before is None or before["object_id"] != entry["object_id"] else 0
        before = entry
    return found


def differences(found: Replayed, acknowledged: Sequence[Mapping[str, Any]]) -> list[str]:
    """Where the record and what was acknowledged do not agree."""
    problems = list(found.problems)
    for line in acknowledged:
        for key, (old, new) in line["rows"].items():
            problems += _differences_of(found.changes.get((key, line["tag"]), []), line, key, old, new)
    for tag, count in found.by_tag.items():
        whole = tag.rpartition("/")[2]
        if whole.isdigit() and count != int(whole):
            problems.append(f"{tag}: {count} of {whole} rows of one transaction are on record")
    return problems


def _differences_of(
    entries: Sequence[Mapping[str, Any]], line: Mapping[str, Any], key: str, old: Mapping[str, Any] | None,
    new: Mapping[str, Any],
) -> Iterator[str]:  # fmt: skip
    name = f"{line['tag']} on {key}"
    if len(entries) != 1:
        yield f"{name}: acknowledged, and {len(entries)} times on record"
        return
    [entry] = entries
    if any(entry["new"][column] != value for column, value in new.items()):
        yield f"{name}: acknowledged {new}, on record {entry['new']}"
    if old is not None and any(old[column] != value for column, value in entry["old"].items()):
        yield f"{name}: it was {old}, on record {entry['old']}"
    if entry["door"] != DOORS.get(line["way"], ""):
        yield f"{name}: it came by {line['way']}, on record by {entry['door']!r}"
    if entry["request_id"] != line.get("request_id", entry["request_id"]):
        yield f"{name}: its request was {line['request_id']}, on record {entry['request_id']}"


def check(settings: Settings) -> dict[str, Any]:
    """Every question that the run is about, with the problems found."""
    from django.db.models import Max

    from governance.models import RecordEntry
    from governance.record import verification
    from labeling.models import QAPair

    acknowledged = list(acknowledged_in(settings.folder))
    replayed = replay(entry for entry in verification.entries() if entry["kind"] == KIND)
    problems = differences(replayed, acknowledged)
    rows = {str(row["pk"]): {name: row[name] for name in COLUMNS} for row in QAPair.objects.values("pk", *COLUMNS)}
    if rows != replayed.states:
        problems.append("the rows are not what the record leads to")
    of_kind = RecordEntry.objects.filter(kind=KIND)
    newest = of_kind.values("object_id").annotate(newest=Max("version")).values_list("newest", flat=True)
    if sum(newest) != of_kind.count():
        problems.append(f"the versions of all objects sum to {sum(newest)}, and {of_kind.count()} entries are there")
    findings = verification.verify()
    problems += [str(fault) for fault in findings.faults]
    if findings.unsealed:
        problems.append(f"{findings.unsealed} entries are not sealed")
    ways: Counter[str] = Counter()
    for line in acknowledged:
        ways[line["way"]] += len(line["rows"])
    tagged = sum(count for tag, count in replayed.by_tag.items() if "/" in tag)
    return {
        "problems": problems[:20],
        "acknowledged": ways.total(),
        "by way": dict(ways),
        "committed and not acknowledged": tagged - ways.total(),
        "entries": findings.entries,
        "sealed": findings.sealed,
        "checkpoints": findings.checkpoints,
        **check_alone(settings),
    }


def check_alone(settings: Settings) -> dict[str, Any]:
    """A bundle of all chains, checked by the program that knows nothing of the Workbench."""
    from governance.record import verification, verifier
    from tests.recordwork_bundle import bundle_of

    path = settings.folder / "evidence.zip"
    public_key = bundle_of(path, (entry for entry in verification.entries() if entry["kind"] == KIND))
    began = time.perf_counter()
    program = Path(verifier.__file__)
    command = [sys.executable, "-I", "-S", str(program), str(path), "--key", public_key, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = json.loads(done.stdout) if done.stdout else {"faults": [done.stderr]}
    return {
        "stand-alone verifier": {
            "status": done.returncode,
            "faults": said["faults"][:3],
            "entries": said.get("facts", {}).get("entries", 0),
            "megabytes": round(path.stat().st_size / 2**20, 1),
            "seconds": round(time.perf_counter() - began, 1),
        }
    }


def main() -> None:
    settings = Settings.read(Path(sys.argv[1]))
    import django

    django.setup()
    set_up(settings)
    crew = Crew(settings)
    began = time.perf_counter()
    crew.work()
    seconds = time.perf_counter() - began
    found = check(settings)
    found["problems"] += crew.failed
    found |= {"killed": crew.killed, "seconds": round(seconds, 1), "a second": round(settings.changes / seconds)}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
