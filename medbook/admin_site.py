"""What is the staff's site, and what does its home say first?"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from django.conf import settings
from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.admin.widgets import AutocompleteSelect
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.functional import Promise
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from medbook import health

View = Callable[..., HttpResponse]


class ReadOnly:
    """Mixed into an admin or an inline: its rows are read here and written by services."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@dataclass(frozen=True)
class Page:
    """One staff page that no model has: where it is, what it is called, who may see it.

    Those below another page are not on the home. Without a permission, the view decides.
    """

    route: str
    view: View
    name: str
    title: str | Promise
    permission: str | None
    is_on_home: bool = True


class SoundSelect(AutocompleteSelect):
    """A choice of one among many; what is no id at all is shown as no choice."""

    def optgroups(
        self, name: str, value: Sequence[str], attrs: dict[str, Any] | None = None
    ) -> Any:
        """Look up what may be an id: Django's own breaks on anything else."""
        return super().optgroups(name, [each for each in value if str(each).isdecimal()], attrs)


class ChoosingAdmin(ModelAdmin):
    """An admin whose forms choose among many rows, whatever a broken form says."""

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        """Use the sound widget for what is chosen by searching."""
        if db_field.name in self.get_autocomplete_fields(request):
            options.setdefault("widget", SoundSelect(db_field, self.admin_site))
        return super().formfield_for_foreignkey(db_field, request, **options)


class MedBookAdminSite(AdminSite):
    """Django's admin with MedBook's name; its home lists what needs somebody."""

    site_header = _("MedBook workbench")
    site_title = _("MedBook")
    index_title = _("Home")
    index_template = "admin/home.html"
    enable_nav_sidebar = True

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self.pages: list[Page] = []

    def add_page(
        self,
        route: str,
        view: View,
        *,
        name: str,
        title: str | Promise,
        permission: str | None,
        is_on_home: bool = True,
    ) -> None:
        """Hang a page below /admin/ for staff with a permission; the home leads to it."""
        self.pages.append(Page(route, view, name, title, permission, is_on_home))

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Put the apps' pages before the admin's own."""
        pages = [
            path(page.route, self.admin_view(self._permitted(page)), name=page.name)
            for page in self.pages
        ]
        return [*pages, *super().get_urls()]

    def has_permission(self, request: HttpRequest) -> bool:
        """Let staff in that has shown all that settings.STAFF_DOOR asks for."""
        return super().has_permission(request) and bool(_door("may_enter")(request))

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Ask for name and password; who lacks something else is led there first."""
        index = reverse("admin:index", current_app=self.name)
        if request.method == "GET" and self.has_permission(request):
            return redirect(index)
        if first := _door("first_step")(request):
            return redirect(first)
        context = {
            **self.each_context(request),
            "title": _("Staff sign-in"),
            "app_path": request.get_full_path(),
            "username": request.user.get_username(),
        }
        if REDIRECT_FIELD_NAME not in request.GET and REDIRECT_FIELD_NAME not in request.POST:
            context[REDIRECT_FIELD_NAME] = index
        request.current_app = self.name
        answer: HttpResponse = _door("sign_in")(request, {**context, **(extra_context or {})})
        return answer

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        pages = [page for page in self.pages if page.is_on_home and self._may_open(page, request)]
        attention = health.attention((*settings.READINESS_CHECKS, *settings.HOME_CHECKS))
        facts = {
            "attention": attention,
            "errands": health.errands(request.user),
            "pages": pages,
        }
        return super().index(request, {**facts, **(extra_context or {})})

    @staticmethod
    def _may_open(page: Page, request: HttpRequest) -> bool:
        return page.permission is None or request.user.has_perm(page.permission)

    def _permitted(self, page: Page) -> View:
        """Turn away staff without the page's permission."""

        @functools.wraps(page.view)
        def view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not self._may_open(page, request):
                raise PermissionDenied
            return page.view(request, *args, **kwargs)

        return view


def _door(name: str) -> Callable[..., Any]:
    return cast("Callable[..., Any]", import_string(settings.STAFF_DOOR[name]))
