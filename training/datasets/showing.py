"""What the pages of datasets show: how the pairs divide, what permits what, and where a version is used."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.urls import reverse

from governance.errors import WorkbenchError
from governance.portal.rows import row_url, status_of
from governance.portal.strip import Cell, Strip
from governance.roles import ROLES
from governance.rules.leave import in_words as leave_in_words
from governance.rules.leave import leave_under, sources_in_words
from governance.uses import LETTERS, Use
from training.datasets.causes import is_prohibition
from training.datasets.manifest import approvals_of
from training.datasets.measures import highest_classification
from training.datasets.models import CuratedDataset, DatasetVersion
from training.datasets.rules import TEST
from training.datasets.selectors import preview_for, why_prohibited
from training.datasets.sources import derivations_under
from training.runs.selectors import in_words, summary

PREVIEW_AT_ONCE = 20_000  # pairs; more are counted only when someone asks
SIDE_TONES = {"train": "primary", "validation": "permitted", "test": "machine"}


def split_rows(counts: dict[str, Any]) -> list[tuple[str, int, str]]:
    """Members of each side, as rows of bars."""
    return [(side, counts.get(side, 0), tone) for side, tone in SIDE_TONES.items() if counts.get(side)]


def preview_of(version: DatasetVersion, user: Any, *, asked: bool) -> dict[str, Any]:
    """Counts, exclusions and first lines; for a draft only as far as `user` sees its sources."""
    if version.frozen_at is None and not asked and _size(version) > PREVIEW_AT_ONCE:
        return {"preview_waits": _size(version)}
    try:
        return {"preview": preview_for(version, user)}
    except WorkbenchError as error:
        return {"preview_problem": error.message}


def _size(version: DatasetVersion) -> int:
    return sum(sheet.pairs.count() for sheet in version.training_sheets.all())


def sentence(version: DatasetVersion, counts: dict[str, Any], exclusions: dict[str, int]) -> str:
    """How many approved pairs may be used, in words."""
    is_training = version.dataset.purpose == CuratedDataset.Purpose.TRAINING
    if version.frozen_at is not None and is_training:
        return str(summary(version))
    lost = sum(why_prohibited(version).values()) if version.frozen_at is not None else 0
    prohibited = lost + sum(count for reason, count in exclusions.items() if _is_prohibition(reason))
    test = counts.get(TEST, 0) if is_training else 0
    allowed = counts.get("members", 0) - lost - test
    return in_words("training" if is_training else "evaluation", allowed, prohibited, test)


def signatures(version: DatasetVersion) -> list[dict[str, Any]]:
    """Who signed in which role, and when; the manifest keeps the same as plain text."""
    return [
        {**one, "role": ROLES[one["role"]][0].lower() if one["role"] in ROLES else one["role"],
         "signed_at": datetime.fromisoformat(one["signed_at"])}
        for one in approvals_of(version)
    ]  # fmt: skip


def leave(version: DatasetVersion, user: Any) -> list[dict[str, Any]]:
    """Declassifications that its rows rest on, with the signatures, and the sources that `user` may see."""
    found = list(leave_under(derivations_under(version)))
    told = zip(found, leave_in_words(found), sources_in_words(found, user), strict=True)
    return [
        {"row": one, "sources": sources,
         "approved_by": [given | {"at": datetime.fromisoformat(given["signed_at"])} for given in words["approved by"]]}
        for one, words, sources in told
    ]  # fmt: skip


def left_by_rules(exclusions: dict[str, int]) -> int:
    """Pairs that stay out for another reason than a prohibition; the sentence does not count them."""
    return sum(count for reason, count in exclusions.items() if not _is_prohibition(reason))


def _is_prohibition(reason: str) -> bool:
    return any(is_prohibition(reason, use) for use in Use)


def exclusion_rows(exclusions: dict[str, int]) -> list[dict[str, Any]]:
    """Reasons with counts, most frequent first; `kind` is the tone of its chip."""
    rows = sorted(exclusions.items(), key=lambda item: -item[1])
    return [
        {"reason": reason, "count": count, "kind": "prohibited" if _is_prohibition(reason) else "attention"}
        for reason, count in rows
    ]


def members_strip(version: DatasetVersion) -> Strip:
    """What all members permit now; a use that some of them lack says how many."""
    total = version.members.count()
    lacking = {use: total - version.members.permitting(use).count() for use in Use}  # type: ignore[attr-defined]
    cells = tuple(
        Cell(LETTERS[use], use, "inherited" if lacking[use] else "permitted",
             f"{lacking[use]:,} of {total:,} members do not permit it" if lacking[use] else "")
        for use in Use
    )  # fmt: skip
    level = highest_classification(version)
    return Strip(cells, str(level.label), level, "")


def answer_rows(metrics: dict[str, Any]) -> list[tuple[str, int]]:
    """The most frequent answers, as rows of bars."""
    return [(short_answer(row["answer"]), row["count"]) for row in metrics.get("answers", ())]


def short_answer(text: str) -> str:
    """The value alone where an answer is an object with one: room in drawings is short."""
    try:
        body = json.loads(text)
    except ValueError:
        return text
    if isinstance(body, dict) and len(body) == 1:
        body = next(iter(body.values()))
    return body if isinstance(body, str) else text


def used_by(version: DatasetVersion, user: Any) -> list[dict[str, Any]]:
    """Runs, evaluations and exports of a version that `user` may see."""
    groups = [
        ("Runs", version.runs.select_related("model")),
        ("Evaluations",
         version.evaluations.select_related("model_version__model", "endpoint", "dataset_version__dataset")),
        ("Exports", version.exports.select_related("job", "version__dataset")),
    ]  # fmt: skip
    return [{"title": title, "rows": linked(rows.visible_to(user)[:20])} for title, rows in groups]


def linked(rows: Iterable[Any]) -> list[dict[str, Any]]:
    """Rows as links with the chip of their state."""
    return [
        {"label": str(row), "url": row_url(row), "status": status_of(getattr(row, "job", None) or row), "row": row}
        for row in rows
    ]


def lineage_url(slug: str, row: Any) -> str:
    return f"{reverse('training:lineage')}?node={slug}:{row.pk}"
