"""Asking for exports and handing out their files."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import IO, TYPE_CHECKING

from django.db import transaction

from governance import access, context, handing_out, jobs
from governance.errors import NotPermitted
from governance.models import HandOut
from governance.uses import Use
from training.datasets.rows import members_in
from training.datasets.selectors import require_usable
from training.datasets.sources import read_tags
from training.exports.closing import why_closed
from training.exports.errors import ExportGone, ExportNotReady, ExportOutdated, ExportRefused, NothingToExport
from training.exports.models import Export
from training.exports.sides import side_for
from training.exports.writing import JOB, folder_of

if TYPE_CHECKING:
    from governance.models import User
    from training.datasets.models import DatasetVersion


def request_export(
    *, version: DatasetVersion, by: User, use: str = Use.TRAINING, format: str = Export.Format.JSONL,
    embed_files: bool = False,
) -> Export:
    """Begin writing the rows of one use to a file; `export.job` says how far it is.

    :raises NotUsable: the version is not approved, or not any more.
    :raises ExportRefused: the use or the format cannot be exported.
    :raises NothingToExport: no row permits the use now.
    :raises TagsUnknown: the tags of a source cannot be read.
    """
    access.require(by, "training.add_export", version)
    read_tags(version, by=by)
    require_usable(version, "export")
    _require_format(format, embed_files)
    wanted = _use(use)
    side = side_for(version, wanted)
    if not members_in(version, side).permitting(wanted).exists():  # type: ignore[attr-defined]
        raise NothingToExport(
            f"“{version}” has no rows for {wanted.label}: its split gives that side nothing, or none permits it.",
            field="use",
        )
    export = Export(version=version, use=wanted, format=format, embed_files=embed_files, created_by=by)
    with transaction.atomic(), context.because(f"export for {wanted.label}", by=by):
        export.save()
        export.job = jobs.enqueue(JOB, subject=export, by=by, payload={"export": str(export.pk)})
        export.save(update_fields=["job"])
    return export


def open_export(*, export: Export, by: User) -> IO[bytes]:
    """The finished file, on record as taken, if it holds what may leave now; old files are no way around a constraint.

    :raises ReauthenticationRequired: `by` last proved who they are too long ago.
    :raises NotUsable: the version is suspended, archived or not approved.
    :raises ExportNotReady: the file is not written.
    :raises ExportGone: it is no longer there, or was removed when other rows came to permit the use.
    :raises ExportOutdated: other rows permit the use now.
    """
    if not access.can_see(by, export):
        raise NotPermitted("You may not use this export. Ask the dataset's owner to share it with you.")
    require_usable(export.version, "download an export of")
    if not export.file_name:
        raise ExportNotReady(f"The file of “{export}” is not written yet; look at its job.")
    if export.file_removed_at is not None:
        raise ExportGone(f"The file of “{export}” was removed: {export.file_removed_because}")
    path = path_of(export)
    if not path.is_file() or path.stat().st_size != export.bytes or _digest(path) != export.sha256:
        raise ExportGone(f"The file of “{export}” is no longer there as it was written. Export again.")
    _require_current(export)
    handing_out.require_proof(by=by, what="Taking this file")
    handing_out.keep(
        kind=HandOut.Kind.DATASET, subject=export, what=f"{export.version} for {export.get_use_display()}",
        rows=export.rows, digest=export.sha256, by=by,
    )  # fmt: skip
    return path.open("rb")


def _require_current(export: Export) -> None:
    if why := why_closed(export):
        raise ExportOutdated(why)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def path_of(export: Export) -> Path:
    return folder_of(export) / export.file_name


def _use(use: str) -> Use:
    if use not in Use.values:
        raise ExportRefused(f"{use!r} is no use; expected one of {', '.join(Use.values)}.", field="use")
    return Use(use)


def _require_format(format: str, embed_files: bool) -> None:
    if format not in Export.Format.values:
        raise ExportRefused(
            f"{format!r} is no format; expected one of {', '.join(Export.Format.values)}.", field="format"
        )
    if embed_files and format != Export.Format.JSONL:
        raise ExportRefused("Files can be embedded into chat JSONL only.", field="embed_files")
