"""Which kinds of messages are there, what do they say, and who may switch them off?"""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class MessageKind:
    """One kind of message: its words with their {variables}, and the ways it takes by default.

    Critical ones reach the member by all their ways, whatever was chosen and at any hour.
    """

    key: str
    label: str | Promise
    title: str | Promise
    text: str | Promise
    variables: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    is_critical: bool = False


def by_key(*kinds: MessageKind) -> dict[str, MessageKind]:
    """List kinds by their key, as settings.MESSAGE_KINDS names them."""
    return {kind.key: kind for kind in kinds}


KINDS = by_key(
    MessageKind(
        key="code",
        label=_("Code"),
        title=_("Your code"),
        text=_("{code} is your MedBook code, good for 5 minutes. We never ask you for it."),
        variables=("code",),
        channels=("sms",),
        is_critical=True,
    ),
    MessageKind(
        key="tier_promoted",
        label=_("Higher tier"),
        title=_("Welcome to {tier}"),
        text=_("Your points have brought you to {tier}. It is yours until {until} at least."),
        variables=("tier", "until"),
        channels=("sms", "email"),
    ),
    MessageKind(
        key="tier_demotion_notice",
        label=_("Tier about to end"),
        title=_("Your tier {tier} ends on {ends_at}"),
        text=_(
            "Your points of the last 365 days are {points}; {tier} needs {needed}."
            " On {ends_at} you move to {next_tier}, unless you reach them before."
        ),
        variables=("tier", "next_tier", "ends_at", "points", "needed"),
        channels=("sms", "email"),
    ),
    MessageKind(
        key="tier_demoted",
        label=_("Lower tier"),
        title=_("Your tier is now {tier}"),
        text=_("Your year of {before} is over. What you have booked keeps its price and rules."),
        variables=("tier", "before"),
        channels=("email",),
    ),
    MessageKind(
        key="tier_granted",
        label=_("Tier granted"),
        title=_("The clinic has given you {tier}"),
        text=_("You have {tier} until {until}."),
        variables=("tier", "until"),
        channels=("sms", "email"),
    ),
    MessageKind(
        key="tier_grant_ended",
        label=_("Granted tier ended"),
        title=_("Your tier is now {tier}"),
        text=_("{before}, which the clinic had given you, has ended."),
        variables=("tier", "before"),
        channels=("email",),
    ),
)
