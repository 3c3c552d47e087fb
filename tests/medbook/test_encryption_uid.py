import uuid

import pytest
from django.db import connection, transaction
from django.db.migrations.state import ProjectState
from django.db.utils import IntegrityError

from medbook.encryption.immutable_uid import immutable_uid
from medbook.locks import sqlstate

pytestmark = pytest.mark.django_db

ALICE, BO = uuid.uuid4(), uuid.uuid4()


@pytest.fixture
def frozen_table():
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE person (id serial PRIMARY KEY, uid uuid, note text)")
        cursor.execute("INSERT INTO person (uid, note) VALUES (%s, 'a')", [ALICE])
    run("database_forwards")


def run(direction):
    with connection.schema_editor() as editor:
        getattr(immutable_uid("person"), direction)(
            "encryption", editor, ProjectState(), ProjectState()
        )


def write(sql, values):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)


def test_the_database_refuses_another_uid(frozen_table):
    with pytest.raises(IntegrityError, match="uid of a row of person never changes") as refusal:
        write("UPDATE person SET uid = %s", [BO])
    assert sqlstate(refusal.value) == "23001"
    with pytest.raises(IntegrityError):
        write("UPDATE person SET uid = %s", [None])


def test_the_rest_of_the_row_may_change(frozen_table):
    write("UPDATE person SET note = %s, uid = %s", ["b", ALICE])
    write("INSERT INTO person (uid) VALUES (%s)", [BO])


def test_going_back_lifts_the_rule(frozen_table):
    run("database_backwards")

    write("UPDATE person SET uid = %s", [BO])
