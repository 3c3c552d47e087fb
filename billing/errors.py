"""In which ways does billing say no?"""

from django.utils.translation import gettext_lazy as _

from medbook.errors import Refused


class AlreadyPaid(Refused):
    """Money came in for this invoice."""

    message = _("This has already been paid.")


class WrongState(Refused):
    """The money is not in a state in which this can be done."""

    message = _("This is not possible now. State: %(state)s.")


class NothingToPay(Refused):
    """No invoice waits for money."""

    message = _("There is nothing to pay.")
