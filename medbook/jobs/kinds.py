"""What kinds of long work are there, and what does each do?"""

from collections.abc import Callable, Mapping, Sequence
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
        """Say how far the work is, every half minute or oftener. Raises: Stopped."""


@dataclass(frozen=True)
class Problem:
    """What did not go well: where, and why."""

    where: str
    why: str


@dataclass(frozen=True)
class SoFar:
    """What a job has come to until now: its figures by their names, and its latest problems."""

    counts: Mapping[str, int]
    problems: Sequence[Problem] = ()


@dataclass(frozen=True)
class JobKind:
    """One kind of job: its name, its phases in order with their names, and what it does.

    `run` is called outside any transaction; a job whose worker died is run again from the start.
    One that says in `if_cancelled` what is kept of it may be cancelled: it stops where it next
    says how far it is, and what it has made by then must be whole. `so_far` tells what a job
    about these ids has made since an instant; `again` gives the address at which somebody asks
    for the same anew.
    """

    label: str | Promise
    phases: Mapping[str, str | Promise]
    run: Callable[[Work], Result | None]
    if_cancelled: str | Promise = ""
    so_far: Callable[[Mapping[str, str], datetime], SoFar] | None = None
    again: Callable[[Mapping[str, str]], str] | None = None


def kind_of(key: str) -> JobKind:
    """Find a kind by its key in settings.JOB_KINDS. Raises: KeyError."""
    found: JobKind = import_string(settings.JOB_KINDS[key])
    return found
