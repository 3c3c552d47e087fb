"""MedBook: the wiring, and the few things that every app may import."""

from medbook.celery import app as celery_app

__all__ = ["celery_app"]
