"""Documents say what the code does: generated ones are fresh, links lead somewhere, commands exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands

from workbench.reference import SETTINGS, environment_names, error_classes, load_all, reference

ROOT = Path(settings.BASE_DIR)
APPS = ("governance", "workbench", "labeling", "training")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *(ROOT / app / "README.md" for app in APPS)])
RECORDS = sorted((ROOT / "docs" / "adr").glob("0*.md"))
# Codes that REST framework gives, which have no class of ours.
OF_THE_FRAMEWORK = {
    "authentication_failed", "method_not_allowed", "not_acceptable", "not_authenticated", "not_found", "parse_error",
    "throttled", "unsupported_media_type",
}  # fmt: skip


def names(paths: list[Path]) -> list[str]:
    return [path.relative_to(ROOT).as_posix() for path in paths]


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def anchors_in(text: str) -> set[str]:
    """As GitHub makes them of headings, and those written by hand."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    made = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return made | set(re.findall(r'<a id="([^"]+)">', text))


@pytest.mark.django_db
def test_the_reference_is_what_the_code_says():
    assert text_of("docs/reference.md") == reference(), "run: .venv/bin/python manage.py write_reference"


def test_every_setting_of_the_environment_is_described_and_no_other():
    assert set(SETTINGS) == set(environment_names())


def test_every_error_code_is_explained_and_no_other():
    load_all()
    explained = set(re.findall(r'<a id="([a-z_]+)">', text_of("docs/errors.md")))
    raised = {error.code for error in error_classes()}

    assert explained == raised | OF_THE_FRAMEWORK


def test_every_status_in_the_explanation_of_errors_is_that_of_the_code():
    load_all()
    wrong = {}
    for code, statuses in re.findall(r"`([a-z_]+)` \| ([\d or]+) \|", text_of("docs/errors.md")):
        raised = {str(error.status) for error in error_classes() if error.code == code}
        if raised and raised != set(statuses.split(" or ")):
            wrong[code] = raised

    assert not wrong


@pytest.mark.parametrize("name", names(DOCUMENTS))
def test_every_link_leads_somewhere(name):
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(name)):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        found = ((ROOT / name).parent / path).resolve() if path else ROOT / name
        if not found.exists() or (anchor and anchor not in anchors_in(found.read_text(encoding="utf-8"))):
            broken.append(target)

    assert not broken


@pytest.mark.parametrize("name", names(DOCUMENTS))
def test_every_path_in_code_letters_exists(name):
    """`governance/uses.py` and the like; a README of an app may leave its own folder out."""
    written = re.findall(r"`((?:[\w.-]+/)+[\w-]+\.(?:py|md|yaml|txt|css|html))`", text_of(name))
    here = (ROOT / name).parent

    missing = [path for path in written if not (ROOT / path).exists() and not (here / path).exists()]

    assert not missing


@pytest.mark.parametrize("name", names(DOCUMENTS))
def test_every_command_that_is_named_exists(name):
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE))
    commands = set(get_commands())

    made = set(re.findall(r"(?:`|^|\n)make (?:--\w+ )*([a-z-]+)", text_of(name)))
    managed = set(re.findall(r"manage\.py ([a-z_]+)", text_of(name)))

    assert made <= targets
    assert managed <= commands


@pytest.mark.parametrize("name", names(RECORDS))
def test_a_record_of_a_decision_is_short_complete_and_listed(name):
    text = text_of(name)

    assert all(f"\n## {part}\n" in text for part in ("Context", "Decision", "Consequences", "Where"))
    assert len(text.splitlines()) <= 45
    assert Path(name).name in text_of("docs/adr/README.md")
