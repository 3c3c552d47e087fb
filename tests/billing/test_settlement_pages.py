"""How does finance settle a day on the pages?"""

import io
from datetime import timedelta

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from billing.models import Difference, Payment, Settlement
from medbook import clock
from medbook.audit.models import OperationLog
from tests.billing.statements import csv, imported, open_bank, paid, resolve, row, today
from tests.billing.test_refunds_admin import staff_with

pytestmark = pytest.mark.django_db
LIST = "/admin/settlements/"


@pytest.fixture(autouse=True)
def _bank(settings, monkeypatch):
    open_bank(settings, monkeypatch)


@pytest.fixture
def finance(client):
    client.force_login(staff_with("view_settlement", "settle"))
    return client


def page(settlement):
    return f"{LIST}sandbox/{settlement.day}/"


def test_the_list_says_what_is_missing_and_imports(finance):
    paid()

    before = finance.get(LIST)
    asked = {"gateway": "sandbox", "day": today()}
    done = finance.post(f"{LIST}import/", asked, follow=True)
    file = SimpleUploadedFile("statement.csv", csv(row("UNKNOWN1", "99.00")))
    uploaded = finance.post(f"{LIST}import/", {**asked, "file": file}, follow=True)

    assert before.text.count("No statement yet") == 2  # today and yesterday
    assert "Nothing differs." in done.text
    assert done.redirect_chain[0][0] == f"{LIST}sandbox/{today()}/"
    assert "¥99.00" in uploaded.text
    assert Settlement.objects.get().source == "file"
    assert "<strong>2</strong>" in finance.get(LIST).text


def test_says_why_a_file_is_no_statement(finance):
    file = SimpleUploadedFile("statement.csv", b"a,b")

    answer = finance.post(f"{LIST}import/", {"gateway": "sandbox", "day": today(), "file": file})

    assert answer.status_code == 422
    assert "Line 1: the first line is not kind,number" in answer.text
    assert finance.post(f"{LIST}import/", {"gateway": "no", "day": "never"}).status_code == 422


def test_money_is_written_after_a_reason_only(finance):
    settlement = imported(csv(row("UNKNOWN1")))
    write_off = f"{LIST}differences/{Difference.objects.get().uid}/write_off/"

    shown = finance.get(page(settlement))
    asked = finance.get(write_off)
    refused = finance.post(write_off, {})
    done = finance.post(write_off, {"reason": "Agreed with the bank"}, follow=True)

    assert f'href="{write_off}"' in shown.text
    assert "This cannot be undone." in asked.text
    assert refused.status_code == 422
    assert "Decided: Write off." in done.text
    assert "Agreed with the bank" in done.text
    assert finance.post(write_off, {"reason": "Again"}, follow=True).text.count("not possible") == 1
    assert Difference.objects.get().entry.note == "Agreed with the bank"


def test_leaving_it_to_the_next_day_takes_one_press(finance):
    settlement = imported(csv(row("UNKNOWN1")))
    address = f"{LIST}differences/{Difference.objects.get().uid}/next_day/"

    assert f'action="{address}"' in finance.get(page(settlement)).text
    assert "Decided: Next day." in finance.post(address, follow=True).text


def test_a_day_is_closed_after_a_look_and_then_shows_no_buttons(finance):
    payment = paid()
    assert "This day is not over yet." in finance.get(page(imported())).text
    yesterday = clock.now() - timedelta(days=1)
    Payment.objects.update(captured_at=yesterday)
    line = row(payment.number, transaction=payment.transaction, at=yesterday)
    settlement = imported(csv(line), day=today() - timedelta(days=1))

    look = finance.get(f"{page(settlement)}close/")
    done = finance.post(f"{page(settlement)}close/", follow=True)

    assert "¥180.00 leave the gateway" in look.text
    assert "The day is closed." in done.text
    assert "Import a statement" not in done.text
    assert "¥1.08" in finance.get(f"{page(settlement)}?tab=matched").text


def test_the_auditor_looks_and_changes_nothing(client):
    settlement = imported(csv(row("UNKNOWN1")))
    client.force_login(staff_with("view_settlement"))

    shown = client.get(page(settlement)).text

    assert "Missing here" in shown
    assert "Import" not in shown
    assert "write_off" not in shown
    address = f"{LIST}differences/{Difference.objects.get().uid}/write_off/"
    for forbidden in (address, f"{page(settlement)}close/", f"{LIST}import/"):
        assert client.post(forbidden, {"reason": "x"}).status_code == 403


def test_a_workbook_holds_no_formula(finance):
    settlement = imported(csv(row("=1+1", "5.00"), row("+2", "6.00")))
    resolve(settlement.differences.first(), "write_off")

    answer = finance.get(f"{page(settlement)}export/")

    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    assert book.sheetnames == ["Sums", "Lines", "Differences"]
    cells = [cell for sheet in book for line in sheet.iter_rows() for cell in line]
    assert not [cell for cell in cells if cell.data_type == "f"]
    assert "'=1+1" in [cell.value for cell in cells]
    assert 11 in [cell.value for cell in book["Sums"]["C"]]
    assert OperationLog.objects.get(action="export.made").facts["rows"] == 2


@pytest.mark.parametrize(
    "address",
    ["sandbox/2026-13-01/", "sandbox/20261128/", "nobody/2026-11-28/", "sandbox/x/close/"],
)
def test_what_is_no_day_is_not_there(finance, address):
    assert finance.get(f"{LIST}{address}").status_code == 404


def test_the_home_leads_to_open_differences(finance):
    imported(csv(row("UNKNOWN1")))

    home = finance.get(reverse("admin:index")).text

    assert "1 difference with a gateway waits for a decision." in home
    assert "Yesterday is not settled yet: Sandbox Bank." in home
