"""In which ways is a decision refused?"""

from django.utils.translation import gettext_lazy as _

from medbook.errors import Refused


class AnotherPersonDecides(Refused):
    """Whoever asked does not decide."""

    message = _("Another person has to decide what you have asked for.")


class AlreadyDecided(Refused):
    """Somebody was quicker."""

    message = _("This has been decided already.")
