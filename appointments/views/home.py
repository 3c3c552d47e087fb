"""What does a member see first?"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from appointments.choices import AppointmentState
from appointments.selectors import catalogue, diary, habits
from appointments.selectors.terms import terms_of
from medbook import clock
from members.selectors.people import member_of

AGAIN_CHIPS = 2
HELD = AppointmentState.HELD


@require_safe
@never_cache
def home(request: HttpRequest) -> HttpResponse:
    """Show the next visit, doctors to book again, what opens soon, and the departments."""
    now = clock.now()
    member = member_of(request.user)
    terms = terms_of(member, now)
    departments = catalogue.departments()
    seen = habits.doctors_seen(member) if member else []
    coming = diary.coming(member, now) if member else []
    return render(
        request,
        "appointments/home.html",
        {
            "member": member,
            "clinic": departments[0].clinic if departments else None,
            "next_appointment": next((visit for visit in coming if visit.state != HELD), None),
            "held_appointment": next((visit for visit in coming if visit.state == HELD), None),
            "book_again": catalogue.doctor_cards(seen, terms, now, most_chips=AGAIN_CHIPS)
            if seen
            else [],
            "opening_soon": catalogue.opening_soon(terms, now),
            "departments": departments,
        },
    )
