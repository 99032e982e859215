"""A reviewed Training Sheet over a real small table, and rows made from it, without waiting for generation."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from governance import desk, jobs
from governance.derivations import derivation_of, set_effective
from governance.models import Derivation, User
from governance.uses import ALL_USES, Classification
from labeling.labels.contents import content_of
from labeling.models import (
    LabelType,
    PromptTemplate,
    QAPair,
    TemplateVersion,
    TrainingSheet,
)
from tests.factories import CatalogObjectFactory, ConnectionFactory, SheetFactory, SheetVersionFactory
from training.datasets import services
from training.models import DatasetVersion
from workbench.models import SheetVersion

COLUMNS = ("id", "text", "patient")


def write_rows(table: str, rows: Iterable[dict[str, str]]) -> None:
    folder = Path(settings.CATALOG_ROOT) / "main"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{table}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def make_sheet(owner: User, name: str = "Notes", **fields: Any) -> SheetVersion:
    """A published Sheet over `main.<name>`, with catalog rows for its table and columns."""
    ref = f"main.{name.lower()}"
    Path(settings.CATALOG_ROOT).mkdir(parents=True, exist_ok=True)
    connection = ConnectionFactory(name=f"{name} catalog", owner=owner)
    for kind, place in (("table", ref), *(("column", f"{ref}#{column}") for column in COLUMNS)):
        CatalogObjectFactory(connection=connection, kind=kind, ref=place)
    return SheetVersionFactory(
        published=True,
        sheet=SheetFactory(name=name, owner=owner, connection=connection, **fields),
        primary_ref=ref,
        columns=[{"name": column, "type": "VARCHAR", "origin": f"{ref}#{column}"} for column in COLUMNS],
    )


def make_template(owner: User, **fields: Any) -> TemplateVersion:
    kind = LabelType.objects.get_or_create(slug="classification")[0]
    template = PromptTemplate.objects.create(name=fields.pop("name", "Ask"), owner=owner, label_type=kind)
    return TemplateVersion.objects.create(
        template=template, version="1.0.0", status="published", published_at=timezone.now(), created_by=owner,
        **{"user_prompt": "About what?\n{{ text }}", "output_schema": {"type": "string"}, **fields},
    )  # fmt: skip


def make_training_sheet(
    owner: User, sheet_version: SheetVersion | None = None, *, name: str = "Notes classified", status: str = "reviewed"
) -> TrainingSheet:
    sheet_version = sheet_version or make_sheet(owner)
    template = TemplateVersion.objects.first() or make_template(owner)
    return TrainingSheet.objects.create(
        name=name, owner=owner, sheet=sheet_version.sheet, sheet_version=sheet_version, template_version=template,
        label_type=template.template.label_type, derivation=derivation_from(sheet_version.sheet), status=status,
    )  # fmt: skip


def derivation_from(*parents: Any, note: str = "") -> Derivation:
    return derivation_of(parents, scope={"note": note})


def make_pair(sheet: TrainingSheet, ref: str, answer: Any = "card", **fields: Any) -> QAPair:
    """An approved pair that permits everything, unless said otherwise."""
    body = {"messages": [{"role": "user", "content": fields.pop("text", f"Note {ref}: about {answer}")}]}
    label = fields.get("canonical_label")
    pair = QAPair(
        training_sheet=sheet, item_ref=ref, position=fields.pop("position", sheet.pairs.count()),
        prompt=content_of(body), answer=content_of(answer),
        **{
            "status": "labeled", "labeling_mode": "ai_generated", "work_state": "done",
            "derivation": sheet.derivation, "allowed_uses": ALL_USES, "prohibited_uses": 0,
            "data_classification": Classification.INTERNAL, **fields,
        },
    )  # fmt: skip
    if label is not None:
        pair.canonical_version = label.version
    set_effective(pair, label)
    pair.save()
    return pair


def make_pairs(sheet: TrainingSheet, count: int, answers: tuple[Any, ...] = ("card", "refund")) -> list[QAPair]:
    return [make_pair(sheet, f"item-{number:04}", answers[number % len(answers)]) for number in range(count)]


def make_dataset(by: User, *sheets: TrainingSheet, name: str = "Notes set", **fields: Any) -> DatasetVersion:
    return services.create_dataset(by=by, name=name, training_sheets=sheets, **fields)


def frozen(version: DatasetVersion, by: User) -> DatasetVersion:
    job = services.freeze(version=version, by=by)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    return DatasetVersion.objects.get(pk=version.pk)


def approved(version: DatasetVersion, by: User, *approvers: User) -> DatasetVersion:
    """Frozen, asked for and signed."""
    if version.frozen_at is None:
        version = frozen(version, by)
    request = services.request_approval(version=version, by=by, reason="ready to train")
    for approver in approvers:
        desk.decide(request=request, by=approver, approve=True, comment="checked")
    return DatasetVersion.objects.get(pk=version.pk)


