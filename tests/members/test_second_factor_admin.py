"""How does staff help somebody who has lost the second factor, and is production shut?"""

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.management import CommandError, call_command

from medbook.audit.choices import Action
from medbook.audit.models import OperationLog
from medbook.staff_door import check_staff_door
from members.models import SecondFactor
from tests.factories import UserFactory, member_with_patient
from tests.members.factors import app_of
from tests.members.people import staff

USERS, MEMBERS = "/admin/members/user/", "/admin/members/member/"


@pytest.fixture
def administrator(client):
    user = staff("administrator")
    client.force_login(user)
    return user


def take_away(client, page, row, reason="Phone lost, asked in person"):
    form = {"action": "take_away_factor", ACTION_CHECKBOX_NAME: row.pk, "confirmed": "1"}
    return client.post(page, {**form, "reason": reason}, follow=True)


@pytest.mark.django_db
def test_an_administrator_takes_away_the_factor_of_a_lost_phone(client, administrator):
    desk = staff("desk")
    app_of(desk)

    take_away(client, USERS, desk)

    assert not SecondFactor.objects.exists()
    log = OperationLog.objects.get(action=Action.SECOND_FACTOR_REMOVED)
    assert (log.reason, log.actor_uid) == ("Phone lost, asked in person", administrator.uid)


@pytest.mark.django_db
def test_the_factor_of_a_member_is_taken_away_alike(client, administrator):
    alice = member_with_patient()
    app_of(alice.user)

    take_away(client, MEMBERS, alice)

    assert not SecondFactor.objects.exists()


@pytest.mark.django_db
def test_nobody_takes_away_the_factor_of_somebody_above(client, administrator):
    root = UserFactory(username="root-9", is_staff=True, is_superuser=True)
    app_of(root)

    answer = take_away(client, USERS, root)

    assert SecondFactor.objects.exists()
    assert "You are not allowed to do this." in answer.text


@pytest.mark.django_db
@pytest.mark.parametrize("reason", ["", "   "])
def test_a_reason_is_asked(client, administrator, reason):
    desk = staff("desk")
    app_of(desk)

    take_away(client, USERS, desk, reason)

    assert SecondFactor.objects.exists()


@pytest.mark.parametrize(("required", "problems"), [(True, []), (False, ["medbook.E101"])])
def test_production_with_passwords_alone_is_refused(settings, required, problems):
    settings.STAFF_SECOND_FACTOR_REQUIRED = required

    assert [problem.id for problem in check_staff_door()] == problems


def test_the_demo_tells_its_code_and_production_has_none(capsys, settings):
    call_command("demo_code")
    assert len(capsys.readouterr().out.strip()) == 6

    settings.IS_DEVELOPMENT = False
    with pytest.raises(CommandError):
        call_command("demo_code")
