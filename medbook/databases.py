"""From which database is what read?"""

from django.conf import settings


def catalogue() -> str:
    """Name the database that answers public catalogue lists: the replica where there is one."""
    return "replica" if "replica" in settings.DATABASES else "default"


def reports() -> str:
    """Name the database that answers the reports: the replica where there is one."""
    return catalogue()
