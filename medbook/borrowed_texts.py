"""Texts of Django whose Chinese Django lacks; named here, they are collected into our catalogue."""

from django.utils.translation import gettext_noop

BORROWED_TEXTS = (
    gettext_noop("Add link"),
    gettext_noop("After you’ve created a user, you’ll be able to edit more user options."),
    gettext_noop("Change or view list link"),
    gettext_noop("Error:"),
    gettext_noop("Model name"),
)
