"""The job of one evaluation: ask in batches that are kept, then score all answers."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from governance import context
from governance.jobs import Running
from governance.models import Job
from governance.uses import Use
from labeling.exports.rows import answer_text, canonical_json
from training.datasets.models import DatasetVersion
from training.datasets.rows import export_row, members_in
from training.datasets.selectors import require_usable
from training.datasets.sources import read_tags
from training.evaluations import transitions
from training.evaluations.asking import Asker, asker_for
from training.evaluations.errors import EvaluationProhibited
from training.evaluations.models import Evaluation, EvaluationAnswer
from training.evaluations.scores import Scored, confusion_in, is_right, scores_of
from training.exits import evaluation_members
from training.metrics.pictures import confusion_png
from training.tracking.configured import tracking
from workbench.endpoints.port import Answer

RELATED = (
    "model_version__model", "model_version__run", "endpoint", "dataset_version__dataset",
    "dataset_version__label_sheet", "dataset_version__label_template", "dataset_version__prompt_derivation",
)  # fmt: skip


def evaluate(running: Running) -> dict[str, Any]:
    """Answers that are kept are not asked again after a kill."""
    read_tags(Evaluation.objects.get(pk=running.payload["evaluation"]).dataset_version, by=None)
    evaluation = _start(running)
    members = members_in(evaluation.dataset_version, evaluation.split)
    permitted = members.permitting(Use.EVALUATION)  # type: ignore[attr-defined]
    total, ask = members.count(), asker_for(evaluation)
    for batch in evaluation_members(permitted):
        _answer(evaluation, batch, ask, running)
        running.progress(evaluation.answers.count(), total)
    return _score(evaluation, running, total)


def end_evaluation(job: Job) -> None:
    """What becomes of an evaluation whose job failed or was cancelled."""
    evaluation = Evaluation.objects.select_for_update().get(pk=job.payload["evaluation"])
    if evaluation.status not in transitions.FAIL.sources:
        return
    step = transitions.CANCEL if job.state == Job.State.CANCELLED else transitions.FAIL
    step.apply(evaluation)
    evaluation.error, evaluation.finished_at = job.error, timezone.now()
    with context.because(f"job {job.state}"):
        evaluation.save(update_fields=["status", "error", "finished_at"])


@transaction.atomic
def _start(running: Running) -> Evaluation:
    locked = Evaluation.objects.select_for_update().get(pk=running.payload["evaluation"])
    running.hold()
    require_usable(locked.dataset_version, "evaluate on")
    transitions.START.apply(locked)
    with context.because("evaluation started"):
        locked.save(update_fields=["status"])
    return Evaluation.objects.select_related(*RELATED).get(pk=locked.pk)


def _answer(evaluation: Evaluation, batch: list[Any], ask: Asker, running: Running) -> None:
    known = set(evaluation.answers.filter(member__in=batch).values_list("member", flat=True))
    asked = {str(member.pk): member for member in batch if member.pk not in known}
    if not asked:
        return
    rows = [_row(evaluation, asked[answer.key], answer) for answer in ask(list(asked.values()))]
    with transaction.atomic():
        running.hold()
        EvaluationAnswer.objects.bulk_create(rows)


def _row(evaluation: Evaluation, member: Any, answer: Answer) -> EvaluationAnswer:
    return EvaluationAnswer(
        evaluation=evaluation,
        member=member,
        answer=answer.text,
        is_correct=not answer.error and is_right(answer_text(export_row(member)), answer.text),
        confidence=answer.confidence,
        error=answer.error,
    )


def _score(evaluation: Evaluation, running: Running, total: int) -> dict[str, Any]:
    answers = scored_answers(evaluation)
    if not answers:
        raise EvaluationProhibited(f"No row of “{evaluation.dataset_version}” permits evaluation any more.")
    metrics = scores_of(answers)
    _finish(evaluation, running, metrics, _counts(answers, total))
    _log(evaluation, metrics)
    return {"items": len(answers), "accuracy": round(metrics["accuracy"], 4)}


def scored_answers(evaluation: Evaluation) -> list[Scored]:
    """Expected and given answers, in the order of the members."""
    rows = evaluation.answers.order_by("member__position").select_related("member__answer")
    return [
        Scored(_text(row.member.answer.shown), "" if row.error else row.answer, bool(row.error))
        for row in rows.iterator(chunk_size=1000)
    ]


def _text(body: Any) -> str:
    return body if isinstance(body, str) else canonical_json(body)


def _counts(answers: list[Scored], total: int) -> dict[str, int]:
    return {
        "items": len(answers),
        "right": sum(is_right(answer.expected, answer.predicted) for answer in answers if not answer.failed),
        "failed": sum(answer.failed for answer in answers),
        "not_permitted": total - len(answers),
    }


@transaction.atomic
def _finish(evaluation: Evaluation, running: Running, metrics: dict[str, Any], counts: dict[str, int]) -> None:
    locked = Evaluation.objects.select_for_update().get(pk=evaluation.pk)
    running.hold()
    require_usable(DatasetVersion.objects.get(pk=locked.dataset_version_id), "evaluate on")
    transitions.SUCCEED.apply(locked)
    locked.metrics, locked.counts, locked.finished_at = metrics, counts, timezone.now()
    with context.because("evaluation scored"):
        locked.save(update_fields=["status", "metrics", "counts", "finished_at"])


def _log(evaluation: Evaluation, metrics: dict[str, Any]) -> None:
    """Scores and picture beside the run that made the model; endpoints have none."""
    found = confusion_in(metrics)
    if evaluation.model_version is None or found is None:
        return
    run_id, tracker = evaluation.model_version.run.mlflow_run_id, tracking()
    numbers = {f"evaluation.{name}": metrics[name] for name in ("accuracy", "macro_f1")}
    tracker.log_metrics(run_id, numbers)
    tracker.log_picture(
        run_id, confusion_png(found, title=str(evaluation)), file=f"evaluations/{evaluation.pk}/confusion.png"
    )
