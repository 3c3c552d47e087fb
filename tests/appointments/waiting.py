"""Short ways to wait for a place in tests."""

from datetime import timedelta

from appointments.choices import HalfDay
from appointments.models import Offer, WaitlistEntry
from appointments.services.cancelling import cancel_appointment
from appointments.services.offer_answers import accept_offer, decline_offer
from medbook import clock


def wait_for(schedule, member, /, **fields):
    """Put a member's first patient on the waitlist of a schedule, as the service does."""
    wish = {
        "member": member,
        "patient": member.links.order_by("id").first().patient,
        "department": schedule.department,
        "doctor": schedule.doctor,
        "schedule": schedule,
        "first_day": schedule.service_date,
        "last_day": schedule.service_date,
        "half_days": [HalfDay.MORNING, HalfDay.AFTERNOON, HalfDay.EVENING],
        "joined_at": clock.now(),
    }
    return WaitlistEntry.objects.create(**{**wish, **fields})


def cancel(appointment, now=None):
    """Cancel as the member does."""
    return cancel_appointment(
        appointment_uid=appointment.uid, by=appointment.member.user, now=now or clock.now()
    )


def open_offer(member):
    """Return the open offer of a member's wish, or None."""
    return Offer.objects.open().filter(entry__member=member).first()


def accept(offer, now=None):
    """Accept as the member does."""
    return accept_offer(offer_uid=offer.uid, by=offer.member.user, now=now or clock.now())


def decline(offer, *, keep=False, now=None):
    """Decline as the member does."""
    return decline_offer(
        offer_uid=offer.uid, keep=keep, by=offer.member.user, now=now or clock.now()
    )


def after(offer):
    """Return the instant at which an offer has run out."""
    return offer.expires_at + timedelta(seconds=1)
