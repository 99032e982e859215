"""Files that people upload: sniffed by content, never longer than they may be, and never run."""

from __future__ import annotations

import ast
import io
import json
import pickle
import re
import sqlite3
import time
import zipfile
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.cache import caches
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from governance.errors import InvalidInput
from governance.sign_in.cache import JSONSerializer
from governance.uploads import text_in
from tests.world import OUR_APPS, make_world
from workbench.models import Sheet

ROOT = Path(django_settings.BASE_DIR)
UPLOAD_DOORS = {"labeling/labels/forms.py": "labels in a format", "labeling/labels/api.py": "the same by REST"}
RUNS_CODE = re.compile(r"^_?(pickle|cPickle|dill|cloudpickle|joblib|shelve|marshal|jsonpickle|pickletools)(\.|$)")


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a", "b")
    return out.getvalue()


def database(tmp_path: Path) -> bytes:
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("CREATE TABLE a (b)")
    connection.close()
    return (tmp_path / "a.db").read_bytes()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"%PDF-1.7\n", "a PDF"),
        (zipped(), "a ZIP archive"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
        (b"\xff\xd8\xff\xe0", "a JPEG picture"),
        (b"MZ\x90\x00", "a program"),
        (b"\x7fELF\x02", "a program"),
        (b"PAR1\x15", "a Parquet table"),
        (pickle.dumps({"a": 1}), "a Python pickle"),
        ('{"a": 1}'.encode("utf-16"), "UTF-16"),
        (b'{"a": "\x00"}', "0x00"),
        (b'{"a": "\x1b[2J"}', "0x1b"),
        (b'{"a": "\xe9"}', "not UTF-8 text (byte 8"),
    ],
)
def test_a_file_that_is_no_text_is_refused_with_what_it_is_whatever_its_name(content, said):
    upload = SimpleUploadedFile("labels.jsonl", content, content_type="application/jsonl")

    with pytest.raises(InvalidInput, match=re.escape(said)) as refused:
        text_in(upload, expected="JSON Lines", field="file")

    assert refused.value.field == "file" and "expected JSON Lines" in refused.value.message


def test_a_database_is_known_by_its_content(tmp_path):
    with pytest.raises(InvalidInput, match="a SQLite database"):
        text_in(SimpleUploadedFile("labels.jsonl", database(tmp_path)), expected="text", field="file")


@pytest.mark.parametrize("content", [b'{"a": "\xc3\xa9"}\r\n', b"\xef\xbb\xbf{}", b"", b"\t{}\n"])
def test_text_is_read_as_it_is(content):
    upload = SimpleUploadedFile("labels.jsonl", content)

    assert text_in(upload, expected="text", field="file") == content.decode("utf-8-sig")


def test_the_portal_names_the_type_and_the_size_at_the_field_and_reads_no_more_than_it_must(expert, client, settings):
    settings.UPLOAD_AT_MOST = 200_000
    world = make_world("zanzibar", expert)
    client.force_login(expert)
    query = f"?sheet={world[Sheet].pk}&label_type=classification"
    address = reverse("labeling:label-import") + query

    wrong = client.post(address, {"file": SimpleUploadedFile("labels.jsonl", zipped())})
    large = client.post(address, {"file": SimpleUploadedFile("labels.jsonl", b" " * 5_000_000)})

    assert "The file is a ZIP archive or an office document; expected JSON Lines" in wrong.content.decode()
    assert "The file is longer than 200,000 bytes" in large.content.decode()


def test_every_door_for_files_is_known():
    """A new one belongs here, and reads through `governance.uploads`."""
    found = set()
    for app in OUR_APPS:
        for path in (ROOT / app).rglob("*.py"):
            source = path.read_text("utf-8")
            if re.search(r"\b(FileField|ImageField|MultiPartParser|FileUploadParser)\(", source):
                found.add(path.relative_to(ROOT).as_posix())

    assert found == set(UPLOAD_DOORS)
    assert all(re.search(r"\b(text_in|content_in)\(", (ROOT / name).read_text("utf-8")) for name in UPLOAD_DOORS)
    assert django_settings.REST_FRAMEWORK["DEFAULT_PARSER_CLASSES"] == ["governance.api.parsers.StorableJSONParser"]


# -- nothing stored is run ------------------------------------------------------------------------------------


def loaders_in(source: str) -> list[str]:
    """Modules and arguments in `source` by which reading a file could run what is in it."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [one.name for one in node.names if RUNS_CODE.match(one.name)]
        elif isinstance(node, ast.ImportFrom) and RUNS_CODE.match(node.module or ""):
            found.append(str(node.module))
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            found += ["allow_pickle"] if getattr(node.value, "value", True) is not False else []
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in {
            "yaml.load", "yaml.unsafe_load", "yaml.full_load", "torch.load", "pandas.read_pickle", "pd.read_pickle",
        }:  # fmt: skip
            found.append(ast.unparse(node))
    return found


def test_the_search_for_loaders_finds_them():
    source = "import pickle\nfrom joblib import load\nnp.load(f, allow_pickle=True)\nyaml.load(f)\nyaml.safe_load(f)"

    assert sorted(loaders_in(source)) == ["allow_pickle", "joblib", "pickle", "yaml.load"]


def test_no_module_reads_a_format_that_runs_code():
    found = {
        path.relative_to(ROOT).as_posix(): loaders
        for app in OUR_APPS
        for path in (ROOT / app).rglob("*.py")
        if (loaders := loaders_in(path.read_text("utf-8")))
    }

    assert not found


def test_messages_sessions_and_caches_are_json(settings):
    caches["default"].set("a", [1, {"b": None}], 60)
    files = list(Path(settings.CACHES["default"]["LOCATION"]).iterdir())

    assert settings.CELERY_ACCEPT_CONTENT == ["json"] and settings.CELERY_TASK_SERIALIZER == "json"
    assert settings.SESSION_SERIALIZER == "django.contrib.sessions.serializers.JSONSerializer"
    assert [json.loads(line) for line in files[0].read_text().splitlines()][1] == [1, {"b": None}]


def test_a_pickle_that_somebody_puts_into_the_cache_is_not_opened(settings):
    class Runs:
        def __reduce__(self):
            return (pytest.fail, ("the pickle was run",))

    cache = caches["default"]
    cache.set("a", 1, 60)
    [file] = Path(settings.CACHES["default"]["LOCATION"]).iterdir()
    file.write_bytes(pickle.dumps(10**12) + pickle.dumps(Runs()))

    assert cache.get("a", "nothing") == "nothing"


@pytest.mark.parametrize("value", [7, True, 0.5, "y", [1.5, 2], {"a": None}, None])
def test_redis_keeps_values_as_json(value):
    kept = JSONSerializer().dumps(value)

    assert JSONSerializer().loads(str(kept).encode()) == value


def test_a_cached_value_lives_as_long_as_it_should(settings, monkeypatch):
    cache, now = caches["default"], time.time()
    cache.set("short", 1, 60)
    cache.set("ever", 2, None)
    assert cache.touch("short", 600) and not cache.touch("missing", 600)

    for later, found in ((300, (1, 2)), (900, (None, 2))):
        monkeypatch.setattr(time, "time", lambda later=later: now + later)
        assert (cache.get("short"), cache.get("ever")) == found
