"""Is every member page accessible, narrow enough, and within its content policy?"""

from datetime import timedelta
from urllib.parse import urlencode

import pytest
from axe_playwright_python.sync_playwright import Axe

from appointments.services.cancelling import cancel_appointment
from appointments.services.holds import expire_lapsed_holds
from medbook import clock
from members.choices import Relation
from tests.appointments.booking import book, call_off, fill, hold
from tests.factories import (
    DoctorFactory,
    FamilyLinkFactory,
    PatientFactory,
    PrivilegeFactory,
    TierFactory,
    member_with_patient,
    schedule_with_slots,
)

AXE = Axe().axe_script
RULES = {
    "type": "tag",
    "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}
COLOURS = {"type": "rule", "values": ["color-contrast"]}
LONG_NAME = "Muhammad Abdulrahman Al-Farsi-Whitfield"
TIERS = (("member", "普通会员"), ("silver", "银卡"), ("gold", "金卡"), ("jade", "翡翠卡"))
MAIN_PAGES = ("home", "doctors", "a day with free times", "check", "booked", "visits", "membership")


@pytest.fixture
def gold():
    tiers = [TierFactory(code=code, name_zh=name) for code, name in TIERS]
    PrivilegeFactory(tier=tiers[2], key="discount_rate", value="0.9")
    PrivilegeFactory(tier=tiers[3], key="early_access_minutes", value="30")
    return tiers[2]


@pytest.fixture
def alice(gold):
    member = member_with_patient(tier=gold)
    FamilyLinkFactory(
        member=member, relation=Relation.CHILD, patient=PatientFactory(name=LONG_NAME)
    )
    return member


@pytest.fixture
def doctor():
    """Return a doctor whose week shows every state a day can have."""
    now = clock.now()
    chen = DoctorFactory(slug="chen-wei", name_en=LONG_NAME, name_zh="欧阳娜娜")
    today = clock.local_date(now, "Asia/Shanghai")
    days = [today + timedelta(number) for number in range(1, 8)]
    schedule_with_slots(9, doctor=chen, service_date=days[1])
    fill(schedule_with_slots(2, doctor=chen, service_date=days[2]), 1)
    fill(schedule_with_slots(1, doctor=chen, service_date=days[3]))
    call_off(schedule_with_slots(2, doctor=chen, service_date=days[4]))
    in_minutes = [timedelta(minutes=20), timedelta(hours=20)]
    for day, wait in zip(days[5:], in_minutes, strict=True):
        schedule_with_slots(2, doctor=chen, service_date=day, release_at=now + wait)
    return chen


@pytest.fixture
def addresses(alice, doctor):
    """Return the address of every page that a signed-in member can open, by what it shows."""
    days = {s.service_date: s for s in doctor.schedules.order_by("service_date")}
    dates = list(days)
    visit = book(alice, days[dates[0]], key="visit")
    cancelled = book(alice, days[dates[1]], key="cancelled")
    cancel_appointment(appointment_uid=cancelled.uid, by=alice.user, now=clock.now())
    long_ago = clock.now() - timedelta(hours=1)
    lapsed = hold(alice, schedule_with_slots(3), key="lapsed", now=long_ago)
    expire_lapsed_holds(now=clock.now())
    late = book(
        alice,
        schedule_with_slots(
            2,
            service_date=dates[0],
            starts_at=clock.now() + timedelta(hours=4),
            ends_at=clock.now() + timedelta(hours=7),
            sale_stops_at=clock.now() + timedelta(hours=1),
            release_at=clock.now() - timedelta(days=1),
        ),
        key="late",
        patient=alice.links.order_by("id")[1].patient,
    )
    held = hold(alice, schedule_with_slots(3, service_date=dates[1]), key="held")

    free = days[dates[1]].slots.get(number=2)
    new_time = urlencode({"schedule_uid": free.schedule.uid, "starts_at": free.starts_at})

    def of(visit, page=""):
        return f"appointments/{visit.reference}/" + (f"{page}/" if page else "")

    return {
        "home": "",
        "doctors": "doctors/",
        "nobody found": "doctors/?q=nobody&half=morning",
        "a filter that cannot be read": "doctors/?department=nowhere",
        "a day with free times": f"doctors/chen-wei/?day={dates[0]}",
        "a full day": f"doctors/chen-wei/?day={dates[2]}",
        "a day off": f"doctors/chen-wei/?day={dates[3]}",
        "early access": f"doctors/chen-wei/?day={dates[4]}",
        "not open yet": f"doctors/chen-wei/?day={dates[5]}",
        "check": of(held, "confirm"),
        "hold over": of(lapsed, "confirm"),
        "booked": of(visit, "booked"),
        "visit": of(visit),
        "cancelled visit": of(cancelled),
        "cancel": of(visit, "cancel"),
        "too late to cancel": of(late, "cancel"),
        "another time": of(visit, "reschedule"),
        "the new time": f"{of(visit, 'reschedule')}?{new_time}",
        "too late for another time": of(late, "reschedule"),
        "visits": "appointments/",
        "no past visits": "appointments/?view=past",
        "cancelled visits": "appointments/?view=cancelled",
        "membership": "membership/",
        "not found": "appointments/0000000000/",
    }


def violations(page, rules=RULES):
    """Tell what axe finds, with the elements at fault."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    options = {"runOnly": rules, "resultTypes": ["violations"]}
    found = page.evaluate("options => axe.run(options)", options)
    return [
        (rule["id"], [node["html"][:120] for node in rule["nodes"]]) for rule in found["violations"]
    ]


def looked_at(page):
    """Look at a page narrow and wide, in both schemes; tell what is wrong with it.

    A scheme changes nothing but colours.
    """
    wrong = []
    for width, height in ((360, 640), (1280, 900)):
        page.set_viewport_size({"width": width, "height": height})
        for scheme, rules in (("light", RULES), ("dark", COLOURS)):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            wrong += [(width, scheme, *found) for found in violations(page, rules)]
    page.set_viewport_size({"width": 320, "height": 640})
    if (wide := page.evaluate("document.documentElement.scrollWidth")) > 320:
        wrong.append((320, "scrolls sideways", wide))
    return wrong + [("console", text) for text in page.complaints]


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_pages_of_members(visitor, alice, addresses, language):
    page = visitor(alice)
    names = addresses if language == "en" else MAIN_PAGES
    wrong = {}

    for name in names:
        page.complaints.clear()
        page.goto(f"/{language}/{addresses[name]}")
        if found := looked_at(page):
            wrong[name] = found

    assert wrong == {}


def test_pages_of_strangers(visitor, doctor, gold):
    page = visitor()
    wrong = {}

    for address in (
        "",
        "sign-in/",
        "sign-in/code/",
        "sign-up/",
        "reset-password/",
        "membership/",
        "doctors/chen-wei/",
    ):
        page.complaints.clear()
        page.goto(f"/en/{address}")
        if found := looked_at(page):
            wrong[address] = found

    assert wrong == {}


STRANGERS_FORMS = ("sign-in/", "sign-in/code/", "sign-up/", "reset-password/")


@pytest.mark.parametrize("address", STRANGERS_FORMS)
def test_forms_sent_empty_say_what_is_missing(visitor, gold, address):
    page = visitor()
    page.goto(f"/en/{address}")

    page.locator("main form").evaluate("form => { form.noValidate = true }")
    page.locator("main form button").click()

    page.locator(".error-summary").wait_for()
    assert page.locator(".error-summary").evaluate("box => box === document.activeElement")
    assert looked_at(page) == []


def test_a_refused_time_and_an_unanswered_question(visitor, alice, doctor):
    schedule = doctor.schedules.order_by("service_date").first()
    page = visitor(alice)
    page.goto(f"/en/doctors/chen-wei/?day={schedule.service_date}")
    fill(schedule, 1)
    page.locator("button.chip").first.click()
    assert page.get_by_role("heading", level=1).inner_text() == "This time could not be booked"
    assert looked_at(page) == []

    page.locator("button.chip").first.click()
    page.locator("[name=patient]").first.wait_for()
    page.locator("[name=patient]").evaluate_all("radios => radios.forEach(r => r.remove())")
    page.locator(".action-bar button").click()

    page.locator(".error-summary").wait_for()
    assert looked_at(page) == []


def test_times_stand_in_the_first_screen_of_a_phone(visitor, alice):
    doctor = DoctorFactory(slug="shen-yun")
    schedule_with_slots(9, doctor=doctor)
    page = visitor(alice)

    page.goto("/zh-hans/doctors/shen-yun/")

    box = page.locator("button.chip").first.bounding_box()
    assert box["y"] + box["height"] <= 640 - 56  # above the bar at the bottom
    assert box["height"] >= 44
    assert box["width"] >= 44
