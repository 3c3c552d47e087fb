"""What do Alipay and WeChat Pay have in common?"""

import io
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from http.client import HTTPException
from zoneinfo import ZoneInfo

from billing.gateways.base import (
    TIMEOUT_SECONDS,
    GatewayAway,
    GatewayRefused,
    Line,
    StatementUnreadable,
)
from medbook import clock, outgoing

ZONE = ZoneInfo("Asia/Shanghai")
CURRENCY = "CNY"
WRITTEN_AT = time(10)  # of the next day; what is missing before is only late
LARGEST_STATEMENT = 32 * 1024 * 1024
ZIP, GZIP = b"PK\x03\x04", b"\x1f\x8b"
AMOUNT = re.compile(r"-?[0-9]{1,10}(\.[0-9]{1,5})?")
TIME = re.compile(r"[0-9]{4}(-[0-9]{2}){2} [0-9]{2}(:[0-9]{2}){2}(\.[0-9]{1,6})?")
CODE = r'"%s" ?: ?"([A-Za-z._-]{1,60})"'
UNREADABLE = (AttributeError, KeyError, TypeError, ValueError, ArithmeticError, RecursionError)
NO_ARCHIVE = (
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)

Row = tuple[int, list[str]]


def only_yuan(currency: str) -> None:
    """Refuse every other currency. Raises: GatewayRefused."""
    if currency != CURRENCY:
        raise GatewayRefused("currency")


def answered(
    send: outgoing.Send, method: str, url: str, body: bytes, headers: Mapping[str, str]
) -> outgoing.Answer:
    """Send a request. Raises: GatewayAway."""
    try:
        return send(method, url, body, headers, TIMEOUT_SECONDS)
    except (OSError, HTTPException) as error:
        # Without its words, which may name the address.
        raise GatewayAway(type(error).__name__) from None


def code_in(body: bytes, name: str) -> str:
    """Find a code in an answer that cannot be believed."""
    found = re.search(CODE % name, body.decode(errors="replace"))
    return found[1] if found else ""


def amount(text: str) -> Decimal:
    """Read an amount. Raises: ValueError, which does not repeat the text."""
    if not AMOUNT.fullmatch(text):
        raise ValueError("no amount")
    return Decimal(text)


def instant(text: str) -> datetime:
    """Read a time of Beijing. Raises: ValueError, which does not repeat the text."""
    if not TIME.fullmatch(text):
        raise ValueError("no time")
    try:
        return datetime.fromisoformat(text).replace(tzinfo=ZONE)
    except ValueError:
        raise ValueError("no time") from None


def local_text(at: datetime) -> str:
    """Write a time of Beijing."""
    return f"{at.astimezone(ZONE):%Y-%m-%d %H:%M:%S}"


def is_written(day: date) -> bool:
    """Tell whether the statement of a day is there by now if there is ever one."""
    return clock.now() >= datetime.combine(day + timedelta(days=1), WRITTEN_AT, ZONE)


def fee_of_payment(text: str) -> Decimal:
    """Read what a gateway keeps; the two disagree on the sign."""
    return abs(amount(text))


def fee_of_refund(text: str) -> Decimal:
    """Read what a gateway returns of its fee, as a negative fee."""
    return -abs(amount(text))


def statement_text(content: bytes, column: str) -> str:
    """Decode the file that has a column, out of its archive. Raises: StatementUnreadable."""
    try:
        texts = [_decoded(file) for file in _files(content)]
    except NO_ARCHIVE:
        raise StatementUnreadable("a broken archive") from None
    found = [text for text in texts if column in text]
    if len(found) != 1:
        raise StatementUnreadable(f"{len(found)} files with the column {column}, not 1")
    return found[0]


def statement_lines(
    header: list[str], rows: Iterable[Row], read: Callable[[Mapping[str, str]], Line | None]
) -> list[Line]:
    """Read the rows below a header, each with its line number. Raises: StatementUnreadable."""
    lines = []
    for number, row in rows:
        if len(row) != len(header):
            raise StatementUnreadable(f"there are not {len(header)} columns", number)
        try:
            lines.append(read(dict(zip(header, row, strict=True))))
        except KeyError as missing:
            raise StatementUnreadable(f"there is no {missing}", number) from None
        except ValueError as wrong:
            raise StatementUnreadable(str(wrong), number) from None
    return [line for line in lines if line]


def unzipped(content: bytes) -> bytes:
    """Undo gzip where it was used. Raises: zlib.error."""
    if not content.startswith(GZIP):
        return content
    unzip = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    found = unzip.decompress(content, LARGEST_STATEMENT)
    if not unzip.eof:
        raise zlib.error("cut off, or too large")
    return found


def _files(content: bytes) -> list[bytes]:
    if not content.startswith(ZIP):
        return [unzipped(content)]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        inside = archive.infolist()
        if sum(info.file_size for info in inside) > LARGEST_STATEMENT:
            raise zipfile.BadZipFile
        return [archive.read(info) for info in inside if info.filename.lower().endswith(".csv")]


def _decoded(content: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise StatementUnreadable("neither UTF-8 nor GBK")
