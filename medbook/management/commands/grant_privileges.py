"""Give the application's database role what it needs, and no more."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connections, transaction
from psycopg.sql import SQL, Identifier

GRANTS = (
    "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    "GRANT USAGE ON SCHEMA public TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
    "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public"
    " GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {role}",
)
# Afterwards: what was just given on all tables is taken back on these.
TAKEN_BACK = "REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {role}"


class Command(BaseCommand):
    """Grant as the owner (DATABASE_OWNER_URL) to the role of DATABASE_URL."""

    help = "Let the role of DATABASE_URL read and write rows, and only add to append-only tables."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Grant in one transaction; with one role for both there is nothing to grant."""
        role = str(settings.DATABASES["default"].get("USER", ""))
        owner = str(settings.DATABASES["owner"].get("USER", ""))
        if role == owner:
            self._say(
                "DATABASE_URL and DATABASE_OWNER_URL name the same role: nothing to grant.", options
            )
            return
        grant_privileges(role)
        self._say(f"{role} may read and write rows, and only add to append-only tables.", options)

    def _say(self, text: str, options: dict[str, Any]) -> None:
        if options["verbosity"]:
            self.stdout.write(text)


def grant_privileges(role: str) -> None:
    """Grant a role its rights. Raises: CommandError for a role that does not exist."""
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", [role])
        if cursor.fetchone() is None:
            raise CommandError(f"The database has no role {role}: create it first.")
        for grant in GRANTS:
            cursor.execute(SQL(grant).format(role=Identifier(role)))
        for table in settings.APPEND_ONLY_TABLES:
            taken = SQL(TAKEN_BACK).format(table=Identifier(table), role=Identifier(role))
            cursor.execute(taken)
