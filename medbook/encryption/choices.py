"""What are keys for?"""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Purpose(TextChoices):
    """No key serves two of these."""

    DATA = "data", _("data")
    INDEX = "index", _("index")
