"""What a template version may hold: checked in form with every save, and in full before it is published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from governance.errors import InvalidInput, WorkbenchError
from labeling.labelsets.selectors import published_version
from labeling.prompts.agreement import fits_within
from labeling.prompts.columns import check_columns
from labeling.prompts.filling import compiled, prompts_of
from labeling.prompts.models import TemplateVersion
from labeling.prompts.rendering import render
from labeling.schemas.definition import check_schema
from labeling.schemas.validation import find_faults

FIELDS = (
    "labelset", "system_prompt", "user_prompt", "input_schema", "output_schema", "examples", "file_columns",
    "endpoint", "temperature", "max_tokens",
)  # fmt: skip
TYPES = frozenset("string number integer boolean date datetime image pdf file list object".split())
EXAMPLES_LIMIT = 50


def check_form(version: TemplateVersion) -> None:
    """What holds for drafts too: syntax, shapes and ranges.

    :raises InvalidInput: names the field, and in prompts the line.
    """
    if not version.user_prompt.strip():
        raise InvalidInput("Write a user prompt.", field="user_prompt")
    prompts_of(version)
    _check_inputs(version.input_schema)
    _check_file_columns(version.file_columns)
    _check_examples(version.examples)
    if version.output_schema != {}:
        check_schema(version.output_schema, field="output_schema")
    if version.labelset is not None and version.labelset.label_type_id != version.template.label_type_id:
        raise InvalidInput(
            f"Labelset “{version.labelset}” answers for {version.labelset.label_type_id}, and this template "
            f"asks for {version.template.label_type_id}.",
            field="labelset",
        )
    if not 0 <= version.temperature <= 2:
        raise InvalidInput(f"{version.temperature} is out of range; expected 0 to 2.", field="temperature")
    if not 1 <= version.max_tokens <= 200_000:
        raise InvalidInput(f"{version.max_tokens} is out of range; expected 1 to 200,000.", field="max_tokens")


def _check_inputs(inputs: object) -> None:
    if not isinstance(inputs, list):
        raise InvalidInput(f"Expected a list of columns, got {inputs!r}.", field="input_schema")
    names = [_checked_input(entry, place) for place, entry in enumerate(inputs)]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InvalidInput(f"{', '.join(twice)} stands there more than once.", field="input_schema")


def _checked_input(entry: object, place: int) -> str:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str) or not entry["name"]:
        raise InvalidInput(
            f'Column {place + 1} is {entry!r}; expected {{"name": …, "type": …, "description": …}}.',
            field="input_schema",
        )
    if entry.get("type", "string") not in TYPES:
        raise InvalidInput(
            f"Column {entry['name']!r} has type {entry['type']!r}; expected {', '.join(sorted(TYPES))}.",
            field="input_schema",
        )
    return str(entry["name"])


def _check_file_columns(columns: object) -> None:
    if not isinstance(columns, list) or not all(isinstance(name, str) and name for name in columns):
        raise InvalidInput(f"Expected a list of column names, got {columns!r}.", field="file_columns")


def _check_examples(examples: object) -> None:
    if not isinstance(examples, list) or len(examples) > EXAMPLES_LIMIT:
        raise InvalidInput(f"Expected a list of at most {EXAMPLES_LIMIT} examples.", field="examples")
    for place, example in enumerate(examples):
        if not isinstance(example, Mapping) or set(example) != {"input", "output"}:
            raise InvalidInput(
                f'Example {place + 1} must be {{"input": {{column: value}}, "output": answer}}.',
                field="examples",
            )
        if not isinstance(example["input"], Mapping):
            raise InvalidInput(f"Example {place + 1}: input must be an object of columns.", field="examples")


def check_complete(version: TemplateVersion) -> None:
    """Everything that a published version must hold.

    :raises InvalidInput: names the field and what does not agree.
    """
    check_form(version)
    _check_placeholders(version)
    if not version.output_schema:
        raise InvalidInput("Give an output schema, or take over that of a labelset.", field="output_schema")
    _check_labelset(version)
    for place, example in enumerate(version.examples):
        _check_example(version, place, example)
    _check_order(version)


def _check_placeholders(version: TemplateVersion) -> None:
    names = [entry["name"] for entry in version.input_schema]
    for prompt in prompts_of(version):
        check_columns(prompt, names)
    if unknown := [name for name in version.file_columns if name not in names]:
        raise InvalidInput(
            f"{', '.join(unknown)}: not in the input schema ({', '.join(names) or 'which is empty'}).",
            field="file_columns",
        )


def _check_labelset(version: TemplateVersion) -> None:
    if version.labelset is None:
        return
    published = published_version(version.labelset)
    if not fits_within(version.output_schema, published.response_schema):
        raise InvalidInput(
            f"The output schema lets answers through that {published} refuses. Take over its schema, "
            "or narrow this one.",
            field="output_schema",
        )


def _check_example(version: TemplateVersion, place: int, example: Mapping[str, Any]) -> None:
    where = f"Example {place + 1}"
    try:
        render(compiled(version.user_prompt, "user_prompt"), example["input"])
    except WorkbenchError as error:
        raise InvalidInput(f"{where}: {error.message}", field="examples") from error
    if faults := find_faults(example["output"], version.output_schema):
        raise InvalidInput(f"{where}: {'; '.join(map(str, faults[:5]))}.", field="examples")


def _check_order(version: TemplateVersion) -> None:
    others = version.template.versions.exclude(pk=version.pk).exclude(status=TemplateVersion.Status.DRAFT)
    newest = max((number_of(other) for other in others), default=(0, 0, 0))
    if number_of(version) <= newest:
        raise InvalidInput(
            f"Version {version.version} does not come after {'.'.join(map(str, newest))}. Choose more.",
            field="number",
        )


def number_of(version: TemplateVersion) -> tuple[int, int, int]:
    """Major, minor and patch, for comparing. Source: semver.org 2.0.0, without pre-releases."""
    major, minor, patch = map(int, version.version.split("."))
    return major, minor, patch


def next_number(number: tuple[int, int, int], level: str) -> str:
    """:raises InvalidInput: `level` is none of major, minor, patch."""
    major, minor, patch = number
    steps = {
        "major": (major + 1, 0, 0),
        "minor": (major, minor + 1, 0),
        "patch": (major, minor, patch + 1),
    }
    if level not in steps:
        raise InvalidInput(f"{level!r} is no level; expected major, minor or patch.", field="level")
    return ".".join(map(str, steps[level]))
