"""What may every page say without being told: which clinic, which member?"""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from django.utils.module_loading import import_string


def page_facts(request: HttpRequest) -> dict[str, Any]:
    """Offer what settings.PAGE_FACTS names; each is asked for only by pages that show it."""
    return {
        name: SimpleLazyObject(partial(_fact, import_string(path), request))
        for name, path in settings.PAGE_FACTS.items()
    }


def _fact(ask: Callable[[Any], Any], request: HttpRequest) -> Any:
    return ask(getattr(request, "user", None))
