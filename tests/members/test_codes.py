"""Do codes reach only phones, work once, and give way to no guessing?"""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from medbook import clock
from members.choices import CodePurpose
from members.errors import CodeInvalid, DocumentEndingRequired, RateLimited
from members.models import Delivery, OneTimeCode, User
from members.services.codes import forget_old_codes, index_of, send_code
from members.services.sign_in import sign_in_by_code
from tests.members.people import PHONE, code_sent, joined, wrong

pytestmark = pytest.mark.django_db

STRANGER = "+8613900000000"
SECOND = timedelta(seconds=1)


@pytest.fixture
def alice():
    return joined(phone=PHONE)


def send(phone=PHONE, purpose=CodePurpose.SIGN_IN, network="203.0.113.0/24", now=None):
    send_code(purpose=purpose, phone=phone, network=network, now=now or clock.now())
    return code_sent(phone)


def sign_in(code, phone=PHONE, now=None, **more):
    return sign_in_by_code(phone=phone, code=code, now=now or clock.now(), **more)


def test_the_holder_of_the_phone_comes_in(alice):
    code = send()

    assert sign_in(code) == alice.user
    assert OneTimeCode.objects.get().used_at


def test_a_code_is_good_once(alice):
    code = send()
    sign_in(code)

    with pytest.raises(CodeInvalid):
        sign_in(code)


@pytest.mark.parametrize(("later", "is_good"), [(299, True), (300, False), (301, False)])
def test_a_code_is_good_for_five_minutes(alice, later, is_good):
    now = clock.now()
    code = send(now=now)

    if is_good:
        assert sign_in(code, now=now + later * SECOND) == alice.user
    else:
        with pytest.raises(CodeInvalid):
            sign_in(code, now=now + later * SECOND)


@pytest.mark.parametrize(("wrong_tries", "is_good"), [(4, True), (5, False)])
def test_a_code_is_tried_five_times(alice, wrong_tries, is_good):
    code = send()
    for _ in range(wrong_tries):
        with pytest.raises(CodeInvalid):
            sign_in(wrong(code))

    if is_good:
        assert sign_in(code) == alice.user
    else:
        with pytest.raises(CodeInvalid):
            sign_in(code)
    assert OneTimeCode.objects.get().tries == 5


def test_a_new_code_voids_the_one_before(alice):
    now = clock.now()
    first = send(now=now)
    second = send(now=now + 60 * SECOND)

    if first != second:
        with pytest.raises(CodeInvalid):
            sign_in(first, now=now + 61 * SECOND)
    assert sign_in(second, now=now + 61 * SECOND) == alice.user


def test_a_code_is_good_for_its_purpose_and_its_phone_only(alice):
    bo = joined(phone="+8613912340002")
    code = send(purpose=CodePurpose.SIGN_UP)

    with pytest.raises(CodeInvalid):
        sign_in(code)
    send(phone="+8613912340002", now=clock.now())
    hers = code_sent("+8613912340002")
    with pytest.raises(CodeInvalid):
        sign_in(hers)
    assert sign_in(hers, phone="+8613912340002") == bo.user


def test_neither_number_nor_code_is_in_the_rows(alice):
    code = send()

    with connection.cursor() as cursor:
        for table in ("members_onetimecode", "members_delivery", "outbox_outboxmessage"):
            cursor.execute(f"SELECT array_agg(t::text) FROM {table} t")
            stored = str(cursor.fetchone()[0])
            for secret in (PHONE[3:], code, code.encode().hex()):
                assert secret not in stored, table


def test_equal_codes_have_different_digests(alice, monkeypatch):
    monkeypatch.setattr("members.services.codes.secrets.randbelow", lambda _most: 42)
    now = clock.now()

    assert send(now=now) == send(now=now + 60 * SECOND) == "000042"

    assert len({bytes(row.code_digest) for row in OneTimeCode.objects.all()}) == 2


def test_a_number_without_account_costs_the_same_and_gets_nothing(alice):
    closed = joined(phone="+8613912340009")
    User.objects.filter(pk=closed.user.pk).update(is_active=False)
    statements = {}

    for phone in (PHONE, STRANGER, "+8613912340009"):
        with CaptureQueriesContext(
            connection,
        ) as caught:
            send(phone=phone)
        statements[phone] = [
            query["sql"].split(" ")[0]
            for query in caught.captured_queries
            if "members_delivery" not in query["sql"] or query["sql"].startswith("INSERT")
        ]

    assert statements[PHONE] == statements[STRANGER] == statements["+8613912340009"]
    assert sorted(Delivery.objects.values_list("state", flat=True)) == [
        "skipped",
        "skipped",
        "waiting",
    ]
    assert {row.why for row in Delivery.objects.filter(state="skipped")} == {"no_account"}


def test_whoever_guesses_a_code_that_never_left_finds_no_account():
    send(phone=STRANGER)
    code = Delivery.objects.get().text.reveal()[:6]

    with pytest.raises(CodeInvalid):
        sign_in(code, phone=STRANGER)


@pytest.mark.parametrize("purpose", [CodePurpose.SIGN_UP, CodePurpose.NEW_PHONE])
def test_codes_for_newcomers_reach_any_number(purpose):
    assert send(phone=STRANGER, purpose=purpose)


@pytest.mark.parametrize(("later", "waits"), [(0, 60), (59, 1), (60, None)])
def test_one_code_a_minute(later, waits):
    now = clock.now()
    send(now=now)

    if waits is None:
        send(now=now + later * SECOND)
        assert OneTimeCode.objects.count() == 2
    else:
        with pytest.raises(RateLimited) as refused:
            send(purpose=CodePurpose.SIGN_UP, now=now + later * SECOND)
        assert refused.value.retry_after == waits


def test_five_codes_an_hour_and_ten_a_day():
    now = clock.now()
    for number in range(5):
        send(now=now + number * 60 * SECOND)

    with pytest.raises(RateLimited):
        send(now=now + timedelta(minutes=59))
    for number in range(5):
        send(now=now + timedelta(hours=2, minutes=number))
    with pytest.raises(RateLimited) as refused:
        send(now=now + timedelta(hours=4))

    assert refused.value.retry_after == 20 * 3600
    send(now=now + timedelta(days=1))


def test_thirty_codes_an_hour_for_a_network():
    now = clock.now()
    for number in range(30):
        send(phone=f"+86139000000{number:02d}", now=now)

    with pytest.raises(RateLimited):
        send(phone="+8613900000099", now=now)
    assert send(phone="+8613900000099", network="198.51.100.0/24", now=now) is None
    send(phone="+8613900000098", now=now + timedelta(hours=1))


def test_the_whole_site_has_a_budget(settings):
    settings.CODES_PER_HOUR = 3
    now = clock.now()
    for number in range(3):
        send(phone=f"+8613900000{number:03d}", network=f"198.51.{number}.0/24", now=now)

    with pytest.raises(RateLimited):
        send(now=now)
    send(now=now + timedelta(hours=1))


def test_a_refused_code_leaves_nothing():
    now = clock.now()
    send(now=now)
    with pytest.raises(RateLimited):
        send(now=now)

    assert (OneTimeCode.objects.count(), Delivery.objects.count()) == (1, 1)


def test_old_codes_are_forgotten_when_no_limit_looks_at_them(alice):
    now = clock.now()
    send(now=now)

    assert forget_old_codes(now=now + timedelta(days=2)) == 0
    assert forget_old_codes(now=now + timedelta(days=2, seconds=1)) == 1


class TestAfterALongTime:
    """A number that was given back may be somebody else's by now."""

    @pytest.fixture
    def long_after(self, alice):
        seen = clock.now() - timedelta(days=91)
        User.objects.filter(pk=alice.user.pk).update(last_login=seen)
        return alice

    def test_the_document_is_asked_for(self, long_after):
        code = send()

        with pytest.raises(DocumentEndingRequired):
            sign_in(code)
        with pytest.raises(DocumentEndingRequired):
            sign_in(code, document_ending="000000")
        ending = long_after.links.get().patient.identity_number.reveal()[-6:]
        assert sign_in(code, document_ending=ending.lower()) == long_after.user

    def test_documents_are_guessed_no_more_often_than_codes(self, long_after):
        code = send()
        for number in range(5):
            with pytest.raises(DocumentEndingRequired):
                sign_in(code, document_ending=f"{number:06}")

        ending = long_after.links.get().patient.identity_number.reveal()[-6:]
        with pytest.raises(CodeInvalid):
            sign_in(code, document_ending=ending)

    def test_nothing_is_said_without_the_right_code(self, long_after):
        code = send()

        with pytest.raises(CodeInvalid):
            sign_in(wrong(code), document_ending="000000")

    @pytest.mark.parametrize(("days", "is_asked"), [(89.9, False), (90.1, True)])
    def test_a_long_time_is_ninety_days(self, long_after, days, is_asked):
        seen = clock.now() - timedelta(days=days)
        User.objects.filter(pk=long_after.user.pk).update(last_login=seen)
        code = send()

        if is_asked:
            with pytest.raises(DocumentEndingRequired):
                sign_in(code)
        else:
            assert sign_in(code) == long_after.user

    def test_who_has_no_document_on_record_comes_in(self):
        bo = joined(phone=PHONE, identity_number="")
        seen = clock.now() - timedelta(days=91)
        User.objects.filter(pk=bo.user.pk).update(last_login=seen)

        assert sign_in(send()) == bo.user


def test_the_first_code_takes_away_a_password_that_somebody_else_may_have_set(alice):
    type(alice).objects.filter(pk=alice.pk).update(phone_verified_at=None)

    sign_in(send())

    alice.refresh_from_db()
    assert alice.phone_verified_at
    assert not User.objects.get(pk=alice.user.pk).has_usable_password()


def test_the_index_of_a_code_is_that_of_the_member(alice):
    assert index_of(PHONE) == alice.phone_index
