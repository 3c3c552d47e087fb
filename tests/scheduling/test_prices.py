"""What does a visit cost where nobody set a fee, and who may say so from when on?"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from medbook import clock
from medbook.audit.models import OperationLog
from members.choices import Role
from members.services.roles import PERMISSIONS
from scheduling.errors import NoPrice, PastPriceStays
from scheduling.models import Price, ReleaseRun, RosterTemplate, Schedule
from scheduling.rules.prices import copied_fee, price_of
from scheduling.rules.weeks import Week
from scheduling.selectors.generation import DueDate, foreseen_dates
from scheduling.selectors.prices import price_on, prices_today
from scheduling.selectors.releases import clash_sentences
from scheduling.selectors.weeks import week_grid
from scheduling.services.imports import export_file, import_file
from scheduling.services.prices import write_price
from scheduling.services.release import generate_schedules
from scheduling.services.rosters import draft_schedule, publish_schedule
from scheduling.services.weeks import Why, apply_templates, copy_week
from tests.api import ROOT, caller, refusal
from tests.factories import (
    ClinicFactory,
    DepartmentFactory,
    DoctorFactory,
    PriceFactory,
    RosterTemplateFactory,
    ScheduleFactory,
    UserFactory,
    VisitTypeFactory,
)
from tests.scheduling.staff import client_of, scheduler, staff
from tests.scheduling.test_rosters import plan
from tests.scheduling.test_staff_api import plan as body

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
MONDAY = date(2026, 12, 14)
NOW = datetime.fromisoformat("2026-11-26T02:00+08:00").astimezone(UTC)
LIST = reverse("admin:scheduling_price_changelist")
ADD = reverse("admin:scheduling_price_add")
SETS_PRICES = [f"{act}_price" for act in ("view", "add", "change", "delete")]


def today():
    return clock.local_date(clock.now(), "Asia/Shanghai")


def generate(department, first=MONDAY, last=MONDAY):
    return generate_schedules(departments=[department], first=first, last=last, now=NOW)


def fees():
    return [str(fee) for fee in Schedule.objects.order_by("pk").values_list("fee", flat=True)]


def row(**fields):
    clinic, kind = ClinicFactory(), VisitTypeFactory()
    wanted = {"clinic": clinic.pk, "visit_type": kind.pk, "title": "chief", "fee": "90.00"}
    return wanted | {"valid_from": str(today())} | fields


# Which price holds


@pytest.mark.parametrize(
    ("day", "fee"),
    [
        (MONDAY - DAY, None),
        (MONDAY, Decimal(100)),
        (MONDAY + 6 * DAY, Decimal(100)),
        (MONDAY + 7 * DAY, Decimal(120)),
        (date.max, Decimal(120)),
    ],
)
def test_a_price_holds_from_its_day_until_the_next_begins(day, fee):
    steps = [(MONDAY, Decimal(100)), (MONDAY + 7 * DAY, Decimal(120))]
    for valid_from, amount in steps:
        price = PriceFactory(valid_from=valid_from, fee=amount)
    PriceFactory(title="resident", fee=1)
    PriceFactory(visit_type__code="long", fee=2)
    PriceFactory(clinic__code="west", fee=3)

    assert price_of(steps, day) == fee
    assert price_on(price.clinic, price.visit_type, "chief", day) == fee


def test_each_clinic_has_its_own_today(time_machine):
    time_machine.move_to("2031-03-09T20:00:00+00:00", tick=False)  # Monday in Shanghai
    monday = date(2031, 3, 10)
    west = ClinicFactory(code="west", time_zone="America/New_York")
    before, since = PriceFactory(), PriceFactory(valid_from=monday)
    there, to_come = PriceFactory(clinic=west), PriceFactory(clinic=west, valid_from=monday)

    rows = prices_today(clock.now())

    assert {price for price in rows if price.is_in_force} == {since, there}
    assert (before.is_past(clock.now()), since.is_past(clock.now())) == (True, False)
    assert not PriceFactory(clinic=west, valid_from=monday - DAY, title="resident").is_past(
        clock.now()
    )
    assert not to_come.is_past(clock.now())


def test_a_copy_follows_the_list_if_the_session_did():
    fee = Decimal(100)
    assert copied_fee(fee, listed_then=fee, listed=Decimal(120)) == 120
    assert copied_fee(fee, listed_then=fee, listed=None) == 100
    assert copied_fee(fee, listed_then=Decimal(90), listed=Decimal(120)) == 100


# From the list to sessions


def test_sessions_cost_what_the_list_says_of_their_day_unless_the_pattern_has_a_fee(
    django_assert_num_queries,
):
    department = DepartmentFactory()
    patterns = [
        RosterTemplateFactory(doctor__department=department, weekday=weekday, fee=fee)
        for weekday, fee in ((0, None), (1, None), (2, Decimal(0)))
    ]
    PriceFactory(valid_from=MONDAY + DAY, fee=170)
    PriceFactory(fee=150)
    week = [DueDate(department, MONDAY + number * DAY) for number in range(7)]

    with django_assert_num_queries(6):
        foreseen = foreseen_dates(week)
    generate(department, last=week[-1].service_date)

    told = [str(one.fee) for each in foreseen for one in each.schedules]
    assert told == ["150.00", "170.00", "0.00"]
    assert fees() == told
    assert len(patterns) == ReleaseRun.objects.filter(schedules_made=1).count()


def test_a_date_without_a_price_is_told_and_made_once_there_is_one():
    department = DepartmentFactory()
    RosterTemplateFactory(doctor__department=department, fee=None)
    PriceFactory(valid_from=MONDAY + DAY)

    [made] = generate(department)
    [told] = clash_sentences(made.run)

    assert (made.schedules, made.run.clashes[0]["reason"]) == (0, "no_price")
    assert told.endswith("no price for “First visit” with the title “Chief physician”.")
    PriceFactory(valid_from=MONDAY, fee=80)
    generate(department)
    assert fees() == ["80.00"]


def test_a_changed_list_leaves_sessions_as_they_are_and_the_grid_says_what_differs():
    department = DepartmentFactory()
    RosterTemplateFactory(doctor__department=department, fee=None)
    PriceFactory(fee=150)
    generate(department)
    grid = {"clinic": department.clinic, "departments": [department], "week": Week.of(MONDAY)}

    [alike] = week_grid(**grid, now=NOW).sessions
    PriceFactory(valid_from=MONDAY, fee=200)
    [differing] = week_grid(**grid, now=NOW).sessions

    assert (alike.differences, differing.differences) == ([], ["fee"])
    assert fees() == ["150.00"]


def test_a_week_of_drafts_takes_its_fees_from_the_list():
    department, by = DepartmentFactory(), UserFactory()
    doctor = DoctorFactory(department=department)
    for weekday, fee in ((0, None), (1, Decimal(99))):
        RosterTemplateFactory(doctor=doctor, weekday=weekday, fee=fee)
    resident = DoctorFactory(department=department, title="resident")
    RosterTemplateFactory(doctor=resident, fee=None)
    PriceFactory(fee=150)
    PriceFactory(fee=170, valid_from=MONDAY + 7 * DAY)
    who = {"departments": [department], "by": by, "now": NOW}

    applied = apply_templates(week=Week.of(MONDAY), **who)
    copied = copy_week(week=Week.of(MONDAY + 7 * DAY), **who)

    assert [str(one.fee) for one in applied.drafted] == ["150.00", "99.00"]
    assert [(one.doctor, one.why) for one in applied.left_out] == [(resident, Why.NO_PRICE)]
    assert [str(one.fee) for one in copied.drafted] == ["170.00", "99.00"]


@pytest.mark.parametrize(("fee", "is_listed", "costs"), [("99", True, 99), (None, True, 150)])
def test_a_draft_costs_what_was_set_or_else_the_price(fee, is_listed, costs):
    wish = plan(fee=fee and Decimal(fee))
    PriceFactory(fee=150)

    draft = draft_schedule(plan=wish, by=UserFactory(), now=NOW).schedule
    PriceFactory(fee=1, valid_from=wish.service_date)
    publish_schedule(schedule_uid=draft.uid, by=UserFactory(), now=NOW)

    assert Schedule.objects.get().fee == costs


def test_a_draft_without_fee_and_price_is_refused_by_name():
    with pytest.raises(NoPrice) as refused:
        draft_schedule(plan=plan(fee=None), by=UserFactory(), now=NOW)

    assert "“First visit” with the title “Chief physician” on 2026-11-26" in refused.value.detail


def test_the_api_takes_a_draft_without_fee():
    wish = body()
    del wish["fee"]
    client, here = caller(scheduler()), ROOT + "admin/schedules/"

    assert refusal(client.post(here, wish)) == (409, "no_price")
    PriceFactory(fee=150)
    assert client.post(here, wish).json()["fee"] == "150.00"


def test_the_forms_of_a_draft_take_the_price():
    client, doctor = client_of(scheduler()), DoctorFactory()
    last = ScheduleFactory(doctor=doctor, fee=150)
    typed = {
        "doctor": doctor.pk,
        "room": last.room.pk,
        "visit_type": last.visit_type.pk,
        "service_date": "2099-11-26",
        "start_time": "08:00",
        "end_time": "12:00",
        "max_appointments": 12,
        "desk_places": 0,
        "fee": "",
    }
    grid = f"{reverse('admin:roster_new_session')}?doctor={doctor.uid}"
    plain = reverse("admin:scheduling_schedule_add")

    assert client.get(grid).context["form"]["fee"].value() == 150
    assert client.post(grid, typed).status_code == 409
    refused = client.post(plain, typed).context["adminform"].form.errors
    assert list(refused) == ["fee"]
    PriceFactory(fee=150)
    assert client.get(grid).context["form"]["fee"].value() is None
    assert [client.post(page, typed).status_code for page in (grid, plain)] == [302, 302]
    assert fees() == ["150.00"] * 3


def test_a_file_of_patterns_may_leave_the_fee_empty_and_goes_out_as_it_came():
    template = RosterTemplateFactory(fee=None)
    file = export_file(rows=RosterTemplate.objects.all(), file_format="csv", by=UserFactory())

    again = import_file(model=RosterTemplate, content=file, by=UserFactory())
    named = file.replace(b",12,,", b",12,50.00,")
    changed = import_file(model=RosterTemplate, content=named, by=UserFactory())

    assert (again.unchanged, again.problems, changed.changed) == (1, [], 1)
    template.refresh_from_db()
    assert template.fee == 50


# The list itself


def test_a_price_is_added_from_today_on_changed_and_taken_back():
    client = client_of(staff(*SETS_PRICES))

    late = client.post(ADD, row(valid_from=str(today() - DAY)))
    assert late.context["adminform"].form.errors == {
        "valid_from": ["The past stays as it was. Please choose today or later."]
    }
    assert client.post(ADD, row()).status_code == 302
    twice = client.post(ADD, row()).context["adminform"].form.errors
    assert twice == {"__all__": ["There is a price from this day on already."]}
    page = reverse("admin:scheduling_price_change", args=[Price.objects.get().pk])
    assert client.post(page, row(fee="-1")).context["adminform"].form.errors.keys() == {"fee"}
    assert client.post(page, row(fee="95.00")).status_code == 302
    assert client.post(page.replace("change", "delete"), {"post": "yes"}).status_code == 302
    assert not Price.objects.exists()
    log = OperationLog.objects.filter(action="price.changed").order_by("id")
    assert [(one.facts["before"] or {}).get("fee") for one in log] == [None, "90.00", "95.00"]


def test_a_price_from_before_today_is_only_read():
    client, price = client_of(staff(*SETS_PRICES)), PriceFactory(valid_from=today() - DAY)
    page = reverse("admin:scheduling_price_change", args=[price.pk])

    assert "began before today and stays as it is" in client.get(page).text
    assert client.post(page, row(fee="1")).status_code == 403
    assert client.post(page.replace("change", "delete"), {"post": "yes"}).status_code == 403
    for past in (price, PriceFactory.build(clinic=price.clinic)):
        with pytest.raises(PastPriceStays):
            write_price(row=past, by=UserFactory(), now=clock.now())


def test_the_database_keeps_what_is_past():
    zone = "Pacific/Kiritimati"  # where the day begins first
    there = clock.local_date(clock.now(), zone)
    west = ClinicFactory(code="west", time_zone=zone)
    price = PriceFactory(clinic=west, valid_from=there - DAY)
    rows, coming = Price.objects.filter(pk=price.pk), PriceFactory(valid_from=today())

    for act in (
        lambda: rows.update(fee=1),
        rows.delete,
        lambda: Price.objects.filter(pk=coming.pk).update(valid_from=today() - DAY),
    ):
        with pytest.raises(IntegrityError, match="of the past"), transaction.atomic():
            act()
    coming.fee = Decimal(1)
    coming.save()
    coming.delete()


def test_the_list_says_what_holds_today_and_costs_the_same_for_many(
    django_assert_max_num_queries,
):
    client = client_of(staff(*SETS_PRICES))
    for number in range(12):
        PriceFactory(valid_from=date(2020, 1, 1) + number * DAY)
    client.get("/admin/")

    with django_assert_max_num_queries(14):
        html = client.get(LIST).text

    assert html.count('alt="True"') == 1
    assert client.get(LIST, {"title__exact": "resident"}).context["cl"].result_count == 0


@pytest.mark.parametrize(
    ("role", "may"),
    [
        (Role.FINANCE, SETS_PRICES),
        (Role.ADMINISTRATOR, SETS_PRICES),
        (Role.SCHEDULER, ["view_price"]),
        (Role.AUDITOR, ["view_price"]),
        (Role.DESK, []),
    ],
)
def test_finance_and_administrators_set_prices_and_schedulers_read_them(role, may):
    granted = [one for one in SETS_PRICES if f"scheduling.{one}" in PERMISSIONS[role]]
    client = client_of(staff(*granted))

    assert granted == may
    assert client.get(LIST).status_code == (200 if may else 403)
    assert client.post(ADD, row()).status_code == (302 if "add_price" in may else 403)
