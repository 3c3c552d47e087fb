"""Which doctors are there, and when is one free?"""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from appointments.forms import DayForm, FindForm
from appointments.selectors import catalogue
from appointments.selectors.picker import picker
from appointments.selectors.terms import terms_of
from medbook import clock
from members.selectors.people import member_of

CARDS_ON_A_PAGE = 20


@require_safe
@never_cache
def doctors(request: HttpRequest) -> HttpResponse:
    """Find doctors by name, department, day, half-day and title."""
    now = clock.now()
    member = member_of(request.user)
    terms = terms_of(member, now)
    form = FindForm(request.GET, departments=catalogue.departments())
    is_valid = form.is_valid()
    filters = form.filters
    pages = Paginator(catalogue.found_doctors(filters, terms, now), CARDS_ON_A_PAGE)
    page = pages.get_page(request.GET.get("page"))
    loosest = None if pages.count else catalogue.loosest_filter(filters, terms, now)
    return render(
        request,
        "appointments/doctors.html",
        {
            "member": member,
            "form": form,
            "cards": catalogue.doctor_cards(list(page), terms, now, filters=filters),
            "count": pages.count,
            "asked_day": filters.day,
            "page": page,
            "page_query": _query(request, without="page"),
            "loosest": loosest
            and {
                "label": form.fields[loosest[0]].label,
                "count": loosest[1],
                "query": _query(request, without=loosest[0]),
            },
        },
        status=200 if is_valid else 400,
    )


@require_safe
@never_cache
def doctor(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a doctor's week and the times of one day."""
    now = clock.now()
    member = member_of(request.user)
    shown = get_object_or_404(catalogue.doctors(), slug=slug)
    asked = DayForm(request.GET)
    asked.is_valid()  # what cannot be read is ignored: the page has a day to show anyway
    offer = picker(
        doctor=shown,
        member=member,
        terms=terms_of(member, now),
        wanted=asked.cleaned_data.get("day"),
        chosen_at=asked.cleaned_data.get("at"),
        now=now,
    )
    return render(
        request,
        "appointments/doctor.html",
        {
            "member": member,
            "clinic": shown.department.clinic,
            "doctor": shown,
            "days": offer.days,
            "day": offer.day,
            "sessions": offer.sessions,
            "previous_week": offer.previous_week,
            "next_week": offer.next_week,
            "next_free_on": offer.next_free_on,
            "tail": offer.tail,
            "colleagues": offer.colleagues,
            "opening": None if offer.day.free else offer.opening,
            "chosen": offer.chosen,
            "is_chosen_gone": bool(asked.cleaned_data.get("at")) and offer.chosen is None,
        },
    )


def _query(request: HttpRequest, *, without: str) -> str:
    """Write the query of this page again, less one parameter and what is empty."""
    query = request.GET.copy()
    for name in [name for name in query if name == without or not query[name]]:
        del query[name]
    return query.urlencode()
