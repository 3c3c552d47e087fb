"""Bring the database up to this version, before the first process serves."""

from typing import Any

from django.conf import settings
from django.core.cache import caches
from django.core.cache.backends.db import DatabaseCache
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from medbook.encryption.check_values import record_check_values
from medbook.encryption.checks import require_sound_keys


class Command(BaseCommand):
    """Migrate as the owner, grant the application its rights, and load the demo where allowed."""

    help = "Bring the database up to this version; run it before web and worker start."

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what is missing; do nothing twice."""
        verbosity = options["verbosity"]
        if is_behind():
            call_command("migrate", database="owner", verbosity=verbosity, interactive=False)
        if isinstance(caches["default"], DatabaseCache):
            call_command("createcachetable", database="owner", verbosity=0)
        call_command("grant_privileges", verbosity=0)
        record_check_values(using="owner")  # of a key that came without a migration
        require_sound_keys()
        call_command("grant_roles", verbosity=verbosity)
        if settings.IS_DEVELOPMENT:
            call_command("load_demo", verbosity=verbosity)


def is_behind() -> bool:
    """Tell whether the database lacks a migration."""
    executor = MigrationExecutor(connections["owner"])
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
