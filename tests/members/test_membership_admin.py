"""Does staff change what tiers allow and need, after a preview, and is it felt at once?"""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from medbook import clock
from medbook.audit.models import OperationLog
from members.models import Privilege, Tier
from members.selectors.tiers import privilege
from members.services.privileges import change_thresholds, plan_privilege
from tests.factories import MemberFactory, PrivilegeFactory, TierFactory, UserFactory
from tests.members.people import staff
from tests.members.test_tiers import points

pytestmark = pytest.mark.django_db

PAGE = "/admin/membership/"


def tier(code):
    return Tier.objects.get(code=code)


@pytest.fixture
def administrator(client):
    user = staff("administrator")
    client.force_login(user)
    return user


def plan(client, step="preview_privilege", **said):
    answers = {"key": "discount_rate", "tier": tier("gold").pk, "value": "0.8", "from_day": ""}
    body = {f"plan-{name}": value for name, value in {**answers, **said}.items()}
    return client.post(PAGE, {"step": step, **body})


def plan_and_save(client, **said):
    """Preview, and save what the preview showed."""
    shown = plan(client, **said)
    previewed = shown.context["desk"].privilege.answers()
    return plan(client, "save_privilege", previewed=previewed, **said)


def thresholds(client, step="preview_thresholds", previewed="", **said):
    answers = {"silver": "300", "gold": "1000", "jade": "3000", **said}
    body = {f"ladder-{name}": value for name, value in answers.items()}
    return client.post(PAGE, {"step": step, "ladder-previewed": previewed, **body})


def test_shows_all_that_holds_and_all_that_is_to_come(client, administrator):
    soon = clock.now() + timedelta(days=3)
    PrivilegeFactory(tier=tier("gold"), value="0.8", valid_from=soon)
    PrivilegeFactory(tier=tier("gold"), value="0.7", valid_from=soon + timedelta(days=1))

    answer = client.get(PAGE)

    rows = {kind.key: cells for kind, cells in answer.context["rows"]}
    assert len(rows) == 11
    assert [str(cell.shown) for cell in rows["discount_rate"]] == ["100 %", "95 %", "90 %", "85 %"]
    assert str(rows["discount_rate"][2].to_come.after) == "80 %"
    steps = [(str(one.before), str(one.after)) for one in answer.context["planned"]]
    assert steps == [("90 %", "80 %"), ("80 %", "70 %")]


def test_says_when_nothing_is_planned(client, administrator):
    assert "No change planned." in client.get(PAGE).text


def test_a_change_is_previewed_before_it_is_saved(client, administrator):
    MemberFactory(tier=tier("gold"))

    page = plan(client)

    assert "Gold: from 90 % to 80 %" in page.text
    assert "1 member has this tier today." in page.text
    assert not Privilege.objects.filter(value="0.8").exists()


def test_what_was_not_previewed_is_previewed_instead_of_saved(client, administrator):
    shown = plan(client).context["desk"].privilege.answers()

    page = plan(client, "save_privilege", value="0.1", previewed=shown)

    assert "Gold: from 90 % to 10 %" in page.text
    assert not Privilege.objects.filter(value__in=("0.1", "0.8")).exists()


def test_a_saved_change_holds_at_once_and_is_written_down(
    client, administrator, django_capture_on_commit_callbacks
):
    bo, now = MemberFactory(tier=tier("gold")), clock.now()
    assert privilege(bo, "discount_rate", now) == Decimal("0.9")

    with django_capture_on_commit_callbacks(execute=True):
        answer = plan_and_save(client, value=" 0.80 ")

    row = Privilege.objects.get(value="0.8")
    entry = OperationLog.objects.latest("id")
    assert answer.status_code == 302
    assert privilege(bo, "discount_rate", clock.now()) == Decimal("0.8")
    assert privilege(bo, "discount_rate", now) == Decimal("0.9")  # the past stays as it was
    assert (entry.action, entry.actor_uid) == ("privilege.changed", administrator.uid)
    assert entry.facts == {
        "tier": "gold",
        "key": "discount_rate",
        "before": None,
        "after": {"value": "0.8", "from": row.valid_from.isoformat()},
    }


def test_a_change_from_a_day_on_waits_for_its_midnight(client, administrator):
    day = timezone.localdate() + timedelta(days=10)

    plan_and_save(client, from_day=day.isoformat())

    row = Privilege.objects.get(value="0.8")
    begins = timezone.localtime(row.valid_from)
    assert (begins.date(), begins.hour) == (day, 0)
    assert privilege(MemberFactory(tier=tier("gold")), "discount_rate", clock.now()) == Decimal(
        "0.9"
    )


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"value": "1.5"}, "value"),
        ({"value": "0"}, "value"),
        ({"value": ""}, "value"),
        ({"value": "9" * 10_000}, "value"),
        ({"key": "can_cancel_late", "value": "perhaps"}, "value"),
        ({"key": "early_access_minutes", "value": "1.5"}, "value"),
        ({"key": "free_coffee"}, "key"),
        ({"tier": "gold"}, "tier"),
        ({"tier": "9" * 30}, "tier"),
        ({"from_day": "2020-01-01"}, "from_day"),
        ({"from_day": "0001-01-01"}, "from_day"),
        ({"from_day": "9999-12-31"}, "from_day"),
        ({"from_day": "soon"}, "from_day"),
    ],
)
@pytest.mark.parametrize("step", ["preview_privilege", "save_privilege"])
def test_a_wrong_answer_is_named_at_its_field(client, administrator, said, field, step):
    before = Privilege.objects.count()

    answer = plan(client, step, **said)

    assert answer.status_code == 422
    assert list(answer.context["desk"].privilege.errors) == [field]
    assert Privilege.objects.count() == before


@pytest.mark.parametrize("key", ["can_cancel_late", "early_access_minutes", "points_rate"])
def test_the_form_asks_as_the_kind_of_privilege_wants(client, administrator, key):
    page = client.get(PAGE, {"key": key}).text

    assert ("<select" in page.split('name="plan-value"')[0][-40:]) == (key == "can_cancel_late")
    assert ('type="number"' in page.split('name="plan-value"')[0][-40:]) == (
        key != "can_cancel_late"
    )


@pytest.mark.parametrize("key", ["", "free_coffee", "<script>", "9" * 5000])
def test_an_address_with_nonsense_shows_the_page(client, administrator, key):
    answer = client.get(PAGE, {"key": key, "tier": key})

    assert answer.status_code == 200
    assert "Choose above what is to change." in answer.text


def test_two_values_from_one_moment_are_refused(client, administrator):
    day = timezone.localdate() + timedelta(days=10)
    plan_and_save(client, from_day=day.isoformat())

    answer = plan_and_save(client, value="0.7", from_day=day.isoformat())

    assert answer.status_code == 409
    assert "from the same moment on" in answer.text


def test_what_is_planned_can_be_withdrawn_what_holds_cannot(client, administrator):
    to_come = PrivilegeFactory(tier=tier("gold"), valid_from=clock.now() + timedelta(days=3))
    old = Privilege.objects.order_by("id").first()

    withdrawn = client.post(PAGE, {"step": "withdraw", "uid": to_come.uid})
    refused = client.post(PAGE, {"step": "withdraw", "uid": old.uid})

    assert (withdrawn.status_code, refused.status_code) == (302, 409)
    assert not Privilege.objects.filter(pk=to_come.pk).exists()
    assert Privilege.objects.filter(pk=old.pk).exists()
    entry = OperationLog.objects.get(action="privilege.changed")
    assert entry.facts["after"] is None


def test_what_is_not_there_cannot_be_withdrawn(client, administrator):
    unknown = "00000000-0000-4000-8000-000000000000"

    assert client.post(PAGE, {"step": "withdraw", "uid": unknown}).status_code == 404
    assert client.post(PAGE, {"step": "withdraw", "uid": "x"}).status_code == 400
    assert client.post(PAGE, {"step": "nonsense"}).status_code == 400


def test_tells_whom_other_points_would_move(client, administrator):
    for amount in (299, 300, 400, 999, 1000, 3000):
        points(MemberFactory(), amount)
    MemberFactory()

    moves = thresholds(client, silver="400", gold="900").context["desk"].moves

    assert (moves.up, moves.down) == (1, 1)  # 999 reaches gold, 300 no longer silver
    assert [(row.members_before, row.members_after) for row in moves.tiers] == [
        (2, 3),
        (3, 1),
        (1, 2),
        (1, 1),
    ]


def test_the_preview_says_so_in_a_sentence(client, administrator):
    points(MemberFactory(), 999)

    assert "1 up, 0 down on the last 365 days." in thresholds(client, gold="900").text
    assert tier("gold").points_from == 1000


def test_previewed_points_are_saved_and_written_down(client, administrator):
    shown = thresholds(client, gold="900").context["desk"].thresholds.answers()

    unseen = thresholds(client, "save_thresholds", gold="800", previewed=shown)
    saved = thresholds(client, "save_thresholds", gold="900", previewed=shown)

    entry = OperationLog.objects.get(action="tier.changed")
    assert (unseen.status_code, saved.status_code) == (200, 302)
    assert tier("gold").points_from == 900
    assert (entry.changed_fields, entry.facts) == (["points_from"], {"before": 1000, "after": 900})


@pytest.mark.parametrize(
    "said",
    [{"silver": "1000"}, {"gold": "299"}, {"silver": "0"}, {"jade": "-1"}, {"jade": "9" * 30}],
)
def test_points_go_up_with_the_tiers(client, administrator, said):
    answer = thresholds(client, "save_thresholds", **said)

    assert answer.status_code == 422
    assert [row.points_from for row in Tier.objects.order_by("rank")] == [0, 300, 1000, 3000]


@pytest.mark.parametrize("wanted", [(1000, 3000, 5000), (1, 300, 1000), (300, 301, 302)])
def test_tiers_may_move_onto_each_others_points(wanted):
    codes = ("silver", "gold", "jade")
    asked = {tier(code).pk: new for code, new in zip(codes, wanted, strict=True)}

    change_thresholds(points_from=asked, by=UserFactory(is_staff=True))

    assert tuple(tier(code).points_from for code in codes) == wanted


def test_the_auditor_sees_and_changes_nothing(client):
    client.force_login(staff("auditor"))

    page = client.get(PAGE).text

    assert "95 %" in page
    assert "3000" in page
    assert 'name="step"' not in page
    for step in ("preview_privilege", "save_privilege", "withdraw", "preview_thresholds"):
        assert client.post(PAGE, {"step": step}).status_code == 403


def test_the_list_of_tiers_keeps_the_order_too(client, administrator):
    gold = tier("gold")
    row = {"code": "gold", "name_en": "Gold", "name_zh": "金卡", "rank": 2, "points_from": 200}

    refused = client.post(f"/admin/members/tier/{gold.pk}/change/", row)
    changed = client.post(f"/admin/members/tier/{gold.pk}/change/", {**row, "points_from": 2000})

    assert list(refused.context["adminform"].form.errors) == ["points_from"]
    assert changed.status_code == 302
    assert OperationLog.objects.get(action="tier.changed").changed_fields == ["points_from"]


def test_the_list_of_privileges_writes_the_log_too(client, administrator):
    day = (timezone.localdate() + timedelta(days=9)).isoformat()
    row = {"tier": tier("gold").pk, "key": "points_rate", "value": "1.50"}

    past = client.post(
        "/admin/members/privilege/add/",
        {**row, "valid_from_0": "2020-01-01", "valid_from_1": "00:00"},
    )
    added = client.post(
        "/admin/members/privilege/add/", {**row, "valid_from_0": day, "valid_from_1": "00:00"}
    )
    made = Privilege.objects.get(key="points_rate")
    client.post(f"/admin/members/privilege/{made.pk}/delete/", {"post": "yes"})

    assert list(past.context["adminform"].form.errors) == ["valid_from"]
    assert (added.status_code, made.value) == (302, "1.5")
    assert OperationLog.objects.filter(action="privilege.changed").count() == 2
    assert not Privilege.objects.filter(pk=made.pk).exists()


def test_a_value_from_now_on_holds_from_the_moment_of_writing():
    now = clock.now()

    row = plan_privilege(
        tier=TierFactory(code="gold"),
        key="discount_rate",
        value="0.8",
        valid_from=now - timedelta(days=30),
        by=UserFactory(is_staff=True),
        now=now,
    )

    assert row.valid_from == now
