"""What does staff see of messages, send again, and change?"""

from datetime import timedelta

import pytest

from medbook import clock
from medbook.audit.models import OperationLog
from members.choices import DeliveryState
from members.models import Delivery, MessageTemplate
from members.rules.messages import MessageKind, by_key
from members.services.messages import notify_member, send_unasked
from tests.factories import member_with_patient
from tests.members.people import staff

pytestmark = pytest.mark.django_db

LOG, WORDS = "/admin/messages/", "/admin/message-templates/"
SAMPLES = by_key(
    MessageKind(
        "moved",
        "Moved visits",
        "Moved",
        "It moved to {when}: {reference}.",
        ("when", "reference"),
        ("sms", "email"),
    ),
)
GOOD = {
    "title_en": "New time",
    "text_en": "Now {when}. Reference {reference}.",
    "title_zh": "新时间",
    "text_zh": "改为{when}，预约号{reference}。",
}


@pytest.fixture(autouse=True)
def _kinds(settings):
    settings.MESSAGE_KINDS = ["members.rules.messages.KINDS", f"{__name__}.SAMPLES"]


@pytest.fixture
def alice():
    return member_with_patient(phone="+8613912340001", email="alice@example.org")


def as_staff(client, role):
    client.force_login(staff(role), "django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def desk(client):
    return as_staff(client, "desk")


@pytest.fixture
def administrator(client):
    return as_staff(client, "administrator")


def tell(member, key="1", **changes):
    facts = {"when": clock.now(), "reference": "7K3M9QX2AB"}
    ago = clock.now() - timedelta(hours=1)
    notify_member(member=member, kind="moved", key=key, facts=facts, now=ago)
    rows = Delivery.objects.filter(notification__key=key)
    rows.update(**changes)
    return rows.get(channel="sms")


def page_of(row):
    return f"{LOG}{row.uid}/"


# The log


def test_the_log_masks_the_recipients(desk, alice):
    tell(alice)

    page = desk.get(LOG).text

    assert "139****0001" in page
    assert "a***@example.org" in page
    assert "13912340001" not in page
    assert "alice@" not in page


def test_in_development_the_codes_of_the_sandbox_are_read_in_the_log(desk):
    send_unasked(
        kind="code",
        channel="sms",
        recipient="+8613912340009",
        facts={"code": "482913"},
        now=clock.now(),
    )

    assert "482913" in desk.get(LOG).text
    assert "482913" in desk.get(page_of(Delivery.objects.get())).text


@pytest.mark.parametrize(
    "setting", [{"IS_DEVELOPMENT": False}, {"SMS_GATEWAY": "http", "SMS_URL": "http://localhost"}]
)
def test_nobody_else_reads_a_code_in_the_log(desk, settings, setting):
    for name, value in setting.items():
        setattr(settings, name, value)
    send_unasked(
        kind="code",
        channel="sms",
        recipient="+8613912340009",
        facts={"code": "482913"},
        now=clock.now(),
    )

    assert "482913" not in desk.get(LOG).text
    assert "482913" not in desk.get(page_of(Delivery.objects.get())).text


def test_the_text_of_a_letter_is_not_shown(desk, alice):
    tell(alice)
    letter = Delivery.objects.get(channel="email")

    assert "It moved" not in desk.get(page_of(letter)).text


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({}, 4),
        ({"channel": "sms"}, 2),
        ({"state": "failed"}, 2),
        ({"state": "failed", "channel": "email"}, 1),
        ({"kind": "code"}, 0),
    ],
)
def test_the_log_can_be_filtered(desk, alice, query, count):
    tell(alice, "1", state=DeliveryState.FAILED)
    tell(alice, "2")

    assert desk.get(LOG, query).text.count('<th scope="row">') == count


@pytest.mark.parametrize("query", [{"kind": "gossip"}, {"state": "lost"}, {"channel": "x" * 999}])
def test_nonsense_in_a_filter_is_told(desk, query):
    assert desk.get(LOG, query).status_code == 422


def test_the_log_takes_few_queries(desk, alice, django_assert_max_num_queries):
    for number in range(30):
        tell(alice, str(number))

    with django_assert_max_num_queries(12):
        page = desk.get(LOG, {"channel": "sms", "state": "waiting"}).text

    assert page.count('<th scope="row">') == 30


def test_the_pages_of_the_log_keep_the_filter(desk, alice):
    for number in range(51):
        tell(alice, str(number))

    page = desk.get(LOG, {"channel": "sms"}).text

    assert page.count('<th scope="row">') == 50
    assert "?channel=sms&amp;page=2" in page


# Sending again


def test_the_desk_sends_a_message_again_for_a_reason(desk, alice):
    row = tell(alice, state=DeliveryState.FAILED)

    answer = desk.post(page_of(row), {"reason": "Asked for by phone"})

    again = Delivery.objects.latest("id")
    assert answer["Location"] == page_of(again)
    assert again.pk != row.pk
    assert OperationLog.objects.get(action="message.resent").reason == "Asked for by phone"


@pytest.mark.parametrize("reason", ["", "   ", "x" * 201, "\x00"])
def test_a_reason_is_needed(desk, alice, reason):
    row = tell(alice, state=DeliveryState.FAILED)

    assert desk.post(page_of(row), {"reason": reason}).status_code == 422
    assert Delivery.objects.count() == 2


def test_a_refusal_is_told_on_the_page(desk, alice):
    answer = desk.post(page_of(tell(alice)), {"reason": "Asked for by phone"})

    assert answer.status_code == 409
    assert "can no longer be sent" in answer.text


def test_a_code_has_no_button_and_is_refused(desk, alice):
    row = tell(alice, kind="code", state=DeliveryState.FAILED)

    assert "Send again" not in desk.get(page_of(row)).text
    assert desk.post(page_of(row), {"reason": "Asked for by phone"}).status_code == 409
    assert Delivery.objects.count() == 2


def test_the_auditor_looks_only(client, alice):
    row, auditor = tell(alice, state=DeliveryState.FAILED), as_staff(client, "auditor")

    assert "Send again" not in auditor.get(page_of(row)).text
    assert auditor.post(page_of(row), {"reason": "Curious"}).status_code == 403
    assert Delivery.objects.count() == 2


def test_staff_is_told_of_what_could_not_be_sent(desk, alice):
    tell(alice, state=DeliveryState.FAILED)

    assert "2 messages could not be sent since yesterday." in desk.get("/admin/").text
    assert desk.get("/readyz").json()["status"] == "ok"


# Words


def test_lists_all_kinds_with_the_words_of_both_languages(administrator):
    page = administrator.get(WORDS).text

    assert "Moved visits" in page
    assert "<td>Standard</td>" in page


def test_words_are_changed_in_both_languages_at_once_and_it_is_logged(administrator):
    answer = administrator.post(f"{WORDS}moved/", GOOD)

    template = MessageTemplate.objects.get()
    assert answer["Location"] == WORDS
    assert (template.title_en, template.text_zh) == (GOOD["title_en"], GOOD["text_zh"])
    entry = OperationLog.objects.get(action="message.words_changed")
    assert sorted(entry.changed_fields) == sorted(GOOD)
    assert entry.facts == {"kind": "moved"}


def test_a_second_change_names_what_changed(administrator):
    administrator.post(f"{WORDS}moved/", GOOD)
    administrator.post(f"{WORDS}moved/", {**GOOD, "title_en": "Another time"})

    entry = OperationLog.objects.filter(action="message.words_changed").latest("id")
    assert entry.changed_fields == ["title_en"]


def test_a_preview_shows_both_languages_and_saves_nothing(administrator):
    page = administrator.post(f"{WORDS}moved/", {**GOOD, "preview": "1"}).text

    assert clock.text(clock.now())[:6] in page
    assert "7K3M9QX2AB" in page
    assert "新时间" in page
    assert not MessageTemplate.objects.exists()


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("Now {when}.", "{reference} is missing."),
        ("Now.", "{when} is missing."),
        ("{when} {reference} {patient}", "{patient} is not a variable of this message."),
        ("{when} {reference} {when.year}", "Braces may only"),
        ("{when:>10} {reference}", "Braces may only"),
        ("{when} {reference!r}", "Braces may only"),
        ("{when} {reference} {", "Braces may only"),
        ("{when} {reference} {}", "Braces may only"),
        ("{when} {reference} {{when}}", "Braces may only"),
    ],
)
def test_variables_are_exactly_those_of_the_kind(administrator, language, words, told):
    answer = administrator.post(f"{WORDS}moved/", {**GOOD, f"text_{language}": words})

    assert answer.status_code == 422
    assert told in answer.text
    assert not MessageTemplate.objects.exists()


def test_a_variable_may_stand_in_the_title(administrator):
    words = {"title_en": "Now {when}", "text_en": "Reference {reference}."}

    assert administrator.post(f"{WORDS}moved/", {**GOOD, **words}).status_code == 302


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("title_en", "A title\r\nBcc: mallory@example.org"),
        ("title_zh", "标题\u2028x"),
        ("title_en", ""),
        ("title_en", "x" * 121),
        ("text_zh", ""),
        ("text_en", "{when} {reference} \x00"),
        ("text_en", "{when} {reference} \x1b"),
        ("text_en", "{when} {reference}" + "x" * 1000),
    ],
)
def test_unfit_words_are_refused(administrator, field, words):
    answer = administrator.post(f"{WORDS}moved/", {**GOOD, field: words})

    assert answer.status_code == 422
    assert not MessageTemplate.objects.exists()


def test_lines_of_a_text_are_kept(administrator):
    administrator.post(f"{WORDS}moved/", {**GOOD, "text_en": "{when}\r\n{reference}"})

    assert MessageTemplate.objects.get().text_en == "{when}\n{reference}"


def test_the_standard_words_can_be_had_back(administrator):
    administrator.post(f"{WORDS}moved/", GOOD)

    administrator.post(f"{WORDS}moved/", {"restore": "1"})

    assert not MessageTemplate.objects.exists()
    assert OperationLog.objects.filter(action="message.words_changed").count() == 2
    assert "It moved to" in administrator.get(f"{WORDS}moved/").text


def test_there_are_no_words_for_what_is_no_kind(administrator):
    assert administrator.get(f"{WORDS}gossip/").status_code == 404
    assert administrator.post(f"{WORDS}gossip/", GOOD).status_code == 404


@pytest.mark.parametrize("role", ["auditor", "desk", "finance"])
def test_only_administrators_change_words(client, role):
    assert as_staff(client, role).post(f"{WORDS}moved/", GOOD).status_code == 403
    assert not MessageTemplate.objects.exists()
