"""Which kinds of messages tell members of their visits?"""

from django.utils.translation import gettext_lazy as _

from members.rules.messages import MessageKind, by_key

# No department, doctor or illness: messages are read on locked screens.
KINDS = by_key(
    MessageKind(
        key="appointment_booked",
        label=_("Confirmations of bookings"),
        title=_("Your visit is booked"),
        text=_(
            "Your visit is booked for {when}. Where: {where}. Please be there by {arrive_by}. "
            "Reference: {reference}. {cancelling}"
        ),
        variables=("when", "where", "arrive_by", "reference", "cancelling"),
        channels=("sms", "email"),
    ),
    MessageKind(
        key="appointment_cancelled",
        label=_("Confirmations of cancelling"),
        title=_("Your visit is cancelled"),
        text=_("Your visit on {when} is cancelled. Reference: {reference}."),
        variables=("when", "reference"),
        channels=("sms", "email"),
    ),
    MessageKind(
        key="appointment_called_off",
        label=_("Visits that the clinic calls off"),
        title=_("The clinic has called off your visit"),
        text=_(
            "We are sorry: your visit on {when} cannot take place. It costs you nothing. "
            "Reference: {reference}. Please choose another time."
        ),
        variables=("when", "reference"),
        channels=("sms", "email"),
        is_critical=True,
    ),
)
