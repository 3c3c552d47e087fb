"""How do staff import and export what an admin lists?"""

import base64
import uuid
from typing import Any, ClassVar

from django.contrib import messages
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from medbook import clock
from medbook.admin_site import ChoosingAdmin
from medbook.errors import Refused
from members.selectors.people import signed_in
from scheduling.forms import ApplyForm, UploadForm
from scheduling.services.imports import (
    RESOURCES,
    ImportReport,
    check_file,
    export_file,
    import_file,
)

CHECKED_FOR_SECONDS = 3600
MOST_PROBLEMS_SHOWN = 200
CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class FilesAdmin(ChoosingAdmin):
    """An admin whose rows come from files too: checked first, then imported as a whole."""

    change_list_template = "admin/scheduling/files_list.html"
    exported_with: ClassVar[list[str]] = []

    def get_urls(self) -> list[URLPattern]:
        """Add the pages of import and export."""
        pages = {"import": self.import_page, "export": self.export_page}
        added = [
            path(f"{name}/", self.admin_site.admin_view(page), name=self._url_name(name))
            for name, page in pages.items()
        ]
        return [*added, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Offer import and export beside the list."""
        may = {"may_import": self._may_import(request), "file_formats": list(CONTENT_TYPES)}
        return super().changelist_view(request, {**may, **(extra_context or {})})

    def import_page(self, request: HttpRequest) -> HttpResponse:
        """Take a file, say what it would do, and do it on a second press."""
        return _import_page(request, self)

    def export_page(self, request: HttpRequest) -> HttpResponse:
        """Give what the list shows, with its filters, as a file that can be imported again."""
        return _export_page(request, self)

    def _may_import(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request) and self.has_change_permission(request)

    def _url_name(self, name: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{name}"


@require_http_methods(["GET", "POST"])
def _import_page(request: HttpRequest, model_admin: FilesAdmin) -> HttpResponse:
    if not model_admin._may_import(request):
        raise PermissionDenied
    if "token" in request.POST:
        return _apply(request, model_admin)
    form = UploadForm(request.POST or None, request.FILES or None)
    if not form.is_valid():
        return _page(request, model_admin, form, status=422 if form.is_bound else 200)
    content = form.cleaned_data["file"].read()
    try:
        report = check_file(model=model_admin.model, content=content)
    except Refused as refusal:
        form.add_error("file", refusal.detail)
        return _page(request, model_admin, form, status=422)
    if not report.is_clean:
        return _page(request, model_admin, form, report=report, status=422)
    token = _keep(request, content)
    return _page(request, model_admin, UploadForm(), report=report, token=token)


def _apply(request: HttpRequest, model_admin: FilesAdmin) -> HttpResponse:
    content = _kept(request)
    if content is None:
        form = UploadForm()
        form.cleaned_data = {}
        messages.error(request, _("The check is too old. Please choose the file again."))
        return _page(request, model_admin, form, status=422)
    try:
        report = import_file(model=model_admin.model, content=content, by=signed_in(request.user))
    except Refused as refusal:
        messages.error(request, refusal.detail)
        return _page(request, model_admin, UploadForm(), status=422)
    if not report.is_clean:  # the catalogue has changed since the check
        return _page(request, model_admin, UploadForm(), report=report, status=422)
    text = _("Imported: %(new)d new, %(changed)d changed, %(unchanged)d unchanged.")
    messages.success(request, text % vars(report))
    opts = model_admin.opts
    return HttpResponseRedirect(reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist"))


def _page(
    request: HttpRequest,
    model_admin: FilesAdmin,
    form: UploadForm,
    *,
    report: ImportReport | None = None,
    token: uuid.UUID | None = None,
    status: int = 200,
) -> HttpResponse:
    resource = RESOURCES[model_admin.model]
    problems = report.problems if report else []
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": _("Import %(rows)s") % {"rows": model_admin.opts.verbose_name_plural},
        "form": form,
        "report": report,
        "problems": problems[:MOST_PROBLEMS_SHOWN],
        "hidden_problems": max(len(problems) - MOST_PROBLEMS_SHOWN, 0),
        "token": token,
        "columns": resource.columns(),
        "optional": resource.optional,
    }
    return TemplateResponse(request, "admin/scheduling/import.html", context, status=status)


def _keep(request: HttpRequest, content: bytes) -> uuid.UUID:
    """Keep a checked file for the second press, for this person only."""
    token = uuid.uuid4()
    text = base64.b64encode(content).decode()
    cache.set(_cache_key(request, token), text, timeout=CHECKED_FOR_SECONDS)
    return token


def _kept(request: HttpRequest) -> bytes | None:
    form = ApplyForm(request.POST)
    if not form.is_valid():
        return None
    key = _cache_key(request, form.cleaned_data["token"])
    text = cache.get(key)
    cache.delete(key)
    return base64.b64decode(text) if text else None


def _cache_key(request: HttpRequest, token: uuid.UUID) -> str:
    return f"import:{request.user.pk}:{token}"


@require_safe
def _export_page(request: HttpRequest, model_admin: FilesAdmin) -> HttpResponse:
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    asked = request.GET.copy()
    file_format = asked.pop("format", ["csv"])[-1]
    if file_format not in CONTENT_TYPES:
        raise Http404
    request.GET = asked  # type: ignore[assignment]
    rows = model_admin.get_changelist_instance(request).get_queryset(request)
    rows = rows.select_related(*model_admin.exported_with)
    content = export_file(rows=rows, file_format=file_format, by=signed_in(request.user))
    today = clock.now().date()
    name = f"{model_admin.opts.model_name}-{today}.{file_format}"
    return HttpResponse(
        content,
        content_type=CONTENT_TYPES[file_format],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
