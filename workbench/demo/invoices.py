"""Sixty invented medical documents: the facts, what an expert would answer, and the table of them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any

from workbench.demo.chance import seeded
from workbench.demo.invoice_visits import (
    FIRST_NAMES,
    FOLLOW_UPS,
    INSURERS,
    LAST_NAMES,
    PROCEDURES,
    PROVIDERS,
    VISITS,
    Provider,
    Visit,
)

INVOICE_COUNT = 60
DOCUMENT_TYPES = ("invoice", "statement", "receipt", "explanation_of_benefits")
_KINDS = ("invoice", "statement", "invoice", "receipt", "invoice", "explanation_of_benefits")
_HEADINGS = {
    "invoice": ("Invoice", "Bill for services", "Patient invoice"),
    "statement": ("Account statement", "Statement of account"),
    "receipt": ("Receipt", "Payment receipt"),
    "explanation_of_benefits": ("Explanation of benefits", "Claim summary for members"),
}
_NETWORK_WORDS = {
    "in_network": ("In network", "Participating provider"),
    "out_of_network": ("Out of network", "Non-participating provider"),
    "not_determined": ("Network status under review", "Participation not yet determined"),
}
_SHARE_PERCENT = {"in_network": (10, 20), "out_of_network": (40, 60), "not_determined": (25, 35)}
# Look-alikes that scanners confuse.
_OCR_SLIPS = {
    "l": "1",
    "O": "0",
    "0": "O",
    "5": "S",
    "1": "l",
    "B": "8",
    "e": "c",
    "m": "rn",
    "S": "5",
    "i": "l",
}


@dataclass(frozen=True)
class Line:
    """One procedure on a document; amounts in cents."""

    served_on: date
    code: str
    words: str
    amount: int


@dataclass(frozen=True)
class Invoice:
    """One document as its issuer knows it; amounts in cents, `total` before any payment."""

    invoice_id: str
    kind: str
    heading: str
    provider: Provider
    visit: Visit
    phrase: str
    network_words: str
    patient_name: str
    patient_dob: date
    insurance_id: str
    patient_address: str
    invoice_on: date
    lines: tuple[Line, ...]
    patient_share: int

    @property
    def total(self) -> int:
        return sum(line.amount for line in self.lines)

    @property
    def insurer(self) -> str:
        return INSURERS[self.insurance_id[:2]]

    @property
    def department_name(self) -> str:
        return self.provider.departments[self.visit.department]

    @property
    def codes(self) -> list[str]:
        """Procedure codes in printed order, each once."""
        return list(dict.fromkeys(line.code for line in self.lines))

    @property
    def closing_note(self) -> str:
        return {
            "invoice": f"{self.network_words}. Patient share {money(self.patient_share)} due within 30 days.",
            "statement": f"{self.network_words}. Account balance {money(self.patient_share)}, all visits "
            f"to date.",
            "receipt": f"{self.network_words}. Paid {money(self.patient_share)} by card. Nothing further "
            f"is due.",
            "explanation_of_benefits": f"{self.network_words}. This is not a bill. You may owe "
            f"{money(self.patient_share)}.",
        }[self.kind]


def money(cents: int) -> str:
    return f"{cents / 100:,.2f}"


@cache
def invoices() -> tuple[Invoice, ...]:
    """All documents, ordered by id; every call and every machine gives the same ones."""
    order = [VISITS[i % len(VISITS)] for i in range(INVOICE_COUNT)]
    seeded("visits").shuffle(order)
    return tuple(_invoice(number, visit) for number, visit in enumerate(order, start=1))


def invoice_truth() -> dict[str, dict[str, dict[str, Any]]]:
    """`invoice_id -> label type -> answer`, as an expert with the PDF in hand would give it."""
    return {
        invoice.invoice_id: {
            "entity_extraction": _entities(invoice),
            "classification": {
                "urgency": invoice.visit.urgency,
                "department": invoice.visit.department,
                "network_status": invoice.provider.network_status,
            },
            "summarization": {"summary": _summary(invoice)},
            "document_type": {"document_type": invoice.kind},
        }
        for invoice in invoices()
    }


def invoice_row(invoice: Invoice, *, text: str, page_count: int) -> dict[str, Any]:
    """The row of `billing.invoices`; `text` is what is printed, the row holds what a scanner read."""
    rng = seeded(f"scan {invoice.invoice_id}")
    confidence = round(rng.uniform(0.88, 0.995), 3)
    return {
        "invoice_id": invoice.invoice_id,
        "provider_name": invoice.provider.name,
        "provider_npi": invoice.provider.npi,
        "department": invoice.department_name,
        "invoice_date": invoice.invoice_on,
        "heading": invoice.heading,
        "visit_kind": invoice.phrase,
        "procedure_codes": ", ".join(invoice.codes),
        "line_count": len(invoice.lines),
        "total_amount": invoice.total / 100,
        "patient_share": invoice.patient_share / 100,
        "network_status": invoice.network_words,
        "closing_note": invoice.closing_note,
        "page_count": page_count,
        "parsing_confidence": confidence,
        "patient_name": invoice.patient_name,
        "patient_dob": invoice.patient_dob,
        "insurance_id": invoice.insurance_id,
        "extracted_text": _as_scanned(text, slips=2 + round((1 - confidence) * 80), rng=rng),
    }


def _invoice(number: int, visit: Visit) -> Invoice:
    rng = seeded(f"invoice {number}")
    kind = _KINDS[number % len(_KINDS)]
    provider = rng.choice([p for p in PROVIDERS if visit.department in p.departments])
    invoice_on = date(2026, 1, 5) + timedelta(days=number // 2)
    lines = _lines(rng, kind, visit, invoice_on)
    low, high = _SHARE_PERCENT[provider.network_status]
    share = sum(line.amount for line in lines) * rng.randint(low, high) // 100
    return Invoice(
        invoice_id=f"INV-2026-{number:04d}",
        kind=kind,
        heading=rng.choice(_HEADINGS[kind]),
        provider=provider,
        visit=visit,
        phrase=rng.choice(visit.phrases),
        network_words=rng.choice(_NETWORK_WORDS[provider.network_status]),
        # Two coprime steps through the lists: no name comes twice.
        patient_name=f"{FIRST_NAMES[number * 7 % 20]} {LAST_NAMES[(number * 3 + number // 20) % 20]}",
        patient_dob=_birthday(rng, child=visit.department == "pediatrics"),
        insurance_id=f"{rng.choice(list(INSURERS))}{rng.randint(10_000_000, 99_999_999)}",
        patient_address=f"{rng.randint(2, 98)} {rng.choice(('Alder', 'Birch', 'Cedar', 'Juniper'))} Lane, "
        f"{provider.city}",
        invoice_on=invoice_on,
        lines=lines,
        patient_share=share,
    )


def _lines(rng: random.Random, kind: str, visit: Visit, invoice_on: date) -> tuple[Line, ...]:
    """The visit; a statement lists earlier follow-ups before it, the oldest first."""
    visits = rng.randint(3, 5) if kind == "statement" else 1
    return tuple(
        Line(
            served_on=invoice_on - timedelta(days=9 + 16 * back),
            code=code,
            words=PROCEDURES[code][0],
            amount=PROCEDURES[code][1] * 100 + rng.choice((0, 0, 50, -25)) * rng.randint(0, 8),
        )
        for back in reversed(range(visits))
        for code in (FOLLOW_UPS[visit.department] if back else visit.codes)
    )


def _birthday(rng: random.Random, *, child: bool) -> date:
    first, last = (date(2021, 2, 1), date(2024, 11, 30)) if child else (date(1938, 1, 1), date(2004, 12, 31))
    return first + timedelta(days=rng.randrange((last - first).days))


def _entities(invoice: Invoice) -> dict[str, Any]:
    return {
        "patient_name": invoice.patient_name,
        "patient_dob": invoice.patient_dob.isoformat(),
        "insurance_id": invoice.insurance_id,
        "procedure_codes": invoice.codes,
        "total_amount": invoice.total / 100,
        "provider_name": invoice.provider.name,
    }


def _summary(invoice: Invoice) -> str:
    document = invoice.kind.replace("_", " ").capitalize()
    article = "an" if invoice.visit.urgency[0] in "aeiou" else "a"
    network = invoice.provider.network_status.replace("_", " ")
    paid = "paid" if invoice.kind == "receipt" else "owes"
    return (
        f"{document} for {invoice.patient_name}: {article} {invoice.visit.urgency} visit to "
        f"{invoice.provider.name}, {invoice.department_name}, for {invoice.visit.reason}. "
        f"Network: {network}. Total ${money(invoice.total)}; the patient {paid} "
        f"${money(invoice.patient_share)}."
    )


def _as_scanned(text: str, *, slips: int, rng: random.Random) -> str:
    """The text with `slips` characters misread."""
    candidates = [i for i, letter in enumerate(text) if letter in _OCR_SLIPS]
    letters = list(text)
    for i in rng.sample(candidates, min(slips, len(candidates))):
        letters[i] = _OCR_SLIPS[letters[i]]
    return "".join(letters)
