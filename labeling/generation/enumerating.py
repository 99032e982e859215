"""Stage 1 of generation: every item of the Sheet becomes a pair, one committed batch after the other."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.db.models import Q

from governance import context
from governance.jobs import Running
from labeling.generation.drafting import UNFILLED_DIGEST, Drafter, contents_of
from labeling.generation.errors import PairsIncomplete
from labeling.generation.models import Mode, QAPair, TrainingSheet
from labeling.generation.selectors import counts_of
from labeling.labels import contents
from labeling.labels.models import CanonicalLabel, Content
from labeling.labels.selectors import in_force
from workbench.sheets import selectors as sheets
from workbench.sheets.selectors import Item

BATCH = 500
REDRAFTED = (
    "prompt", "answer", "seen_digest", "status", "labeling_mode", "canonical_label", "canonical_version",
    "not_reused_because", "error", "reviewed_by", "reviewed_at", "work_state", "derivation", "effective_uses",
    "effective_classification", "effective_until",
)  # fmt: skip


def enumerate_items(running: Running, sheet: TrainingSheet, drafter: Drafter) -> None:
    """Make the pairs that are missing; behind the last one there is, so that a killed worker's go on.

    :raises PairsIncomplete: a pair was lost on the way, which must not stay unseen.
    """
    version, size = sheet.sheet_version, sheet.sample_size
    total = sheets.count_items(version, size)
    last = sheet.pairs.order_by("-position").values_list("item_ref", "position").first()
    after, count = (last[0], last[1] + 1) if last else (None, 0)
    done = finished(sheet)
    for items in sheets.iter_items(version, after=after, batch_size=BATCH, sample_size=size):
        done += _add(running, drafter, sheet, items, count)
        count += len(items)
        running.progress(done, max(total, count))
    _close(running, sheet, count)


def finished(sheet: TrainingSheet) -> int:
    """Pairs on which no work is left."""
    return sheet.pairs.exclude(work_state__in=[QAPair.Work.TODO, QAPair.Work.LEASED]).count()


def _add(
    running: Running, drafter: Drafter, sheet: TrainingSheet, items: Sequence[Item], position: int
) -> int:
    """Insert one batch; returns how many of its pairs need no further work."""
    prompts = drafter.prompts(items)
    with transaction.atomic():
        running.hold()
        labels = locked_labels(sheet, [item.ref for item in items])
        pairs = drafter.pairs(items, prompts, labels, position)
        contents.keep(contents_of(pairs))
        QAPair.objects.bulk_create(pairs, batch_size=BATCH)
    return sum(pair.work_state != QAPair.Work.TODO for pair in pairs)


def locked_labels(sheet: TrainingSheet, refs: Sequence[str]) -> dict[str, CanonicalLabel]:
    """The labels in force on these items, in one query, locked: one that is tightened now waits for the pairs."""
    rows = in_force().filter(sheet=sheet.sheet_id, label_type=sheet.label_type_id, item_ref__in=list(refs))
    rows = rows.select_related("content", "derivation", "labelset_version").order_by("pk")
    return {label.item_ref: label for label in rows.select_for_update(of=("self",))}


@transaction.atomic
def _close(running: Running, sheet: TrainingSheet, count: int) -> None:
    """Note that all items were read: a later run only works on what is there."""
    running.hold()
    stored = sheet.pairs.count()
    if stored != count:
        raise PairsIncomplete(f"{count:,} items were read and {stored:,} pairs are stored. Generate again.")
    selection = sheets.selection_of(sheet.sheet_version)
    catalog = sheets.catalog_of(sheet.sheet.connection)
    sheet.source_version = catalog.source_version(selection.primary, selection.primary_kind)
    sheet.result = counts_of(sheet)
    with context.because("all items read"):
        sheet.save(update_fields=["source_version", "result"])


def redraft(running: Running, sheet: TrainingSheet, drafter: Drafter) -> None:
    """Make failed pairs anew from their items as they are now; pairs that only lack a model's answer stay."""
    erased = Content.objects.erased().values("pk")
    stale = Q(prompt_id=UNFILLED_DIGEST) | Q(prompt__in=erased) | ~Q(labeling_mode=Mode.AI_GENERATED)
    waiting = sheet.pairs.filter(stale, work_state=QAPair.Work.TODO).order_by("position")
    while pairs := list(waiting[:BATCH]):
        rows = sheets.items_by_ref(sheet.sheet_version, [pair.item_ref for pair in pairs])
        items = [Item(pair.item_ref, rows[pair.item_ref]) for pair in pairs if pair.item_ref in rows]
        prompts = drafter.prompts(items)
        with transaction.atomic():
            running.hold()
            labels = locked_labels(sheet, [item.ref for item in items])
            drafts = {pair.item_ref: pair for pair in drafter.pairs(items, prompts, labels, 0)}
            contents.keep(contents_of(list(drafts.values())))
            for pair in pairs:
                _take_over(pair, drafts.get(pair.item_ref))
            QAPair.objects.bulk_update(pairs, REDRAFTED, batch_size=BATCH)


def _take_over(pair: QAPair, draft: QAPair | None) -> None:
    if draft is None:
        pair.work_state = QAPair.Work.FAILED
        pair.error = "The Sheet has no such item any more."
        return
    for name in REDRAFTED:
        setattr(pair, name, getattr(draft, name))
