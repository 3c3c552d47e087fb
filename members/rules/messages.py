"""Which kinds of messages are there, what do they say, and who may switch them off?"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

VARIABLE = re.compile(r"\{([a-z][a-z0-9_]*)\}")
BASIC_SMS = re.compile(r"[\n\r -_a-z{|}~]*")  # ASCII without the backtick, which SMS do not know
DOUBLE_IN_SMS = re.compile(r"[\[\\\]^{|}~]")
SMS_CHARACTERS = (160, 153)  # of one SMS; of each part of a longer one
WIDE_SMS_CHARACTERS = (70, 67)  # as soon as one character is not basic


@dataclass(frozen=True)
class MessageKind:
    """One kind of message: its words with their {variables}, and the ways it takes by default.

    Critical ones reach the member by all their ways, whatever was chosen and at any hour.
    What is not sent while it is `good_for` something is not sent at all.
    """

    key: str
    label: str | Promise
    title: str | Promise
    text: str | Promise
    variables: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    is_critical: bool = False
    good_for: timedelta | None = None

    def ways(self, chosen: Mapping[str, bool], possible: tuple[str, ...]) -> list[str]:
        """Tell by which of the possible ways a member is told, given what the member chose."""
        return [
            way
            for way in possible
            if (way in self.channels if self.is_critical else chosen.get(way, way in self.channels))
        ]


def by_key(*kinds: MessageKind) -> dict[str, MessageKind]:
    """List kinds by their key, as settings.MESSAGE_KINDS names them."""
    return {kind.key: kind for kind in kinds}


def variables_in(words: str) -> set[str]:
    """Tell which {variables} stand in a text."""
    return set(VARIABLE.findall(words))


def has_stray_braces(words: str) -> bool:
    """Tell whether a text has braces that enclose no plain name: no formats, no attributes."""
    return bool(re.search(r"[{}]", VARIABLE.sub("", words)))


@dataclass(frozen=True)
class Unfit:
    """What keeps words from being used: variables left out, unknown ones, stray braces."""

    missing: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    is_stray: bool = False

    def __bool__(self) -> bool:
        return bool(self.missing or self.unknown or self.is_stray)


def wrong_in(kind: MessageKind, title: str, text: str) -> Unfit:
    """Tell what keeps title and text from being the words of a kind in one language.

    Together they hold each variable of the kind at least once, and no other braces.
    Source: docs/flows/messages.md.
    """
    found = variables_in(f"{title}\n{text}")
    return Unfit(
        missing=tuple(name for name in kind.variables if name not in found),
        unknown=tuple(sorted(found - set(kind.variables))),
        is_stray=has_stray_braces(title) or has_stray_braces(text),
    )


def filled(words: str, facts: Mapping[str, str]) -> str:
    """Put facts in the place of {variables}, once and literally.

    A fact is one line, whatever it was made of, so that it cannot look like another message.
    Raises: KeyError for a variable without a fact.
    """
    return VARIABLE.sub(lambda found: one_line(facts[found[1]]), words).strip()


def one_line(text: str) -> str:
    """Write a text on one line, without control characters."""
    spaced = re.sub(r"\s+", " ", text)
    return "".join(c for c in spaced if unicodedata.category(c) not in ("Cc", "Cs")).strip()


def sms_parts(text: str) -> int:
    """Tell in how many SMS a text is sent. Source: 3GPP TS 23.038, 23.040."""
    if BASIC_SMS.fullmatch(text):
        length, (whole, part) = len(text) + len(DOUBLE_IN_SMS.findall(text)), SMS_CHARACTERS
    else:
        length, (whole, part) = len(text.encode("utf-16-le")) // 2, WIDE_SMS_CHARACTERS
    return 1 if length <= whole else -(-length // part)


KINDS = by_key(
    MessageKind(
        key="code",
        label=_("One-time codes"),
        title=_("Your code"),
        text=_("{code} is your MedBook code, good for 5 minutes. We never ask you for it."),
        variables=("code",),
        channels=("sms",),
        is_critical=True,
        good_for=timedelta(minutes=5),
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
    MessageKind(
        key="family_link_added",
        label=_("Somebody books for you"),
        title=_("Somebody wants to book for {name}"),
        text=_("Look at your patients to see who it is, and say whether you agree."),
        variables=("name",),
        channels=("sms",),
    ),
    MessageKind(
        key="family_consent_given",
        label=_("Consent to book for somebody"),
        title=_("You may book for {name}"),
        text=_("{name} has agreed that you make appointments."),
        variables=("name",),
    ),
    MessageKind(
        key="family_consent_withdrawn",
        label=_("End of a consent to book"),
        title=_("You can no longer book for {name}"),
        text=_("{name} has withdrawn the consent. What is booked stays booked."),
        variables=("name",),
    ),
    MessageKind(
        key="consent_at_18",
        label=_("A child comes of age"),
        title=_("{name} is 18 soon"),
        text=_("From {day} on you can book only if {name} agrees, online or at the desk."),
        variables=("name", "day"),
    ),
    MessageKind(
        key="booking_paused",
        label=_("Booking paused after missed visits"),
        title=_("Online booking for {name} is paused"),
        text=_(
            "Visits were missed. Online booking is possible again from {until}. "
            "You may ask the clinic to look at it."
        ),
        variables=("name", "until"),
        channels=("sms",),
        is_critical=True,
    ),
    MessageKind(
        key="booking_resumed",
        label=_("Booking possible again"),
        title=_("Online booking for {name} is possible again"),
        text=_("The clinic has lifted the pause."),
        variables=("name",),
    ),
    MessageKind(
        key="strike_appeal_accepted",
        label=_("Answers about missed visits"),
        title=_("The missed visit no longer counts"),
        text=_("The clinic has looked at the visit on {when}. It no longer counts as missed."),
        variables=("when",),
    ),
    MessageKind(
        key="strike_appeal_refused",
        label=_("Answers about missed visits that count"),
        title=_("The clinic has answered about the missed visit"),
        text=_("The visit on {when} still counts as missed. Open this message to read why."),
        variables=("when",),
    ),
    MessageKind(
        key="password_changed",
        label=_("New password"),
        title=_("Your password was changed"),
        text=_(
            "The password of your MedBook account was changed. "
            "If that was not you, please call the clinic at once."
        ),
        channels=("sms", "email"),
        is_critical=True,
    ),
    MessageKind(
        key="phone_changed",
        label=_("New phone number"),
        title=_("Your phone number was changed"),
        text=_(
            "The phone number of your MedBook account was changed. "
            "If that was not you, please call the clinic at once."
        ),
        channels=("sms", "email"),
        is_critical=True,
    ),
    MessageKind(
        key="second_factor_changed",
        label=_("Second factor"),
        title=_("Your second factor was changed"),
        text=_("The second factor of your account was changed. If that was not you, call us."),
        channels=("sms", "email"),
        is_critical=True,
    ),
    MessageKind(
        key="points_earned",
        label=_("Points earned"),
        title=_("You have earned points"),
        text=_("Your visit earned {points} points. You now have {balance}."),
        variables=("points", "balance"),
    ),
    MessageKind(
        key="points_given_back",
        label=_("Points given back"),
        title=_("Your points are back"),
        text=_("{points} points of a visit that did not come about are yours again."),
        variables=("points",),
    ),
    MessageKind(
        key="points_taken_back",
        label=_("Points taken back"),
        title=_("Points were taken back"),
        text=_("With your refund, {points} earned points were taken back. You now have {balance}."),
        variables=("points", "balance"),
    ),
    MessageKind(
        key="points_expiring",
        label=_("Points that expire soon"),
        title=_("{points} points expire on {day}"),
        text=_("Use them for a visit by then: they pay up to a fifth of its fee."),
        variables=("points", "day"),
        channels=("email",),
    ),
    MessageKind(
        key="points_adjusted",
        label=_("Points adjusted"),
        title=_("The clinic has adjusted your points"),
        text=_("Your points changed by {points}. You now have {balance}."),
        variables=("points", "balance"),
    ),
)
