"""Which command gives the groups of staff their permissions?"""

from typing import Any

from django.core.management.base import BaseCommand

from members.services.roles import grant_roles


class Command(BaseCommand):
    """Run after migrate, which makes the permissions."""

    help = "Make the groups of staff and give each exactly its permissions."

    def handle(self, *args: Any, **options: Any) -> None:
        """Grant what each role needs."""
        grant_roles()
