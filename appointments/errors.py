"""In which ways is a booking refused?"""

from django.utils.translation import gettext_lazy as _

from medbook.errors import Missing, NotAllowed, Refused


class NotOpenYet(Refused):
    """The release is still to come for this booker."""

    message = _("Booking opens %(opens_at)s.")


class SaleOver(Refused):
    """The sale has stopped."""

    message = _("Booking for this session has closed.")


class CalledOff(Refused):
    """The doctor does not sit."""

    message = _("The doctor is not available; this session was called off.")


class InThePast(Refused):
    """The time has begun."""

    message = _("This time has already passed.")


class PatientBusy(Refused):
    """The patient has another appointment at that time."""

    message = _("The patient already has an appointment at this time.")


class AlreadyBookedDoctorDay(Refused):
    """The patient sees this doctor that day already."""

    message = _("The patient already has an appointment with this doctor on that day.")


class AlreadyBookedDepartmentDay(Refused):
    """The department sees a patient once a day."""

    message = _("The patient already has an appointment in this department on that day.")


class TooManyOpen(Refused):
    """A limit of open appointments is reached."""

    message = _("That is the most appointments that can be open at once: %(limit)s.")


class MemberSuspended(NotAllowed):
    """Online booking is paused for this member."""

    message = _("Online booking is paused for you until %(until)s. Please call the clinic.")


class ConsentMissing(NotAllowed):
    """The patient has not agreed, or no longer, or has come of age since."""

    message = _("The patient's consent is missing. It can be given online or at the desk.")


class PatientSuspended(NotAllowed):
    """Online booking is paused for this patient, whoever books."""

    message = _(
        "Online booking for this patient is paused until %(until)s. Please call the clinic."
    )


class CoolingDown(Refused):
    """Too many holds ran out today."""

    message = _("Several times were held and not confirmed. You can book again from %(until)s.")


class IdentityIncomplete(Refused):
    """Online booking needs an identity document."""

    message = _("The patient's identity document is missing.")


class NotYourPatient(Missing):
    """The member may not book for this patient."""

    message = _("There is no such patient in your account.")


class PayAtDeskNotAllowed(Refused):
    """The tier does not allow paying at the clinic."""

    message = _("Paying at the clinic is not possible with your membership.")


class TooManyPoints(Refused):
    """Points pay a part of the fee only."""

    message = _("At most %(most)s points can be used for this visit.")


class HoldExpired(Refused):
    """The hold ran out."""

    message = _(
        "The time was held until %(expired_at)s and has been released. Nothing was charged."
    )


class OfferExpired(Refused):
    """The offer ended unanswered, was answered before, or was withdrawn."""

    message = _("This place was kept for you until %(expired_at)s and has been passed on.")


class PlaceDoesNotFit(Refused):
    """The place cannot be offered to this wish."""

    message = _("This place cannot be offered: %(why)s.")


class WaitlistFull(Refused):
    """A patient waits for as much as is allowed."""

    message = _("A patient can wait for %(limit)s places at once. Leave one of them first.")


class WaitlistDuplicate(Refused):
    """The patient waits for the same already."""

    message = _("The patient is on this waitlist already.")


class TooFarAhead(Refused):
    """There are no sessions yet so late."""

    message = _("Places can be waited for up to %(last_day)s.")


class PlacesFree(Refused):
    """There is no need to wait."""

    message = _("A place that fits is free right now. It can be booked at once.")


class TooLateToCancel(Refused):
    """The deadline has passed."""

    message = _("Free cancellation ended %(deadline)s. Please call the clinic.")


class RescheduleLimit(Refused):
    """The free changes of time are used up."""

    message = _(
        "A visit can be moved %(limit)s times online. Please call the clinic to move it again."
    )


class OtherDepartment(Refused):
    """A visit moves within its department."""

    message = _("A visit can be moved within its department only.")


class AlreadyCancelled(Refused):
    """There is nothing left to cancel."""

    message = _("This appointment is already cancelled.")


class WrongState(Refused):
    """The appointment's state does not allow this."""

    message = _("This is not possible now. State: %(state)s.")


class OutsideCheckInWindow(Refused):
    """It is not the day of the visit."""

    message = _("Check-in is possible on the day of the visit only.")


class StillExpected(Refused):
    """It is too early to say that somebody has not come."""

    message = _("The patient is waited for until %(until)s.")


class RepairOver(Refused):
    """The day of the visit is over."""

    message = _("A visit's state can be corrected on the day of the visit only.")


class NobodyAwaited(Refused):
    """The session is over: who has not come by now has missed it."""

    message = _(
        "The session is over, so nobody is waited for any more. If the patient was there, tick "
        "that; otherwise excuse the missed visit."
    )


class PaymentDue(Refused):
    """The rest of a higher price is to be paid before the visit."""

    message = _("The new time costs more. Please take the rest of the payment first.")
