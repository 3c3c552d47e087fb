"""Can everybody pay at Sandbox Bank, on a phone and without scripts, and get back?"""

from dataclasses import replace

import pytest

from billing.gateways.sandbox import SandboxGateway
from billing.sandbox.models import SandboxPayment
from tests.billing.sandbox import order, payment_and_notification, through_client
from tests.browser.test_pages import looked_at


@pytest.mark.parametrize("locale", ["en", "zh-CN"])
def test_pages_of_the_sandbox_bank(visitor, locale):
    payment, _notification = payment_and_notification()
    paid = SandboxPayment.objects.exclude(pk=payment.pk).get()
    page = visitor(locale=locale)
    wrong = {}

    for address in ("", f"pay/{payment.uid}/", f"pay/{paid.uid}/"):
        page.complaints.clear()
        page.goto(f"/sandbox/{address}")
        if found := looked_at(page):
            wrong[address] = found

    assert wrong == {}


def test_pays_without_scripts_and_comes_back(visitor, live_server):
    back = replace(order(), return_url=f"{live_server.url}/livez")
    SandboxGateway(through_client).create(back)
    page = visitor(java_script_enabled=False)

    page.goto(f"/sandbox/pay/{SandboxPayment.objects.get().uid}/")
    page.get_by_role("button", name="Pay ¥162.00").click()

    page.wait_for_url("**/livez")
    assert SandboxPayment.objects.get().state == "paid"
    assert page.complaints == []
