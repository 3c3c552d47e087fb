"""What do pages answer when nothing else does?"""

import sys

from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    JsonResponse,
)
from django.shortcuts import render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from medbook import api


@require_safe
@vary_on_headers("Accept-Language", "Cookie")
def choose_language(request: HttpRequest) -> HttpResponse:
    """Lead to the home page in the reader's language."""
    return HttpResponseRedirect(f"/{get_language() or 'en'}/")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400."""
    return error_answer(request, 400, _("The request could not be read."))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403."""
    return error_answer(request, 403, _("You are not allowed to do this."))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form that did not come from here, or came too late."""
    return error_answer(request, 403, _("The form was open for too long. Please load it again."))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404."""
    return error_answer(request, 404, _("There is nothing here."))


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Answer 500, or what the error stands for when a middleware met it."""
    answer = api.answer_to(request, sys.exc_info()[1])
    return answer or error_answer(request, 500, _("Something went wrong on our side."))


def error_answer(request: HttpRequest, status: int, detail: str) -> HttpResponse:
    """Answer an error as JSON or as a page, by who asks."""
    if api.is_api(request):
        body = api.problem(api.CODE_BY_STATUS[status], status, detail)
        return JsonResponse(body, status=status, content_type=api.PROBLEM)
    return render(request, f"{status}.html", {"detail": detail}, status=status)
