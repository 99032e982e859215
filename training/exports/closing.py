"""Removing files that no door hands out any more, because other rows permit their use now than those they hold."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from governance import context
from governance.jobs import Running
from governance.models import LegalHold
from governance.uses import Use
from training.datasets.rows import members_in
from training.exports.models import Export
from training.exports.settling import Settled, permitted_now
from training.exports.sides import side_for
from training.exports.writing import folder_of


def remove_closed(running: Running) -> dict[str, Any]:
    """Remove the bytes of every closed file that no legal hold keeps; the row stays, with the reason.

    What a kill left over is removed by the next run: the row says first that its file is gone.
    """
    written = Export.objects.exclude(file_name="").filter(file_removed_at=None).order_by("pk")
    removed = kept = 0
    for export in written.select_related("version__dataset").iterator():
        running.check()
        why = why_closed(export)
        if why and is_on_hold(export):
            kept += 1
        elif why:
            removed += _say_removed(export, why)
    for export in Export.objects.exclude(file_removed_at=None).iterator():
        (folder_of(export) / export.file_name).unlink(missing_ok=True)
    return {"removed": removed, "on_hold": kept}


def why_closed(export: Export) -> str:
    """Why the file may not leave any more; empty where it may, as far as its rows go."""
    now = settled_now(export).holding
    if now.digest == export.manifest["export"].get("rows_digest"):
        return ""
    return (
        f"“{export}” holds {export.rows} rows; constraints have changed since, and {now.count} rows permit "
        f"{Use(export.use).label} now. Export again."
    )


def settled_now(export: Export) -> Settled:
    """The rows that the file would hold if it were written now."""
    use = Use(export.use)
    return permitted_now(members_in(export.version, side_for(export.version, use)), use)


def is_on_hold(export: Export) -> bool:
    """Whether a legal hold covers the export, its dataset or the version, their kinds, or the whole record."""
    version = export.version
    covered = Q(kind="")
    for row in (export, version, version.dataset):
        covered |= Q(kind=row._meta.label_lower, object_id__in=["", str(row.pk)])
    return LegalHold.objects.filter(covered, lifted_at=None).exists()


@transaction.atomic
def _say_removed(export: Export, why: str) -> bool:
    """Whether this call said it: the row is held, so that two say it once."""
    held = Export.objects.select_for_update(of=("self",)).get(pk=export.pk)
    if held.file_removed_at is not None:
        return False
    held.file_removed_at, held.file_removed_because = timezone.now(), why
    with context.because(why):
        held.save(update_fields=["file_removed_at", "file_removed_because"])
    return True
