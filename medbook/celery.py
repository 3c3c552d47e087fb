"""Where do tasks run?"""

import os
import sys

from celery import Celery, signals
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medbook.settings")

app = Celery("medbook")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(related_name="notifications")


@signals.setup_logging.connect
def keep_django_logging(**kwargs: object) -> None:
    """Stop Celery from putting its own handlers on the loggers."""


@signals.worker_init.connect
def refuse_unsound_keys(**kwargs: object) -> None:
    """Stop before the first task where the keys are not those of the database."""
    try:
        import_string("medbook.encryption.checks.require_sound_keys")()
    except ImproperlyConfigured as problem:
        sys.exit(str(problem))  # any other exception Celery would log and ignore


@signals.worker_ready.connect
def poke_due_work(**kwargs: object) -> None:
    """Look at once for what was missed while no worker ran."""
    for task in (
        "scheduling.tasks.run_nightly_release",
        "medbook.outbox.tasks.dispatch_outbox",
        "medbook.jobs.tasks.run_jobs",
    ):
        app.send_task(task)
