"""What is written in a spreadsheet that somebody chose?"""

import csv
import io
import unicodedata
import zipfile
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

import openpyxl
from django.utils.translation import gettext as _

from medbook.errors import Refused
from medbook.spreadsheets import read_cell

MOST_ROWS = 5000
MOST_COLUMNS = 50
MOST_UNPACKED = 100 * 1024 * 1024  # a workbook is a zip file, and may be a bomb
WORKBOOK, OLD_WORKBOOK = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"


class UnreadableFile(Refused):
    """The file cannot be read as a table; the fact says why."""

    message = "%(why)s"


@dataclass(frozen=True)
class Problem:
    """What is wrong, and where."""

    text: str
    row: int | None = None
    column: str = ""


@dataclass
class Table:
    """Texts by row, as a person counts rows, and column."""

    headers: list[str]
    rows: dict[int, dict[str, str]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def read_table(content: bytes, *, known: Collection[str], required: Collection[str]) -> Table:
    """Read CSV (UTF-8; comma, semicolon or tab) or the first sheet of an Excel workbook.

    Raises: UnreadableFile.
    """
    if not content.strip():
        raise _unreadable(_("The file is empty."))
    if content.startswith(OLD_WORKBOOK):
        raise _unreadable(_("This is an old Excel format. Please save the file as .xlsx."))
    lines = _sheet_lines(content) if content.startswith(WORKBOOK) else _csv_lines(content)
    numbered = enumerate(lines, 1)
    headers = _headers(next(numbered, (1, []))[1])
    _check_headers(headers, known, required)
    table = Table(headers)
    for number, cells in numbered:
        if any(cells):
            _take(table, number, cells)
        if len(table.rows) > MOST_ROWS or number > 2 * MOST_ROWS:
            text = _("More than %(count)d rows; please split the file.")
            raise _unreadable(text % {"count": MOST_ROWS})
    if not table.rows and not table.problems:
        raise _unreadable(_("There are no rows below the header."))
    return table


def _unreadable(why: str) -> UnreadableFile:
    return UnreadableFile(why=why)


def _headers(cells: list[str]) -> list[str]:
    while cells and not cells[-1]:
        cells = cells[:-1]
    return [cell.strip().casefold().replace(" ", "_") for cell in cells]


def _check_headers(headers: list[str], known: Collection[str], required: Collection[str]) -> None:
    unknown = [header or _("(empty)") for header in headers if header not in known]
    doubled = sorted({header for header in headers if headers.count(header) > 1} - {""})
    missing = [column for column in required if column not in headers]
    said = [
        (missing, _("Missing columns in row 1: %(columns)s.")),
        (unknown, _("Unknown columns in row 1: %(columns)s.")),
        (doubled, _("Columns twice in row 1: %(columns)s.")),
    ]
    wrong = [text % {"columns": ", ".join(columns[:10])} for columns, text in said if columns]
    if wrong:
        raise _unreadable(" ".join(wrong))


def _take(table: Table, number: int, cells: list[str]) -> None:
    """Add a row, and note what no cell may hold."""
    if any(cells[len(table.headers) :]):
        text = _("This row has more cells than row 1 has columns.")
        table.problems.append(Problem(text, number))
    row = {}
    for column, cell in zip(table.headers, cells, strict=False):
        if any(map(_is_no_text, cell)):
            text = _("This cell holds characters that are no text.")
            table.problems.append(Problem(text, number, column))
        elif cell.startswith("="):
            text = _("This cell holds a formula. Please write the value itself.")
            table.problems.append(Problem(text, number, column))
        row[column] = read_cell(cell)
    table.rows[number] = {column: row.get(column, "") for column in table.headers}


def _is_no_text(sign: str) -> bool:
    return unicodedata.category(sign) in ("Cc", "Cs") and sign not in "\n\t\r"


def _csv_lines(content: bytes) -> Iterator[list[str]]:
    if b"\0" in content:
        raise _unreadable(_("This is neither CSV in UTF-8 nor an Excel workbook (.xlsx)."))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        why = _("The file is not in UTF-8. In Excel, save it as “CSV UTF-8” or as .xlsx.")
        raise _unreadable(why) from wrong
    head = text.lstrip().split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for line in reader:
            yield [cell.strip(" ") for cell in line]
    except csv.Error as wrong:
        why = _("Line %(line)d is not well-formed CSV: a quotation mark is open or misplaced.")
        raise _unreadable(why % {"line": reader.line_num}) from wrong


def _sheet_lines(content: bytes) -> Iterator[list[str]]:
    """Read the first sheet cell by cell, whatever size it claims."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            if sum(part.file_size for part in packed.infolist()) > MOST_UNPACKED:
                raise _unreadable(_("This workbook is too large."))
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, keep_links=False)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()
        rows: Iterable[tuple[Any, ...]] = sheet.iter_rows(max_col=MOST_COLUMNS, values_only=True)
        for cells in rows:
            yield [_cell_text(cell) for cell in cells]
    except UnreadableFile:
        raise
    except Exception as wrong:  # openpyxl has no error of its own for a broken workbook
        raise _unreadable(_("This Excel workbook is damaged or is none.")) from wrong


def _cell_text(cell: Any) -> str:
    """Write a cell as a person would type it."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime):
        is_day = cell.time() == time(0)
        return cell.date().isoformat() if is_day else cell.isoformat(" ", "minutes")
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, time):
        return cell.isoformat("minutes") if not cell.second else cell.isoformat("seconds")
    return str(cell).strip(" ")
