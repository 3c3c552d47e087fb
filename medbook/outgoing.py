"""How does a request leave the house?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from urllib.parse import urlsplit

LONGEST_ANSWER = 4 * 1024 * 1024  # what is longer is cut off


@dataclass(frozen=True)
class Answer:
    """What came back; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Send = Callable[[str, str, bytes, Mapping[str, str], float], Answer]


def send(method: str, url: str, body: bytes, headers: Mapping[str, str], timeout: float) -> Answer:
    """Send one request; redirects are not followed. Raises: OSError, HTTPException."""
    parts = urlsplit(url)
    connection = (HTTPSConnection if parts.scheme == "https" else HTTPConnection)(
        parts.hostname or "", parts.port, timeout=timeout
    )
    try:
        query = f"?{parts.query}" if parts.query else ""
        connection.request(method, (parts.path or "/") + query, body, dict(headers))
        answer = connection.getresponse()
        said = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, said, answer.read(LONGEST_ANSWER))
    finally:
        connection.close()
