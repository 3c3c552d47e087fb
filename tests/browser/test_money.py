"""Are the pages on which money is paid, given back and counted accessible and narrow enough?"""

from types import SimpleNamespace

import pytest
from django.urls import reverse

from billing.models import Invoice
from tests.appointments.paying import agree, at_the_bank, begin
from tests.browser.test_pages import looked_at
from tests.browser.test_rosters import looked_at as opened
from tests.factories import InsurancePolicyFactory, member_with_patient, schedule_with_slots
from tests.security.world import SUPERUSER, make_world

WIDE, NARROW = (1280, "light"), (360, "dark")


@pytest.mark.usefixtures("bank")
def test_pages_on_which_members_pay_and_prove_it(visitor):
    world = make_world()
    # Of a time that waits to be paid, and of one whose payment is under way.
    carol = member_with_patient()
    to_pay = agree(carol, schedule_with_slots())
    dan = member_with_patient()
    under_way = agree(dan, schedule_with_slots())
    begin(under_way)
    InsurancePolicyFactory(added_by=world.alice, patient=world.held.patient)
    insured = reverse("billing:insurance", args=[world.child.uid])
    pages = [
        (carol, reverse("appointments:pay", args=[to_pay.reference])),
        (dan, reverse("appointments:pay", args=[under_way.reference])),
        (world.alice, reverse("appointments:confirm", args=[world.held.reference])),
        (world.alice, reverse("appointments:receipts")),
        (world.alice, reverse("appointments:receipt", args=[world.receipt.number])),
        (world.alice, insured),
        (world.alice, reverse("appointments:verified_receipt", args=[world.receipt.verify_code])),
        (world.alice, insured.replace("/en/", "/zh-hans/")),
    ]
    wrong = {}

    for member, address in pages:
        page = visitor(member)
        page.goto(address)
        if found := looked_at(page):
            wrong[address] = found

    assert wrong == {}


@pytest.mark.usefixtures("bank")
def test_pages_on_which_staff_settles(visitor):
    world = make_world()
    day = f"/admin/settlements/{world.settlement.gateway}/{world.settlement.day}/"
    page = visitor(SimpleNamespace(user=world.accounts[SUPERUSER]))
    wrong = {}

    for address, look in (
        ("/admin/settlements/", NARROW),
        (day, WIDE),
        (day, NARROW),
        (f"/admin/settlements/differences/{world.difference.uid}/reverse/", NARROW),
        ("/admin/cash/", NARROW),
        ("/admin/cash/?tab=card", NARROW),
        ("/admin/refunds/", NARROW),
        (f"/admin/quarantine/{world.quarantine.uid}/", NARROW),
        ("/admin/insurance/statement/", NARROW),
        ("/admin/reports/revenue/", WIDE),
        ("/admin/reports/revenue/", NARROW),
    ):
        if found := opened(page, address, *look):
            wrong[address, look] = found

    assert wrong == {}


@pytest.mark.usefixtures("bank")
def test_pays_without_scripts(visitor):
    alice = member_with_patient()
    visit = agree(alice, schedule_with_slots())
    page = visitor(alice, java_script_enabled=False)
    begin(visit)
    at_the_bank(Invoice.objects.get().payments.get(), "silent")

    page.goto(reverse("appointments:pay", args=[visit.reference]))
    page.get_by_role("button", name="Check payment").click()

    page.get_by_role("heading", level=1).wait_for()
    assert Invoice.objects.get().state == "paid"
