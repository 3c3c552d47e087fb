"""How does staff see appointments and act on them?"""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.validators import RegexValidator
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from appointments.choices import AppointmentState
from appointments.models import Appointment, AppointmentQuerySet
from appointments.selectors.terms import agreed_price
from appointments.selectors.visits import with_details
from appointments.services.calling_off import call_off_schedules
from appointments.services.cancelling import cancel_appointment
from appointments.services.missing import mark_no_show, undo_no_show
from appointments.services.payment import take_desk_payment
from appointments.services.visits import (
    check_in,
    finish_visit,
    start_visit,
    undo_check_in,
    undo_start,
)
from billing.choices import DESK_GATEWAYS, Gateway
from medbook import clock
from medbook.admin_actions import ActingAdmin, Answers, ReasonForm, confirmed_action
from medbook.admin_site import ReadOnly
from medbook.references import normalised_reference
from members.selectors.people import signed_in
from scheduling.admin.schedules import ScheduleAdmin as SchedulingScheduleAdmin
from scheduling.models import Clinic, Schedule


class DeskPaymentForm(forms.Form):
    """Ask how it was paid."""

    gateway = forms.ChoiceField(
        label=gettext_lazy("Way to pay"),
        choices=[(each.value, each.label) for each in DESK_GATEWAYS],
    )
    terminal = forms.CharField(
        label=gettext_lazy("Number on the card terminal's slip"),
        help_text=gettext_lazy("For a card only; letters and digits."),
        required=False,
        max_length=20,
        validators=[RegexValidator(r"^[A-Za-z0-9-]+\Z")],
    )

    def clean(self) -> dict[str, Any]:
        """Ask for the slip's number where a card paid, and nowhere else."""
        said: dict[str, Any] = super().clean() or {}
        is_card = said.get("gateway") == Gateway.DESK_CARD
        if is_card != bool(said.get("terminal")) and "terminal" not in self.errors:
            wrong = _("A card's payment has a number on its slip; cash has none.")
            self.add_error("terminal", wrong)
        return said


class UndoneForm(forms.Form):
    """Ask whether the patient is there."""

    has_come = forms.BooleanField(
        label=gettext_lazy("The patient is there now"),
        required=False,
        help_text=gettext_lazy("Otherwise the patient is waited for again."),
    )


class TodayFilter(admin.SimpleListFilter):
    """Keep the visits of the day, by each clinic's own calendar."""

    title = gettext_lazy("day of the visit")
    parameter_name = "day"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer today only; the calendar above the list leads to other days."""
        return [("today", _("Today"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep what takes place today."""
        if self.value() != "today":
            return queryset
        now, today = clock.now(), Q(pk__in=[])
        for clinic in Clinic.objects.all():
            day = clock.local_date(now, clinic.time_zone)
            today |= Q(department__clinic=clinic, service_date=day)
        return queryset.filter(today)


@admin.register(Appointment)
class AppointmentAdmin(ReadOnly, ActingAdmin):
    """Appointments: looked at here, changed by actions only."""

    list_display = ("reference", "time", "doctor", "patient", "tier", "state", "shown_price")
    list_filter = (TodayFilter, "state", ("department", admin.RelatedOnlyFieldListFilter))
    show_full_result_count = False
    search_fields = ("reference", "member__user__username")
    search_help_text = gettext_lazy("Reference or member number")
    date_hierarchy = "service_date"
    list_per_page = 50
    actions = (
        "check_in",
        "start",
        "finish",
        "take_payment",
        "cancel",
        "no_show",
        "undo_missed",
        "undo_check_in",
        "undo_start",
    )
    fields = (
        "reference",
        "state",
        "end_reason",
        "cancel_cause",
        "time",
        "another_time",
        "doctor",
        "department",
        "room",
        "patient",
        "member",
        "tier",
        "costs",
        "way_to_pay",
        "cancel_until",
        "created_at",
        "hold_expires_at",
        "confirmed_at",
        "arrived_at",
        "started_at",
        "completed_at",
        "ended_at",
        "no_show_at",
    )

    def get_queryset(self, request: HttpRequest) -> AppointmentQuerySet:
        """Show doctors their own visits, everybody else all."""
        rows = with_details(Appointment.objects.all())
        if _is_doctor_only(request):
            return rows.filter(doctor__user=signed_in(request.user))
        return rows

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Read a reference as people type it."""
        found, has_duplicates = super().get_search_results(request, queryset, search_term)
        return found | queryset.filter(reference=normalised_reference(search_term)), has_duplicates

    @admin.display(description=gettext_lazy("time"), ordering="starts_at")
    def time(self, row: Appointment) -> str:
        """Say the start in the clinic's zone."""
        return clock.text(row.starts_at, row.time_zone)

    @admin.display(description=gettext_lazy("another time"))
    def another_time(self, row: Appointment) -> str:
        """Lead to where the desk moves a booked visit."""
        if row.state != AppointmentState.BOOKED:
            return "-"
        address = reverse("admin:move_visit", args=[row.reference])
        return format_html('<a href="{}">{}</a>', address, _("Move a visit"))

    @admin.display(description=gettext_lazy("price"))
    def shown_price(self, row: Appointment) -> str:
        """Show the price with its currency."""
        return row.shown_price

    @admin.display(description=gettext_lazy("costs"))
    def costs(self, row: Appointment) -> str:
        """Show the price as the member sees it."""
        return render_to_string("components/money_table.html", {"quote": agreed_price(row)})

    @admin.display(description=gettext_lazy("room"))
    def room(self, row: Appointment) -> str:
        """Name the room."""
        return str(row.slot.schedule.room)

    @confirmed_action(gettext_lazy("Check in"), permission="appointments.check_in")
    def check_in(self, request: HttpRequest, row: Appointment, answers: Answers) -> None:
        check_in(appointment_uid=row.uid, by=signed_in(request.user), now=clock.now())

    @confirmed_action(
        gettext_lazy("Start the consultation"), permission="appointments.conduct_visit"
    )
    def start(self, request: HttpRequest, row: Appointment, answers: Answers) -> None:
        start_visit(appointment_uid=row.uid, by=signed_in(request.user), now=clock.now())

    @confirmed_action(
        gettext_lazy("Finish the consultation"), permission="appointments.conduct_visit"
    )
    def finish(self, request: HttpRequest, row: Appointment, answers: Answers) -> None:
        finish_visit(appointment_uid=row.uid, by=signed_in(request.user), now=clock.now())

    @confirmed_action(
        gettext_lazy("Record a payment at the desk"),
        permission="billing.record_desk_payment",
        form=DeskPaymentForm,
    )
    def take_payment(self, request: HttpRequest, row: Appointment, answers: Answers) -> str:
        payment = take_desk_payment(
            appointment_uid=row.uid,
            gateway=answers["gateway"],
            terminal=answers["terminal"],
            by=signed_in(request.user),
            now=clock.now(),
        )
        return _("%(amount)s received.") % {"amount": payment.amount}

    @confirmed_action(
        gettext_lazy("Cancel for the member"),
        permission="appointments.cancel_for_member",
        explanation=gettext_lazy(
            "The place goes back on sale. What was paid is given back in full."
        ),
    )
    def cancel(self, request: HttpRequest, row: Appointment, answers: Answers) -> None:
        cancel_appointment(appointment_uid=row.uid, by=signed_in(request.user), now=clock.now())

    @confirmed_action(
        gettext_lazy("Note as not come"),
        permission="appointments.note_no_show",
        explanation=gettext_lazy(
            "The missed visit counts, and the member is told. What was paid stays."
        ),
    )
    def no_show(self, request: HttpRequest, row: Appointment, answers: Answers) -> None:
        mark_no_show(appointment_uid=row.uid, by=signed_in(request.user), now=clock.now())

    @confirmed_action(
        gettext_lazy("Undo: not come"),
        permission="appointments.note_no_show",
        form=UndoneForm,
        explanation=gettext_lazy("On the day of the visit only. The visit does not count then."),
    )
    def undo_missed(self, request: HttpRequest, row: Appointment, answers: Answers) -> None:
        undo_no_show(
            appointment_uid=row.uid, by=signed_in(request.user), now=clock.now(), **answers
        )

    @confirmed_action(
        gettext_lazy("Undo: check-in"),
        permission="appointments.note_no_show",
        explanation=gettext_lazy("On the day of the visit only. The patient is waited for again."),
    )
    def undo_check_in(self, request: HttpRequest, row: Appointment, answers: Answers) -> None:
        undo_check_in(appointment_uid=row.uid, by=signed_in(request.user), now=clock.now())

    @confirmed_action(
        gettext_lazy("Undo: start of the consultation"),
        permission="appointments.conduct_visit",
        explanation=gettext_lazy("On the day of the visit only. The patient waits again."),
    )
    def undo_start(self, request: HttpRequest, row: Appointment, answers: Answers) -> None:
        undo_start(appointment_uid=row.uid, by=signed_in(request.user), now=clock.now())


def _is_doctor_only(request: HttpRequest) -> bool:
    """Tell whether somebody conducts visits and has no part in the front desk."""
    has_perm = request.user.has_perm
    return has_perm("appointments.conduct_visit") and not has_perm("appointments.check_in")


admin.site.unregister(Schedule)


@admin.register(Schedule)
class ScheduleAdmin(SchedulingScheduleAdmin):
    """Schedules, and what calling them off does to appointments."""

    actions = [*SchedulingScheduleAdmin.actions, "call_off"]

    @confirmed_action(
        gettext_lazy("Call off"),
        permission="appointments.call_off",
        form=ReasonForm,
        explanation=gettext_lazy(
            "Every place is blocked for good, every open appointment is called off. "
            "This cannot be undone."
        ),
    )
    def call_off(self, request: HttpRequest, row: Schedule, answers: Answers) -> str:
        count = call_off_schedules(
            schedule_uids=[row.uid],
            reason=answers["reason"],
            by=signed_in(request.user),
            now=clock.now(),
        )
        return _("%(count)d appointments called off.") % {"count": count}
