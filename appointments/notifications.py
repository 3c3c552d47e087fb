"""What is a member told after the commit?"""

import uuid

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from appointments import rules
from appointments.choices import AppointmentState
from appointments.models import Appointment
from medbook import clock


def send_confirmation(*, appointment_uid: str) -> None:
    """Send the confirmation by e-mail, once; without department, speciality or health data.

    A member without an address, or a booking that ended meanwhile, gets none.
    """
    appointment = Appointment.objects.select_related(
        "member__user", "department__clinic", "slot__schedule__room"
    ).get(uid=uuid.UUID(appointment_uid))
    email = appointment.member.email
    if (
        email is None
        or appointment.confirmation_sent_at is not None
        or appointment.state != AppointmentState.BOOKED
    ):
        return
    clinic = appointment.department.clinic
    with translation.override(appointment.member.user.language):
        text = render_to_string(
            "appointments/email/confirmation.txt",
            {
                "appointment": appointment,
                "clinic": clinic,
                "room": appointment.slot.schedule.room,
                "when": clock.text(appointment.starts_at, clinic.time_zone),
                "arrive_by": clock.text(rules.arrive_by(appointment.starts_at), clinic.time_zone),
                "is_cancellable": clock.now() < appointment.cancel_until,
                "cancel_until": clock.text(appointment.cancel_until, clinic.time_zone),
                "address": f"{settings.BASE_URL}/{translation.get_language()}/appointments/"
                f"{appointment.reference}/",
            },
        )
        subject = _("Your visit at %(clinic)s") % {"clinic": clinic.name}
    send_mail(subject, text, None, [email.reveal()])
    appointment.confirmation_sent_at = clock.now()
    appointment.save(update_fields=["confirmation_sent_at"])
