"""Fixing the members of a version: in batches that are committed one by one, then sealed with a fingerprint."""

from __future__ import annotations

import io
from typing import IO, Any, cast

from django.db import transaction
from django.utils import timezone

from governance import context
from governance.jobs import Running
from labeling.exports import Written, write_chat_jsonl
from labeling.labels.contents import digest, keep
from training.datasets.candidates import Candidate
from training.datasets.errors import NotADraft, NothingSelected
from training.datasets.label_candidates import prompt_derivation
from training.datasets.measures import metrics_of
from training.datasets.models import DatasetMember, DatasetVersion
from training.datasets.rows import rows_of
from training.datasets.selection import Tally, candidates_of
from training.datasets.sources import read_tags

JOB = "training.freeze"


def definition_of(version: DatasetVersion) -> str:
    """A digest of everything that decides which members a version gets."""
    return digest({
        "sheets": sorted(str(pk) for pk in version.training_sheets.values_list("pk", flat=True)),
        "label_sheet": str(version.label_sheet_id),
        "label_type": str(version.label_type_id),
        "label_template": str(version.label_template_id),
        "rules": version.rules,
        "split": version.dataset.split,
    })  # fmt: skip


def freeze_members(running: Running) -> dict[str, Any]:
    """The job: a killed worker's half is cleared away and selected anew."""
    version = DatasetVersion.objects.select_related("dataset").get(pk=running.payload["version"])
    _require_unchanged(version, running)
    read_tags(version, by=None)
    if version.label_sheet_id:
        _bind_prompts(version)
    tally = _store_members(version, running)
    if not tally.members:
        words = "; ".join(f"{count} {reason}" for reason, count in tally.reasons().items())
        raise NothingSelected(
            f"No pair of “{version}” is left: {words or 'its Training Sheets hold none'}. Change the rules, or have "
            "more pairs approved."
        )
    written = write_chat_jsonl(rows_of(version.members.all()), cast("IO[bytes]", _Nowhere()))
    return _seal(version, running, tally, written)


def _require_unchanged(version: DatasetVersion, running: Running) -> None:
    if version.frozen_at is not None or version.status != DatasetVersion.Status.DRAFT:
        raise NotADraft(f"“{version}” is frozen already.")
    if definition_of(version) != running.payload["definition"]:
        raise NotADraft(f"“{version}” was changed while it was being frozen. Look at it and freeze it again.")


def _bind_prompts(version: DatasetVersion) -> None:
    version.prompt_derivation = prompt_derivation(version)
    version.save(update_fields=["prompt_derivation"])


def _store_members(version: DatasetVersion, running: Running) -> Tally:
    with transaction.atomic():
        running.hold()
        version.members.all().delete()
    tally, total = Tally(), _expected(version)
    for batch in candidates_of(version):
        first = tally.members
        members = tally.members_of(batch)
        with transaction.atomic():
            running.hold()
            keep({one.prompt_id: one.prompt for one in members if one.prompt is not None})
            DatasetMember.objects.bulk_create(
                [_member(version, one, position) for position, one in enumerate(members, start=first)]
            )
        running.progress(tally.candidates, total)
    return tally


def _expected(version: DatasetVersion) -> int:
    return sum(sheet.pairs.count() for sheet in version.training_sheets.all())


def _member(version: DatasetVersion, candidate: Candidate, position: int) -> DatasetMember:
    return DatasetMember(
        version=version,
        position=position,
        split=candidate.side,
        split_key=candidate.split_key,
        item_ref=candidate.item_ref,
        pair_id=candidate.pair_id,
        label_id=candidate.label_id,
        prompt_id=candidate.prompt_id,
        answer_id=candidate.answer_id,
    )


@transaction.atomic
def _seal(version: DatasetVersion, running: Running, tally: Tally, written: Written) -> dict[str, Any]:
    locked = DatasetVersion.objects.select_for_update().get(pk=version.pk)
    running.hold()
    _require_unchanged(locked, running)
    locked.fingerprint, locked.frozen_at = written.sha256, timezone.now()
    locked.counts = {**tally.counts(), "bytes": written.bytes}
    locked.exclusions, locked.metrics = tally.reasons(), metrics_of(locked)
    with context.because("frozen"):
        locked.save(update_fields=["fingerprint", "frozen_at", "counts", "exclusions", "metrics"])
    return {"members": tally.members, "excluded": tally.exclusions.total(), "fingerprint": written.sha256}


class _Nowhere(io.RawIOBase):
    """Takes bytes that only need to be hashed."""

    def write(self, data: Any) -> int:
        return len(data)
