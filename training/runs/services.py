"""Starting runs, and pointing aliases at the models that come of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.db import transaction

from governance import access, context, jobs
from governance.names import save_named
from labeling.exports.rows import answer_text
from training.datasets.models import CuratedDataset, DatasetVersion
from training.datasets.rules import TRAIN
from training.datasets.selectors import require_usable
from training.datasets.sources import read_tags
from training.exits import training_rows
from training.runs.affected import require_usable_model
from training.runs.errors import AliasRefused, NothingPermitted, RunRefused
from training.runs.models import ModelVersion, RegisteredModel, TrainingRun
from training.runs.selectors import Summary, learnable, summary
from training.tracking.configured import tracking
from training.trainers import Trainer, get_trainer

if TYPE_CHECKING:
    from governance.models import User

JOB = "training.train"
MODEL_NAME = re.compile(r"[\w][\w .()-]{0,119}")
ALIAS = re.compile(r"(?!v\d+$|latest$)[a-z][a-z0-9_-]{0,39}")  # MLflow keeps v1 and latest for itself


def start_run(
    *,
    dataset_version: DatasetVersion,
    name: str,
    model_name: str,
    trainer: str,
    by: User,
    base_model: str = "",
    hyperparameters: Mapping[str, object] | None = None,
) -> TrainingRun:
    """Queue the training of a new version of the model called `model_name`, made when there is none.

    :raises NotUsable: the dataset version is not approved, or not any more.
    :raises NothingPermitted: no member permits training now.
    :raises RunRefused: the rows for training have fewer different answers than the trainer can learn from.
    :raises InvalidInput: the trainer, base model, a hyperparameter or a name; `field` says which.
    :raises TagsUnknown: the tags of a source cannot be read.
    """
    access.require(by, "training.add_trainingrun", dataset_version)
    read_tags(dataset_version, by=by)
    require_usable(dataset_version, "train on")
    found = _require_rows(dataset_version)
    chosen = get_trainer(trainer)
    _require_answers(chosen, dataset_version, found)
    run = TrainingRun(
        name=_required_name(name),
        dataset_version=dataset_version,
        trainer=chosen.slug,
        base_model=_base_model(chosen, base_model),
        hyperparameters=chosen.validate(hyperparameters or {}),
        counts=found.as_json(),
        created_by=by,
    )
    with transaction.atomic(), context.because("run started", by=by):
        run.model = _model(model_name, dataset_version, by)
        run.save()
        jobs.enqueue(JOB, subject=run, by=by, payload={"run": str(run.pk)})
    return run


@transaction.atomic
def set_alias(*, model_version: ModelVersion, alias: str, by: User) -> ModelVersion:
    """Let `alias`, such as champion, name this version of its model and no other.

    :raises AliasRefused: the registry takes no such name.
    :raises ModelAffected: it learned from rows that would not permit it today, and nobody let it stay in use.
    """
    model = RegisteredModel.objects.select_for_update().get(pk=model_version.model_id)
    access.require(by, "training.change_registeredmodel", model, action="change")
    if not ALIAS.fullmatch(alias):
        raise AliasRefused(
            f"{alias!r} cannot be an alias: expected small letters, digits, - and _, and not latest or a number "
            "such as v1.", field="alias",
        )  # fmt: skip
    require_usable_model(model_version, "set an alias on")
    with context.because(f"alias {alias} points at v{model_version.number}", by=by):
        for version in model.versions.select_for_update():
            wanted = {*version.aliases} - {alias} | ({alias} if version.pk == model_version.pk else set())
            if wanted != {*version.aliases}:
                version.aliases = sorted(wanted)
                version.save(update_fields=["aliases"])
    tracking().set_alias(model.registry_name, alias, str(model_version.number))
    model_version.refresh_from_db()
    return model_version


@transaction.atomic
def describe_model(*, model: RegisteredModel, by: User, description: str, use_case: Any = None) -> RegisteredModel:
    """Say what a model is for. Its name stays: the registry knows it by that."""
    model = RegisteredModel.objects.select_for_update().get(pk=model.pk)
    access.require(by, "training.change_registeredmodel", model, action="change")
    model.description, model.use_case = description, use_case
    with context.because("model described", by=by):
        model.save(update_fields=["description", "use_case"])
    return model


def _require_rows(version: DatasetVersion) -> Summary:
    if version.dataset.purpose != CuratedDataset.Purpose.TRAINING:
        raise RunRefused(f"“{version}” is for evaluation only; nothing may train on it.", field="dataset_version")
    found = summary(version)
    if not found.train:
        words = "; ".join(f"{count} {reason}" for reason, count in found.reasons.items())
        raise NothingPermitted(
            f"No row of “{version}” may be trained on now. {found}: {words or 'its train side is empty'}.",
            field="dataset_version",
        )
    return found


def _require_answers(trainer: Trainer, version: DatasetVersion, found: Summary) -> None:
    rows = learnable(version, TRAIN)
    different = rows.order_by().values("answer").distinct()[: trainer.fewest_answers].count()
    if different >= trainer.fewest_answers:
        return
    first = answer_text(next(iter(training_rows(rows))))
    raise RunRefused(
        f"{trainer.label} needs {trainer.fewest_answers} or more different answers to learn from, and the "
        f"{found.train:,} rows for training of “{version}” have {different}: {first[:80]!r}. Make a version that also "
        "has pairs with other answers.", field="dataset_version",
    )  # fmt: skip


def _required_name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= 120:
        raise RunRefused("A run needs a name of 1 to 120 characters.", field="name")
    return name


def _base_model(trainer: Trainer, wanted: str) -> str:
    known = [value for value, _ in trainer.base_models]
    if wanted and wanted not in known:
        raise RunRefused(
            f"{wanted!r} is no base model of {trainer.label}; expected one of {', '.join(known)}.", field="base_model"
        )
    return wanted or known[0]


def _model(name: str, version: DatasetVersion, by: User) -> RegisteredModel:
    """The model of this name that `by` may change, their own first, or a new one of theirs."""
    name = name.strip()
    if not MODEL_NAME.fullmatch(name):
        raise RunRefused(
            f"{name!r} cannot be a model's name: expected 1 to 120 letters, digits, spaces or any of . ( ) _ -, "
            "beginning with a letter or digit.", field="model_name",
        )  # fmt: skip
    theirs = RegisteredModel.objects.visible_to(by, "change").filter(name=name)
    known = theirs.filter(owner=by).first() or theirs.order_by("created_at").first()
    if known is not None:
        return known
    access.require(by, "training.add_registeredmodel")
    model = RegisteredModel(name=name, owner=by, use_case=version.dataset.use_case)
    model.registry_name = f"{name} {model.pk.hex[-12:]}"
    with context.because("first run of the model", by=by):
        save_named(model)
    return model
