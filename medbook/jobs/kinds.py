"""What kinds of long work are there, and what does each do?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from django.conf import settings
from django.utils.functional import Promise
from django.utils.module_loading import import_string


@dataclass(frozen=True)
class Result:
    """The file that a job made."""

    content: bytes
    name: str
    content_type: str


class Work(Protocol):
    """What a job's function is told: who asked, for which objects, when; and how to say how far."""

    @property
    def uid(self) -> UUID:
        """The job's id."""

    @property
    def by_uid(self) -> UUID:
        """The id of who asked."""

    @property
    def ids(self) -> Mapping[str, str]:
        """The ids of what it is about."""

    @property
    def now(self) -> datetime:
        """When this attempt began."""

    def reached(self, phase: str, done: int = 0, total: int = 0) -> None:
        """Say how far the work is, at least once a minute. Raises: TakenByAnother."""


@dataclass(frozen=True)
class JobKind:
    """One kind of job: its name, its phases in order with their names, and what it does.

    `run` is called outside any transaction; a job whose worker died is run again from the start.
    """

    label: str | Promise
    phases: Mapping[str, str | Promise]
    run: Callable[[Work], Result | None]


def kind_of(key: str) -> JobKind:
    """Find a kind by its key in settings.JOB_KINDS. Raises: KeyError."""
    found: JobKind = import_string(settings.JOB_KINDS[key])
    return found
