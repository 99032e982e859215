"""How answers become rows of canonical labels: created, or changed with a new version, set by set.

Rights and schemas are checked by the services that call this.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.utils import timezone

from governance import constraints, context, derivations
from governance.constraints import Terms
from governance.models import Derivation, User
from labeling.labels import contents
from labeling.labels.entries import Entry
from labeling.labels.models import CanonicalLabel
from labeling.labelsets.models import LabelsetVersion, LabelType
from workbench.models import Sheet

CHANGED = (
    "labelset", "labelset_version", "content", "confidence", "notes", "version", "seen_digest", "retired_at",
    "derivation", "last_modified_by", "last_modified_at",
)  # fmt: skip
BATCH = 500
DECISIVE = (
    "labelset_id", "labelset_version_id", "content_id", "confidence", "notes", "seen_digest", "retired_at",
    "derivation_id",
)  # fmt: skip


class Recorder:
    """Writes entries of one Sheet, label type and labelset version, in the caller's transaction."""

    def __init__(self, sheet: Sheet, label_type: LabelType, labelset_version: LabelsetVersion | None, by: User) -> None:
        self.sheet = sheet
        self.label_type = label_type
        self.labelset_version = labelset_version
        self.by = by
        self.now: datetime = timezone.now()
        self.joined: dict[tuple[object, object], Derivation] = {}

    def write(self, entries: Sequence[Entry]) -> dict[str, CanonicalLabel]:
        """The labels by item, each with its content at hand. Rows are locked in one order: no deadlock."""
        digests = {entry.item_ref: contents.digest(entry.data) for entry in entries}
        contents.keep({digests[entry.item_ref]: entry.data for entry in entries})
        known = self._locked(digests)
        fresh = [self._new(e, digests[e.item_ref]) for e in entries if e.item_ref not in known]
        changed = [
            known[e.item_ref]
            for e in entries
            if e.item_ref in known and self._change(known[e.item_ref], e, digests[e.item_ref])
        ]
        CanonicalLabel.objects.bulk_create(fresh, batch_size=BATCH)
        CanonicalLabel.objects.bulk_update(changed, CHANGED, batch_size=BATCH)
        with context.because("", by=self.by):
            keep_versions(fresh, is_new=True)
            keep_versions(changed)
        self._tighten(entries, known)
        return self._read(digests)

    def _locked(self, refs: dict[str, str]) -> dict[str, CanonicalLabel]:
        rows = CanonicalLabel.objects.select_for_update(of=("self",)).filter(
            sheet=self.sheet, label_type=self.label_type, item_ref__in=list(refs)
        )
        return {label.item_ref: label for label in rows.select_related("derivation").order_by("pk")}

    def _read(self, refs: dict[str, str]) -> dict[str, CanonicalLabel]:
        rows = CanonicalLabel.objects.filter(
            sheet=self.sheet, label_type=self.label_type, item_ref__in=list(refs)
        ).select_related("content", "derivation")
        return {label.item_ref: label for label in rows}

    def _new(self, entry: Entry, digest: str) -> CanonicalLabel:
        label = CanonicalLabel(
            sheet=self.sheet,
            item_ref=entry.item_ref,
            label_type=self.label_type,
            labelset=self.labelset_version.labelset if self.labelset_version else None,
            labelset_version=self.labelset_version,
            content_id=digest,
            confidence=entry.confidence,
            notes=entry.notes,
            seen_digest=entry.seen_digest,
            derivation=entry.derivation,
            labeled_by=self.by,
            labeled_at=self.now,
            last_modified_by=self.by,
            last_modified_at=self.now,
            **(vars(entry.terms) if entry.terms else {}),
        )
        derivations.set_effective(label)
        return label

    def _change(self, label: CanonicalLabel, entry: Entry, digest: str) -> bool:
        """Bring a locked label to what the entry says; whether anything is different."""
        before = [getattr(label, name) for name in DECISIVE]
        if label.content_id != digest or label.retired_at:
            label.version += 1
        label.content_id, label.retired_at = digest, None
        label.confidence, label.notes, label.seen_digest = entry.confidence, entry.notes, entry.seen_digest
        if self.labelset_version is not None:
            label.labelset, label.labelset_version = self.labelset_version.labelset, self.labelset_version
        label.derivation = self.join(label.derivation, entry.derivation)
        if before == [getattr(label, name) for name in DECISIVE]:
            return False
        label.last_modified_by, label.last_modified_at = self.by, self.now
        return True

    def join(self, old: Derivation, new: Derivation) -> Derivation:
        """What binds an answer that was given anew on top of an old one: all that bound either.

        The earlier answer is on the screen when it is corrected, so a second look never loosens a label.
        """
        if old.pk == new.pk:
            return old
        key = (old.pk, new.pk)
        if key not in self.joined:
            self.joined[key] = derivations.joined(old, new)
        return self.joined[key]

    def _tighten(self, entries: Sequence[Entry], known: dict[str, CanonicalLabel]) -> None:
        """A label that exists takes stricter terms at once; looser ones need a request and are left out."""
        for entry in entries:
            label = known.get(entry.item_ref)
            if label is not None and entry.terms is not None:
                stricter = meet(Terms.of(label), entry.terms)
                if stricter.constraint != label.own_constraint:
                    constraints.apply_terms(row=label, terms=stricter, by=self.by)


def meet(first: Terms, second: Terms) -> Terms:
    """Terms that permit only what both permit; the reason is the second's, or else the first's."""
    until = [end for end in (first.permitted_until, second.permitted_until) if end is not None]
    return Terms(
        allowed_uses=first.allowed_uses & second.allowed_uses,
        prohibited_uses=first.prohibited_uses | second.prohibited_uses,
        data_classification=max(first.data_classification, second.data_classification),
        usage_reason=second.usage_reason or first.usage_reason,
        permitted_until=min(until, default=None),
    )


def keep_versions(labels: Sequence[CanonicalLabel], *, is_new: bool = False) -> None:
    """The readable version of each label, as `save` would keep it; bulk writes go past `save`."""
    now = context.current()
    CanonicalLabel.history.bulk_history_create(
        labels,
        batch_size=BATCH,
        update=not is_new,
        default_change_reason=now.reason,
        custom_historical_attrs={
            "history_user_id": now.user_id,
            "actor_name": now.name,
            "door": now.door,
            "request_id": now.request_id,
        },
    )
