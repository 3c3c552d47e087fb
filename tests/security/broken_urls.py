"""MedBook's addresses, and some that break in every way."""

import psycopg
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.urls import path

from medbook import urls
from medbook.errors import TryLater

handler400 = urls.handler400
handler403 = urls.handler403
handler404 = urls.handler404
handler500 = urls.handler500


def bug(request):
    raise LookupError("a bug with a phone number 13800138000")


def database(request):
    raise OperationalError("away") from psycopg.OperationalError("away")


def lock(request):
    raise TryLater()


def permission(request):
    raise PermissionDenied


urlpatterns = [
    *(
        path(f"{prefix}broken/{view.__name__}/", view)
        for prefix in ("en/", "api/v1/", "admin-")
        for view in (bug, database, lock, permission)
    ),
    *urls.urlpatterns,
]
