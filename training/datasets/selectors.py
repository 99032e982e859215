"""Reading datasets: what may be used now, what would be selected, and what no longer permits its use."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

from django.db.models import Q, QuerySet

from governance import access
from governance.errors import NotPermitted
from governance.uses import Use
from labeling.exports import ExportRow, write_chat_jsonl
from labeling.models import CanonicalLabel, Content, QAPair, TrainingSheet
from training.datasets.candidates import Candidate, split_of, use_of_side
from training.datasets.causes import Causes, is_prohibition, prohibited
from training.datasets.errors import NotUsable
from training.datasets.models import DatasetMember, DatasetVersion
from training.datasets.rows import exportable, rows_of
from training.datasets.selection import Tally, candidates_of

if TYPE_CHECKING:
    from governance.models import User

USABLE = (DatasetVersion.Status.APPROVED, DatasetVersion.Status.IN_USE)
LINES = 5


def require_usable(version: DatasetVersion, verb: str) -> None:
    """:raises NotUsable: the version is not approved, or not any more."""
    if version.status not in USABLE:
        why = f" ({version.status_reason})" if version.status == DatasetVersion.Status.SUSPENDED else ""
        raise NotUsable(
            f"Cannot {verb} “{version}”: it is {version.get_status_display().lower()}{why}. Have it approved, or "
            "choose an approved version.",
            field="dataset_version",
            details={"status": version.status},
        )


@dataclass(frozen=True)
class Preview:
    """What freezing would give now. `lines` are the exact first lines of the JSONL."""

    counts: dict[str, Any]
    exclusions: dict[str, int]
    lines: list[str]


def preview(version: DatasetVersion, *, lines: int = LINES) -> Preview:
    """The members of a frozen version, else what the rules select now, with the reason of every exclusion."""
    if version.frozen_at is not None:
        first = version.members.order_by("position")[:lines]
        shown = version.members.filter(pk__in=[member.pk for member in first])
        return Preview(version.counts, version.exclusions, jsonl_lines(rows_of(shown)))
    tally, chosen = Tally(), list[Candidate]()
    for batch in candidates_of(version):
        members = tally.members_of(batch)
        chosen += members[: lines - len(chosen)]
    return Preview(tally.counts(), tally.reasons(), jsonl_lines(_rows(version, chosen)))


def preview_for(version: DatasetVersion, user: User, *, lines: int = LINES) -> Preview:
    """The preview as `user` may see it: a draft shows rows of its sources, so all of those must be theirs to see.

    :raises NotPermitted: a source of the draft is not visible to them.
    """
    if version.frozen_at is None and not sees_sources(version, user):
        raise NotPermitted(
            "This draft reads Training Sheets or labels that you may not see. Ask their owner to share them with you, "
            "or wait until it is frozen."
        )
    return preview(version, lines=lines)


def jsonl_lines(rows: Any) -> list[str]:
    buffer = BytesIO()
    write_chat_jsonl(rows, buffer)
    return buffer.getvalue().decode().splitlines()


def _rows(version: DatasetVersion, chosen: list[Candidate]) -> list[ExportRow]:
    contents = Content.objects.in_bulk({key for one in chosen for key in (one.prompt_id, one.answer_id)})
    sheets = dict(QAPair.objects.filter(pk__in=[one.pair_id for one in chosen if one.pair_id])
                  .values_list("pk", "training_sheet"))  # fmt: skip
    types = dict(version.training_sheets.values_list("pk", "label_type"))
    return [_row(version, one, contents, sheets, types) for one in chosen]


def _row(
    version: DatasetVersion, one: Candidate, contents: dict[str, Content], sheets: dict[Any, Any], types: dict[Any, Any]
) -> ExportRow:
    sheet = sheets.get(one.pair_id)
    origin = {"training_sheet": str(sheet)} if sheet else {"sheet": str(version.label_sheet_id)}
    return ExportRow(
        messages=exportable(one.prompt["messages"] if one.prompt else contents[one.prompt_id].messages),
        answer=contents[one.answer_id].shown,
        item_ref=one.item_ref,
        split=one.side,
        label_type=str(types[sheet] if sheet else version.label_type_id),
        pair_id=str(one.pair_id or one.label_id),
        metadata=origin,
    )


def sees_sources(version: DatasetVersion, user: User) -> bool:
    """Whether `user` may see everything a draft reads, so that its preview shows them nothing new."""
    sheets = version.training_sheets.all()
    hidden = sheets.exclude(pk__in=TrainingSheet.objects.visible_to(user).values("pk")).exists()
    if hidden or version.label_sheet is None:
        return not hidden
    return access.can_see(user, version.label_sheet)


def sides_of(version: DatasetVersion) -> dict[str, Use]:
    """Each side of the split with the use that its members must permit."""
    return {side: use_of_side(version.dataset, side) for side in split_of(version.dataset).sides()}


def members_prohibited(version: DatasetVersion) -> QuerySet[DatasetMember]:
    """Members that do not permit the use of their side now."""
    return version.members.filter(_no_longer_permitted(sides_of(version)))


def _no_longer_permitted(sides: dict[str, Use]) -> Q:
    found = Q(pk__in=[])
    for side, use in sides.items():
        permitted = DatasetMember.objects.filter(split=side).permitting(use)
        found |= Q(split=side) & ~Q(pk__in=permitted.values("pk"))
    return found


def why_prohibited(version: DatasetVersion) -> dict[str, int]:
    """Reason → count of the members that no longer permit the use of their side."""
    causes, reasons, sides = Causes(), Counter[str](), sides_of(version)
    rows = members_prohibited(version).select_related(
        "pair__canonical_label", "pair__derivation", "label__derivation"
    )
    for member in rows.order_by("position")[:10_000]:
        reasons[_cause(member, sides[member.split], causes)] += 1
    return dict(reasons.most_common())


def _cause(member: DatasetMember, use: Use, causes: Causes) -> str:
    if member.pair is not None:
        return causes.of_loaded_pair(member.pair, use)
    if member.label is not None and member.label.retired_at is not None:
        return prohibited(use, "the canonical label was retired")
    if member.label is None or _permits(member.label, use):
        return prohibited(use, "what the template shows")
    return causes.of_row(member.label, use)


def _permits(label: CanonicalLabel, use: Use) -> bool:
    return bool(CanonicalLabel.objects.filter(pk=label.pk).permitting(use).exists())


def prohibited_at_freezing(version: DatasetVersion) -> dict[str, int]:
    """Approved pairs that were left out because a use was prohibited, by reason."""
    return {
        reason: count
        for reason, count in version.exclusions.items()
        if any(is_prohibition(reason, use) for use in Use)
    }
