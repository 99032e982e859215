"""Writes the demo catalog as the folder that the local catalog engine reads.

Layout: `<schema>/<table>.csv` or `.parquet` with `<table>.yaml` beside it, and `<schema>/volumes/<volume>/`.
"""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.demo.board_images import board_png
from workbench.demo.boards import board_rows, boards, sensor_rows
from workbench.demo.descriptions import TABLES, VOLUMES
from workbench.demo.invoice_pages import print_invoice
from workbench.demo.invoices import invoice_row, invoices
from workbench.demo.iris import iris_rows

SCHEMAS = ("flowers", "billing", "factory")


def write_demo_catalog(root: Path) -> None:
    """Write the schemas flowers, billing and factory below `root`, and nothing else.

    The same files come out each time. A schema appears whole or not at all, one that is already right is left
    alone, an outdated one is replaced; other schemas in `root` are not touched.

    :raises FileExistsError: `root` holds a schema of one of these names with files that are not ours.
    """
    root.mkdir(parents=True, exist_ok=True)
    # Beside root and not in it: same disk, so that a rename is atomic, and no reader takes it for a schema.
    with tempfile.TemporaryDirectory(dir=root.parent, prefix=f".{root.name}-") as partial:
        fresh = Path(partial)
        _write_flowers(fresh / "flowers")
        _write_billing(fresh / "billing")
        _write_factory(fresh / "factory")
        for schema in SCHEMAS:
            _refuse_foreign_files(root / schema, fresh / schema)
        for schema in SCHEMAS:
            _put_in_place(fresh / schema, root / schema, aside=fresh / f"old-{schema}")


def _write_flowers(folder: Path) -> None:
    folder.mkdir()
    _write_csv(folder / "iris.csv", iris_rows())
    _describe(folder, "flowers")


def _write_billing(folder: Path) -> None:
    pdfs = folder / "volumes" / "invoice_pdfs"
    pdfs.mkdir(parents=True)
    rows = []
    for invoice in invoices():
        printed = print_invoice(invoice)
        (pdfs / f"{invoice.invoice_id}.pdf").write_bytes(printed.pdf)
        rows.append(invoice_row(invoice, text=printed.text, page_count=printed.page_count))
    _write_parquet(folder / "invoices.parquet", rows)
    _describe(folder, "billing")


def _write_factory(folder: Path) -> None:
    images = folder / "volumes" / "board_images"
    images.mkdir(parents=True)
    for board in boards():
        (images / f"{board.board_id}.png").write_bytes(board_png(board))
    _write_csv(folder / "boards.csv", board_rows())
    _write_csv(folder / "sensors.csv", sensor_rows())
    _describe(folder, "factory")


def _write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _write_parquet(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(list(rows)), path)


def _describe(folder: Path, schema: str) -> None:
    """Write the YAML beside each table and volume of the schema."""
    import yaml

    places = [(folder, TABLES), (folder / "volumes", VOLUMES)]
    for place, described in places:
        for full_name, one in described.items():
            owner, name = full_name.split(".")
            if owner == schema:
                text = yaml.safe_dump(one.as_yaml_values(), sort_keys=False, allow_unicode=True, width=110)
                (place / f"{name}.yaml").write_text(text, encoding="utf-8")


def _refuse_foreign_files(target: Path, fresh: Path) -> None:
    if not target.exists():
        return
    foreign = sorted(_files(target).keys() - _files(fresh).keys())
    if foreign:
        raise FileExistsError(
            f"Cannot write the demo schema {target.name} to {target}: it holds {len(foreign)} file(s) "
            f"that are not "
            f"of the demo, first {foreign[0]}. Move them away or choose another folder."
        )


def _put_in_place(fresh: Path, target: Path, *, aside: Path) -> None:
    if target.exists():
        if _same_content(fresh, target):
            return
        os.rename(target, aside)
    os.rename(fresh, target)


def _same_content(one: Path, other: Path) -> bool:
    ours, theirs = _files(one), _files(other)
    return ours.keys() == theirs.keys() and all(
        path.read_bytes() == theirs[name].read_bytes() for name, path in ours.items()
    )


def _files(folder: Path) -> dict[str, Path]:
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
