"""The four ways in which MedBook says no."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from medbook import clock


class DomainError(Exception):
    """A no with a stable code, a message in the reader's language, and the facts behind it.

    Facts are keyword arguments: shown in the message by name, sent along in API answers. Their
    instants are said in the clinic's `zone`, or the site's where no clinic is meant.
    """

    code: ClassVar[str] = ""
    message: ClassVar[str | Promise] = ""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.code = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    def __init__(self, *, zone: str | None = None, **facts: Any) -> None:
        super().__init__(self.code)
        self.facts: Mapping[str, Any] = facts
        self.zone = zone

    @property
    def detail(self) -> str:
        """Say the message in the active language, with its facts."""
        return str(self.message) % {
            name: clock.text(fact, self.zone) if isinstance(fact, datetime) else fact
            for name, fact in self.facts.items()
        }


class Refused(DomainError):
    """A rule says no."""


class Missing(DomainError):
    """There is no such thing, or not for this reader."""

    message = _("There is nothing here.")


class NotAllowed(DomainError):
    """A role does not reach this far."""

    message = _("You are not allowed to do this.")


class TryLater(DomainError):
    """Nothing is wrong; the same request may work in a moment."""

    message = _("Many people are asking at once. Please try again in a moment.")

    def __init__(self, *, retry_after: int = 1, **facts: Any) -> None:
        super().__init__(retry_after=retry_after, **facts)
        self.retry_after = retry_after


class InProgress(TryLater):
    """The same request is still being worked on."""

    message = _("This request is still being worked on. Please wait a moment.")


class Unavailable(TryLater):
    """The database is away."""

    message = _("MedBook cannot reach its records right now. Nothing was booked or charged.")
