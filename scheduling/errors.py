"""In which ways does a schedule refuse?"""

from django.utils.translation import gettext_lazy as _

from medbook.errors import Refused


class SlotTaken(Refused):
    """The chosen time went to somebody else."""

    message = _("This time was taken a moment ago. Nothing was charged.")


class SoldOut(Refused):
    """The schedule has no place left."""

    message = _("All places of this session are taken. Nothing was charged.")
