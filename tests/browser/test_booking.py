"""Is booking short, and does it work without scripts and without a mouse?"""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from appointments.choices import AppointmentState
from appointments.models import Appointment
from scheduling.choices import SlotState
from tests.appointments.booking import book, fill
from tests.factories import (
    DepartmentFactory,
    DoctorFactory,
    TierFactory,
    member_with_patient,
    schedule_with_slots,
)

BOOKED = re.compile(r"/appointments/\w{10}/booked/$")
CONFIRM = re.compile(r"/appointments/\w{10}/confirm/$")


@pytest.fixture
def alice():
    return member_with_patient(tier=TierFactory())


@pytest.fixture
def shen():
    heart = DepartmentFactory(code="heart", name_en="Cardiology", name_zh="心内科")
    return DoctorFactory(
        department=heart,
        slug="shen-yun",
        name_en="Shen Yun",
        name_zh="沈昀",
        search_text="shen 沈昀",
    )


@pytest.fixture
def schedule(shen):
    return schedule_with_slots(9, doctor=shen)


class Taps:
    """Press things, and count."""

    def __init__(self, page):
        self.page = page
        self.count = 0

    def on(self, what):
        self.count += 1
        what.first.click()

    def confirm(self):
        expect(self.page).to_have_url(CONFIRM)
        self.on(self.page.locator(".action-bar button"))
        expect(self.page).to_have_url(BOOKED)


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_from_home_by_department_to_booked_in_four_taps(visitor, alice, schedule, scripts):
    page = visitor(alice, java_script_enabled=scripts)
    page.goto("/zh-hans/")
    taps = Taps(page)

    taps.on(page.get_by_role("link", name="心内科"))
    taps.on(page.locator(".doctor-card button.chip"))
    taps.confirm()

    assert taps.count <= 4
    visit = Appointment.objects.get()
    assert visit.state == AppointmentState.BOOKED
    assert visit.reference[:5] in page.content()
    assert page.complaints == []


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_from_home_by_search_and_another_day_in_six_taps(visitor, alice, shen, schedule, scripts):
    later = schedule_with_slots(9, doctor=shen, service_date=schedule.service_date + timedelta(1))
    page = visitor(alice, java_script_enabled=scripts)
    page.goto("/zh-hans/")
    taps = Taps(page)

    page.locator("#q").fill("沈")
    taps.on(page.locator("form.search button"))
    taps.on(page.locator(".doctor-card h3 a"))
    taps.on(page.locator(f'.week-strip a[href*="{later.service_date}"]'))
    expect(page.locator('.week-strip a[aria-current="date"]')).to_have_attribute(
        "href", re.compile(str(later.service_date))
    )
    taps.on(page.locator("button.chip"))
    taps.confirm()

    assert taps.count <= 6
    assert Appointment.objects.get().slot.schedule == later
    assert page.complaints == []


def test_booking_a_known_doctor_again_takes_two_taps(visitor, alice, shen, schedule):
    book(alice, schedule)
    next_day = schedule_with_slots(
        3, doctor=shen, service_date=schedule.service_date + timedelta(1)
    )
    schedule.slots.filter(state=SlotState.FREE).update(state=SlotState.BLOCKED)
    page = visitor(alice)
    page.goto("/en/")
    taps = Taps(page)

    taps.on(page.locator(".doctor-card button.chip"))
    taps.confirm()

    assert taps.count == 2
    assert Appointment.objects.filter(slot__schedule=next_day).exists()


def test_a_stranger_signs_in_on_the_way_and_finds_the_time_again(visitor, schedule):
    member = member_with_patient(phone="+8613800138000")
    page = visitor()
    page.goto("/zh-hans/doctors/shen-yun/")

    page.locator("button.chip").nth(1).click()
    page.locator("[name=login]").fill("138 0013 8000")
    page.locator("[name=password]").fill("medbook-demo")
    page.locator("main form button").click()
    page.locator("#chosen + form button").click()
    page.locator(".action-bar button").click()

    expect(page).to_have_url(BOOKED)
    assert Appointment.objects.get(member=member).slot.number == 2


def test_a_time_taken_meanwhile_is_refused_with_other_times(visitor, alice, schedule):
    page = visitor(alice)
    page.goto("/en/doctors/shen-yun/")
    fill(schedule, 1)

    page.locator("button.chip").first.click()

    expect(page.get_by_role("heading", level=1)).to_have_text("This time could not be booked")
    expect(page.locator("button.chip")).to_have_count(3)
    page.locator("button.chip").first.click()
    expect(page).to_have_url(CONFIRM)


def test_books_and_cancels_by_keyboard_alone(visitor, alice, schedule):
    page = visitor(alice, width=1280, height=900)
    page.goto("/en/doctors/shen-yun/")

    press(page, "button.chip")
    expect(page).to_have_url(CONFIRM)
    press(page, ".action-bar button")
    expect(page).to_have_url(BOOKED)
    press(page, 'main a[href$="/cancel/"]')
    press(page, ".action-bar button.is-danger")

    expect(page).to_have_url(re.compile(r"/appointments/\w{10}/$"))
    assert Appointment.objects.get().state == AppointmentState.CANCELLED


def test_another_day_is_swapped_in_place_with_its_address_and_focus(visitor, alice, shen, schedule):
    next_day = schedule.service_date + timedelta(1)
    schedule_with_slots(3, doctor=shen, service_date=next_day)
    page = visitor(alice)
    page.goto("/en/doctors/shen-yun/")
    page.evaluate("window.isTheSamePage = true")

    page.locator(f'.week-strip a[href*="{next_day}"]').click()

    expect(page.locator("button.chip")).to_have_count(3)
    expect(page).to_have_url(re.compile(f"day={next_day}"))
    expect(page.locator("#day")).to_be_focused()
    assert page.evaluate("window.isTheSamePage")
    page.go_back()
    expect(page.locator("button.chip")).to_have_count(9)


def test_a_changed_filter_swaps_the_results_and_their_address(visitor, schedule):
    DoctorFactory.create_batch(2)
    page = visitor()
    page.goto("/en/doctors/")
    expect(page.locator(".doctor-card")).to_have_count(3)

    page.locator("[name=department]").select_option("heart")

    expect(page.locator(".doctor-card")).to_have_count(1)
    expect(page).to_have_url(re.compile("department=heart"))
    expect(page.locator("#polite")).to_have_text("1 doctor")


def press(page, selector):
    """Go to an element by Tab, see that it shows its focus, press Enter."""
    target = page.locator(selector).first
    target.wait_for()
    for _ in range(80):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            break
    expect(target).to_be_focused()
    assert target.evaluate(
        "element => getComputedStyle(element).outlineStyle !== 'none'"
        " || getComputedStyle(element).boxShadow !== 'none'"
    )
    page.keyboard.press("Enter")
