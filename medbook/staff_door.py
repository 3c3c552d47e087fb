"""Is the way to the workbench shut as production needs it?"""

from django.conf import settings
from django.core import checks


def check_staff_door(**_options: object) -> list[checks.CheckMessage]:
    """Refuse a production in which a password alone opens the workbench."""
    if settings.STAFF_SECOND_FACTOR_REQUIRED:
        return []
    return [
        checks.Error(
            "Staff gets into the workbench with a password alone.",
            hint="Leave STAFF_SECOND_FACTOR_REQUIRED unset, or set it to true.",
            id="medbook.E101",
        )
    ]
