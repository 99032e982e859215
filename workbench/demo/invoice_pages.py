"""Draws an invented medical document as a PDF and keeps the words it printed."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from workbench.demo.invoices import Invoice, Line, money

WIDTH, HEIGHT = 612, 792  # US letter, in points
LEFT, RIGHT = 56, WIDTH - 56
_ROWS_ON_FIRST_PAGE = 10


@dataclass(frozen=True)
class PrintedInvoice:
    """A document as bytes, with its text line by line as printed."""

    pdf: bytes
    text: str
    page_count: int


class _Paper:
    """A PDF canvas measured from the top left that remembers each string it prints."""

    def __init__(self, invoice: Invoice) -> None:
        from reportlab.pdfgen.canvas import Canvas

        self._buffer = io.BytesIO()
        # Without invariant the file would hold the clock and a random id.
        self._canvas = Canvas(self._buffer, pagesize=(WIDTH, HEIGHT), invariant=1)
        self._canvas.setTitle(f"{invoice.heading} {invoice.invoice_id}")
        self._canvas.setAuthor(invoice.provider.name)
        self._family = (
            ("Times-Roman", "Times-Bold") if invoice.provider.serif else ("Helvetica", "Helvetica-Bold")
        )
        self._printed: list[tuple[int, float, float, str]] = []
        self.page_count = 1

    def write(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 10,
        bold: bool = False,
        right: bool = False,
        colour: str = "#1b1f24",
    ) -> None:
        self._canvas.setFillColor(_colour(colour))
        self._canvas.setFont(self._family[bold], size)
        draw = self._canvas.drawRightString if right else self._canvas.drawString
        draw(x, HEIGHT - y, text)
        self._printed.append((self.page_count, y, x, text))

    def rule(self, y: float, *, colour: str = "#b9c0c8", width: float = 0.7) -> None:
        self._canvas.setStrokeColor(_colour(colour))
        self._canvas.setLineWidth(width)
        self._canvas.line(LEFT, HEIGHT - y, RIGHT, HEIGHT - y)

    def band(self, y: float, height: float, *, colour: str, x: float = LEFT, right: float = RIGHT) -> None:
        self._canvas.setFillColor(_colour(colour))
        self._canvas.rect(x, HEIGHT - y - height, right - x, height, stroke=0, fill=1)

    def tear_line(self, y: float) -> None:
        self._canvas.setDash(3, 3)
        self.rule(y, colour="#7d8791")
        self._canvas.setDash()

    def next_page(self) -> None:
        self._canvas.showPage()
        self.page_count += 1

    def finish(self) -> PrintedInvoice:
        self._canvas.save()
        return PrintedInvoice(pdf=self._buffer.getvalue(), text=self._text(), page_count=self.page_count)

    def _text(self) -> str:
        rows: dict[tuple[int, float], list[tuple[float, str]]] = {}
        for page, y, x, text in self._printed:
            rows.setdefault((page, y), []).append((x, text))
        return "\n".join("  ".join(text for _, text in sorted(rows[key])) for key in sorted(rows))


def print_invoice(invoice: Invoice) -> PrintedInvoice:
    """The PDF of a document; the same document gives the same bytes."""
    paper = _Paper(invoice)
    _draw_header(paper, invoice)
    _draw_patient(paper, invoice)
    first, rest = invoice.lines[:_ROWS_ON_FIRST_PAGE], invoice.lines[_ROWS_ON_FIRST_PAGE:]
    y = _draw_table(paper, invoice, first, y=286)
    if rest:
        paper.write(LEFT, y + 18, "Continued on page 2", size=9, colour="#5a6675")
        _draw_footer(paper, invoice)
        paper.next_page()
        paper.write(LEFT, 62, f"{invoice.heading} {invoice.invoice_id}, continued", size=12, bold=True)
        y = _draw_table(paper, invoice, rest, y=92)
    y = _draw_totals(paper, invoice, y + 22)
    paper.write(LEFT, y + 34, invoice.closing_note, size=10.5)
    if invoice.kind in ("invoice", "statement"):
        _draw_coupon(paper, invoice)
    _draw_footer(paper, invoice)
    return paper.finish()


def _draw_header(paper: _Paper, invoice: Invoice) -> None:
    provider, benefits = invoice.provider, invoice.kind == "explanation_of_benefits"
    paper.band(0, 10, colour=provider.accent, x=0, right=WIDTH)
    sender = invoice.insurer if benefits else provider.name
    paper.write(LEFT, 62, sender, size=21, bold=True, colour=provider.accent)
    if benefits:
        paper.write(LEFT, 80, "Member services (555) 555-0199, PO Box 12, Fairhaven, WA 98999", size=9)
        paper.write(LEFT, 94, f"Care given by {provider.name}, {provider.city}", size=9)
        paper.write(LEFT, 108, f"{invoice.department_name} · NPI {provider.npi}", size=9)
    else:
        paper.write(LEFT, 80, f"{provider.street}, {provider.city}", size=9)
        paper.write(LEFT, 94, f"Telephone {provider.phone} · NPI {provider.npi}", size=9)
        paper.write(LEFT, 108, invoice.department_name, size=9)
    paper.write(RIGHT, 62, "" if benefits else invoice.heading, size=14, right=True)
    if benefits:
        paper.write(LEFT, 138, invoice.heading, size=14)
    paper.write(RIGHT, 80, invoice.invoice_id, size=9.5, right=True)
    paper.write(RIGHT, 94, _long_date(invoice.invoice_on), size=9.5, right=True)
    paper.rule(148, colour=provider.accent, width=1.2)


def _draw_patient(paper: _Paper, invoice: Invoice) -> None:
    label = "Member" if invoice.kind == "explanation_of_benefits" else "Patient"
    paper.write(LEFT, 172, label, size=8.5, colour="#5a6675")
    paper.write(LEFT, 188, invoice.patient_name, size=12, bold=True)
    born = f"born {invoice.patient_dob:%d.%m.%Y} · {invoice.insurance_id}"
    paper.write(LEFT, 203, born)
    paper.write(LEFT, 217, invoice.patient_address)
    paper.write(340, 172, "Insurance", size=8.5, colour="#5a6675")
    paper.write(340, 188, invoice.insurer)
    paper.write(340, 203, f"Member {invoice.insurance_id}")
    paper.write(340, 217, invoice.network_words)
    paper.write(LEFT, 246, "Reason for visit", size=8.5, colour="#5a6675")
    paper.write(LEFT, 260, invoice.phrase[0].upper() + invoice.phrase[1:])


def _draw_table(paper: _Paper, invoice: Invoice, lines: tuple[Line, ...], *, y: float) -> float:
    """Draw the procedures and return the y of the lower rule."""
    paper.band(y, 20, colour="#eef1f5")
    for x, words, right in (
        (LEFT + 6, "Date", False),
        (140, "Code", False),
        (196, "Procedure", False),
        (RIGHT - 6, "Charge (USD)", True),
    ):
        paper.write(x, y + 14, words, size=9, bold=True, right=right)
    y += 20
    for line in lines:
        paper.write(LEFT + 6, y + 14, f"{line.served_on:%m/%d/%Y}", size=9.5)
        paper.write(140, y + 14, line.code, size=9.5)
        paper.write(196, y + 14, line.words, size=9.5)
        paper.write(RIGHT - 6, y + 14, money(line.amount), size=9.5, right=True)
        y += 20
        paper.rule(y, width=0.4)
    paper.rule(y, colour=invoice.provider.accent, width=1)
    return y


def _draw_totals(paper: _Paper, invoice: Invoice, y: float) -> float:
    """Draw the sums and return the y of the last one."""
    share_label = {"receipt": "Paid by patient", "statement": "Balance due"}.get(
        invoice.kind, "Patient share"
    )
    covered = invoice.total - invoice.patient_share
    rows: list[tuple[str, int, dict[str, Any]]] = [
        ("Total", invoice.total, {"bold": True, "size": 12.5}),
        (f"Covered by {invoice.insurer}", -covered, {}),
        (share_label, invoice.patient_share, {"bold": True}),
    ]
    for words, amount, look in rows:
        paper.write(RIGHT - 96, y, words, right=True, **look)
        paper.write(RIGHT - 6, y, money(amount), right=True, **look)
        y += 19
    return y - 19


def _draw_coupon(paper: _Paper, invoice: Invoice) -> None:
    paper.tear_line(672)
    paper.write(LEFT, 692, "Return this part with your payment", size=8.5, colour="#5a6675")
    paper.write(LEFT, 710, f"Account {invoice.invoice_id}")
    paper.write(250, 710, f"Due {_long_date(invoice.invoice_on + timedelta(days=30))}")
    paper.write(RIGHT - 6, 710, f"Amount {money(invoice.patient_share)}", bold=True, right=True)


def _draw_footer(paper: _Paper, invoice: Invoice) -> None:
    paper.write(
        LEFT,
        762,
        f"{invoice.provider.name} · questions about this document: {invoice.provider.phone}",
        size=8,
        colour="#5a6675",
    )
    paper.write(RIGHT, 762, f"Page {paper.page_count}", size=8, right=True, colour="#5a6675")


def _long_date(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _colour(value: str) -> Any:
    from reportlab.lib.colors import HexColor

    return HexColor(value)
