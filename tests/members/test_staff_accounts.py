"""Do accounts of staff stay in their place when administrators change them?"""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group

from medbook import clock
from medbook.audit.models import OperationLog
from members.models import Privilege, Tier, User
from members.services.tokens import issue_tokens
from tests.api import ROOT, caller
from tests.factories import PrivilegeFactory, UserFactory
from tests.members.people import PASSWORD, joined, staff

pytestmark = pytest.mark.django_db

USERS, PRIVILEGES = "/admin/members/user/", "/admin/members/privilege/"


@pytest.fixture
def administrator(client):
    user = staff("administrator")
    client.force_login(user)
    return user


def form_of(user, **changes):
    said = {
        "username": user.username,
        "display_name": user.display_name,
        "email": user.email,
        "language": user.language,
        "is_active": "on",
        "groups": [group.pk for group in user.groups.all()],
        **changes,
    }
    return {name: value for name, value in said.items() if value is not None}


def save(client, user, **changes):
    answer = client.post(f"{USERS}{user.pk}/change/", form_of(user, **changes))
    user.refresh_from_db()
    return answer


def test_makes_accounts_of_staff(client, administrator):
    answer = client.post(
        f"{USERS}add/",
        {
            "username": "dr.chen",
            "display_name": "Dr. Chen",
            "usable_password": "true",
            "password1": PASSWORD,
            "password2": PASSWORD,
        },
    )

    made = User.objects.get(username="dr.chen")
    assert answer.status_code == 302
    assert made.is_staff
    assert not made.is_superuser
    assert made.check_password(PASSWORD)


def test_gives_roles_and_writes_it_down(client, administrator):
    bo = UserFactory(username="bo", is_staff=True)
    token = issue_tokens(user=bo, now=clock.now()).access
    desk = Group.objects.get(name="desk")

    save(client, bo, groups=[desk.pk])

    assert list(bo.groups.all()) == [desk]
    row = OperationLog.objects.get(action="role.changed")
    assert row.facts == {"from": [], "to": ["desk"]}
    assert (row.subject_uid, row.actor_uid) == (bo.uid, administrator.uid)
    api = caller()
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    assert api.get(f"{ROOT}me/").status_code == 401


@pytest.mark.parametrize(("language", "name"), [("en", "Front desk"), ("zh-hans", "服务台")])
def test_roles_are_named_in_the_language_of_the_reader(client, administrator, language, name):
    bo = staff("desk")

    for page in (
        USERS,
        f"{USERS}?groups__id__exact={bo.groups.get().pk}",
        f"{USERS}{bo.pk}/change/",
    ):
        answer = client.get(page, headers={"accept-language": language})
        assert name in answer.text
        assert ">desk<" not in answer.text


def test_saving_without_a_change_voids_no_token(client, administrator):
    bo = staff("desk")
    version = bo.token_version

    save(client, bo, display_name="Bo")

    assert (bo.display_name, bo.token_version) == ("Bo", version)
    assert not OperationLog.objects.filter(action="role.changed").exists()


def test_switching_off_voids_all_tokens(client, administrator):
    bo = staff("desk")
    version = bo.token_version

    save(client, bo, is_active=None)

    assert not bo.is_active
    assert bo.token_version > version


def test_a_new_password_voids_all_tokens(client, administrator):
    bo = staff("desk")
    version = bo.token_version

    client.post(
        f"{USERS}{bo.pk}/password/",
        {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD},
    )

    bo.refresh_from_db()
    assert bo.check_password(PASSWORD)
    assert bo.token_version > version


def test_administrators_make_no_superusers(client, administrator):
    bo = staff("desk")

    save(client, bo, is_superuser="on", user_permissions=["1"], token_version="0")

    assert not bo.is_superuser
    assert not bo.user_permissions.exists()


def test_administrators_do_not_take_over_superusers(client, administrator):
    root = UserFactory(username="root", is_staff=True, is_superuser=True, password=PASSWORD)
    body = {"usable_password": "true", "password1": "x" * 12, "password2": "x" * 12}

    assert save(client, root, display_name="Mallory").status_code == 403
    assert client.post(f"{USERS}{root.pk}/password/", body).status_code == 403
    root.refresh_from_db()
    assert root.check_password(PASSWORD)


def test_accounts_are_switched_off_not_deleted(client, administrator):
    bo = staff("desk")

    assert client.post(f"{USERS}{bo.pk}/delete/", {"post": "yes"}).status_code == 403


def test_members_are_not_among_the_staff(client, administrator):
    alice = joined()

    assert alice.number not in client.get(USERS).content.decode()
    assert client.get(f"{USERS}{alice.user.pk}/change/").status_code == 302


@pytest.mark.parametrize("role", ["desk", "doctor", "scheduler", "finance", "auditor"])
def test_others_change_no_account(client, role):
    client.force_login(staff(role))
    bo = staff("desk")

    assert save(client, bo, groups=[Group.objects.get(name="administrator").pk]).status_code == 403
    assert list(bo.groups.values_list("name", flat=True)) == ["desk"]


def test_a_privilege_of_a_wrong_kind_is_refused_at_its_field(client, administrator):
    answer = client.post(
        f"{PRIVILEGES}add/",
        {
            "tier": Tier.objects.get(code="gold").pk,
            "key": "discount_rate",
            "value": "1.5",
            "valid_from_0": "2027-01-01",
            "valid_from_1": "00:00",
        },
    )

    assert answer.status_code == 200
    assert "value" in answer.context["adminform"].form.errors


def test_what_has_held_once_stays_on_record(client, administrator):
    old = Privilege.objects.order_by("id").first()
    to_come = PrivilegeFactory(valid_from=clock.now() + timedelta(days=3))

    assert client.post(f"{PRIVILEGES}{old.pk}/change/", {"value": "0.5"}).status_code == 403
    assert client.post(f"{PRIVILEGES}{old.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.get(f"{PRIVILEGES}{to_come.pk}/delete/").status_code == 200
    body = {"action": "delete_selected", "_selected_action": [old.pk], "post": "yes"}
    client.post(PRIVILEGES, body)
    assert Privilege.objects.filter(pk=old.pk).exists()
