"""Labelsets, templates and sheet of the medical invoices.

Classification and document type use untagged columns only, so their pairs may train; extraction and
summaries need patient data, so theirs may not.
"""

from __future__ import annotations

from typing import Any

from workbench.demo.descriptions import INVOICES, Column
from workbench.demo.invoice_visits import DEPARTMENTS, NETWORK_STATUSES, URGENCIES
from workbench.demo.invoices import DOCUMENT_TYPES
from workbench.demo.schemas import answer, list_of, number, one_of, text

SHEET: dict[str, Any] = {
    "name": "Medical invoices",
    "description": "Billing documents of January and February 2026 with their PDFs.",
    "primary_source": "billing.invoices",
    "item_key": "invoice_id",
    "secondary_sources": [
        {"kind": "volume", "name": "billing.invoice_pdfs", "alias": "pdf", "pattern": "{invoice_id}.pdf"},
    ],
    "column_roles": {
        **dict.fromkeys(INVOICES.columns, "metadata"),
        "visit_kind": "text",
        "closing_note": "text",
        "extracted_text": "text",
        "pdf_path": "pdf",
    },
}

_COLUMNS = {
    **INVOICES.columns,
    "pdf_path": Column("pdf", "The document itself, attached to the prompt", ("PHI",)),
}
_CLASSIFY_COLUMNS = ["provider_name", "department", "visit_kind", "procedure_codes", "network_status"]
_TYPE_COLUMNS = ["heading", "closing_note", "line_count", "total_amount", "patient_share"]
_SUMMARY_COLUMNS = [
    "extracted_text",
    "patient_name",
    "provider_name",
    "department",
    "total_amount",
    "patient_share",
]


def _class(name: str, description: str, color: str) -> dict[str, str]:
    return {"name": name, "description": description, "color": color}


_EXTRACTION = {
    "name": "Invoice entities",
    "label_type": "entity_extraction",
    "description": "Who was treated, what was billed and by whom, as printed on the PDF. "
    "The total is the sum of all charges, not the balance.",
    "classes": [
        _class("patient_name", "First and last name as printed", "#2f54c8"),
        _class("patient_dob", "Date of birth; printed day first", "#6b3fb8"),
        _class("insurance_id", "Two letters and eight digits", "#0f7c8a"),
        _class("procedure_codes", "Five digits each, in printed order, each once", "#137a4b"),
        _class("total_amount", "The line Total, before what is covered", "#8a5a00"),
        _class("provider_name", "Who gave the care, also on letters of an insurer", "#b3261e"),
    ],
    "response_schema": answer(
        {
            "patient_name": text("First and last name"),
            "patient_dob": text("Date of birth, YYYY-MM-DD", format="date", pattern=r"^\d{4}-\d{2}-\d{2}$"),
            "insurance_id": text("Member number", pattern="^[A-Z]{2}[0-9]{8}$"),
            "procedure_codes": list_of(
                {"type": "string", "pattern": "^[0-9A-Z]{5}$"},
                "Codes in printed order",
                minItems=1,
                uniqueItems=True,
            ),
            "total_amount": number("Sum of all charges in USD", minimum=0),
            "provider_name": text("Practice or hospital that gave the care"),
        }
    ),
    "seen_columns": ["invoice_id", "extracted_text", "parsing_confidence", "page_count", "pdf_path"],
    "default_constraints": None,
}

_CLASSIFICATION = {
    "name": "Visit classification",
    "label_type": "classification",
    "description": "How urgent the visit was, which department gave the care, and whether it is in network. "
    "Experts see no patient data.",
    "classes": [
        _class("routine", "Planned in advance", "#5a6675"),
        _class("urgent", "Same day, not by ambulance", "#8a5a00"),
        _class("emergency", "By ambulance or in danger of life", "#b3261e"),
        _class("emergency_medicine", "Emergency room or acute care unit", "#b3261e"),
        _class("cardiology", "Heart and vessels", "#c2185b"),
        _class("radiology", "Imaging as the service billed", "#0f7c8a"),
        _class("orthopedics", "Bones, joints and injuries treated there", "#3d6b1f"),
        _class("pediatrics", "Children", "#a0561a"),
        _class("primary_care", "Family medicine and walk-in clinics", "#2f54c8"),
        _class("in_network", "Provider takes part in the plan", "#137a4b"),
        _class("out_of_network", "Provider does not take part", "#8a5a00"),
        _class("not_determined", "The document leaves it open", "#5a6675"),
    ],
    "response_schema": answer(
        {
            "urgency": one_of(URGENCIES, "How soon the care was needed"),
            "department": one_of(DEPARTMENTS, "Department that gave the care"),
            "network_status": one_of(
                NETWORK_STATUSES, "Whether the provider takes part in the patient's plan"
            ),
        }
    ),
    "seen_columns": _CLASSIFY_COLUMNS,
    "default_constraints": None,
}

_SUMMARIZATION = {
    "name": "Billing summary",
    "label_type": "summarization",
    "description": "Two or three sentences a billing clerk can read on the telephone.",
    "classes": [],
    "response_schema": answer({"summary": text("Summary in two or three sentences", maxLength=600)}),
    "seen_columns": [*_SUMMARY_COLUMNS, "pdf_path"],
    "default_constraints": None,
}

_DOCUMENT_TYPE = {
    "name": "Document type",
    "label_type": "document_type",
    "description": "What kind of billing document it is, told without patient data.",
    "classes": [
        _class("invoice", "Asks for payment of one visit", "#2f54c8"),
        _class("statement", "Lists several visits and the balance of the account", "#6b3fb8"),
        _class("receipt", "Confirms a payment; nothing is due", "#137a4b"),
        _class("explanation_of_benefits", "From the insurer; says itself that it is not a bill", "#8a5a00"),
    ],
    "response_schema": answer({"document_type": one_of(DOCUMENT_TYPES, "Kind of document")}),
    "seen_columns": _TYPE_COLUMNS,
    "default_constraints": None,
}

LABELSETS: list[dict[str, Any]] = [_EXTRACTION, _CLASSIFICATION, _SUMMARIZATION, _DOCUMENT_TYPE]

TEMPLATES: list[dict[str, Any]] = [
    {
        "name": "Invoice entity extraction",
        "description": "Reads the entities from the PDF and its recognised text.",
        "version": "1.0.0",
        "label_type": "entity_extraction",
        "labelset": "Invoice entities",
        "system_prompt": (
            "You read medical billing documents. The recognised text may hold misread letters (1 for l, O "
            "for 0); "
            "the attached PDF is right where they differ. Copy names and numbers exactly. Dates of birth are "
            "printed day first; write them as YYYY-MM-DD. The total is the sum of all charges, before "
            "what the "
            "plan covers. The provider is who gave the care, also when an insurer sent the document. "
            "Answer with JSON only."
        ),
        "user_prompt": "Extract the entities of this document.\n\nRecognised text:\n{{ extracted_text }}",
        "file_columns": ["pdf_path"],
        "columns": _COLUMNS,
        "temperature": 0.0,
        "max_tokens": 400,
        "examples": [],
    },
    {
        "name": "Visit classification",
        "description": "Urgency, department and network status from columns without patient data.",
        "version": "1.0.0",
        "label_type": "classification",
        "labelset": "Visit classification",
        "system_prompt": (
            "You sort medical visits for a billing office. Planned visits are routine, same-day visits "
            "urgent, and "
            "arrivals by ambulance emergency. Providers have their own names for departments: choose by "
            "the care "
            "given. A participating provider is in network; when the note leaves it open, answer "
            "not_determined. "
            "Answer with JSON only."
        ),
        "user_prompt": (
            "Visit: {{ visit_kind }}\nProvider: {{ provider_name }}, {{ department }}\n"
            "Procedure codes: {{ procedure_codes }}\nNetwork note: {{ network_status }}"
        ),
        "file_columns": [],
        "columns": _COLUMNS,
        "temperature": 0.0,
        "max_tokens": 100,
        "examples": [],
    },
    {
        "name": "Billing summary",
        "description": "A short summary for the billing office.",
        "version": "1.0.0",
        "label_type": "summarization",
        "labelset": "Billing summary",
        "system_prompt": (
            "You summarise medical billing documents for clerks. Two or three sentences: kind of document "
            "and "
            "patient, the visit with provider and reason, network status, total, and what the patient "
            "owes or paid. "
            "Add nothing that the document does not say. Answer with JSON only."
        ),
        "user_prompt": (
            "Summarise the document of {{ patient_name }} from {{ provider_name }}, {{ department }}. "
            "Total {{ total_amount }} USD, patient share {{ patient_share }} USD.\n\n{{ extracted_text }}"
        ),
        "file_columns": [],
        "columns": _COLUMNS,
        "temperature": 0.2,
        "max_tokens": 300,
        "examples": [],
    },
    {
        "name": "Document type",
        "description": "Invoice, statement, receipt or explanation of benefits.",
        "version": "1.0.0",
        "label_type": "document_type",
        "labelset": "Document type",
        "system_prompt": (
            "You sort billing documents. An invoice asks for payment of one visit; a statement shows the "
            "balance of "
            "an account over several visits; a receipt confirms a payment; an explanation of benefits "
            "comes from "
            "the insurer and is not a bill. Answer with JSON only."
        ),
        "user_prompt": (
            "Heading: {{ heading }}\nClosing note: {{ closing_note }}\nLines: {{ line_count }}\n"
            "Total: {{ total_amount }} USD, patient share {{ patient_share }} USD"
        ),
        "file_columns": [],
        "columns": _COLUMNS,
        "temperature": 0.0,
        "max_tokens": 40,
        "examples": [],
    },
]
