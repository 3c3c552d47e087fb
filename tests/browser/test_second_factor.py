"""Do the pages of the account and the second factor work in a real browser?"""

import pytest

from tests.browser.test_pages import looked_at
from tests.factories import TierFactory, member_with_patient
from tests.members.factors import app_of, code_now

PAGES = ("", "password/", "second-factor/", "second-factor/app/", "second-factor/passkey/")


@pytest.fixture
def alice():
    TierFactory()
    return member_with_patient(phone="+8613800138000")


def with_a_key(page):
    """Put an authenticator into the browser that needs no hand and no finger."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_pages_of_the_account_are_accessible_and_fit(visitor, alice, language):
    page = visitor(alice)

    for path in PAGES:
        page.goto(f"/{language}/account/{path}")
        assert looked_at(page) == [], path
    assert page.complaints == []


def test_a_passkey_is_made_and_shown(visitor, alice):
    page = visitor(alice)
    with_a_key(page)
    page.goto("/en/account/second-factor/passkey/")
    page.get_by_label("Name of this passkey").fill("My phone")
    page.get_by_role("button", name="Make a passkey").click()
    page.wait_for_url("**/recovery-codes/")
    page.get_by_role("link", name="I have kept them").click()
    assert page.get_by_text("My phone").first.is_visible()

    page.goto("/en/sign-in/again/?next=/en/account/")
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/en/account/")

    assert alice.user.second_factors.get().last_used_at
    assert page.complaints == []


def test_a_browser_that_cannot_is_told_so(visitor, alice):
    page = visitor(alice, java_script_enabled=False)

    page.goto("/en/account/second-factor/passkey/")

    assert page.get_by_text("Passkeys need a browser that knows them").is_visible()
    assert not page.get_by_role("button", name="Make a passkey").is_visible()


def test_an_app_is_used_without_scripts(visitor, alice):
    app_of(alice.user)
    page = visitor(alice, java_script_enabled=False)
    page.goto("/en/sign-in/again/?next=/en/account/second-factor/")

    page.get_by_label("Code").fill(code_now())
    page.get_by_role("button", name="Go on with this code").click()

    assert page.get_by_role("heading", name="Second factor").is_visible()


def test_the_account_page_turns_dark_and_large_at_once(visitor, alice):
    page = visitor(alice, java_script_enabled=False)
    page.goto("/en/account/")

    page.get_by_label("Theme").select_option("dark")
    page.get_by_label("Text size").select_option("largest")
    page.get_by_role("button", name="Save language and look").click()

    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert page.evaluate("getComputedStyle(document.documentElement).fontSize") == "21px"
