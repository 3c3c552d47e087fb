"""Where does a request come from, and under which id is it remembered?"""

import io
import json
import logging
import queue
import re
import uuid
from dataclasses import replace

import pytest
import structlog
from celery.worker.request import Request
from django.conf import settings as site
from django.test import Client

from medbook import request_context
from medbook.celery import app
from medbook.request_context import RequestContext, client_ip, entered, network_of, request_id_from

PEER = "198.51.100.7"


@pytest.mark.parametrize(
    ("proxies", "forwarded", "wanted"),
    [
        (0, None, PEER),
        (0, "203.0.113.9", PEER),
        (0, "garbage", PEER),
        (1, None, PEER),
        (1, "", PEER),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "192.0.2.66, 203.0.113.9", "203.0.113.9"),  # what a client invents is further left
        (1, "203.0.113.9, garbage", PEER),
        (1, "garbage, 203.0.113.9", "203.0.113.9"),
        (1, "203.0.113.9,", PEER),
        (1, "unknown", PEER),
        (1, "203.0.113.999", PEER),
        (1, "<script>", PEER),
        (1, "203.0.113.9:4711", "203.0.113.9"),
        (1, "  203.0.113.9  ", "203.0.113.9"),
        (1, "2001:db8::1", "2001:db8::1"),
        (1, "2001:DB8:0:0::1", "2001:db8::1"),
        (1, "[2001:db8::1]", "2001:db8::1"),
        (1, "[2001:db8::1]:443", "2001:db8::1"),
        (1, "::ffff:203.0.113.9", "203.0.113.9"),
        (1, "[::ffff:203.0.113.9]:80", "203.0.113.9"),
        (1, "fe80::1%eth0", "fe80::1"),
        (1, "fe80::1%13800138000", "fe80::1"),
        (2, "203.0.113.9", PEER),
        (2, "203.0.113.9, 10.0.0.2", "203.0.113.9"),
        (2, "192.0.2.66, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        (2, "192.0.2.66, garbage, 10.0.0.2", PEER),
        (3, "203.0.113.9, 10.0.0.2", PEER),
    ],
)
def test_counts_the_client_from_the_right_by_trusted_proxies(proxies, forwarded, wanted):
    meta = {"REMOTE_ADDR": PEER}
    if forwarded is not None:
        meta["HTTP_X_FORWARDED_FOR"] = forwarded

    assert client_ip(meta, proxies) == wanted


@pytest.mark.parametrize(
    ("peer", "wanted"),
    [
        ("::1", "::1"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("198.51.100.7:5123", "198.51.100.7"),
        ("", None),
        ("unix:", None),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_reads_the_peer(peer, wanted):
    assert client_ip({"REMOTE_ADDR": peer}, 0) == wanted


def test_trusts_as_many_proxies_as_the_settings_say(settings):
    meta = {"REMOTE_ADDR": PEER, "HTTP_X_FORWARDED_FOR": "203.0.113.9"}

    assert site.TRUSTED_PROXY_COUNT == 0
    assert client_ip(meta) == PEER
    settings.TRUSTED_PROXY_COUNT = 1
    assert client_ip(meta) == "203.0.113.9"


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("203.0.113.9", "203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (None, "unknown"),
    ],
)
def test_limits_count_networks(ip, network):
    assert network_of(ip) == network


@pytest.mark.parametrize("kept", ["abcdefgh", "A-1-b-2-c", str(uuid.UUID(int=7)), "x" * 64])
def test_keeps_a_harmless_request_id(kept):
    assert request_id_from(kept) == kept


@pytest.mark.parametrize(
    "refused",
    [
        None,
        "",
        "short",
        "x" * 65,
        "with space here",
        "line\nbreak-line",
        "abcdefgh\n",
        '{"a":"b"}abc',
        "<script>alert</script>",
        "ünïcödé-request",
        "１２３４５６７８",
        "tab\tabcdefgh",
        "nul\x00abcdefgh",
    ],
)
def test_makes_its_own_id_instead_of_a_harmful_one(refused):
    assert uuid.UUID(request_id_from(refused)).version == 4


@pytest.mark.django_db
def test_says_the_request_id_in_the_answer():
    assert Client().get("/livez", headers={"X-Request-Id": "kept-1234"})["X-Request-Id"] == (
        "kept-1234"
    )
    for refused in ("no good", "x" * 65):
        made = Client().get("/livez", headers={"X-Request-Id": refused})["X-Request-Id"]
        assert made != refused
        assert uuid.UUID(made)


def test_forgets_the_circumstances_afterwards():
    with entered(RequestContext(request_id="one-one-one", channel="page")):
        request_context.identify(actor_type="user", actor_uid="1", actor_role="staff")
        with entered(RequestContext(request_id="two-two-two")):
            assert request_context.current().actor_uid is None
        assert request_context.current().actor_role == "staff"
        assert structlog.contextvars.get_contextvars()["request_id"] == "one-one-one"

    assert request_context.current() == RequestContext()
    assert "request_id" not in structlog.contextvars.get_contextvars()


def test_log_lines_of_a_request_carry_its_id_and_are_one_line_each():
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(
        next(
            each.formatter
            for each in logging.getLogger().handlers
            if isinstance(each.formatter, structlog.stdlib.ProcessorFormatter)
        )
    )
    loggers = [logging.getLogger("medbook.test"), logging.getLogger("elsewhere")]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        with entered(RequestContext(request_id="kept-1234", channel="api")):
            structlog.get_logger("medbook.test").info("told", said='line\nbreak "quoted"')
            logging.getLogger("elsewhere").warning("told by %s", "a\nlibrary")
    finally:
        for logger in loggers:
            logger.removeHandler(handler)

    lines = written.getvalue().splitlines()
    assert len(lines) == 2
    for line in lines:
        said = json.loads(line)
        assert (said["request_id"], said["channel"]) == ("kept-1234", "api")


@pytest.mark.django_db
def test_access_lines_name_the_route_and_no_address(caplog):
    with caplog.at_level(logging.INFO):
        Client().get(
            "/en/doctors/wei-chen/?q=13800138000",
            REMOTE_ADDR="203.0.113.9",
            headers={"X-Request-Id": "kept-1234", "User-Agent": "Canary/1.0"},
        )

    (line,) = [record for record in caplog.records if record.name == "medbook.access"]
    said = line.msg
    assert (said["method"], said["status"], said["request_id"]) == ("GET", 404, "kept-1234")
    assert said["route"] == "en/doctors/<slug:slug>/"
    for word in ("13800138000", "203.0.113.9", "Canary", "wei-chen"):
        assert not re.search(re.escape(word), caplog.text)


@app.task(name="tests.look_around", ignore_result=True)
def look_around():
    seen.put((request_context.current(), structlog.contextvars.get_contextvars()))


seen = queue.Queue()


def work_off(count):
    """Take messages from the queue and run them as a worker does."""
    with app.connection_for_read() as connection, connection.SimpleQueue("celery") as messages:
        for _ in range(count):
            message = messages.get(timeout=5)
            Request(message, app=app, task=look_around).execute()
            message.ack()


def test_tasks_work_under_the_circumstances_that_caused_them():
    caused = RequestContext(
        request_id="kept-1234",
        channel="page",
        ip="203.0.113.9",
        actor_type="user",
        actor_uid=str(uuid.uuid4()),
        actor_role="member",
    )
    app.control.purge()

    with entered(caused):
        look_around.delay()
    look_around.delay()
    work_off(2)

    told, logged = seen.get_nowait()
    alone, _logged = seen.get_nowait()
    assert told == replace(caused, channel="task")
    assert (logged["request_id"], logged["task"]) == ("kept-1234", "tests.look_around")
    assert (alone.channel, alone.actor_type, alone.actor_uid) == ("task", "system", None)
    assert alone.request_id
    assert request_context.current() == RequestContext()
