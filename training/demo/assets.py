"""Sheets, labelsets, templates and first labels of the demonstration, made through the same services as anyone's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import Group

from governance import access, desk
from governance.models import ApprovalRequest, Collection, User
from labeling.labels import services as labels
from labeling.labels.entries import Entry
from labeling.labelsets import services as labelsets
from labeling.labelsets.selectors import columns_seen
from labeling.models import Labelset, LabelType
from labeling.prompts import services as prompts
from labeling.usecases import services as use_cases
from training.demo.people import TEAM
from workbench.catalogs import services as catalogs
from workbench.demo.assets import demo_labelsets, demo_sheets, demo_templates, demo_truth
from workbench.demo.starters import starter_templates
from workbench.models import Connection, Sheet
from workbench.sheets import selectors as sheet_rows
from workbench.sheets import services as sheets

CONNECTION = "Local catalog"
# How many items of each Sheet experts have labelled beforehand; the rest is left to do.
LABELLED_FIRST = {"Iris flowers": 30, "Medical invoices": 20, "Circuit boards": 40}


def make_assets(people: Mapping[str, User]) -> None:
    """Everything but pairs: those are for the newcomer to generate."""
    connection = _connection(people["data-steward"])
    made = {one["name"]: _sheet(one, connection, people) for one in demo_sheets()}
    bound = {one["name"]: _labelset(one, made[one["sheet"]], people) for one in demo_labelsets()}
    templates = {one["name"]: _template(one, bound[one["labelset"]], people) for one in demo_templates()}
    for starter in starter_templates():
        _starter(starter, people)
    for name, sheet in made.items():
        _first_labels(sheet, LABELLED_FIRST[name], people["domain-expert"])
        of_sheet = {one["name"] for one in (*demo_labelsets(), *demo_templates()) if one["sheet"] == name}
        assets: list[Collection] = [sheet]
        assets += [row for key, row in (*bound.items(), *templates.items()) if key in of_sheet]
        _use_case(sheet, assets, people)


def _share(row: Collection, *, level: str = "view") -> None:
    access.share(collection=row, to=Group.objects.get(name=TEAM), level=level, by=row.owner)


def _approved(request: ApprovalRequest, people: Mapping[str, User]) -> None:
    desk.decide(request=request, by=people["approver"], approve=True, comment="Checked for the demonstration.")


def _connection(steward: User) -> Connection:
    connection = catalogs.create_connection(
        by=steward, name=CONNECTION, description="The folder of tables and files on this server."
    )
    catalogs.sync_catalog(connection=connection, by=steward)
    _share(connection)
    return connection


def _sheet(data: dict[str, Any], connection: Connection, people: Mapping[str, User]) -> Sheet:
    steward = people["data-steward"]
    draft = sheets.create_sheet(
        by=steward,
        name=data["name"],
        description=data["description"],
        connection=connection,
        item_key=data["item_key"],
        primary_ref=data["primary_source"],
        sources=[_source(one) for one in data["secondary_sources"]],
        column_roles=data["column_roles"],
    )
    _share(draft.sheet)
    _approved(sheets.request_publish(version=draft, by=steward, reason="The demonstration starts here."), people)
    return draft.sheet


def _source(data: dict[str, Any]) -> dict[str, Any]:
    keys = [[data["on"], data["on"]]] if "on" in data else []
    return {
        "kind": data["kind"], "ref": data["name"], "alias": data["alias"], "keys": keys,
        "pattern": data.get("pattern", ""),
    }  # fmt: skip


def _labelset(data: dict[str, Any], sheet: Sheet, people: Mapping[str, User]) -> Labelset:
    developer = people["agent-developer"]
    draft = labelsets.create_labelset(
        by=developer,
        name=data["name"],
        label_type=LabelType.objects.get(slug=data["label_type"]),
        description=data["description"],
        classes=data["classes"],
        response_schema=data["response_schema"],
        seen_columns=data["seen_columns"],
    )
    _share(draft.labelset, level="change")
    _approved(labelsets.request_publish(version=draft, by=developer, reason="Classes agreed."), people)
    labelsets.bind_labelset(sheet=sheet, labelset=draft.labelset, by=people["data-steward"])
    return draft.labelset


def _template(data: dict[str, Any], labelset: Labelset, people: Mapping[str, User]) -> Collection:
    developer = people["agent-developer"]
    fields = {key: data[key] for key in (
        "system_prompt", "user_prompt", "file_columns", "input_schema", "output_schema", "temperature",
        "max_tokens", "examples",
    )}  # fmt: skip
    draft = prompts.create_template(
        by=developer,
        name=data["name"],
        label_type=labelset.label_type,
        description=data["description"],
        number=data["version"],
        labelset=labelset,
        **fields,
    )
    _share(draft.template)
    _approved(prompts.request_publish(version=draft, by=developer, reason="Tried on sample rows."), people)
    return draft.template


def _starter(data: dict[str, Any], people: Mapping[str, User]) -> None:
    label_type = LabelType.objects.get(slug=data["label_type"])
    fields = {key: value for key, value in data.items() if key not in {"name", "description", "label_type"}}
    draft = prompts.create_template(
        by=people["agent-developer"], name=data["name"], label_type=label_type, description=data["description"],
        **fields,
    )  # fmt: skip
    _share(draft.template)


def _first_labels(sheet: Sheet, count: int, expert: User) -> None:
    """What experts said of `count` items, taken evenly from all, for every label type of the Sheet."""
    truth = demo_truth()[sheet.name]
    version = sheet_rows.published_version(sheet)
    every = [item for batch in sheet_rows.iter_items(version) for item in batch]
    items = every[:: len(every) // count][:count]
    for label_type in LabelType.objects.filter(labelsets__bindings__sheet=sheet).distinct():
        labelset_version = labels.labelset_on(sheet, label_type)
        columns = columns_seen(labelset_version, version)
        derivation = labels.derivation_for(version, labelset_version, columns)
        labels.record_labels(
            sheet=sheet,
            label_type=label_type,
            labelset_version=labelset_version,
            by=expert,
            entries=[
                Entry(
                    item_ref=item.ref,
                    data=truth[item.ref][label_type.slug],
                    derivation=derivation,
                    seen_digest=sheet_rows.digest_of(item.row, columns),
                )
                for item in items
                if label_type.slug in truth[item.ref]
            ],
        )


def _use_case(sheet: Sheet, assets: list[Collection], people: Mapping[str, User]) -> None:
    steward = people["data-steward"]
    case = use_cases.create_use_case(by=steward, name=sheet.name, description=sheet.description, assets=assets)
    _share(case)
