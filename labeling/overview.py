"""What the Overview says of generating and labelling."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count
from django.urls import reverse

from governance.portal import navigation, overview
from labeling.agreement.selectors import of_person
from labeling.models import CanonicalLabel, Labelset, QAPair, TrainingSheet, Turn
from labeling.review import assignments
from workbench.models import Sheet

SHEETS = "admin:labeling_trainingsheet_changelist"


def register() -> None:
    overview.register_tile(generate_tile)
    overview.register_tile(label_tile)
    overview.register_queue(pairs_given)
    overview.register_queue(items_given)
    overview.register_queue(pairs_to_review)
    overview.register_first_step(first_pairs)
    overview.register_first_step(first_labels)
    navigation.register_count(SHEETS, lambda user: TrainingSheet.objects.visible_to(user).count())
    navigation.register_count("labeling:review", _open_pairs)


def _open_pairs(user: Any) -> int:
    return _to_review(user).count()


def _to_review(user: Any) -> Any:
    return QAPair.objects.visible_to(user).filter(
        status__in=[QAPair.Status.UNLABELED, QAPair.Status.FLAGGED],
        training_sheet__status=TrainingSheet.Status.READY,
    )


def generate_tile(user: Any) -> overview.Tile | None:
    if not user.has_perm("labeling.view_trainingsheet"):
        return None
    sheets = TrainingSheet.objects.visible_to(user)
    running = sheets.filter(status=TrainingSheet.Status.GENERATING).first()
    if running is not None:
        label, url, tone = f"{running.name} is running", _page(running), "primary"
    elif user.has_perm("labeling.add_trainingsheet"):
        label, url, tone = "Generate pairs", reverse("labeling:generate"), "primary"
    else:
        label, url, tone = "Look at the training sheets", reverse(SHEETS), "plain"
    return overview.Tile(
        stage="Generate", count=sheets.count(), unit="training sheets", one="training sheet", order=2,
        action_label=label, action_url=url, tone=tone,
    )  # fmt: skip


def label_tile(user: Any) -> overview.Tile | None:
    if not user.has_perm("labeling.view_qapair"):
        return None
    waiting = _open_pairs(user)
    if not user.has_perm("labeling.review_qapair"):
        labels = CanonicalLabel.objects.visible_to(user).count()
        words = "1 pair waits for review" if waiting == 1 else f"{waiting:,} pairs wait for review"
        return overview.Tile(
            stage="Label", count=labels, unit="canonical labels", one="canonical label", order=3, action_label=words
        )
    url = reverse("labeling:review") if waiting else reverse("labeling:label")
    return overview.Tile(
        stage="Label", count=waiting, unit="pairs wait for review", one="pair waits for review", order=3,
        action_label="Start reviewing" if waiting else "Label items first",
        action_url=url, tone="primary" if waiting else "permitted",
    )  # fmt: skip


def pairs_given(user: Any) -> Iterator[overview.QueueRow]:
    """Training Sheets with undecided pairs that were given to this person, fullest first."""
    if not user.has_perm("labeling.review_qapair"):
        return
    counts = assignments.open_counts(user)
    fullest = sorted(counts, key=lambda key: -counts[key])[:6]
    sheets = TrainingSheet.objects.in_bulk(fullest)
    for key in fullest:
        yield overview.QueueRow(
            what=f"Review {counts[key]:,} pair{'' if counts[key] == 1 else 's'} given to you",
            source=sheets[key].name,
            why="assigned to you",
            url=f"{reverse('labeling:review-pair', args=[key])}?queue=mine",
            action="Start",
        )


def items_given(user: Any) -> Iterator[overview.QueueRow]:
    """Sheets with items that were assigned to this person to answer beside other experts, fullest first."""
    if not user.has_perm("labeling.add_opinion"):
        return
    given = Turn.objects.visible_to(user).filter(of_person(user, "expert"), assigned_by__isnull=False)
    counted = given.order_by().values_list("sheet", "labelset").annotate(count=Count("pk"))
    fullest = list(counted.order_by("-count", "sheet")[:6])
    sheets = Sheet.objects.in_bulk([sheet for sheet, _, _ in fullest])
    labelsets = Labelset.objects.in_bulk([labelset for _, labelset, _ in fullest])
    for sheet, labelset, count in fullest:
        asked = urlencode({"sheet": sheet, "label_type": labelsets[labelset].label_type_id})
        yield overview.QueueRow(
            what=f"Answer {count:,} item{'' if count == 1 else 's'} given to you",
            source=f"{sheets[sheet]} · {labelsets[labelset].label_type_id}",
            why="assigned to you",
            url=f"{reverse('labeling:experts')}?{asked}",
            action="Start",
        )


def pairs_to_review(user: Any) -> Iterator[overview.QueueRow]:
    """Training Sheets with pairs to decide, fullest first; only for those who may decide."""
    if not user.has_perm("labeling.review_qapair"):
        return
    counted = _to_review(user).order_by().values_list("training_sheet").annotate(count=Count("pk"))
    fullest = list(counted.order_by("-count", "training_sheet")[:6])
    sheets = TrainingSheet.objects.in_bulk([key for key, _ in fullest])
    for key, count in fullest:
        sheet = sheets[key]
        yield overview.QueueRow(
            what=f"Review {count} pairs",
            source=sheet.name,
            why="you label for this sheet",
            url=reverse("labeling:review-pair", args=[sheet.pk]),
            action="Start",
        )


def _page(row: Any) -> str:
    return reverse("admin:labeling_trainingsheet_change", args=[row.pk])


def first_pairs(user: Any) -> overview.FirstStep | None:
    if not user.has_perm("labeling.add_trainingsheet"):
        return None
    done = TrainingSheet.objects.visible_to(user).exists()
    return overview.FirstStep(label="Generate pairs", done=done, url=reverse("labeling:generate"), order=2)


def first_labels(user: Any) -> overview.FirstStep | None:
    if not user.has_perm("labeling.view_canonicallabel"):
        return None
    done = TrainingSheet.objects.visible_to(user).filter(status=TrainingSheet.Status.REVIEWED).exists()
    return overview.FirstStep(label="Review pairs", done=done, url=reverse("labeling:review"), order=3)
