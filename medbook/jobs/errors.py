"""In which ways is a job not cancelled?"""

from django.utils.translation import gettext_lazy as _

from medbook.errors import Refused


class JobRunsToTheEnd(Refused):
    """Half of such work would be worse than none."""

    message = _("Work of this kind cannot be cancelled; it goes on to its end.")


class JobIsOver(Refused):
    """There is nothing left to cancel."""

    message = _("This job is over already.")
