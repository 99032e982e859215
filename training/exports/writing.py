"""The job that writes one file: checked again, streamed, then renamed into place with its manifest beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.db import transaction
from django.utils.text import slugify

from governance import context
from governance.jobs import Running
from governance.uses import Use
from labeling.exports import ExportRow, Written, write_chat_jsonl, write_csv, write_parquet
from training.datasets.files import reader_for
from training.datasets.manifest import manifest_of
from training.datasets.models import DatasetVersion
from training.datasets.rows import members_in
from training.datasets.selectors import require_usable
from training.datasets.sources import read_tags
from training.exits import EXIT_OF_USE
from training.exports.errors import ConstraintsUnsettled, NothingToExport
from training.exports.models import Export
from training.exports.settling import Held, Holding, permitted_now
from training.exports.sides import side_for

JOB = "training.export"
STEP = 500
ATTEMPTS = 5


def write_export(running: Running) -> dict[str, Any]:
    """Safe to run again after a kill: nothing but the finished file has its name.

    The file holds exactly the rows that permit the use at the position in the record that its manifest names. A
    change that commits before that position and reaches a row has the file written anew; one that commits after it
    finds the export written, and stops its download.

    :raises ConstraintsUnsettled: constraints changed during every attempt.
    """
    export = Export.objects.select_related("version__dataset").get(pk=running.payload["export"])
    version = export.version
    read_tags(version, by=None)
    require_usable(version, "export")
    use, side = Use(export.use), side_for(version, Use(export.use))
    members = members_in(version, side)
    total = members.count()
    folder = folder_of(export)
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{running.owner.rsplit(':', 1)[-1]}.part"
    try:
        for _ in range(ATTEMPTS):
            held = Held()
            rows = EXIT_OF_USE[use](members.permitting(use))  # type: ignore[attr-defined]
            with part.open("wb") as file:
                written = _write(export, _counted(held.follow(rows), running, total), file)
                file.flush()
                os.fsync(file.fileno())
            if published := _publish(export, running, part, written, held.holding(), total):
                return published
        raise ConstraintsUnsettled(
            f"Constraints of rows of “{version}” changed {ATTEMPTS} times while the file was written. Export again "
            "when they have settled."
        )
    finally:
        part.unlink(missing_ok=True)


def folder_of(export: Export) -> Path:
    return Path(settings.EXPORT_ROOT) / str(export.pk)


def file_name(export: Export) -> str:
    name = slugify(export.version.dataset.name) or "dataset"
    return f"{name}-v{export.version.number}-{export.use}.{export.format}"


def _write(export: Export, rows: Iterable[ExportRow], file: IO[bytes]) -> Written:
    if export.format == Export.Format.PARQUET:
        return write_parquet(rows, file)
    if export.format == Export.Format.CSV:
        return write_csv(rows, file)
    if not export.embed_files:
        return write_chat_jsonl(rows, file)
    files = _Files(export.version)
    return write_chat_jsonl(files.follow(rows), file, embed_files=True, load_bytes=files.read)


def _counted(rows: Iterable[ExportRow], running: Running, total: int) -> Iterator[ExportRow]:
    for number, row in enumerate(rows, start=1):
        if number % STEP == 0:
            running.progress(number, total)
        yield row


@transaction.atomic
def _publish(
    export: Export, running: Running, part: Path, written: Written, holding: Holding, total: int
) -> dict[str, Any]:
    """Empty if other rows permit the use by now: the file is not published.

    :raises NotUsable: the version lost its approval while the file was written; then it never appears.
    """
    version = DatasetVersion.objects.select_for_update(of=("self",)).select_related("dataset").get(pk=export.version_id)
    require_usable(version, "export")
    running.hold()
    settled = permitted_now(members_in(version, side_for(version, Use(export.use))), Use(export.use))
    if settled.holding != holding:
        return {}
    if not written.count:
        raise NothingToExport(
            f"No row of “{version}” permits {Use(export.use).label} on its side now, so there is nothing to export."
        )
    export.file_name, export.sha256 = file_name(export), written.sha256
    export.bytes, export.rows = written.bytes, written.count
    export.manifest = {
        **manifest_of(version),
        "export": {
            "use": export.use,
            "format": export.format,
            "files": "embedded" if export.embed_files else "by reference",
            "file": export.file_name,
            "rows": written.count,
            "rows_not_permitted_now": total - written.count,
            "rows_digest": holding.digest,
            "bytes": written.bytes,
            "sha256": written.sha256,
        },
        "record": settled.as_json(),
    }
    folder = folder_of(export)
    text = json.dumps(export.manifest, indent=2, sort_keys=True, ensure_ascii=False)
    (folder / "manifest.json").write_text(text, encoding="utf-8")
    part.replace(folder / export.file_name)
    with context.because("exported"):
        export.save(update_fields=["file_name", "sha256", "bytes", "rows", "manifest"])
    return {"rows": written.count, "sha256": written.sha256, "left out now": total - written.count}


class _Files:
    """Reads the files that a row names; rows come one by one."""

    def __init__(self, version: DatasetVersion) -> None:
        self._version = version
        self._readers: dict[str, Callable[[str], bytes]] = {}
        self._current: Callable[[str], bytes] | None = None

    def follow(self, rows: Iterable[ExportRow]) -> Iterator[ExportRow]:
        for row in rows:
            key = row.metadata.get("training_sheet", "")
            if key not in self._readers:
                self._readers[key] = reader_for(self._version, key)
            self._current = self._readers[key]
            yield row

    def read(self, path: str) -> bytes:
        if self._current is None:
            raise LookupError(f"{path} is asked for outside any row")
        return self._current(path)


