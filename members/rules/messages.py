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
)
