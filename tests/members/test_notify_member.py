"""What becomes of something that a member is to be told?"""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from django.utils import translation
from django.utils.functional import lazystr
from django.utils.translation import gettext_lazy

from medbook import clock
from medbook.outbox.models import OutboxMessage
from members.choices import DeliveryState
from members.models import ChannelChoice, Delivery, MessageTemplate, Notification
from members.rules.messages import MessageKind, by_key
from members.selectors.messages import inbox, told
from members.services.messages import notify_member, send_unasked, withdraw_messages
from tests.factories import member_with_patient

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 27, 12, tzinfo=ZoneInfo("Asia/Shanghai"))
NIGHT = NOON.replace(hour=23)
MORNING = NOON.replace(day=28, hour=8)
SAMPLES = by_key(
    MessageKind(
        key="visit_moved",
        label="Moved visits",
        title="Moved to {when}",
        text="Your visit moved to {when}: {why}",
        variables=("when", "why"),
        channels=("email",),
    ),
    MessageKind(
        key="visit_off",
        label="Visits called off",
        title="Called off",
        text="{when} is called off.",
        variables=("when",),
        channels=("sms", "email"),
        is_critical=True,
    ),
)


@pytest.fixture(autouse=True)
def _kinds(settings):
    settings.MESSAGE_KINDS = [f"{__name__}.SAMPLES", "members.rules.messages.KINDS"]


@pytest.fixture
def alice():
    return member_with_patient(email="alice@example.org")


def tell(member, kind="visit_moved", now=NOON, key="visit 1", **facts):
    facts = {"when": NOON, "why": "the room is painted", **facts}
    notify_member(member=member, kind=kind, key=key, facts=facts, path="membership/", now=now)


def read_by(member, language="en"):
    with translation.override(language):
        return [one.words for one in told(inbox(member))]


def test_is_in_the_inbox_in_whichever_language_it_is_read(alice):
    tell(alice)

    [english], [chinese] = read_by(alice), read_by(alice, "zh-hans")

    assert english.title == "Moved to Fri 27 Nov, 12:00"
    assert english.text == "Your visit moved to Fri 27 Nov, 12:00: the room is painted"
    assert chinese.title != english.title
    with translation.override("zh-hans"):
        assert clock.text(NOON) in chinese.title


def test_says_instants_by_the_clock_of_the_clinic(alice):
    notify_member(
        member=alice,
        kind="visit_off",
        key="1",
        facts={"when": NOON},
        now=NOON,
        zone="Europe/London",
    )

    assert "04:00" in read_by(alice)[0].text


def test_a_fact_may_differ_by_language(alice):
    tell(alice, why=gettext_lazy("Membership"))

    assert "Membership" in read_by(alice)[0].text
    assert "Membership" not in read_by(alice, "zh-hans")[0].text


def test_goes_out_in_the_language_of_the_member(alice):
    alice.user.language = "zh-hans"
    alice.user.save()

    tell(alice, why=gettext_lazy("Membership"))

    assert "Membership" not in Delivery.objects.get().text.reveal()


def test_an_event_is_told_once_however_often_it_is_handled(alice):
    tell(alice)
    tell(alice)

    assert Notification.objects.count() == Delivery.objects.count() == 1


def test_another_event_of_the_same_kind_is_told_too(alice):
    tell(alice)
    tell(alice, key="visit 2")

    assert Notification.objects.count() == 2


def test_leaves_by_its_own_ways_by_default(alice):
    tell(alice)

    delivery = Delivery.objects.get()
    assert (delivery.channel, delivery.recipient.reveal()) == ("email", "alice@example.org")
    assert delivery.text.reveal().endswith("http://testserver/en/membership/")


def test_leaves_by_the_ways_that_the_member_chose(alice):
    for channel, is_wanted in (("sms", True), ("email", False)):
        ChannelChoice.objects.create(
            member=alice, kind="visit_moved", channel=channel, is_wanted=is_wanted
        )

    tell(alice)

    delivery = Delivery.objects.get()
    assert (delivery.channel, delivery.recipient.reveal()) == ("sms", alice.phone.reveal())
    assert "http" not in delivery.text.reveal()


def test_what_is_critical_cannot_be_switched_off(alice):
    for channel in ("sms", "email"):
        ChannelChoice.objects.create(
            member=alice, kind="visit_off", channel=channel, is_wanted=False
        )

    tell(alice, "visit_off", now=NIGHT)

    assert {row.channel for row in Delivery.objects.all()} == {"sms", "email"}
    assert {row.due_at for row in Delivery.objects.all()} == {NIGHT}


def test_without_an_address_there_is_no_mail():
    tell(member_with_patient())

    assert Notification.objects.count() == 1
    assert not Delivery.objects.exists()


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (NOON, NOON),
        (NIGHT, MORNING),
        (MORNING - timedelta(seconds=1), MORNING),
        (MORNING, MORNING),
    ],
)
def test_waits_for_the_end_of_the_quiet_hours(alice, now, due):
    tell(alice, now=now)

    assert Delivery.objects.get().due_at == due
    assert OutboxMessage.objects.filter(topic="message.waiting").exists() == (due == now)


def test_the_quiet_hours_are_the_members_own(alice):
    alice.quiet_from, alice.quiet_until = time(11), time(13)
    alice.save()

    tell(alice)

    assert Delivery.objects.get().due_at == NOON.replace(hour=13)


@pytest.mark.parametrize("missing", ["when", "why"])
def test_a_forgotten_fact_is_a_bug_and_nothing_is_told(alice, missing):
    facts = {name: "x" for name in ("when", "why") if name != missing}

    with pytest.raises(KeyError), transaction.atomic():
        notify_member(member=alice, kind="visit_moved", key="1", facts=facts, now=NOON)

    assert not Notification.objects.exists()


def test_an_unknown_kind_is_a_bug(alice):
    with pytest.raises(KeyError):
        tell(alice, kind="gossip")


def test_staffs_words_come_before_the_standard_ones(alice):
    MessageTemplate.objects.create(
        kind="visit_moved",
        title_en="New time",
        title_zh="新时间",
        text_en="Now {when}. {why}",
        text_zh="改为{when}。{why}",
    )

    tell(alice)

    assert read_by(alice)[0].title == "New time"
    assert read_by(alice, "zh-hans")[0].title == "新时间"
    assert Delivery.objects.get().title.reveal() == "New time"


def test_a_fact_cannot_begin_another_line(alice):
    tell(alice, why="x\r\nBcc: mallory@example.org\x00")

    delivery = Delivery.objects.get()
    assert "\n" not in delivery.title.reveal()
    assert "x Bcc: mallory@example.org" in delivery.text.reveal().splitlines()[0]


def test_an_inbox_outlives_a_variable_that_came_later(alice):
    tell(alice)
    Notification.objects.get()
    row = Notification.objects.get()
    row.facts = '{"why": "x"}'
    row.save()

    assert read_by(alice)[0].title == "Moved to –"


def test_an_inbox_outlives_a_kind_that_is_gone(alice):
    tell(alice)
    Notification.objects.update(kind="gone")

    assert read_by(alice)[0].title == "gone"


def test_what_is_overtaken_is_held_back(alice):
    tell(alice, now=NIGHT)
    tell(alice, now=NIGHT, key="visit 2")

    withdraw_messages(member=alice, kind="visit_moved", key="visit 1")

    states = {row.notification.key: row.state for row in Delivery.objects.all()}
    assert states == {"visit 1": DeliveryState.SKIPPED, "visit 2": DeliveryState.WAITING}
    assert Notification.objects.count() == 2


def test_nothing_readable_is_stored_and_the_outbox_knows_ids_only(alice):
    tell(alice, why=lazystr("Canary"))

    row = Delivery.objects.get()
    [message] = OutboxMessage.objects.filter(topic="message.waiting")
    assert message.ids == {"delivery_uid": str(row.uid)}
    assert "Canary" not in f"{row} {row!r} {row.text} {row.title}"
    assert str(row.recipient) == "a***@example.org"


def test_a_code_goes_to_a_phone_that_belongs_to_nobody():
    with translation.override("zh-hans"):
        delivery = send_unasked(
            kind="code",
            channel="sms",
            recipient="+8613912340009",
            facts={"code": "123456"},
            now=NIGHT,
        )

    assert delivery.member is None
    assert delivery.language == "zh-hans"
    assert delivery.due_at == NIGHT
    assert "123456" in delivery.text.reveal()
    assert str(delivery.recipient) == "139****0009"
