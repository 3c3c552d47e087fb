"""Which kinds of messages tell members of their visits?"""

from datetime import timedelta

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
        key="appointment_rescheduled",
        label=_("Changes of time"),
        title=_("Your visit is moved"),
        text=_(
            "Your visit of {before} is moved to {when}. Where: {where}. Please be there by "
            "{arrive_by}. Reference: {reference}. {cancelling}"
        ),
        variables=("before", "when", "where", "arrive_by", "reference", "cancelling"),
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
        key="payment_too_late",
        label=_("Payments that come too late"),
        title=_("Your payment came too late"),
        text=_(
            "Your payment for {when} arrived after the time had been released, and it is no longer "
            "free. You get {amount} back the way you paid. Reference: {reference}."
        ),
        variables=("when", "amount", "reference"),
        channels=("sms", "email"),
    ),
    MessageKind(
        key="insurer_bears_less",
        label=_("Insurers that bear less than was asked for"),
        title=_("Your insurer does not bear all that was asked for"),
        text=_(
            "Of your visit on {when} your insurer bears {borne} of {asked}. {rest} is still to be "
            "paid, online or at the clinic. Reference: {reference}."
        ),
        variables=("when", "borne", "asked", "rest", "reference"),
        channels=("sms", "email"),
    ),
    MessageKind(
        key="money_given_back",
        label=_("Money given back"),
        title=_("Money was given back to you"),
        text=_("{amount} was given back the way you paid: {why}. Reference: {reference}."),
        variables=("amount", "why", "reference"),
        channels=("email",),
    ),
    MessageKind(
        key="appointment_called_off",
        label=_("Visits that the clinic calls off"),
        title=_("The clinic has called off your visit"),
        text=_(
            "We are sorry: the clinic has called off your visit on {when}. {why} {money} {choices} "
            "Reference: {reference}."
        ),
        variables=("when", "why", "money", "choices", "reference"),
        channels=("sms", "email"),
        is_critical=True,
    ),
    MessageKind(
        key="waitlist_offer",
        label=_("Places offered from the waitlist"),
        title=_("A place has come free"),
        text=_(
            "A place has come free: {when}. It is kept for you until {until}. "
            "Accept or decline it on your waitlist page."
        ),
        variables=("when", "until"),
        channels=("sms", "email"),
        is_critical=True,  # its 15 minutes would pass in quiet hours that members set themselves
        good_for=timedelta(minutes=15),
    ),
    MessageKind(
        key="waitlist_lapsed",
        label=_("Offers from the waitlist that have run out"),
        title=_("The place was passed on"),
        text=_("The place on {when} was kept for you until {until} and has been passed on. {next}"),
        variables=("when", "until", "next"),
    ),
    MessageKind(
        key="appointment_missed",
        label=_("Visits that were missed"),
        title=_("You were noted as not come"),
        text=_(
            "Nobody came to your visit on {when}. If that is wrong, or you could not come, open "
            "this visit and tell the clinic. Reference: {reference}."
        ),
        variables=("when", "reference"),
        channels=("sms",),
    ),
    MessageKind(
        key="waitlist_called_off",
        label=_("Sessions you wait for that the clinic calls off"),
        title=_("A session you were waiting for is called off"),
        text=_("The session on {when} will not take place. Please look for another time."),
        variables=("when",),
        channels=("sms", "email"),
    ),
    MessageKind(
        key="waitlist_over",
        label=_("Waits that end without a place"),
        title=_("Your wait has ended without a place"),
        text=_(
            "You were on the waitlist for {wanted}. It has ended without a place for you. Please "
            "look for other times."
        ),
        variables=("wanted",),
        channels=("sms", "email"),
    ),
)
