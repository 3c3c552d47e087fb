"""Which addresses are there? Read from the URL configuration, so that none is forgotten."""

import re
from dataclasses import dataclass

from django.apps import apps
from django.urls import URLResolver, get_resolver
from django.urls.resolvers import LocalePrefixPattern, RegexPattern

LANGUAGES = ("en", "zh-hans")
ADMIN_ROOTS = ("admin/",)


@dataclass(frozen=True)
class Route:
    """One line of the URL configuration, in one language."""

    name: str
    pattern: str
    language: str = ""

    @property
    def is_api(self):
        return self.pattern.startswith("api/")

    @property
    def is_admin(self):
        return self.pattern.startswith("admin/")

    @property
    def admin_act(self):
        """Return model and act of one of Django's admin pages: ("members.tier", "change")."""
        found = re.fullmatch(r"admin/([a-z]+)/([a-z]+)/(.*)", self.pattern)
        models = apps.all_models[found[1]] if found else {}
        if found is None or found[2] not in models:
            return None  # a page of ours, of no model
        act = re.sub(r"<.*>/?", "", found[3]).strip("/")
        return f"{found[1]}.{found[2]}", act or ("row" if found[3] else "list")

    def __str__(self):
        return f"{self.language} {self.name}".strip()

    def path(self, fill):
        """Write the address; `fill(route, parameter)` tells what stands in each gap."""
        return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda gap: str(fill(self, gap[1])), self.pattern)


def every_route():
    """List all lines of the URL configuration, those below a language once for each."""
    return list(_walk(get_resolver(), "", "", ""))


def _walk(resolver, prefix, namespace, language):
    for part in resolver.url_patterns:
        if isinstance(part.pattern, LocalePrefixPattern):
            for each in LANGUAGES:
                yield from _walk(part, f"{each}/", namespace, each)
            continue
        pattern = prefix + _plain(part.pattern)
        if isinstance(part, URLResolver):
            inner = f"{namespace}{part.namespace}:" if part.namespace else namespace
            yield from _walk(part, pattern, inner, language)
        else:
            name = f"{namespace}{part.name}" if part.name else f"/{pattern}"
            yield Route(name, pattern, language)


def _plain(pattern):
    """Write a regular expression like a path: its named groups become gaps."""
    text = str(pattern)
    if not isinstance(pattern, RegexPattern):
        return text
    return re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<\1>", text).strip("^$")
