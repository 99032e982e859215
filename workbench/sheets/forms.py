"""The form of the Sheet builder: what people type, as the services take it, and their errors beside the field."""

from __future__ import annotations

import re
from typing import Any, cast

from django import forms

from governance.errors import WorkbenchError
from workbench.catalogs.models import Connection
from workbench.catalogs.port import Catalog
from workbench.sheets.definition import ROLES
from workbench.sheets.models import SheetVersion

ROLE_PREFIX = "role-"


def source_choices(catalog: Catalog) -> list[tuple[str, str]]:
    """Every table and volume as (`kind:ref`, words)."""
    found = []
    for schema in catalog.list_schemas():
        found += [(f"table:{ref}", ref) for ref in catalog.list_tables(schema)]
        found += [(f"volume:{ref}", f"{ref} (files)") for ref in catalog.list_volumes(schema)]
    return found


def _split(choice: str) -> tuple[str, str]:
    kind, _, ref = choice.partition(":")
    return kind, ref


class SheetForm(forms.Form):
    """Everything but the secondary sources and the roles."""

    name = forms.CharField(max_length=120)
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    primary = forms.ChoiceField(label="Primary source", help_text="One row or file of it is one item.")
    item_key = forms.CharField(
        max_length=128,
        help_text="Column that names each item; unique. Fixed once the Sheet is published.",
        widget=forms.TextInput(attrs={"list": "column-names"}),
    )
    filter_sql = forms.CharField(
        label="Filter",
        required=False,
        help_text="A condition over the joined columns, such as total_amount > 100 AND department = 'Surgery'.",
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "class": "mono"}),
    )
    sample_size = forms.IntegerField(
        label="Sample", required=False, min_value=1, help_text="At most so many items, always the same; empty for all."
    )

    def __init__(self, data: Any = None, *, catalog: Catalog, initial: dict[str, Any] | None = None) -> None:
        super().__init__(data, initial=initial, label_suffix="")
        cast(forms.ChoiceField, self.fields["primary"]).choices = [("", "choose …"), *source_choices(catalog)]

    def values(self) -> dict[str, Any]:
        """As the services take them."""
        cleaned = dict(self.cleaned_data)
        cleaned["primary_kind"], cleaned["primary_ref"] = _split(cleaned.pop("primary"))
        return cleaned


class SourceForm(forms.Form):
    """One secondary source; an empty row is left out."""

    source = forms.ChoiceField(required=False)
    alias = forms.CharField(required=False, max_length=128, label="Prefix", help_text="Its columns start with it.")
    keys = forms.CharField(
        required=False,
        label="Join keys (table)",
        help_text="column so far = column of it; more than one with commas.",
        widget=forms.TextInput(attrs={"spellcheck": "false"}),
    )
    pattern = forms.CharField(
        required=False,
        label="File name (volume)",
        help_text="Such as {invoice_id}.pdf",
        widget=forms.TextInput(attrs={"spellcheck": "false"}),
    )

    def clean_keys(self) -> list[list[str]]:
        pairs = [part.split("=") for part in self.cleaned_data["keys"].split(",") if part.strip()]
        if any(len(pair) != 2 or not all(side.strip() for side in pair) for pair in pairs):
            raise forms.ValidationError("Write each pair as column so far = column of this table.")
        return [[side.strip() for side in pair] for pair in pairs]

    @property
    def is_filled(self) -> bool:
        return bool(self.cleaned_data.get("source"))

    def value(self) -> dict[str, Any]:
        """As the services take it."""
        kind, ref = _split(self.cleaned_data["source"])
        alias = self.cleaned_data["alias"] or ref.rpartition(".")[2]
        return {
            "kind": kind, "ref": ref, "alias": alias, "keys": self.cleaned_data["keys"],
            "pattern": self.cleaned_data["pattern"],
        }  # fmt: skip


class SourcesFormSet(forms.BaseFormSet):
    """The repeatable rows; every row offers the same sources."""

    def __init__(self, data: Any = None, *, choices: list[tuple[str, str]], initial: Any = None) -> None:
        self.choices = choices
        super().__init__(data, initial=initial, prefix="sources", form_kwargs={"label_suffix": ""})

    def add_fields(self, form: forms.Form, index: int | None) -> None:
        super().add_fields(form, index)
        cast(forms.ChoiceField, form.fields["source"]).choices = [("", "none"), *self.choices]

    def values(self) -> list[dict[str, Any]]:
        return [form.value() for form in self.forms if form.is_filled]


def sources_formset(extra: int) -> type[SourcesFormSet]:
    made = forms.formset_factory(SourceForm, formset=SourcesFormSet, extra=extra, max_num=10)
    return cast(type[SourcesFormSet], made)


def initial_of(version: SheetVersion) -> dict[str, Any]:
    """What the builder shows of a draft."""
    return {
        "name": version.sheet.name,
        "description": version.sheet.description,
        "primary": f"{version.primary_kind}:{version.primary_ref}",
        "item_key": version.sheet.item_key,
        "filter_sql": version.filter_sql,
        "sample_size": version.sample_size,
    }


def initial_sources(version: SheetVersion) -> list[dict[str, Any]]:
    return [
        {
            "source": f"{source['kind']}:{source['ref']}",
            "alias": source["alias"],
            "keys": ", ".join(f"{left} = {right}" for left, right in source["keys"]),
            "pattern": source["pattern"],
        }
        for source in version.sources
    ]


def roles_in(data: Any) -> dict[str, str]:
    """Roles chosen below the preview; columns without a choice keep the likely one."""
    chosen = {name.removeprefix(ROLE_PREFIX): data[name] for name in data if name.startswith(ROLE_PREFIX)}
    return {name: role for name, role in chosen.items() if role in ROLES}


def place_error(error: WorkbenchError, form: SheetForm, sources: SourcesFormSet) -> None:
    """Beside the field at fault; what belongs to no field stands above the form."""
    if error.field.startswith("sources"):
        number = re.match(r"sources\[(\d+)\]", error.field)
        filled = [row for row in sources.forms if row.is_filled]
        at_fault = filled[int(number[1])] if number else _row_named(filled, error)
        at_fault.add_error(None, error.message)
        return
    field = {"primary_ref": "primary", "primary_kind": "primary"}.get(error.field, error.field)
    form.add_error(field if field in form.fields else None, error.message)


def _row_named(rows: list[Any], error: WorkbenchError) -> Any:
    """The row whose source the message speaks of, else the last one."""
    named = [row for row in rows if _split(row.cleaned_data["source"])[1] in error.message]
    return (named or rows)[-1]


def visible_connections(user: Any) -> Any:
    return Connection.objects.visible_to(user)
