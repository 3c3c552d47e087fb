"""Can the database read what a session holds?"""

import pytest
from django.contrib.sessions.models import Session
from django.db import connection

from medbook.sessions import SessionStore

pytestmark = pytest.mark.django_db


def saved(**content):
    store = SessionStore()
    store.update(content)
    store.save()
    return store


def test_a_session_is_read_again():
    store = saved(phone="+8613912340001", steps=[1, {"two": None}])

    again = SessionStore(store.session_key)

    assert dict(again.items()) == {"phone": "+8613912340001", "steps": [1, {"two": None}]}


def test_the_database_holds_it_sealed():
    saved(phone="+8613912340001")

    with connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM django_session t")
        stored = cursor.fetchone()[0]
    assert "13912340001" not in stored
    assert "phone" not in stored


def test_a_session_copied_to_another_key_is_empty():
    alice, mallory = saved(user="alice"), saved(user="mallory")
    rows = Session.objects.in_bulk([alice.session_key, mallory.session_key])
    rows[mallory.session_key].session_data = rows[alice.session_key].session_data
    rows[mallory.session_key].save()

    assert dict(SessionStore(mallory.session_key).items()) == {}


@pytest.mark.parametrize("altered", ["", "not base64!", "AAAA", "{}"])
def test_an_altered_session_is_empty(altered):
    store = saved(user="alice")
    Session.objects.update(session_data=altered)

    assert dict(SessionStore(store.session_key).items()) == {}


def test_a_session_of_a_key_that_is_gone_is_empty(settings):
    store = saved(user="alice")
    settings.DATA_KEYS = {2: settings.DATA_KEYS[2]}
    settings.DATA_KEY_ACTIVE = 2

    assert dict(SessionStore(store.session_key).items()) == {}


def test_a_new_key_keeps_what_the_session_holds():
    store = saved(cart="full")
    before = store.session_key

    store.cycle_key()
    store.save()

    assert store.session_key != before
    assert SessionStore(store.session_key)["cart"] == "full"
    assert not Session.objects.filter(session_key=before).exists()
