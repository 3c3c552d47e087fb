"""Where is this page in the other language?"""

from dataclasses import dataclass

from django import template
from django.conf import settings
from django.http import HttpRequest
from django.urls import translate_url
from django.utils.translation import get_language, get_language_info

register = template.Library()


@dataclass(frozen=True)
class LanguageLink:
    """A way to the same page in a language, named in that language."""

    code: str
    name: str
    url: str


@register.simple_tag
def other_languages(request: HttpRequest) -> list[LanguageLink]:
    """List this page in the other languages; an answer to a form leads to the home page."""
    return [
        LanguageLink(code, get_language_info(code)["name_local"], _address(request, code))
        for code, _name in settings.LANGUAGES
        if code != get_language()
    ]


def _address(request: HttpRequest, code: str) -> str:
    if request.method not in ("GET", "HEAD"):
        return f"/{code}/"
    return translate_url(request.get_full_path(), code)
