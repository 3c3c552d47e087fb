"""An account from its first code to its erasure, through the pages."""

import io
import json
import zipfile
from datetime import timedelta

import pytest

from medbook import clock
from medbook.jobs.services import run_due_jobs
from members.models import FamilyLink, Member, OneTimeCode, Patient
from members.rules.spelling import normalised_phone
from tests.factories import PrivilegeFactory, TierFactory, resident_id
from tests.members.people import code_sent, sign_up

pytestmark = pytest.mark.django_db

PHONE, NEW_PHONE = "13912340001", "13912340002"
OWN, PARENT = resident_id(11), resident_id(13)
NEWBORN = "T110012345"


@pytest.fixture
def silver():
    TierFactory(code="member", name_zh="会员")
    tier = TierFactory(code="silver", name_zh="银卡", points_from=300)
    PrivilegeFactory(tier=tier, key="discount_rate", value="0.95")
    return tier


def add_patient(client, **answers):
    born = dict(zip(("birth_year", "birth_month", "birth_day"), ("2025", "5", "6"), strict=True))
    asked = {"identity_kind": "resident_id", "sex": "", **answers}
    if asked["identity_kind"] != "resident_id":
        asked |= born
    return client.post("/zh-hans/patients/add/", asked, follow=True)


def change_phone(client, to):
    OneTimeCode.objects.update(created_at=clock.now() - timedelta(minutes=2))
    page = "/zh-hans/account/phone/"
    client.post(page, {"phone": to})
    return client.post(page, {"new_code": code_sent(to), "old_code": code_sent(PHONE)}, follow=True)


def export(client):
    """Ask for everything, let the worker do it, and open the file."""
    progress = client.post("/zh-hans/account/privacy/export/", follow=True)
    run_due_jobs(now=clock.now())
    page = progress.redirect_chain[-1][0]
    answer = client.get(f"{page}file/")
    return zipfile.ZipFile(io.BytesIO(answer.getvalue()))


def test_joins_cares_for_a_family_moves_takes_the_data_along_and_leaves(client, silver):
    page = sign_up(client, PHONE, language="zh-hans", follow=True)
    member = Member.objects.get()
    assert page.status_code == 200
    assert client.get("/zh-hans/account/").status_code == 200

    add_patient(client, relation="self", name="王小明", identity_number=OWN)
    child = {"relation": "child", "name": "王小宝", "identity_number": NEWBORN}
    refused = add_patient(client, identity_kind="birth_certificate", **child)
    assert refused.status_code == 422  # no guardian has agreed
    add_patient(client, identity_kind="birth_certificate", is_guardian="on", **child)
    page = add_patient(client, relation="parent", name="王大明", identity_number=PARENT)
    assert all(name in page.text for name in ("王小明", "王小宝", "王大明"))
    assert not any(number in page.text for number in (OWN, NEWBORN, PARENT))

    assert "银卡" in client.get("/zh-hans/membership/").text

    change_phone(client, NEW_PHONE)
    member.refresh_from_db()
    assert member.phone.reveal() == normalised_phone(NEW_PHONE)

    files = export(client)
    said = json.loads(files.read("export.json"))
    assert files.read("export.pdf").startswith(b"%PDF")
    links = said["tables"]["members.familylink"]
    assert all(name in str(links) for name in ("王小明", "王小宝", "王大明"))

    wrong = client.post("/zh-hans/account/erase/", {"number": "M0000000"})
    assert wrong.status_code == 422
    client.post("/zh-hans/account/erase/", {"number": member.number})
    member.refresh_from_db()
    assert member.phone is None
    assert not Patient.objects.filter(name__isnull=False).exists()
    assert not FamilyLink.objects.standing().exists()
    assert client.get("/zh-hans/account/").status_code == 302

    OneTimeCode.objects.update(created_at=clock.now() - timedelta(minutes=2))
    sign_up(client, NEW_PHONE, language="zh-hans")
    assert Member.objects.exclude(pk=member.pk).get().number != member.number
