"""How is a receipt put on paper of half a page, Chinese included?"""

import io
from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape

from django.utils.translation import gettext as _
from reportlab.graphics.barcode.qr import QrCodeWidget
from reportlab.graphics.shapes import Drawing
from reportlab.lib import colors
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A5
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table

from billing.choices import ReceiptKind
from billing.models import Receipt
from medbook.templatetags.amounts import exact
from medbook.templatetags.times import dated, hour, zone_label
from members.selectors.patients import Masked
from members.services.export_pdf import font

MARGIN = 12 * mm
PADDING = 6  # of the frame, in points
WIDTH = A5[0] - 2 * MARGIN - 2 * PADDING
NAMES, AMOUNTS = 28 * mm, 55 * mm
CODE = 30 * mm


def as_pdf(receipt: Receipt, refunds: list[Receipt], patient: Masked | None, address: str) -> bytes:
    """Write a receipt as a PDF in the active language; `address` is where it can be checked."""
    made = io.BytesIO()
    document = SimpleDocTemplate(
        made,
        pagesize=A5,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
        title=f"{receipt.get_kind_display()} {receipt.number}",
        author=receipt.told.issuer,
    )
    document.build(list(_story(receipt, refunds, patient, address)))
    return made.getvalue()


def _story(
    receipt: Receipt, refunds: list[Receipt], patient: Masked | None, address: str
) -> Iterator[Flowable]:
    told = receipt.told
    issued = _("Issued %(day)s, %(hour)s, %(zone)s") % {
        "day": dated(receipt.issued_at, told.time_zone),
        "hour": hour(receipt.issued_at, told.time_zone),
        "zone": zone_label(told.time_zone, receipt.issued_at),
    }
    yield _said(told.issuer, size=13)
    yield _said("  ".join(part for part in (told.address, told.phone) if part), size=8)
    yield Spacer(1, 3 * mm)
    yield _said(f"{receipt.get_kind_display()} {receipt.number}", size=13)
    yield _said(issued, size=8)
    yield Spacer(1, 3 * mm)
    yield _grid([[_said(name), _said(value)] for name, value in _about(receipt, patient)], NAMES)
    yield Spacer(1, 3 * mm)
    sums = [[_said(name), _said(value, is_end=True)] for name, value in _sums(receipt, refunds)]
    yield _grid(sums, WIDTH - AMOUNTS)
    yield Spacer(1, 4 * mm)
    words = [
        _said(
            _("Scan to check that this receipt is genuine, or type its number and this code:"),
            size=8,
        ),
        _said(receipt.shown_code, size=8),
        _said(_("Not a tax invoice.")),
    ]
    top = [("VALIGN", (0, 0), (-1, -1), "TOP")]
    yield Table([[_code(address), words]], colWidths=[CODE + 2 * mm, None], style=top)


def _about(receipt: Receipt, patient: Masked | None) -> Iterator[tuple[str, str]]:
    told = receipt.told
    if receipt.original:
        yield _("Belongs to"), receipt.original.number
    if patient:
        yield _("Patient"), f"{patient.name}  {patient.document} {patient.number}".strip()
    yield _("Doctor"), f"{told.doctor} · {told.department}"
    visit_at = told.visit_at
    yield _("Visit"), f"{dated(visit_at, told.time_zone)}, {hour(visit_at, told.time_zone)}"
    yield _("Invoice"), f"{told.reference[:5]} {told.reference[5:]}"


def _sums(receipt: Receipt, refunds: list[Receipt]) -> Iterator[tuple[str, str]]:
    is_refund = receipt.kind == ReceiptKind.REFUND
    for label, sign, amount in receipt.lines:
        yield label, sign + exact(amount, receipt.currency)
    if receipt.reason:
        yield _("Reason"), receipt.reason
    yield _("Given back") if is_refund else _("Total paid"), exact(receipt.amount, receipt.currency)
    if receipt.capitals:
        yield _("In words"), receipt.capitals
    yield _("Given back by") if is_refund else _("Paid by"), receipt.way
    for refund in refunds:
        day = dated(refund.issued_at, receipt.told.time_zone)
        name = _("Given back %(day)s") % {"day": day}
        yield f"{name}  {refund.number}", "−" + exact(refund.amount, refund.currency)


def _grid(rows: list[list[Paragraph]], first: float) -> Table:
    style: list[Any] = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("RIGHTPADDING", (0, 0), (-1, -1), 0),
        ("TOPPADDING", (0, 0), (-1, -1), 1),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 1),
        ("LINEABOVE", (0, 0), (-1, -1), 0.25, colors.black),
    ]
    return Table(rows, colWidths=[first, WIDTH - first], style=style)


def _code(address: str) -> Drawing:
    """Draw an address to be scanned."""
    drawing = Drawing(CODE, CODE)
    drawing.add(QrCodeWidget(address, barLevel="M", barWidth=CODE, barHeight=CODE, barBorder=2))
    return drawing


def _said(text: str, *, size: int = 9, is_end: bool = False) -> Paragraph:
    style = ParagraphStyle(
        "said",
        fontName=font(),
        fontSize=size,
        leading=size * 1.5,
        wordWrap="CJK",
        alignment=TA_RIGHT if is_end else 0,
    )
    return Paragraph(escape(text), style)
