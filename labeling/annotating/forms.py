"""The form of an answer whose boxes, polygons and spans are marked on the source.

Each such field is one JSON text in the form, which the page's script turns into a table beside the picture or text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from labeling.annotating.marks import Marked, marked_in
from labeling.annotating.sources import marked_text
from labeling.interchange.pictures import Pictures
from labeling.labelsets.models import LabelsetVersion
from labeling.schemas.forms import AnswerForm, form_for_schema, initial_for
from workbench.catalogs.errors import FileNotShown
from workbench.models import SheetVersion

NO_ANSWER: Any = object()


def answer_form(
    *,
    version: SheetVersion,
    labelset: LabelsetVersion,
    row: Mapping[str, Any],
    posted: Any,
    answer: Any = NO_ANSWER,
    prefix: str = "answer",
) -> AnswerForm:
    """The form for one item: as posted, else with what `answer` says."""
    schema = labelset.response_schema
    marked = marked_in(schema)
    initial = {} if answer is NO_ANSWER else initial_for(answer, schema)
    for one in marked:
        initial = _as_text(initial, one, [] if answer is NO_ANSWER else one.records(answer))
    form = form_for_schema(schema)(posted, initial=initial, prefix=prefix, label_suffix="")
    for one in marked:
        _describe(form, one, version, labelset, row)
    return form


def _as_text(initial: dict[str, Any], marked: Marked, records: Any) -> dict[str, Any]:
    own = (f"{marked.field}__", f"{marked.field}-")
    kept = {name: value for name, value in initial.items() if name != marked.field and not name.startswith(own)}
    return {**kept, f"{marked.field}-json": json.dumps(list(records), ensure_ascii=False)}


def _describe(
    form: AnswerForm, marked: Marked, version: SheetVersion, labelset: LabelsetVersion, row: Mapping[str, Any]
) -> None:
    field = form.fields.get(f"{marked.field}-json")
    if field is None:  # sent row by row, as without a script
        return
    colours = {one["name"]: one.get("color", "") for one in labelset.classes}
    told = marked.as_json(colours) | {"column": _column_of(marked, version, labelset, row), "label": str(field.label)}
    field.help_text = "A list of records, as JSON. With scripts on, you mark them on the item."
    field.widget.attrs["data-marks"] = json.dumps(told)
    field.widget.attrs["spellcheck"] = "false"


def _column_of(marked: Marked, version: SheetVersion, labelset: LabelsetVersion, row: Mapping[str, Any]) -> str:
    if marked.boxes:
        return Pictures(version, labelset).column_of(row)
    try:
        found = marked_text(marked, version, labelset, row)
    except FileNotShown:
        return ""
    return found[0] if found else ""
