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


class GrantTooLow(Refused):
    """The member holds this tier, or a higher one, without a grant."""

    message = _("This member has %(tier)s already, without a grant.")


class GrantPeriodWrong(Refused):
    """A grant ends in the future, within two years."""

    message = _("A tier can be granted until a day within the next two years.")


class PrivilegeHolds(Refused):
    """What has held once stays on record; it is followed by something new."""

    message = _("This value holds already. Plan a new one instead.")


class PrivilegePlanned(Refused):
    """There is a value from the same instant on."""

    message = _("There is a value for this tier and privilege from the same moment on.")


class PrivilegeInvalid(Refused):
    """The registry cannot read the value."""

    message = _("This is not a valid value for this privilege.")


class TiersOutOfOrder(Refused):
    """A higher tier asks for no more points than a lower one."""

    message = _("Each tier needs more points than the one before it, and the first one none.")


class CodeNotResent(Refused):
    """A code is asked for anew by whoever needs it."""

    message = _("Codes are not sent again. The person can ask for a new one.")


class NothingToSend(Refused):
    """The message waits already, or there is no text or address any more."""

    message = _("This message waits to be sent, or can no longer be sent.")


class ResentJustNow(Refused):
    """The same message left a moment ago."""

    message = _("This message was sent less than a minute ago.")
