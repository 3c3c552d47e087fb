import pytest
import time_machine
from django.db import connection
from django.urls import reverse

from medbook import clock
from scheduling.services.release import make_due_schedules
from tests.factories import RosterTemplateFactory

HOME = "admin:index"


def ready(client):
    answer = client.get("/readyz")
    return answer.status_code, answer.json()


def test_is_alive_without_a_database(client):
    answer = client.get("/livez")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db
def test_is_ready(client):
    assert ready(client) == (200, {"status": "ok", "problems": {}})


@pytest.mark.django_db
def test_an_overdue_release_degrades_but_serves(client, admin_client):
    RosterTemplateFactory()

    assert ready(client) == (
        200,
        {"status": "degraded", "problems": {"overdue_release": "attention"}},
    )
    home = admin_client.get(reverse(HOME)).content.decode()
    assert "The release is overdue" in home
    assert "Nothing needs you." not in home

    make_due_schedules(now=clock.now())

    assert ready(client)[1]["status"] == "ok"
    assert "Nothing needs you." in admin_client.get(reverse(HOME)).content.decode()


@pytest.mark.django_db
def test_a_cache_that_is_away_degrades_but_serves(client, settings):
    settings.CACHES = {
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
            "OPTIONS": {"IGNORE_EXCEPTIONS": True, "SOCKET_CONNECT_TIMEOUT": 0.5},
        }
    }

    assert ready(client) == (200, {"status": "degraded", "problems": {"cache": "away"}})


@pytest.mark.django_db
@pytest.mark.parametrize("seconds", [-10, 10])
def test_a_clock_that_differs_from_the_databases_takes_the_process_out(client, seconds):
    with time_machine.travel(clock.now().timestamp() + seconds):
        status, body = ready(client)

    assert status == 503
    assert body["problems"] == {"clock": "differs from the database"}


@pytest.mark.django_db
@pytest.mark.parametrize("seconds", [-3, 3])
def test_a_few_seconds_are_forgiven(client, seconds):
    with time_machine.travel(clock.now().timestamp() + seconds):
        assert ready(client)[0] == 200


@pytest.fixture
def _database_away(monkeypatch):
    """Let every new connection meet a port where nobody listens."""
    connection.close()
    with monkeypatch.context() as patched:
        patched.setitem(connection.settings_dict, "PORT", "1")
        yield
        connection.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_database_away")
def test_without_a_database_it_is_not_ready_and_says_when_to_ask_again(client):
    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer["Retry-After"] == "5"
    assert answer.json() == {"status": "unavailable", "problems": {"database": "away"}}


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_database_away")
@pytest.mark.parametrize("address", ["/en/doctors/", "/zh-hans/doctors/", "/api/v1/departments/"])
def test_pages_and_api_say_so_too(client, address):
    answer = client.get(address)

    assert answer.status_code == 503
    assert int(answer["Retry-After"]) > 0
    if address.startswith("/api/"):
        assert answer.json()["code"] == "unavailable"


@pytest.mark.django_db(transaction=True)
def test_recovers_without_a_restart(client, monkeypatch):
    connection.close()
    with monkeypatch.context() as patched:
        patched.setitem(connection.settings_dict, "PORT", "1")
        assert ready(client)[0] == 503
    connection.close()

    assert ready(client)[0] == 200


@pytest.mark.parametrize("address", ["/livez", "/readyz"])
def test_nothing_is_posted_here(client, address):
    assert client.post(address).status_code == 405
