"""Another team's use case in the same tables, made through the same services, from data to a trained model.

Nobody of the demo team may meet any of it: WORD stands in every name, text and account of it.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

from governance import access, desk, jobs
from governance.models import ApprovalRequest, Job, Person, User
from governance.roles import group_for
from labeling.generation import services as generation
from labeling.labelsets import services as labelsets
from labeling.models import LabelType, TemplateVersion, TrainingSheet
from labeling.prompts import services as prompts
from labeling.review import services as review
from labeling.usecases import services as use_cases
from training.datasets import services as datasets
from training.models import DatasetVersion
from training.runs import services as runs
from workbench.catalogs import services as catalogs
from workbench.models import SheetVersion
from workbench.sheets import services as sheets

WORD = "zanzibar"
FOLDER = "zanzibar-catalog"
SCHEMA = {"type": "object", "properties": {"spice": {"type": "string"}}, "required": ["spice"]}
ROLES = ("data-steward", "domain-expert", "approver", "ml-engineer", "agent-developer")


def make_rows(folder: Path) -> None:
    """Everything, in the site's database; `folder` is its data folder."""
    owner, second = _account("zanzibar-stella"), _account("zanzibar-sven")
    _write_table(folder / FOLDER)
    sheet = _sheet(folder / FOLDER, owner, second)
    template = _template(sheet, owner, second)
    _use_case(sheet, template, owner)
    pairs = _pairs(sheet, template, owner)
    dataset = _dataset(pairs, owner, second)
    runs.start_run(
        dataset_version=dataset, name="zanzibar run", model_name="zanzibar-model", trainer="text_classifier", by=owner
    )
    _work()


def _account(name: str) -> User:
    user = User.objects.create_user(name, is_staff=True, person=Person.objects.create(name=name))
    user.groups.add(*[group_for(role) for role in ROLES])
    return user


def _write_table(catalog: Path) -> None:
    (catalog / WORD).mkdir(parents=True)
    with (catalog / WORD / "spices.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["id", "zanzibar_note", "answer"])
        for number in range(1, 25):
            spice = ("clove", "nutmeg")[number % 2]
            table.writerow([f"zanzibar-{number:03d}", f"zanzibar {spice} lot {number}", json.dumps({"spice": spice})])


def _sheet(catalog: Path, owner: User, second: User) -> SheetVersion:
    connection = catalogs.create_connection(by=owner, name="zanzibar catalog", location=str(catalog))
    catalogs.sync_catalog(connection=connection, by=owner)
    draft = sheets.create_sheet(
        by=owner, name="zanzibar market", connection=connection, item_key="id", primary_ref="zanzibar.spices"
    )
    access.share(collection=draft.sheet, to=second, level="view", by=owner)
    _sign(sheets.request_publish(version=draft, by=owner, reason="zanzibar is ready"), second)
    return SheetVersion.objects.get(pk=draft.pk)


def _template(sheet: SheetVersion, owner: User, second: User) -> TemplateVersion:
    label_type = LabelType.objects.get(pk="classification")
    labels = labelsets.create_labelset(
        by=owner, name="zanzibar spices", label_type=label_type, classes=[], response_schema=SCHEMA
    )
    access.share(collection=labels.labelset, to=second, level="view", by=owner)
    _sign(labelsets.request_publish(version=labels, by=owner, reason="zanzibar agreed"), second)
    labelsets.bind_labelset(sheet=sheet.sheet, labelset=labels.labelset, by=owner)
    draft = prompts.create_template(
        by=owner, name="zanzibar question", label_type=label_type, labelset=labels.labelset,
        user_prompt="Which zanzibar spice? {{ zanzibar_note }}", output_schema=SCHEMA,
        input_schema=[{"name": "zanzibar_note", "type": "string"}],
    )  # fmt: skip
    access.share(collection=draft.template, to=second, level="view", by=owner)
    _sign(prompts.request_publish(version=draft, by=owner, reason="zanzibar tried"), second)
    return TemplateVersion.objects.get(pk=draft.pk)


def _use_case(sheet: SheetVersion, template: TemplateVersion, owner: User) -> None:
    use_cases.create_use_case(by=owner, name="zanzibar spice market", assets=[sheet.sheet, template.template])


def _pairs(sheet: SheetVersion, template: TemplateVersion, owner: User) -> TrainingSheet:
    made = generation.start_generation(
        by=owner, name="zanzibar pairs", sheet=sheet.sheet, template_version=template, mode="existing_column",
        column="answer", trusted_reason="The zanzibar harbour keeps this column.",
    )  # fmt: skip
    _work()
    made.refresh_from_db()
    return review.finish_review(training_sheet=made, by=owner)


def _dataset(pairs: TrainingSheet, owner: User, second: User) -> DatasetVersion:
    version = datasets.create_dataset(by=owner, name="zanzibar dataset", training_sheets=[pairs])
    access.share(collection=version.dataset, to=second, level="view", by=owner)
    datasets.freeze(version=version, by=owner)
    _work()
    version.refresh_from_db()
    _sign(datasets.request_approval(version=version, by=owner, reason="zanzibar may train"), second)
    return DatasetVersion.objects.get(pk=version.pk)


def _sign(request: ApprovalRequest, by: User) -> None:
    desk.decide(request=request, by=by, approve=True, comment="zanzibar checked")


def _work() -> None:
    jobs.run_waiting()
    failed = Job.objects.exclude(state=Job.State.SUCCEEDED).first()
    if failed is not None:
        raise RuntimeError(f"The stranger's job {failed} is {failed.state}: {failed.error}")
