"""In which ways does billing say no?"""

from django.utils.translation import gettext_lazy as _

from medbook.errors import Refused


class AlreadyPaid(Refused):
    """Money came in for this invoice."""

    message = _("This has already been paid.")


class NothingToPay(Refused):
    """No invoice waits for money."""

    message = _("There is nothing to pay.")
