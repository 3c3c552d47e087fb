"""Which acts wait for a second person, and how do they end?"""

from collections.abc import Sequence

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Kind(TextChoices):
    """The closed list of such acts; settings.APPROVAL_KINDS names the service of each."""

    POINTS_ADJUSTMENT = "points_adjustment", _("Adjustment of points")


def kinds() -> Sequence[tuple[str, str | Promise]]:
    """List the kinds as a field's choices; by this name, so that a new one asks no migration."""
    return Kind.choices


class ApprovalState(TextChoices):
    """What became of a request."""

    WAITING = "waiting", pgettext_lazy("approval", "Waiting")
    APPROVED = "approved", pgettext_lazy("approval", "Approved")
    REFUSED = "refused", pgettext_lazy("approval", "Refused")
