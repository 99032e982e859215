"""Everything a demo site is seeded with beside its data, as plain values in the order it should be made."""

from __future__ import annotations

import copy
import re
from typing import Any

from workbench.demo import board_assets, invoice_assets, iris_assets
from workbench.demo.boards import board_truth
from workbench.demo.invoices import invoice_truth
from workbench.demo.iris import iris_truth

_DATA_SETS = (iris_assets, invoice_assets, board_assets)


def demo_sheets() -> list[dict[str, Any]]:
    """Sheets: name, description, primary_source, item_key, secondary_sources, column_roles.

    A secondary source has kind, name and alias; a table joins by `on`, a volume finds its file by `pattern`.
    """
    return [copy.deepcopy(data_set.SHEET) for data_set in _DATA_SETS]


def demo_labelsets() -> list[dict[str, Any]]:
    """Labelsets, each with the name of its `sheet`."""
    return [
        {"sheet": data_set.SHEET["name"], **copy.deepcopy(labelset)}
        for data_set in _DATA_SETS
        for labelset in data_set.LABELSETS
    ]


def demo_templates() -> list[dict[str, Any]]:
    """Prompt templates with input and output schema; the latter is that of the labelset they answer."""
    schemas = {labelset["name"]: labelset["response_schema"] for labelset in demo_labelsets()}
    return [
        _complete(template, data_set.SHEET["name"], schemas[template["labelset"]])
        for data_set in _DATA_SETS
        for template in data_set.TEMPLATES
    ]


def demo_truth() -> dict[str, dict[str, dict[str, dict[str, Any]]]]:
    """`sheet name -> item_ref -> label type -> answer`, to seed expert labels from."""
    return {
        iris_assets.SHEET["name"]: iris_truth(),
        invoice_assets.SHEET["name"]: invoice_truth(),
        board_assets.SHEET["name"]: board_truth(),
    }


def _complete(template: dict[str, Any], sheet: str, schema: dict[str, Any]) -> dict[str, Any]:
    """The template with the columns it uses declared, in the order of use."""
    columns = template["columns"]
    rest = {key: value for key, value in template.items() if key != "columns"}
    used = dict.fromkeys([*re.findall(r"{{ (\w+) }}", template["user_prompt"]), *template["file_columns"]])
    inputs = [
        {"name": name, "type": columns[name].kind, "description": columns[name].description} for name in used
    ]
    return {"sheet": sheet, **copy.deepcopy(rest), "input_schema": inputs, "output_schema": schema}
