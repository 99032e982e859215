"""Where every change of one pair begins: rows locked in one order, the right, an open review, and nothing stale."""

from __future__ import annotations

from governance import access
from governance.errors import StaleVersion
from governance.models import User
from labeling.generation.models import QAPair, TrainingSheet
from labeling.labels.models import CanonicalLabel
from labeling.labels.selectors import labels_for
from labeling.review.bulk import locked_pairs, locked_sheets, require_open
from labeling.review.deciding import Decider, Edit
from labeling.review.transitions import REVIEW


def opened(
    pair: QAPair,
    by: User,
    version: int | None,
    edit: Edit | None = None,
    notes: str = "",
    confidence: str = CanonicalLabel.Confidence.HIGH,
) -> tuple[QAPair, Decider]:
    """The locked pair and who decides it; Training Sheet first, so that its review cannot be finished meanwhile.

    :raises NotPermitted: `by` may not review this pair.
    :raises ReviewClosed: its Training Sheet is not ready for review.
    :raises StaleVersion: `version` is not that of the pair; `details` hold both texts.
    """
    sheet = locked_sheets().get(pk=pair.training_sheet_id)
    pair = locked_pairs().get(pk=pair.pk)
    access.require(by, REVIEW, pair)
    require_open(sheet)
    if version is not None and version != pair.version:
        raise stale_pair(pair, version, edit or Edit())
    return pair, Decider(sheet, by, notes.strip(), confidence)


def stale_pair(pair: QAPair, seen: int, edit: Edit) -> StaleVersion:
    """What became of a pair since its version `seen`, beside what somebody would have made of it."""
    if pair.reviewed_by:
        what = f"{pair.reviewed_by.display_name} made it {pair.get_status_display().lower()}"
    else:
        what = "its prompt was edited, or a decision was taken back"
    return StaleVersion(
        f"This pair changed while you worked on it: {what} (version {pair.version}, yours was {seen}). Compare both "
        "before deciding.",
        details={
            "seen": seen,
            "current": pair.version,
            "current_status": pair.status,
            "current_answer": pair.answer.shown if pair.answer else None,
            "current_messages": pair.messages,
            **_yours(edit),
        },
    )


def label_in_force(pair: QAPair, sheet: TrainingSheet) -> CanonicalLabel | None:
    """The canonical label that approving this pair would change; none where approving makes no label."""
    if sheet.labelset_version_id is None:
        return None
    return labels_for(sheet.sheet, sheet.label_type, [pair.item_ref]).get(pair.item_ref)


def check_label(pair: QAPair, sheet: TrainingSheet, seen: int | None, edit: Edit) -> None:
    """`seen` is the version of the label when the pair was looked at, 0 where there was none; None asks nothing.

    :raises StaleVersion: somebody labelled this item meanwhile; `details` hold both texts.
    """
    if seen is None:
        return
    label = label_in_force(pair, sheet)
    current = label.version if label else 0
    if current != seen:
        raise stale_label(pair, label, seen, edit)


def stale_label(pair: QAPair, label: CanonicalLabel | None, seen: int, edit: Edit) -> StaleVersion:
    """What became of the label of a pair's item since its version `seen`, beside the answer that would replace it."""
    current = label.version if label else 0
    who = f"{label.last_modified_by.display_name} saved version {current}" if label else "it is gone"
    return StaleVersion(
        f"The canonical label of {pair.item_ref} changed while you worked on it: {who}. Compare both before deciding.",
        details={
            "seen_label": seen,
            "current_label": current,
            "current": pair.version,
            "current_status": pair.status,
            "current_answer": label.content.shown if label else None,
            "current_messages": pair.messages,
            **_yours(edit),
        },
    )


def _yours(edit: Edit) -> dict[str, object]:
    return {"your_answer": edit.data, "your_messages": edit.messages}
