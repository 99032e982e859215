"""Six starter Prompt Templates for plants that build, run and calibrate radiation instruments.

They arrive as drafts: an owner adapts columns and limits to the site before asking for publication.
"""

from __future__ import annotations

from typing import Any

from workbench.demo.equipment_starters import (
    calibration_insights,
    predictive_maintenance,
    remaining_useful_life,
)
from workbench.demo.schemas import answer, inputs, list_of, one_of, record, share, text


def starter_templates() -> list[dict[str, Any]]:
    """Drafts with prompts, schemas, model settings and worked examples; each call gives fresh values."""
    return [
        _defect_detection(),
        predictive_maintenance(),
        _anomaly_detection(),
        calibration_insights(),
        _document_extraction(),
        remaining_useful_life(),
    ]


def _defect_detection() -> dict[str, Any]:
    return {
        "name": "Defect detection",
        "label_type": "classification",
        "description": "Classifies a defect from an inspection image together with the process sensors.",
        "system_prompt": (
            "You are a quality engineer for detector assemblies. Judge the attached inspection image "
            "first, then "
            "check whether the process readings explain what you see. Report only defects that are visible; "
            "readings out of range without a visible defect are evidence for the next step, not a defect. "
            "Severity: critical harms safety or sealing, major harms function, minor is cosmetic. When "
            "the image "
            "is blurred or cut off, answer defect_class unclear. Answer with JSON only."
        ),
        "user_prompt": (
            "Part {{ part_number }}, serial {{ serial_number }}, station {{ station }}.\n"
            "Process readings: temperature {{ temperature_c }} °C, humidity {{ humidity_pct }} %, "
            "vibration {{ vibration_mm_s }} mm/s.\nOperator: {{ operator_note }}"
        ),
        "file_columns": ["image_path"],
        "input_schema": inputs(
            part_number=("string", "Part number"),
            serial_number=("string", "Serial number of the unit"),
            station=("string", "Inspection station"),
            temperature_c=("number", "Process temperature in degrees Celsius"),
            humidity_pct=("number", "Relative humidity in percent"),
            vibration_mm_s=("number", "Vibration velocity in mm/s, root mean square"),
            operator_note=("string", "Free text of the operator"),
            image_path=("image", "Inspection image, attached to the prompt"),
        ),
        "output_schema": answer(
            {
                "defect_class": one_of(
                    (
                        "none",
                        "solder_bridge",
                        "cold_joint",
                        "crack",
                        "contamination",
                        "misalignment",
                        "unclear",
                    ),
                    "The main visible defect",
                ),
                "severity": one_of(("none", "minor", "major", "critical"), "Worst consequence if shipped"),
                "confidence": share("How sure, 0 to 1"),
                "evidence": text("What in the image and the readings supports it", maxLength=400),
            }
        ),
        "temperature": 0.0,
        "max_tokens": 300,
        "examples": [
            {
                "input": {
                    "part_number": "GM-Tube-7",
                    "serial_number": "S-10442",
                    "station": "AOI-2",
                    "temperature_c": 228,
                    "humidity_pct": 41,
                    "vibration_mm_s": 0.8,
                    "operator_note": "joint at pin 3 looks dull",
                    "image_path": "S-10442.png",
                },
                "output": {
                    "defect_class": "cold_joint",
                    "severity": "major",
                    "confidence": 0.86,
                    "evidence": "Dull, grainy joint at pin 3 that does not wet the pad; 228 °C is low for "
                    "this solder.",
                },
            },
        ],
    }


def _anomaly_detection() -> dict[str, Any]:
    return {
        "name": "Anomaly detection",
        "label_type": "classification",
        "description": "Tells a real rise of radiation from background, drift and electronics, and "
        "explains the alert.",
        "system_prompt": (
            "You watch the stream of an area radiation monitor. Decide whether the window is normal, and "
            "if not, "
            "what it most likely is. Counting is random: treat a deviation below three standard "
            "deviations of the "
            "background (about the square root of the counts) as noise unless it lasts. Rain washes radon "
            "progeny down and lifts readings for an hour or two; a slow monotonic change is drift; a "
            "single spike "
            "with a fault flag is electronics; a rise seen by neighbours too is real until shown otherwise. "
            "When in doubt choose the higher alert level: a person decides what happens next. Answer with "
            "JSON only."
        ),
        "user_prompt": (
            "Monitor {{ monitor_id }} at {{ location }}, window ending {{ window_end }}.\n"
            "Background {{ background_usv_h }} µSv/h, standard deviation {{ background_sd_usv_h }}.\n"
            "Readings in µSv/h, oldest first: {{ readings_usv_h }}\n"
            "Neighbouring monitors: {{ neighbours }}\nWeather: {{ weather }}\nStatus flags: {{ "
            "status_flags }}"
        ),
        "file_columns": [],
        "input_schema": inputs(
            monitor_id=("string", "Identifier of the monitor"),
            location=("string", "Where it stands"),
            window_end=("string", "End of the window, ISO 8601 with zone"),
            background_usv_h=("number", "Mean background in µSv/h over the last 7 days"),
            background_sd_usv_h=("number", "Standard deviation of the background in µSv/h"),
            readings_usv_h=("string", "Readings of the window, separated by commas, one a minute"),
            neighbours=("string", "What the nearest monitors show"),
            weather=("string", "Weather during the window"),
            status_flags=("string", "Self-test flags of the monitor"),
        ),
        "output_schema": answer(
            {
                "is_anomaly": {
                    "type": "boolean",
                    "description": "Whether the window differs from background",
                },
                "kind": one_of(
                    ("none", "radiation_rise", "radon_washout", "drift", "electronics"),
                    "Most likely explanation",
                ),
                "alert_level": one_of(("none", "notice", "warning", "alarm"), "Level to raise"),
                "explanation": text("Why, for the shift supervisor, with numbers", maxLength=500),
            }
        ),
        "temperature": 0.0,
        "max_tokens": 350,
        "examples": [
            {
                "input": {
                    "monitor_id": "ARM-07",
                    "location": "fuel storage, north wall",
                    "window_end": "2026-03-04T14:10Z",
                    "background_usv_h": 0.11,
                    "background_sd_usv_h": 0.01,
                    "readings_usv_h": "0.11, 0.12, 0.19, 0.34, 0.52, 0.55",
                    "neighbours": "ARM-06 rose from 0.10 to 0.21 at the same time",
                    "weather": "dry",
                    "status_flags": "all ok",
                },
                "output": {
                    "is_anomaly": True,
                    "kind": "radiation_rise",
                    "alert_level": "alarm",
                    "explanation": "Five times background within four minutes, far beyond three standard "
                    "deviations; "
                    "ARM-06 rises too, self-test is clean and it does not rain.",
                },
            },
        ],
    }


def _document_extraction() -> dict[str, Any]:
    requirement = record(
        {
            "clause": text("Clause or section number"),
            "text": text("What must be done, in the document's words", maxLength=400),
            "due_on": {
                "type": ["string", "null"],
                "format": "date",
                "description": "Deadline, YYYY-MM-DD, or null",
            },
        }
    )
    return {
        "name": "Document extraction",
        "label_type": "entity_extraction",
        "description": "Turns a compliance document into structured data.",
        "system_prompt": (
            "You extract facts from compliance documents: licences, certificates, inspection and leak-test "
            "reports. Copy identifiers, limits and units exactly as printed. Give dates as YYYY-MM-DD. "
            "Use null "
            "for what the document does not state; never infer it. A requirement is a sentence with "
            "shall, must "
            "or is required to. The attached document is right where the recognised text differs. "
            "Answer with JSON only."
        ),
        "user_prompt": "Document {{ file_name }}, {{ page_count }} pages. Recognised text:\n\n{{ "
        "document_text }}",
        "file_columns": ["document_path"],
        "input_schema": inputs(
            file_name=("string", "Name of the file"),
            page_count=("integer", "Number of pages"),
            document_text=("string", "Recognised text of the whole document"),
            document_path=("pdf", "The document itself, attached to the prompt"),
        ),
        "output_schema": answer(
            {
                "document_type": one_of(
                    ("licence", "certificate", "inspection_report", "leak_test", "procedure", "other"),
                    "Kind of document",
                ),
                "document_number": {"type": ["string", "null"], "description": "Number as printed, or null"},
                "issuer": {"type": ["string", "null"], "description": "Authority or laboratory, or null"},
                "issued_on": {
                    "type": ["string", "null"],
                    "format": "date",
                    "description": "YYYY-MM-DD, or null",
                },
                "expires_on": {
                    "type": ["string", "null"],
                    "format": "date",
                    "description": "YYYY-MM-DD, or null",
                },
                "requirements": list_of(requirement, "Requirements in the order of the document"),
            }
        ),
        "temperature": 0.0,
        "max_tokens": 1500,
        "examples": [
            {
                "input": {
                    "file_name": "LT-2291.pdf",
                    "page_count": 1,
                    "document_text": "Leak Test Certificate LT-2291. Issued 3 March 2026 by Fairhaven "
                    "Laboratory. "
                    "Result below 185 Bq. 4.2 The source shall be tested again by 3 September 2026.",
                    "document_path": "LT-2291.pdf",
                },
                "output": {
                    "document_type": "leak_test",
                    "document_number": "LT-2291",
                    "issuer": "Fairhaven Laboratory",
                    "issued_on": "2026-03-03",
                    "expires_on": None,
                    "requirements": [
                        {
                            "clause": "4.2",
                            "text": "The source shall be tested again by 3 September 2026.",
                            "due_on": "2026-09-03",
                        },
                    ],
                },
            },
        ],
    }
