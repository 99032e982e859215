"""What each demo table, column and volume holds, and which of them carry catalog tags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Column:
    """`kind` is the type a template declares for it: string, number, integer, date, pdf or image."""

    kind: str
    description: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Described:
    """A table or, without columns, a volume."""

    description: str
    columns: dict[str, Column]
    tags: tuple[str, ...] = ()

    def as_yaml_values(self) -> dict[str, Any]:
        """The content of the YAML file beside the table or volume."""
        values: dict[str, Any] = {"description": self.description, "tags": list(self.tags)}
        if self.columns:
            values["columns"] = {name: _column_values(column) for name, column in self.columns.items()}
        return values


def _column_values(column: Column) -> dict[str, Any]:
    values: dict[str, Any] = {"description": column.description}
    return values | {"tags": list(column.tags)} if column.tags else values


_PHI = ("PHI",)

IRIS = Described(
    "Measurements of 150 iris flowers of three species (Fisher 1936).",
    {
        "flower_id": Column("string", "Key of the flower"),
        "sepal_length_cm": Column("number", "Length of the sepal in cm"),
        "sepal_width_cm": Column("number", "Width of the sepal in cm"),
        "petal_length_cm": Column("number", "Length of the petal in cm"),
        "petal_width_cm": Column("number", "Width of the petal in cm"),
        "description": Column("string", "The measurements in one sentence"),
        "species": Column("string", "Species determined by a botanist"),
    },
)

INVOICES = Described(
    "Medical billing documents with the fields of the billing system and the text read from the PDF. "
    "All people and providers are invented.",
    {
        "invoice_id": Column("string", "Number of the document, also the name of its PDF"),
        "provider_name": Column("string", "Practice or hospital that gave the care"),
        "provider_npi": Column("string", "National provider identifier, ten digits"),
        "department": Column("string", "Department as the provider calls it"),
        "invoice_date": Column("date", "Day the document was issued"),
        "heading": Column("string", "Heading printed on the document"),
        "visit_kind": Column(
            "string", "Reason for the visit in the front desk's words, without patient data"
        ),
        "procedure_codes": Column(
            "string", "Procedure codes in printed order, each once, separated by commas"
        ),
        "line_count": Column("integer", "Number of procedure lines"),
        "total_amount": Column("number", "Sum of all charges in USD before any payment"),
        "patient_share": Column("number", "Part of the total the patient pays, in USD"),
        "network_status": Column("string", "Network note as printed"),
        "closing_note": Column("string", "Last sentence of the document"),
        "page_count": Column("integer", "Pages of the PDF"),
        "parsing_confidence": Column("number", "How sure the text recognition was, 0 to 1"),
        "patient_name": Column("string", "Full name of the patient", _PHI),
        "patient_dob": Column("date", "Date of birth of the patient", _PHI),
        "insurance_id": Column("string", "Member number at the insurer", _PHI),
        "extracted_text": Column("string", "Text of the whole PDF as recognised, with misread letters", _PHI),
    },
)

INVOICE_PDFS = Described("The billing documents as PDF, one per row of billing.invoices.", {}, _PHI)

BOARDS = Described(
    "Circuit boards photographed at final optical inspection.",
    {
        "board_id": Column("string", "Serial number of the board"),
        "line": Column("string", "Production line"),
        "product": Column("string", "Product code"),
        "lot": Column("string", "Production lot of ten boards"),
        "inspected_at": Column("string", "Local time of the photograph"),
        "image_name": Column("string", "File in factory.board_images"),
        "aoi_remark": Column("string", "Findings of the optical inspection machine, positions in pixels"),
    },
)

SENSORS = Described(
    "What the line measured and logged while each board was made.",
    {
        "board_id": Column("string", "Serial number of the board"),
        "reflow_peak_c": Column("number", "Peak temperature in the reflow oven in degrees Celsius"),
        "humidity_pct": Column("number", "Relative humidity in the lamination room in percent"),
        "solder_paste_mm3": Column("number", "Mean paste volume per pad in cubic millimetres"),
        "placement_error_um": Column("number", "Mean placement error in micrometres"),
        "vibration_g": Column("number", "Vibration of the drill spindle in g, root mean square"),
        "etch_rate_um_min": Column("number", "Copper removed by the etch bath in micrometres per minute"),
        "line_log": Column("string", "Log entry of the operator"),
    },
)

BOARD_IMAGES = Described("Inspection photographs, 640 x 480 pixels, one per row of factory.boards.", {})

TABLES = {
    "flowers.iris": IRIS,
    "billing.invoices": INVOICES,
    "factory.boards": BOARDS,
    "factory.sensors": SENSORS,
}
VOLUMES = {"billing.invoice_pdfs": INVOICE_PDFS, "factory.board_images": BOARD_IMAGES}
