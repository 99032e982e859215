"""An evidence bundle can be checked by strangers, and no change of it goes unnoticed."""

from __future__ import annotations

import copy
import io
import json
import os
import random
import subprocess
import sys
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from governance.record import verifier
from governance.record.bundle import CannotBundle
from governance.record.report import report_html
from governance.record.verifier import Outcome, check_bundle
from tests.evidence import SITE, Record, archive_of, contents_of, filled, made_of


@pytest.fixture
def record() -> Record:
    """Three checkpoints, two keys, entries that are not sealed yet, an erasure, a write by nobody."""
    record = filled()
    record.rotate()
    record.change("1", actor_id=None, door="")
    record.seal()
    record.change("2")
    record.change("new")
    record.erase(record.entries[3])
    return record


def check(bundle: bytes, **given: Any) -> Outcome:
    return check_bundle(io.BytesIO(bundle), **given)


def problems(outcome: Outcome) -> str:
    return "; ".join(map(str, outcome.faults))


# -- a whole bundle -------------------------------------------------------------------------------------------


def test_a_bundle_holds_and_says_what_it_holds(record):
    outcome = check(record.bundle(), trusted_keys=[record.keys[0].public_key])

    assert problems(outcome) == ""
    assert outcome.trusted is True
    counts = {"entries": 63, "objects": 13, "sealed": 61, "not_sealed": 2, "erased": 1, "unattributed": 1}
    assert {name: outcome.facts[name] for name in counts} == counts
    assert outcome.facts["checkpoint"]["number"] == 4
    assert any("erased on 2026-11-21T12:00:00.123456Z by Grace: asked by" in note for note in outcome.notes)


def test_the_same_content_is_the_same_bytes(record):
    assert record.bundle() == record.bundle()


def test_any_program_for_zip_files_opens_it(record):
    with zipfile.ZipFile(io.BytesIO(record.bundle())) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == list(verifier.FILES)
        assert archive.read("verify.py") == Path(verifier.__file__).read_bytes()


def test_the_bundle_checks_itself_with_nothing_but_python(record, tmp_path):
    (tmp_path / "bundle.zip").write_bytes(record.bundle())
    (tmp_path / "verify.py").write_bytes(contents_of(record.bundle())["verify.py"])

    said = run_in(tmp_path, "bundle.zip", "--key", record.keys[0].public_key)

    assert said.returncode == 0, said.stderr
    assert "HOLDS.\n" in said.stdout
    assert "63 about 13 objects; 61 sealed, 2 not yet; the values of 1 were erased" in said.stdout


def run_in(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The verifier of `folder` in a Python without installed packages, in a terminal that knows no Unicode."""
    command = [sys.executable, "-I", "-S", "-X", "utf8=0", "verify.py", *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"}
    )


def test_a_record_that_was_never_sealed_can_be_bundled():
    record = Record()
    record.change("1")

    outcome = check(record.bundle())

    assert problems(outcome) == ""
    assert any("Nothing of this record was sealed yet" in note for note in outcome.notes)


def test_an_answer_without_entries_can_be_bundled(record):
    assert problems(check(record.bundle(entries=[], erasures=[]))) == ""


def test_what_was_sealed_after_the_last_listed_checkpoint_counts_as_not_sealed(record):
    listed = [vars(checkpoint) for checkpoint in record.checkpoints[:2]]

    outcome = check(record.bundle(checkpoints=listed))

    assert problems(outcome) == ""
    assert outcome.facts["sealed"] == record.checkpoints[1].size


# -- damage ---------------------------------------------------------------------------------------------------


def test_any_flipped_byte_is_found(record):
    bundle = record.bundle(report=b"x" * 50)
    chance = random.Random(5)
    small = [at for at in range(len(bundle)) if at < 100 or at > len(bundle) - 900]  # heads and directory
    for at in chance.sample(range(len(bundle)), 200) + chance.sample(small, 100):
        damaged = bytearray(bundle)
        damaged[at] ^= 1 << chance.randrange(8)

        assert not check(bytes(damaged)).holds, f"byte {at}"


def test_a_changed_entry_is_named_though_the_archive_was_mended(record):
    contents = contents_of(record.bundle())
    row = record.rows[7]
    contents["entries.jsonl"] = contents["entries.jsonl"].replace(
        f'"id":{row["id"]},"kind":"labeling.qapair"'.encode(), f'"id":{row["id"]},"kind":"labeling.qapairs"'.encode()
    )

    outcome = check(archive_of(contents))

    assert "entries.jsonl: its content is not the one that was signed" in problems(outcome)
    assert outcome.first_entry.entry_id == row["id"]


@pytest.mark.parametrize("cut", [0, 1, 30, 500, -1, -22, -400])
def test_a_bundle_cut_off_is_refused(record, cut):
    assert not check(record.bundle()[:cut]).holds


@pytest.mark.parametrize("more", [b"\0", b"PK\5\6" + bytes(18), b"a comment"])
def test_a_bundle_with_something_behind_it_is_refused(record, more):
    assert "the archive's directory" in problems(check(record.bundle() + more))


def test_other_archives_are_refused(record):
    contents = contents_of(record.bundle())
    for names, kind in [
        (list(verifier.FILES), zipfile.ZIP_DEFLATED),
        (list(verifier.FILES)[::-1], zipfile.ZIP_STORED),
        ([*verifier.FILES, "../../etc/passwd"], zipfile.ZIP_STORED),
        ([*verifier.FILES[:-1]], zipfile.ZIP_STORED),
    ]:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", kind) as archive:
            for name in names:
                archive.writestr(name, contents.get(name, b"root"))

        assert not check(out.getvalue()).holds
    assert not check(os.urandom(5000)).holds


# -- forgery by someone who has the key -----------------------------------------------------------------------


def test_an_entry_left_out_is_named_by_the_one_after_it(record):
    rows = record.rows
    gone = next(row for row in rows if row["version"] == 2)

    outcome = check(record.bundle(entries=[row for row in rows if row is not gone]))

    assert outcome.first_entry.version == 3
    assert "version 2 is missing" in problems(outcome)


def test_an_entry_rewritten_with_its_chain_is_not_in_the_sealed_tree(record):
    rows = copy.deepcopy(record.rows)
    rows[0]["door"] = "admin"
    previous = verifier.ZEROS
    for row in rows:
        if row["object_id"] == rows[0]["object_id"]:
            row["previous"] = previous
            previous = row["entry_hash"] = verifier.entry_hash(row)

    outcome = check(record.bundle(entries=rows))

    assert outcome.first_entry.entry_id == rows[0]["id"]
    assert outcome.first_entry.problem == "it is not shown to be what was sealed there under checkpoint 4"


def test_a_sealed_entry_passed_off_as_not_sealed_is_found(record):
    rows = copy.deepcopy(record.rows)
    rows[0]["position"] = None

    assert "it is sealed, while the version before it is not" in problems(check(record.bundle(entries=rows)))


def test_an_object_shown_twice_is_found(record):
    rows = record.rows

    assert "stands in the bundle a second time" in problems(check(record.bundle(entries=[*rows, rows[0]])))


def test_a_record_written_anew_does_not_continue_the_old_checkpoints(record):
    other = filled(seed=99)
    forged = record.bundle(
        entries=other.rows,
        leaves=[*other.leaves, *record.leaves[other.tree.size :]],
        erasures=[],
    )

    found = problems(check(forged))

    assert "not shown to be a continuation of checkpoint 1" in found
    assert "not shown to be what was sealed there" in found


def test_an_erasure_of_an_entry_that_is_not_there_is_found(record):
    erasures = [*record.erasures, {**record.erasures[0], "entry_id": 4711}]

    assert "entry 4711 is not in the bundle" in problems(check(record.bundle(erasures=erasures)))


# -- whom to believe ------------------------------------------------------------------------------------------


def test_without_a_key_the_bundle_holds_and_says_that_nobody_vouches_for_it(record, tmp_path, capsys):
    (tmp_path / "bundle.zip").write_bytes(record.bundle())

    status = verifier.main([str(tmp_path / "bundle.zip")])
    said = capsys.readouterr().out

    assert status == verifier.SIGNER_UNKNOWN == 3
    assert "HOLDS IN ITSELF" in said
    assert "the key comes from the bundle itself" in said
    assert record.keys[-1].public_key in said


def test_a_bundle_by_another_key_is_refused(record):
    stranger = Record(seed=1).keys[0].public_key

    outcome = check(record.bundle(), trusted_keys=[stranger])

    assert outcome.trusted is False
    assert "no key you gave vouches for it" in problems(outcome)


def test_a_bundle_that_only_names_the_key_is_refused(record):
    contents = contents_of(record.bundle())

    outcome = check(made_of(contents, Ed25519PrivateKey.generate()), trusted_keys=[record.keys[-1].public_key])

    assert problems(outcome) == f"manifest.json: its signature is not by key {record.keys[-1].key_id}"


def test_a_checkpoint_that_names_two_keys_is_refused(record):
    contents = contents_of(record.bundle())
    listed = json.loads(contents["checkpoints.json"])
    listed[0]["key_id"] = record.keys[-1].key_id

    bundle = made_of({**contents, "checkpoints.json": json.dumps(listed).encode()}, record.private)

    assert "checkpoint 1: its body names another key" in problems(check(bundle))


@pytest.mark.parametrize("change", [{"more.txt": "ab" * 32}, {"report.html": None}])
def test_a_manifest_names_exactly_the_files_of_a_bundle(record, change):
    contents = contents_of(record.bundle())
    manifest = json.loads(contents["manifest.json"])
    manifest["files"] = {name: digest for name, digest in (manifest["files"] | change).items() if digest}

    bundle = made_of({**contents, "manifest.json": json.dumps(manifest).encode()}, record.private)

    assert "it does not name exactly the files of a bundle" in problems(check(bundle))


def test_a_forger_who_claims_that_the_key_was_lost_is_not_believed(record):
    genuine = record.keys[0].public_key
    record.lose_key("the server burnt down")
    bundle = record.bundle()

    assert check(bundle).holds
    assert any("introduced without endorsement" in note for note in check(bundle).notes)
    assert not check(bundle, trusted_keys=[genuine]).holds
    assert check(bundle, trusted_keys=[genuine, record.keys[-1].public_key]).holds


def test_a_kept_checkpoint_vouches_for_the_bundle(record):
    kept = verifier.parse_outside_copy(record.outside_copy(record.checkpoints[1]), "kept")

    outcome = check(record.bundle(), held=[kept])

    assert problems(outcome) == ""
    assert outcome.trusted is True
    assert "The checkpoint 2 you hold is in the bundle, unchanged." in outcome.notes


def test_a_kept_checkpoint_shows_that_the_record_was_written_anew(record):
    kept = verifier.parse_outside_copy(record.outside_copy(record.checkpoints[1]), "kept")
    other = filled(changes=61)
    other.keys, other.private = record.keys[:1], other.private

    assert "the record was written anew" in problems(check(other.bundle(), held=[kept]))


def test_a_kept_checkpoint_that_the_bundle_leaves_out_is_a_fault_and_a_newer_one_a_note(record):
    first, newest = (verifier.parse_outside_copy(record.outside_copy(record.checkpoints[at]), "kept") for at in (0, 3))
    listed = [vars(checkpoint) for checkpoint in record.checkpoints[1:3]]

    outcome = check(record.bundle(checkpoints=listed), held=[first, newest])

    assert problems(outcome) == "the checkpoint 1 you hold is not in the bundle, so nothing ties it to it"
    assert any("checkpoint 4 you hold is newer" in note for note in outcome.notes)


def test_a_damaged_kept_checkpoint_is_refused(record):
    kept = json.loads(record.outside_copy(record.checkpoints[1]))
    for field, value in {
        "signature": "ab" * 64,
        "public_key": Record(seed=1).keys[0].public_key,
        "body": kept["body"].replace("\n40\n", "\n41\n"),
        "key_id": "ab" * 8,
        "leaves": ["x"],
    }.items():
        with pytest.raises(verifier.Refused):
            verifier.parse_outside_copy(json.dumps({**kept, field: value}).encode(), "kept")


def test_the_installation_s_older_key_signs_no_newer_bundle(record):
    contents = contents_of(record.bundle())
    manifest = {**json.loads(contents["manifest.json"]), "key_id": record.keys[0].key_id}
    old = Ed25519PrivateKey.from_private_bytes(random.Random(7).randbytes(32))

    bundle = made_of({**contents, "manifest.json": json.dumps(manifest).encode()}, old)

    assert f"which key {record.keys[1].key_id} had replaced before" in problems(check(bundle))


# -- hostile content, signed and whole ------------------------------------------------------------------------

JSON_FILES = ("manifest.json", "keys.json", "checkpoints.json", "consistency.json", "entries.jsonl", "erasures.jsonl")
HOSTILE_TEXTS = {
    "nothing": b"",
    "no JSON": b"{",
    "not UTF-8": b'"\xff"\n',
    "NaN": b"NaN\n",
    "infinity": b'[{"a": -Infinity}]\n',
    "a fraction": b"[1.5]\n",
    "a huge number": b"[" + b"9" * 100_000 + b"]\n",
    "deep lists": b"[" * 200_000 + b"]" * 200_000 + b"\n",
    "deep objects": b'{"a":' * 200_000 + b"1" + b"}" * 200_000 + b"\n",
    "many lists": b"[" + b"[]," * 1_500_000 + b"[]]\n",
    "a field twice": b'{"id": 1, "id": 2}\n',
    "an object": b"{}\n",
    "null": b"null\n",
    "a list of null": b"[null]\n",
    "an endless string": b'"' + b"\\" * 1_000_001 + b"\n",
}


@pytest.mark.parametrize("name", JSON_FILES)
@pytest.mark.parametrize("text", HOSTILE_TEXTS.values(), ids=HOSTILE_TEXTS)
def test_hostile_json_is_refused_in_words(record, name, text):
    outcome = check(made_of_text(record, name, text))

    assert not outcome.holds or (name, text) == ("erasures.jsonl", b"")
    assert len(problems(outcome)) < 10_000


def made_of_text(record: Record, name: str, text: bytes) -> bytes:
    contents = contents_of(record.bundle())
    if name != "manifest.json":
        return made_of({**contents, name: text}, record.private)
    return archive_of({**contents, name: text, "manifest.sig": record.private.sign(text).hex().encode()})


ODD_VALUES = (
    None, True, -1, 0, 10**17, 10**30, "", "x", "\n", "\ud800", "\0", "ab" * 32, "AB" * 32, "é" * 64, [], [[]], {},
    {"a": 1}, ["ab" * 32] * 200,
)  # fmt: skip


@pytest.mark.parametrize("name", JSON_FILES)
def test_odd_values_anywhere_never_break_the_check(record, name):
    contents = contents_of(record.bundle())
    text = contents[name]
    values = [json.loads(line) for line in text.splitlines()] if name.endswith("l") else json.loads(text)
    chance = random.Random(11)
    for _ in range(80):
        odd = copy.deepcopy(values)
        plant(odd, chance)
        lines = "".join(f"{json.dumps(line)}\n" for line in odd) if name.endswith("l") else json.dumps(odd)

        outcome = check(made_of({**contents, name: lines.encode()}, record.private))

        assert all(str(fault) for fault in outcome.faults)
        assert name in ("manifest.json", "keys.json", "erasures.jsonl") or not outcome.holds


def plant(value: Any, chance: random.Random) -> None:
    """Put something odd somewhere into `value`, in place of what was there."""
    while True:
        places = [name for name in value if name != "id"] if isinstance(value, dict) else range(len(value))
        at = chance.choice(places)  # an entry's number is the database's business, and not hashed
        if not isinstance(value[at], dict | list) or not value[at] or chance.random() < 0.2:
            break
        value = value[at]
    others = [odd for odd in ODD_VALUES if odd != value[at]]
    value[at] = chance.choice(others)


def test_too_long_a_line_is_refused(record, monkeypatch):
    bundle = record.bundle()
    monkeypatch.setattr(verifier, "MAX_LINE", 200)

    assert "entries.jsonl, line 1: it is longer than 200 bytes" in problems(check(bundle))


def test_thousands_of_keys_are_refused(record):
    contents = contents_of(record.bundle())
    keys = json.loads(contents["keys.json"]) * 600

    bundle = made_of({**contents, "keys.json": json.dumps(keys).encode()}, record.private)

    assert "it holds more than 1,000 keys" in problems(check(bundle))


def test_control_characters_of_a_bundle_do_not_reach_the_terminal(record, tmp_path, capsys):
    about = {"site": SITE, "made_at": "\x1b[2J", "made_by": "\x9b31m", "question": "\x1b]0;owned\x07 \u202e"}
    rows = [{**row, "object_id": f"\x1b[31m{row['object_id']}"} for row in record.rows]
    (tmp_path / "bundle.zip").write_bytes(record.bundle(about=about, entries=rows))

    assert verifier.main([str(tmp_path / "bundle.zip")]) == 1
    said = capsys.readouterr().out

    assert [char for char in said if not char.isprintable() and char != "\n"] == []


# -- the command line -----------------------------------------------------------------------------------------


def test_the_first_broken_entry_is_named_and_faults_are_counted(record, tmp_path, capsys):
    rows = [{**row, "door": "sql"} for row in record.rows]
    (tmp_path / "bundle.zip").write_bytes(record.bundle(entries=rows))

    status = verifier.main([str(tmp_path / "bundle.zip"), "--faults", "3"])
    said = capsys.readouterr().out

    assert status == 1
    assert "DOES NOT HOLD: 63 faults." in said
    assert f"First broken entry: entry {rows[0]['id']}, labeling.qapair {rows[0]['object_id']}, version 1" in said
    assert "and 60 more" in said


def test_the_result_as_json(record, tmp_path, capsys):
    rows = [{**row, "door": "sql"} if row["id"] == 5 else row for row in record.rows]
    (tmp_path / "bundle.zip").write_bytes(record.bundle(entries=rows))

    status = verifier.main([str(tmp_path / "bundle.zip"), "--json"])
    said = json.loads(capsys.readouterr().out)

    assert status == 1
    assert (said["holds"], said["trusted"], said["fault_count"]) == (False, None, 1)
    assert said["first_broken_entry"]["entry_id"] == 5


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-file.zip"],
        ["bundle.zip", "--key", "ab"],
        ["bundle.zip", "--key", "02" + "00" * 31],
        ["bundle.zip", "--checkpoint", "no-such-file.json"],
        ["bundle.zip", "--checkpoint", "bundle.zip"],
        ["."],
    ],
)
def test_what_cannot_be_checked_is_said_without_a_traceback(record, tmp_path, arguments):
    (tmp_path / "bundle.zip").write_bytes(record.bundle())
    (tmp_path / "verify.py").write_bytes(Path(verifier.__file__).read_bytes())

    said = run_in(tmp_path, *arguments)

    assert said.returncode == 2
    assert said.stderr.startswith("Nothing could be checked: ")
    assert "Traceback" not in said.stderr


# -- writing --------------------------------------------------------------------------------------------------


def test_a_bundle_that_nobody_could_check_is_not_written(record):
    with pytest.raises(CannotBundle, match="not by the last key"):
        record.bundle(sign=Ed25519PrivateKey.generate().sign)
    with pytest.raises(CannotBundle, match="covers 61 entries; 60 leaves were given"):
        record.bundle(leaves=record.leaves[:-1])
    with pytest.raises(CannotBundle, match="no key to sign with"):
        record.bundle(keys=[])
    with pytest.raises(CannotBundle, match="not the body of a checkpoint"):
        record.bundle(checkpoints=[{"body": "", "signature": "", "key_id": ""}])


def test_an_entry_too_large_for_a_bundle_is_named(record, monkeypatch):
    monkeypatch.setattr(verifier, "MAX_LINE", 300)

    with pytest.raises(CannotBundle, match=f"entry {record.rows[0]['id']} has "):
        record.bundle()


def test_entries_are_read_once_and_one_at_a_time(record):
    assert record.bundle(entries=iter(record.rows)) == record.bundle()


# -- the report -----------------------------------------------------------------------------------------------


class Page(HTMLParser):
    def __init__(self, report: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(report.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href") or name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += data


def report_of(record: Record, **changed: Any) -> bytes:
    about = {"site": SITE, "made_at": "2026-11-22T08:00:00.000000Z", "made_by": "Ada", "question": "Who did it?"}
    given = {
        "about": about,
        "entries": record.rows,
        "erasures": record.erasures,
        "checkpoint": vars(record.checkpoints[-1]),
        "key": vars(record.keys[-1]),
    }
    return report_html(**{**given, **changed})


def test_the_report_shows_every_change_and_fetches_nothing(record):
    page = Page(report_of(record))

    assert page.tags.count("tr") == 63 + 13
    assert page.tags.count("section") == 13
    assert "script" not in page.tags
    assert page.addresses == []
    assert "unlabeled" in page.text
    assert "1 / 2: naïve “quotes” and <tags>" in page.text
    assert record.keys[-1].public_key in page.text
    assert record.checkpoints[-1].root in page.text
    assert "no person known" in page.text
    assert "erased 2026-11-21 12:00:00.123456 UTC by Grace: asked by the person concerned" in page.text


def test_text_of_people_stays_text_in_the_report():
    record = Record()
    attack = "</td><script>alert(1)</script><img src=x onerror=alert(1)>"
    payload = json.dumps({"actor": attack, "reason": attack, "old": {attack: attack}, "new": {attack: attack}})
    record.change(attack, kind="labeling.qapair", payload=payload, door=attack)
    record.seal()
    about = dict.fromkeys(("site", "made_at", "made_by", "question"), attack)

    page = Page(report_of(record, about=about, titles={("labeling.qapair", attack): attack}))

    assert "script" not in page.tags
    assert "img" not in page.tags
    assert page.text.count("<script>alert(1)</script>") >= 8


def test_nothing_hides_in_the_report():
    record = Record()
    record.change("1", payload=json.dumps({"actor": "a\u202eb", "reason": "c\0d\u200b", "old": None, "new": {"x": ""}}))
    record.seal()

    report = report_of(record).decode()

    assert 'a<span class="hidden">U+202E</span>b' in report
    assert 'c<span class="hidden">U+0000</span>d<span class="hidden">U+200B</span>' in report


@pytest.mark.parametrize("payload", ["", "no JSON", "[]", "{}", '{"old": 1, "new": []}', "NaN", "[" * 100_000])
def test_a_damaged_payload_does_not_stop_the_report(payload):
    record = Record()
    record.change("1", payload=payload)
    record.seal()

    assert "In the record" in report_of(record).decode()


def test_a_long_report_says_what_it_leaves_out(record, monkeypatch):
    monkeypatch.setattr("governance.record.report.SHOWN_ENTRIES", 10)
    monkeypatch.setattr("governance.record.report.SHOWN_CHARACTERS", 8)

    page = Page(report_of(record))

    assert "shows the first 10 of 63 entries" in page.text
    assert "(the first 8 of 9 characters; all are in entries.jsonl)" in page.text
    assert page.tags.count("section") < 13


def test_values_can_be_said_in_the_words_of_people(record):
    def words(kind: str, column: str, value: Any) -> str | None:
        return f"{kind}: to review" if (column, value) == ("status", "unlabeled") else None

    page = Page(report_of(record, words=words, titles={("labeling.qapair", "1"): "pair 17 of Invoices"}))

    assert "labeling.qapair: to review" in page.text
    assert "pair 17 of Invoices" in page.text
