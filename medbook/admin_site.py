"""What is the staff's site, and what does its home say first?"""

from collections.abc import Callable
from typing import Any

from django.contrib.admin import AdminSite
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path
from django.utils.translation import gettext_lazy as _

from medbook import health


class ReadOnly:
    """Mixed into an admin or an inline: its rows are read here and written by services."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class MedBookAdminSite(AdminSite):
    """Django's admin with MedBook's name; its home lists what needs somebody."""

    site_header = _("MedBook workbench")
    site_title = _("MedBook")
    index_title = _("Home")
    index_template = "admin/home.html"
    enable_nav_sidebar = True

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self.pages: list[URLPattern] = []

    def add_page(self, route: str, view: Callable[..., HttpResponse], name: str) -> None:
        """Hang a staff page below /admin/, before the admin's own routes; staff only."""
        self.pages.append(path(route, self.admin_view(view), name=name))

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Put the apps' pages before the admin's own."""
        return [*self.pages, *super().get_urls()]

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        return super().index(request, {"attention": health.attention(), **(extra_context or {})})
