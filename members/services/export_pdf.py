"""How is what is known about a member put on paper, Chinese included?"""

import io
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from django.conf import settings
from django.utils.translation import gettext as _
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFError, TTFont
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer
from reportlab.platypus import Table as Grid

from medbook import clock
from members.models import Member
from members.selectors.privacy import Table, Told

EMBEDDED = "MedBook"
EVERYWHERE = "STSong-Light"  # known to every PDF reader, so nothing has to be installed here
INK, SOFT, LINE = colors.HexColor("#1c1b19"), colors.HexColor("#5b5a55"), colors.HexColor("#d9d6cc")
JADE = colors.HexColor("#0f5d4a")
MARGIN = 20 * mm
PADDING = 6  # of the frame, in points
NAMES = 50 * mm
VALUES = A4[0] - 2 * MARGIN - 2 * PADDING - NAMES
INSIDE = ("uid",)  # for programs, so in the JSON only


def as_pdf(member: Member, tables: list[Table], now: datetime) -> bytes:
    """Write what is known about a member as a PDF in the active language."""
    made = io.BytesIO()
    document = SimpleDocTemplate(
        made,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
        title=_("Your data at MedBook"),
        author=_("MedBook"),
    )
    document.build(list(_story(member, tables, now)), onFirstPage=_foot, onLaterPages=_foot)
    return made.getvalue()


@lru_cache(maxsize=1)
def font() -> str:
    """Choose a font with Chinese: the one in the settings if it is there, put into the file."""
    path = settings.EXPORT_FONT
    if path and Path(path).exists():
        try:
            pdfmetrics.registerFont(TTFont(EMBEDDED, path))
        except TTFError:
            pass
        else:
            return EMBEDDED
    pdfmetrics.registerFont(UnicodeCIDFont(EVERYWHERE))
    return EVERYWHERE


def _story(member: Member, tables: list[Table], now: datetime) -> Iterator[Flowable]:
    yield _said(_("Your data at MedBook"), size=20, colour=JADE)
    yield Spacer(1, 3 * mm)
    made = _("Member number %(number)s · made %(when)s")
    yield _said(made % {"number": member.number, "when": clock.text(now)}, colour=SOFT)
    yield Spacer(1, 2 * mm)
    yield _said(
        _("The same facts are in export.json, for programs. Keep both as you keep your documents.")
    )
    for table in tables:
        if table.rows:
            yield Spacer(1, 8 * mm)
            yield _said(_titled(table), size=14, colour=JADE)
            yield Spacer(1, 2 * mm)
        for row in table.rows:
            yield from _row(row)
    yield Spacer(1, 8 * mm)
    empty = ", ".join(_titled(table) for table in tables if not table.rows)
    yield _said(_("Nothing is known of: %(tables)s.") % {"tables": empty}, colour=SOFT)


def _titled(table: Table) -> str:
    title = str(table.title)
    return title[:1].upper() + title[1:]


def _row(row: list[Told]) -> Iterator[Flowable]:
    lines = [
        [_said(str(told.label), size=9, colour=SOFT), _said(told.shown)]
        for told in row
        if told.shown and told.name not in INSIDE
    ]
    if lines:
        style: list[Any] = [
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LEFTPADDING", (0, 0), (0, -1), 0),
            ("TOPPADDING", (0, 0), (-1, -1), 1),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 1),
            ("LINEABOVE", (0, 0), (-1, 0), 0.5, LINE),
        ]
        yield Grid(lines, colWidths=[NAMES, VALUES], style=style)
        yield Spacer(1, 2 * mm)


def _said(text: str, *, size: int = 10, colour: colors.Color = INK) -> Paragraph:
    style = ParagraphStyle(
        "said",
        fontName=font(),
        fontSize=size,
        leading=size * 1.5,
        textColor=colour,
        wordWrap="CJK",
    )
    return Paragraph(escape(text), style)


def _foot(canvas: Any, document: Any) -> None:
    canvas.saveState()
    canvas.setFont(font(), 8)
    canvas.setFillColor(SOFT)
    number = _("Page %(number)d") % {"number": document.page}
    canvas.drawRightString(A4[0] - MARGIN, MARGIN / 2, number)
    canvas.restoreState()
