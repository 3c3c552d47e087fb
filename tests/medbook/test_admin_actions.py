"""Does staff act on rows only after a look, only where allowed, and row by row?"""

import pytest
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.contrib.messages.storage.fallback import FallbackStorage
from django.core.exceptions import PermissionDenied
from django.db import connection

from medbook import admin_actions
from medbook.admin_actions import ActingAdmin, ReasonForm, confirmed_action
from medbook.errors import Refused
from members.models import Tier
from tests.factories import MemberFactory, UserFactory

pytestmark = pytest.mark.django_db


class TooJade(Refused):
    """Jade stays as it is."""

    message = "Jade stays as it is."


class PolishingAdmin(ActingAdmin):
    """An admin that polishes tiers, but not jade."""

    actions = ("polish",)

    @confirmed_action(
        "Polish", permission="members.change_tier", explanation="They will shine.", form=ReasonForm
    )
    def polish(self, request, tier, answers):
        """Note what was polished."""
        if tier.code == "jade":
            raise TooJade
        self.polished.append((tier.code, answers["reason"], request.user.username))
        return "shines" if tier.code == "gold" else None


@pytest.fixture
def polishing():
    made = PolishingAdmin(Tier, admin.site)
    made.polished = []
    return made


@pytest.fixture
def polisher():
    user = UserFactory(username="bo", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="change_tier"))
    return user


@pytest.fixture
def post(rf, polishing, polisher):
    def posted(by=polisher, tiers=None, **body):
        request = rf.post("/", body)
        request.user = by
        request.session = {}
        request._messages = FallbackStorage(request)
        rows = Tier.objects.all() if tiers is None else tiers
        answer = polishing.polish(request, rows)
        return answer, [str(message) for message in get_messages(request)]

    return posted


def test_shows_what_it_concerns_and_does_nothing_yet(post, polishing):
    answer, _messages = post()

    page = answer.render().content.decode()
    assert answer.status_code == 200
    assert polishing.polished == []
    for text in ("They will shine.", "Silver", "Jade", "Reason", 'value="polish"'):
        assert text in page
    assert page.count(f'name="{ACTION_CHECKBOX_NAME}"') == 4


def test_acts_once_per_row_and_shows_each_refusal(post, polishing):
    answer, messages = post(confirmed="yes", reason="spring")

    assert answer is None
    assert polishing.polished == [(code, "spring", "bo") for code in ("member", "silver", "gold")]
    assert "3 rows done." in messages
    assert "Gold: shines" in messages
    assert "Jade: Jade stays as it is." in messages


def test_asks_again_for_answers_that_are_missing(post, polishing):
    answer, _messages = post(confirmed="yes", reason="")

    assert answer.status_code == 422
    assert polishing.polished == []


def test_needs_the_permission_also_when_posted_at_once(post, polishing):
    with pytest.raises(PermissionDenied):
        post(by=UserFactory(is_staff=True), confirmed="yes", reason="x")

    assert polishing.polished == []


def test_is_offered_to_those_who_may(rf, polishing, polisher):
    request = rf.get("/")

    request.user = polisher
    assert "polish" in polishing.get_actions(request)
    request.user = UserFactory(is_staff=True)
    assert "polish" not in polishing.get_actions(request)


def test_refuses_more_rows_than_anybody_looks_over(post, polishing, monkeypatch):
    monkeypatch.setattr(admin_actions, "MOST_ROWS", 3)

    _answer, messages = post(confirmed="yes", reason="x")

    assert messages == ["Please choose at most 3 rows."]
    assert polishing.polished == []


def test_tells_how_many_refusals_are_not_shown(post, monkeypatch):
    monkeypatch.setattr(admin_actions, "MOST_REFUSALS_SHOWN", 0)

    _answer, messages = post(confirmed="yes", reason="x")

    assert "1 more row was refused." in messages
    assert "Jade: Jade stays as it is." not in messages


def test_a_bug_flies(post, polishing, monkeypatch):
    class Broken(list):
        def append(self, _row):
            raise ZeroDivisionError

    polishing.polished = Broken()

    with pytest.raises(ZeroDivisionError):
        post(confirmed="yes", reason="x")


@pytest.mark.django_db(transaction=True)
def test_the_site_runs_actions_outside_a_transaction(client, monkeypatch):
    seen = []
    monkeypatch.setattr(
        admin_actions, "_act_on", lambda *_args: seen.append(connection.in_atomic_block)
    )
    root = UserFactory(username="root", is_staff=True, is_superuser=True)
    client.force_login(root)
    from_list = {"action": "suspend", "confirmed": "yes", "days": 3, "reason": "x"}

    client.post("/admin/members/member/", {**from_list, ACTION_CHECKBOX_NAME: MemberFactory().pk})

    assert seen == [False]
