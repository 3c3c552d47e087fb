from datetime import timedelta

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.db.models import Count, F, Q

from appointments.choices import AppointmentState
from appointments.models import Appointment
from billing.models import Payment
from medbook import clock
from medbook.outbox.services import dispatch_due_messages
from members.choices import PatientState
from members.models import Member, Patient, User
from members.selectors.people import own_patient
from scheduling.choices import ScheduleState
from scheduling.models import Clinic, Department, Doctor, Schedule

pytestmark = pytest.mark.django_db


@pytest.mark.invariants
def test_fills_an_empty_database_once(capsys):
    call_command("load_demo")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # what nobody else sees yet, no autovacuum does

    said = capsys.readouterr().out
    assert "26 accounts" in said
    assert "60 doctors" in said
    assert_people()
    assert_hospital()
    assert_schedules()
    before = Appointment.objects.count(), Schedule.objects.count()

    call_command("load_demo")

    assert capsys.readouterr().out == ""
    assert (Appointment.objects.count(), Schedule.objects.count()) == before


def assert_people():
    members = list(Member.objects.order_by("id").select_related("tier", "user"))
    phones = [member.phone.reveal() for member in members]
    assert phones == [f"+86138000000{number:02d}" for number in range(1, 21)]
    tiers = [member.tier.code for member in members]
    assert tiers == ["member", "silver", "gold", "jade", *["member"] * 16]
    assert all(member.user.check_password("medbook-demo") for member in members[:4])
    assert Patient.objects.filter(state=PatientState.VERIFIED).count() == 20
    assert own_patient(members[2]).name.reveal() == "欧阳娜娜"
    staff = User.objects.filter(is_staff=True).order_by("id")
    names = ["admin", "desk", "doctor", "scheduler", "finance", "auditor"]
    assert [user.username for user in staff] == names
    assert [user.username for user in staff if user.is_superuser] == ["admin"]
    assert all(user.groups.count() == 1 for user in staff)


def assert_hospital():
    assert (Clinic.objects.count(), Department.objects.count()) == (2, 12)
    assert Doctor.objects.exclude(introduction_zh="").exclude(introduction_en="").count() == 60
    assert Doctor.objects.get(user__username="doctor").name_zh == "陈伟"


def assert_schedules():
    today = clock.local_date(clock.now(), "Asia/Shanghai")
    dates = set(Schedule.objects.values_list("service_date", flat=True))
    assert {today + timedelta(day) for day in range(-7, 15)} <= dates
    coming = Schedule.objects.filter(starts_at__gt=clock.now(), state=ScheduleState.PUBLISHED)
    counted = coming.annotate(left=Count("slots", filter=Q(slots__state="free")))
    assert counted.filter(left=0).count() >= 2
    assert counted.filter(left=1).count() >= 1
    assert counted.filter(left=F("max_appointments")).exists()
    assert Schedule.objects.filter(state=ScheduleState.CALLED_OFF).count() == 1
    soon = clock.now() + timedelta(minutes=25)
    assert coming.filter(release_at__range=(clock.now(), soon)).count() >= 2
    states = set(Appointment.objects.values_list("state", flat=True))
    S = AppointmentState
    assert {S.COMPLETED, S.CANCELLED, S.BOOKED, S.CALLED_OFF} <= states
    assert Payment.objects.count() == Appointment.objects.filter(state=S.COMPLETED).count()


def test_sends_no_confirmation_of_an_invented_booking(mailoutbox):
    call_command("load_demo", verbosity=0)

    dispatch_due_messages(now=clock.now())

    assert mailoutbox == []


def test_is_refused_in_production(settings):
    settings.IS_DEVELOPMENT = False

    with pytest.raises(CommandError, match="development"):
        call_command("load_demo")

    assert not Clinic.objects.exists()
