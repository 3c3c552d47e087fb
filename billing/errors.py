"""In which ways does billing say no?"""

from django.utils.translation import gettext_lazy as _

from medbook.errors import Refused, TryLater


class AlreadyPaid(Refused):
    """Money came in for this invoice."""

    message = _("This has already been paid.")


class WrongState(Refused):
    """The money is not in a state in which this can be done."""

    message = _("This is not possible now. State: %(state)s.")


class NothingToPay(Refused):
    """No invoice waits for money."""

    message = _("There is nothing to pay.")


class TooLateToPay(Refused):
    """The time in which this could be paid online is over."""

    message = _("The time to pay for this is over. Nothing was charged.")


class UnknownGateway(Refused):
    """This way to pay is not offered."""

    message = _("This way to pay is not offered.")


class PaymentDeclined(Refused):
    """The gateway refused to take the money."""

    message = _("The payment service refused: %(why)s. Nothing was charged.")


class GatewayAway(TryLater):
    """The gateway does not answer."""

    message = _("The payment service does not answer. Please try again, or pay in another way.")


class RefundExceedsPayment(Refused):
    """More would go back than came in."""

    message = _("At most %(most)s of this payment can still be given back.")


class SecondPersonRequired(Refused):
    """Whoever asked does not approve."""

    message = _("Another person has to approve what you have asked for.")


class DifferencesOpen(Refused):
    """Something of the day is not decided yet."""

    message = _("Differences that are still open: %(count)s. Please decide about each first.")


class DayNotOver(Refused):
    """The day still runs, or has not begun."""

    message = _("This day is not over yet.")


class UnreadableStatement(Refused):
    """A file is not a statement of this gateway and day."""

    message = _("This is no statement of this gateway and day. Line %(line)s: %(why)s.")


class DecidedLineGone(Refused):
    """A new statement leaves out what somebody has already decided about."""

    message = _("A line that was already decided about is not in this statement: %(number)s.")


class DoesNotAddUp(Refused):
    """The gateway's account would not agree with the statement."""

    message = _("Books and statement do not add up to the cent. Please import the statement again.")


class StillOpen(Refused):
    """What was tried settled nothing."""

    message = _("The gateway has nothing new to say. The difference stays open.")


class CashMoved(Refused):
    """Money came in, went out or was counted since the page was opened."""

    message = _("Money came in or went out since you opened this page. Please look again.")


class NoteRequired(Refused):
    """A difference between the books and what was counted is not explained."""

    message = _("This does not agree with the books. Please say why.")


class BadCash(Refused):
    """An amount cannot be what lies in a drawer."""

    message = _("Please count amounts from 0 to 9,999,999.99, and leave no more than you counted.")


class BadCardTotal(Refused):
    """An amount cannot be the total of a card terminal."""

    message = _("Please type a total from -9,999,999.99 to 9,999,999.99.")


class PolicyNotValid(Refused):
    """The policy does not hold for this patient on the day of the visit."""

    message = _("This insurance is not valid for this patient on the day of the visit.")


class VisitNotCovered(Refused):
    """The plan leaves out this kind of visit."""

    message = _("This insurance does not cover this kind of visit.")


class PolicyKnown(Refused):
    """Somebody has this number with this plan already."""

    message = _("This number is on record for this insurance already.")


class DocumentFirst(Refused):
    """Only who has a document on record is insured."""

    message = _("Please name the patient's document first.")


class InsurerAway(TryLater):
    """The insurer does not answer."""

    message = _("The insurer does not answer. Please try again later.")
