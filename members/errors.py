"""In which ways is an act on accounts and patients refused?"""

from django.utils.translation import gettext_lazy as _

from medbook.errors import NotAllowed, Refused


class InvalidCredentials(NotAllowed):
    """Account and password do not fit, the account is closed, or the token is used or forged."""

    message = _("These credentials are not valid.")


class IdentityMismatch(Refused):
    """The document shows another number than the record."""

    message = _("The record holds another identity number.")


class AlreadyVerified(Refused):
    """Somebody has seen this patient's document."""

    message = _("This patient is already verified.")


class NotSuspended(Refused):
    """There is nothing to lift."""

    message = _("Online booking is not paused for this member.")


class ReasonMissing(Refused):
    """Staff has to say why."""

    message = _("Please give a reason.")
