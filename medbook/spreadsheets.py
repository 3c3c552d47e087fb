"""How does a text leave for a spreadsheet without being taken for a formula?"""

import io
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import openpyxl
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

BYTE_ORDER_MARK = "\ufeff"  # without it, Excel reads Chinese as Latin letters
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


def plain_cell(value: object) -> str:
    """Write a cell so that no spreadsheet takes a text for a formula."""
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA_SIGNS) else text


def read_cell(text: str) -> str:
    """Read back what `plain_cell` wrote."""
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA_SIGNS) else text


def workbook(sheets: Mapping[str, Iterable[Iterable[Any]]]) -> bytes:
    """Write rows into the sheets of an Excel workbook: numbers as such, all else as plain text."""
    book = openpyxl.Workbook(write_only=True)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append([_cell(value) for value in row])
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, int | Decimal):
        return value
    return plain_cell(ILLEGAL_CHARACTERS_RE.sub("", str(value)))
