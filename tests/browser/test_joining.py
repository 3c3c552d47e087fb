"""Does somebody come in with nothing but a phone, without scripts, in Chinese?"""

import re
from datetime import timedelta

import pytest
from django.db.models import F
from playwright.sync_api import expect

from members.models import Member, OneTimeCode
from tests.browser.test_pages import looked_at
from tests.factories import DoctorFactory, TierFactory, schedule_with_slots
from tests.members.people import PASSWORD, PHONE, code_sent, joined

NEW = "+8613912340077"
BUTTON = ".action-bar button"


@pytest.fixture
def tier():
    return TierFactory()


def a_minute_later():
    OneTimeCode.objects.update(created_at=F("created_at") - timedelta(minutes=1))


@pytest.mark.parametrize("with_scripts", [True, False])
def test_joins_in_chinese_and_comes_back_to_the_tapped_time(visitor, tier, with_scripts):
    schedule_with_slots(3, doctor=DoctorFactory(slug="shen-yun"))
    page = visitor(java_script_enabled=with_scripts)
    page.goto("/zh-hans/doctors/shen-yun/")
    page.locator("button.chip").first.click()
    page.locator('main a[href*="sign-up"]').click()

    page.locator("[name=phone]").fill("139 1234 0001")
    page.locator("[name=terms]").check()
    page.locator("[name=sensitive_data]").check()
    page.locator(BUTTON).click()
    page.locator("[name=code]").fill(code_sent(PHONE))
    page.locator(BUTTON).click()

    expect(page).to_have_url(re.compile(r"/zh-hans/doctors/shen-yun/\?"))
    assert Member.objects.get().user.language == "zh-hans"
    expect(page.locator(".main-nav .me")).to_have_count(1)


def test_signs_in_by_code_and_forgets_the_password(visitor, tier):
    alice = joined(phone=PHONE)
    page = visitor(java_script_enabled=False)
    page.goto("/en/sign-in/")
    page.get_by_role("link", name="Code by SMS").click()
    page.locator("[name=phone]").fill(PHONE)
    page.locator(BUTTON).click()
    page.locator("[name=code]").fill(code_sent(PHONE))
    page.locator(BUTTON).click()
    expect(page.locator(".main-nav .me")).to_have_count(1)

    page.context.clear_cookies()
    a_minute_later()
    page.goto("/en/sign-in/")
    page.get_by_text("I forgot my password").click()
    page.locator("[name=phone]").fill(PHONE)
    page.locator(BUTTON).click()
    page.locator("[name=code]").fill(code_sent(PHONE))
    page.locator("[name=password]").fill("quite another phrase")
    page.locator(BUTTON).click()

    expect(page.locator(".main-nav .me")).to_have_count(1)
    alice.user.refresh_from_db()
    assert alice.user.check_password("quite another phrase")


def test_the_steps_are_accessible_and_narrow_enough(visitor, tier, tmp_path):
    page = visitor()
    wrong = {}

    def look(name):
        if found := looked_at(page):
            wrong[name] = found
        page.complaints.clear()

    for address in ("sign-up/", "sign-in/code/", "reset-password/"):
        a_minute_later()
        page.goto(f"/en/{address}")
        page.locator("[name=phone]").fill(PHONE)
        for box in page.locator("[type=checkbox]").all():
            box.check()
        page.locator(BUTTON).click()
        page.locator("[name=code]").wait_for()
        look(address)
        page.locator("[name=code]").fill("12")
        page.locator("main form").first.evaluate("form => { form.noValidate = true }")
        page.locator(BUTTON).click()
        page.locator(".error-summary").wait_for()
        look(f"{address} refused")
        page.locator("[name=again]").click()
        page.get_by_text("Too many codes were asked for").first.wait_for()
        look(f"{address} too often")

    assert wrong == {}


def test_changing_the_phone_is_accessible_and_works(visitor, tier):
    alice = joined(phone=PHONE)
    page = visitor(alice)
    page.goto("/en/account/phone/")
    assert looked_at(page) == []

    page.locator("[name=phone]").fill(NEW)
    page.locator(BUTTON).click()
    page.locator("[name=new_code]").wait_for()
    assert looked_at(page) == []
    page.locator("[name=new_code]").fill(code_sent(NEW))
    page.locator("[name=old_code]").fill(code_sent(PHONE))
    page.locator(BUTTON).click()

    page.get_by_text("Your phone number was changed").wait_for()
    assert Member.objects.get().phone.reveal() == NEW


def test_who_failed_too_often_is_shown_the_way_in_by_code(visitor, tier):
    joined(phone=PHONE)
    page = visitor()
    page.goto("/en/sign-in/")
    for _ in range(5):
        page.locator("[name=login]").fill(PHONE)
        page.locator("[name=password]").fill(f"not {PASSWORD}")
        page.locator(BUTTON).click()
        page.wait_for_load_state()

    expect(page.get_by_role("heading", level=1)).to_have_text("Too many attempts")
    assert looked_at(page) == []
    page.get_by_role("link", name="Sign in with a code").click()
    expect(page.locator("[name=phone]")).to_have_count(1)
