"""Rules of the house that hold for every model, module and setting, kept by looking at all of them."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

from governance import jobs, lifecycle
from governance.approvals.registry import GATES
from governance.models import ConstrainedModel, Tracked
from tests.world import OUR_APPS, make_world, own_models

ROOT = Path(settings.BASE_DIR)
REFERENCE = ROOT / "docs" / "reference.md"
HEAVY = (
    "sklearn", "mlflow", "torch", "matplotlib", "duckdb", "openai", "pyarrow", "pypdfium2", "reportlab", "pandas",
    "scipy", "PIL", "phonenumbers", "detect_secrets",
)  # fmt: skip

# Modules that write governed rows are found by name: a service, a job, or one of these.
WRITERS = re.compile(r"(^|/)(services|jobs|tasks)(/|\.py$)|/(migrations|management|demo)/")
BULK_WRITES = {
    "governance/derivations.py": "recomputes derivations in the transaction that changed a parent",
    "governance/rules/declassifications.py": "parents of derivations, which have no history; the record has them",
    "governance/record/erasing.py": "erasures, which are append-only and on record",
    "governance/record/emptying.py": "erasures of rows, which are append-only and on record",
    "labeling/labels/erasing.py": "labels whose content was erased, with their history rows; raw answers of pairs",
    "governance/jobs.py": "the job's own lease and heartbeat",
    "labeling/labels/recording.py": "labels of one batch, with their history rows",
    "labeling/labels/contents.py": "immutable content, which has no history",
    "labeling/generation/answering.py": "leases and answers of pairs, each fenced by its owner",
    "labeling/generation/enumerating.py": "new pairs of one batch",
    "labeling/quality/checking.py": "new findings, and measures of pairs, which have no history",
    "labeling/quality/comparing.py": "measures of pairs, which have no history",
    "labeling/quality/scoring.py": "scores of pairs and their parts",
    "labeling/review/assigning.py": "who is given which pair, which is on record and has no history",
    "labeling/review/claims.py": "who is at work on a pair, which decides nothing and has no history",
    "labeling/review/deciding.py": "one decision, with its PairDecision row",
    "training/evaluations/evaluating.py": "answers of one evaluation, which are never changed",
    "training/lineage/writing.py": "lineage, which is append-only",
    "training/runs/training.py": "the tracker's id of a run, which is saved with its history when it ends",
    "training/datasets/freezing.py": "members of the version being frozen",
}


INTERNAL_SETTINGS = {"WORKBENCH_LIFELINE"}  # set by the supervisor for its children, never by people


def own_files(pattern: str = "**/*.py") -> Iterator[tuple[str, Path]]:
    for app in OUR_APPS:
        for path in sorted((ROOT / app).glob(pattern)):
            yield path.relative_to(ROOT).as_posix(), path


# -- models and migrations ------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", own_models(), ids=lambda model: model._meta.label)
def test_every_model_says_what_one_row_is(model):
    written = model.__doc__ or ""

    assert written and not written.startswith(f"{model.__name__}("), f"{model._meta.label} has no docstring"


def test_the_world_of_the_tests_holds_a_row_of_every_model(make_user):
    world = make_world("zanzibar", make_user("stranger"))

    missing = [
        model._meta.label
        for model in own_models()
        if model not in world and model._meta.label != "governance.RoleDescription"
    ]

    assert not missing, f"add a row of {', '.join(missing)} to tests/world.py"


@pytest.mark.django_db
def test_no_migration_is_missing():
    said = io.StringIO()
    try:
        call_command("makemigrations", check=True, dry_run=True, stdout=said)
    except SystemExit:
        pytest.fail(f"models and migrations differ; name a migration for:\n{said.getvalue()}")


def test_every_migration_has_a_name_of_its_own():
    unnamed = [name for name, path in own_files("migrations/*.py") if "_auto_" in path.name]

    assert not unnamed, f"rename {unnamed} to say what they do"


# -- writes ---------------------------------------------------------------------------------------------------


def bulk_writes_in(source: str) -> list[int]:
    """Lines that call .update(…), .bulk_create(…) or .bulk_update(…) on something like a queryset."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        name = node.func.attr
        of_a_dict = name == "update" and (node.args or not node.keywords)  # querysets take keywords only
        if name in {"bulk_create", "bulk_update"} or (name == "update" and not of_a_dict):
            lines.append(node.lineno)
    return lines


def test_the_search_for_bulk_writes_finds_them():
    assert bulk_writes_in("rows.filter(pk=1).update(status='x')\nRow.objects.bulk_create(rows)") == [1, 2]
    assert bulk_writes_in("values.update({'a': 1})\nhashed.update(b'x')") == []


def test_set_based_writes_stay_in_services_and_jobs():
    found = {
        name: lines
        for name, path in own_files()
        if not WRITERS.search(name) and (lines := bulk_writes_in(path.read_text(encoding="utf-8")))
    }

    strangers = {name: lines for name, lines in found.items() if name not in BULK_WRITES}

    assert not strangers, (
        f"{strangers}: set-based writes skip the history. Move them into a service next to an explicit history "
        "call, or name the module in BULK_WRITES with the reason."
    )


def test_every_exception_for_set_based_writes_is_still_needed():
    unneeded = [
        name
        for name in BULK_WRITES
        if not (ROOT / name).exists() or not bulk_writes_in((ROOT / name).read_text(encoding="utf-8"))
    ]

    assert not unneeded, f"remove {unneeded} from BULK_WRITES"


def test_rows_with_a_constraint_keep_a_readable_history_or_say_where_theirs_is():
    without = {
        model._meta.label
        for model in own_models()
        if issubclass(model, ConstrainedModel) and not issubclass(model, Tracked)
    }

    assert without == {"labeling.QAPair"}, "pairs keep PairDecision rows; every other constrained row is Tracked"


# -- documentation --------------------------------------------------------------------------------------------


def names_of_the_code() -> dict[str, str]:
    """Pattern of the line of docs/reference.md for each transition, gate and kind of job that the code has."""
    lines = {}
    for model, transitions in sorted(lifecycle.LIFECYCLES.items()):
        for step in transitions:
            lines[f"{model}: {step.name}"] = rf"\| `?{step.name}`? \|.*\| {step.target} \|"
    for slug in sorted(GATES):
        lines[f"gate {slug}"] = rf"\| `{slug}` \|"
    for slug in sorted(jobs.KINDS):
        lines[f"job {slug}"] = rf"\| `{re.escape(slug)}` \|"
    return lines


def named_settings() -> set[str]:
    """Every WORKBENCH_… variable that the code reads."""
    files = [path for _, path in own_files()] + [ROOT / "manage.py", *(ROOT / "scripts").glob("*.py")]
    found: set[str] = set()
    for path in files:
        found |= set(re.findall(r"\bWORKBENCH_[A-Z_]+[A-Z]\b", path.read_text(encoding="utf-8")))
    return found


def test_every_transition_gate_and_job_kind_is_in_the_reference():
    written = REFERENCE.read_text(encoding="utf-8")

    missing = [name for name, line in names_of_the_code().items() if not re.search(line, written)]

    assert not missing, f"{missing}: run `manage.py write_reference`"


def test_every_setting_is_in_the_reference():
    written = REFERENCE.read_text(encoding="utf-8")

    missing = sorted(name for name in named_settings() - INTERNAL_SETTINGS if f"`{name}`" not in written)

    assert not missing, f"describe {', '.join(missing)} in {REFERENCE.relative_to(ROOT)}"


# -- start-up -------------------------------------------------------------------------------------------------

STARTING = """
import sys
import django
django.setup()
from django.urls import get_resolver
get_resolver().url_patterns
print(" ".join(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def test_start_up_imports_no_heavy_library():
    """How long it takes is measured by `python -m benchmarks.startup`."""
    done = subprocess.run([sys.executable, "-c", STARTING], cwd=ROOT, capture_output=True, text=True, check=True)

    assert not set(done.stdout.split()) & set(HEAVY), "import these inside the functions that need them"


@pytest.fixture(autouse=True)
def _own_settings_module(monkeypatch):
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "workbench.settings")
