"""Where do tasks run?"""

import os

from celery import Celery, signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medbook.settings")

app = Celery("medbook")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(related_name="notifications")


@signals.setup_logging.connect
def keep_django_logging(**kwargs: object) -> None:
    """Stop Celery from putting its own handlers on the loggers."""


@signals.worker_ready.connect
def poke_due_work(**kwargs: object) -> None:
    """Look at once for what was missed while no worker ran."""
    for task in ("scheduling.tasks.run_nightly_release", "medbook.outbox.tasks.dispatch_outbox"):
        app.send_task(task)
