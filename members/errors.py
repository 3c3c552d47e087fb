"""In which ways is an act on accounts and patients refused?"""

from django.utils.translation import gettext_lazy as _

from medbook.errors import NotAllowed, Refused, TryLater


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


class NotEnoughPoints(Refused):
    """More points are asked for than there are."""

    message = _("There are not enough points: %(balance)s can be used.")


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


class ReasonTooShort(Refused):
    """Staff has to say why in a few words, before somebody is shown in clear."""

    message = _("Please say in at least %(least)s characters why.")


class TooManyReveals(TryLater):
    """One person of the staff looks at more people in clear than a day's work asks for."""

    message = _(
        "You have looked at many people within an hour. Please wait; the auditors have been told."
    )


class AlreadyYourPatient(Refused):
    """The member may book for this person already."""

    message = _("This person is in your list already.")


class TooManyPatients(Refused):
    """All places of the family are in use."""

    message = _("You can book for up to %(limit)s patients, yourself included.")


class PlacesCoolingDown(Refused):
    """A place was given up, and counts for a while longer."""

    message = _("A place given up counts for 30 days more. You can add somebody from %(until)s.")


class GuardianMissing(Refused):
    """Nobody speaks for a minor."""

    message = _("For somebody under 18 a parent or guardian has to agree.")


class OwnPatient(Refused):
    """The member is this patient."""

    message = _("This is your own entry.")


class PatientInUse(Refused):
    """A visit of this patient is still open."""

    message = _("A visit of this patient is still open. Cancel it first, or come back after it.")


class DocumentAtDesk(Refused):
    """The patient has a history that a document typed online does not carry over."""

    message = _("Please bring the document to the desk: visits are on record without it.")


class DocumentKnown(Refused):
    """Another patient has this document; said to nobody but staff."""

    message = _("Another patient has this document.")


class SamePatient(Refused):
    """Both documents are of one record."""

    message = _("This document is that of the chosen record.")


class AlreadyExcused(Refused):
    """Somebody has excused this missed visit."""

    message = _("This missed visit is excused already.")


class HasAccount(Refused):
    """The desk is to open an account for a number that has one."""

    message = _("This phone number has an account. Search for the number instead.")


class HasBooker(Refused):
    """The desk is to open an account for somebody who is in one."""

    message = _("Somebody books for this patient already. Choose them in the list.")


class AlreadyDecided(Refused):
    """Somebody has answered this appeal."""

    message = _("This appeal has been decided already.")


class AlreadyAppealed(Refused):
    """The clinic has been asked to look at it."""

    message = _("You have asked the clinic to look at this already.")


class RateLimited(TryLater):
    """Codes were asked for too often: for this phone, from this network, or on the whole site."""

    message = _("Too many codes were asked for. Please wait a while before you ask for another.")


class CodeInvalid(Refused):
    """The code is wrong, used, too old, tried too often, or none was ever sent."""

    message = _("This code is not valid. Please check it, or ask for a new one.")


class DocumentEndingRequired(NotAllowed):
    """A number may have passed to somebody else: the code alone proves too little."""

    message = _(
        "This account was not used for a long time. "
        "Please also give the last 6 characters of your document number."
    )


class AccountClosed(NotAllowed):
    """The holder of the number is right, and the account is closed."""

    message = _("This account is closed. Please call the clinic.")


class PhoneNotChanged(Refused):
    """A code is wrong, or the new number has an account; which of them is not said."""

    message = _(
        "The number was not changed: a code is wrong or too old, or this number cannot be used."
    )


class PhoneTaken(Refused):
    """Another account has the number; said to staff only."""

    message = _("Another account has this phone number.")


class FactorCodeInvalid(Refused):
    """A code of an authenticator app or a recovery code is wrong, old, or was used before."""

    message = _("This code is not valid. Please wait for the next one, or check your clock.")


class PasskeyRefused(Refused):
    """What the browser says of a passkey does not hold."""

    message = _("This passkey was not accepted. Please try again, or use another way.")


class AppPresent(Refused):
    """One authenticator app is enough."""

    message = _("There is an authenticator app already. Take it away before you add another.")


class WithoutSecondFactor(Refused):
    """There is nothing to take away, or to make recovery codes for."""

    message = _("This account has no second factor.")


class OwnFactor(Refused):
    """Nobody frees themselves of the second factor."""

    message = _("You cannot take away your own second factor here.")


class OtpRequired(NotAllowed):
    """The password is right, and the account wants a second factor as well."""

    message = _("Please also send a code of your authenticator app as `otp`.")


class SecondFactorMissing(NotAllowed):
    """An account of staff must have a second factor, and has none."""

    message = _("Please sign in to the workbench and set up a second factor first.")


class NameFixed(Refused):
    """A document stands behind the name."""

    message = _("This name is on record with a document. Please ask the desk to correct it.")


class TooManyTries(TryLater):
    """Somebody has failed at the second factor too often."""

    message = _("There were too many failed attempts. Please wait before you try again.")


class ConsentMissing(NotAllowed):
    """What was asked needs an agreement that the member has not given, or has taken back."""

    message = _("This needs your consent to the use of identity and health data.")


class ConsentNotGiven(Refused):
    """There is nothing to take back."""

    message = _("You have not agreed to this, or have taken it back.")


class TermsStay(Refused):
    """An account without terms is none."""

    message = _("The terms hold as long as the account does. To end both, erase your account.")


class StillOpen(Refused):
    """Something is under way that an erased account could not end."""

    message = _("Your account cannot be erased yet. %(reasons)s")


class ExportRunning(Refused):
    """One export at a time."""

    message = _("Your data is being put together already.")


class TooManyExports(Refused):
    """Exports are heavy."""

    message = _("You can ask for your data %(limit)s times a day. Please come back tomorrow.")


class AlreadyErased(Refused):
    """There is nobody left to erase."""

    message = _("This account is already erased.")


class WordsUnfit(Refused):
    """The words leave a variable out, or name one that this message does not have."""

    message = _("The words must hold each variable of this message, and no other braces.")
