import base64
import os
import runpy
import uuid

import pytest
from django.apps.registry import Apps
from django.contrib.admin import AdminSite, ModelAdmin
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection, connections, models
from django.db.models import F
from django.db.models.functions import Lower

from medbook.celery import refuse_unsound_keys
from medbook.encryption import BlindIndexField, SealedDateField, SealedTextField
from medbook.encryption import checks as encryption_checks
from medbook.encryption.check_values import record_check_values
from medbook.encryption.models import EncryptionCheck
from members.models import FamilyLink, Member


def messages(found):
    return " ".join(problem.msg for problem in found)


@pytest.fixture
def keys(settings):
    """Sound keys, as in production."""
    settings.MEDBOOK_ENV = "production"
    settings.DATA_KEYS = {1: os.urandom(32), 2: os.urandom(32)}
    settings.DATA_KEY_ACTIVE = 2
    settings.INDEX_KEYS = {1: os.urandom(32)}
    settings.JWT_KEY = os.urandom(32)
    settings.SECRET_KEY = "a secret of Django that is no key"
    return settings


@pytest.fixture
def remembered(keys, db):
    """The same keys, known to the database."""
    EncryptionCheck.objects.all().delete()
    record_check_values(using="default")
    return keys


def test_sound_keys_pass(keys):
    assert encryption_checks.check_keys() == []


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_has_32_bytes(keys, length):
    keys.DATA_KEYS = {1: os.urandom(length), 2: os.urandom(32)}

    assert f"data key 1 has {length} bytes" in messages(encryption_checks.check_keys())


def test_an_index_key_has_32_bytes(keys):
    keys.INDEX_KEYS = {1: os.urandom(16)}

    assert "index key 1 has 16 bytes" in messages(encryption_checks.check_keys())


@pytest.mark.parametrize("key_id", [0, 65_536])
def test_an_id_fits_the_header(keys, key_id):
    keys.DATA_KEYS = {2: os.urandom(32), key_id: os.urandom(32)}

    assert f"id of the data key {key_id}" in messages(encryption_checks.check_keys())


def test_the_active_key_exists(keys):
    keys.DATA_KEY_ACTIVE = 3

    assert "active data key 3 does not exist" in messages(encryption_checks.check_keys())


def test_a_data_key_is_no_index_key(keys):
    keys.INDEX_KEYS = {1: keys.DATA_KEYS[1]}

    assert "data key 1 and the index key 1" in messages(encryption_checks.check_keys())


def test_an_index_key_is_no_token_key(keys):
    keys.INDEX_KEYS = {1: keys.JWT_KEY}

    assert "index key 1 and the token key" in messages(encryption_checks.check_keys())


def test_two_data_keys_differ(keys):
    keys.DATA_KEYS = dict.fromkeys((1, 2), os.urandom(32))

    assert "data key 1 and the data key 2" in messages(encryption_checks.check_keys())


def test_the_secret_of_django_is_no_key_in_another_writing(keys):
    keys.SECRET_KEY = base64.b64encode(keys.DATA_KEYS[2]).decode()

    assert "data key 2 and the Django secret" in messages(encryption_checks.check_keys())


@pytest.mark.parametrize("key", [bytes(32), b"\x07\x09" * 16, b"medbook development key number 1"])
def test_keys_of_examples_are_refused_in_production_only(keys, key):
    keys.DATA_KEYS = {2: key}
    assert "data key 2 is not random" in messages(encryption_checks.check_keys())

    keys.MEDBOOK_ENV = "development"
    assert encryption_checks.check_keys() == []


def test_the_keys_of_this_test_run_are_refused_in_production(settings):
    settings.MEDBOOK_ENV = "production"

    told = messages(encryption_checks.check_keys())

    for name in ("data key 1", "data key 2", "index key 1", "token key"):
        assert f"The {name} is not random" in told


def test_the_check_command_fails(keys):
    keys.DATA_KEY_ACTIVE = 3

    with pytest.raises(SystemCheckError, match="active data key 3"):
        call_command("check", tags=["security"])


def test_no_message_shows_a_key(keys):
    keys.INDEX_KEYS = {1: keys.DATA_KEYS[1]}

    told = messages(encryption_checks.check_keys())

    assert keys.DATA_KEYS[1].hex() not in told
    assert base64.b64encode(keys.DATA_KEYS[1]).decode() not in told


@pytest.mark.django_db
def test_the_database_remembers_the_keys_after_migrate():
    EncryptionCheck.objects.all().delete()

    call_command("migrate", "encryption", verbosity=0)

    rows = set(EncryptionCheck.objects.values_list("purpose", "key_id"))

    assert rows == {("data", 1), ("data", 2), ("index", 1)}
    assert {str(row) for row in EncryptionCheck.objects.all()} == {"data 1", "data 2", "index 1"}


def test_a_check_value_does_not_give_the_key_away(remembered):
    values = [bytes(row.value) for row in EncryptionCheck.objects.all()]

    assert len(set(values)) == 3
    assert not set(values) & {*remembered.DATA_KEYS.values(), *remembered.INDEX_KEYS.values()}


def test_known_keys_pass(remembered):
    assert encryption_checks.check_known_keys(databases=["default"]) == []
    encryption_checks.require_sound_keys()


@pytest.mark.parametrize(("setting", "name"), [("DATA_KEYS", "data"), ("INDEX_KEYS", "index")])
def test_a_wrong_key_under_a_right_id_is_refused(remembered, setting, name):
    setattr(remembered, setting, {**getattr(remembered, setting), 1: os.urandom(32)})

    [problem] = encryption_checks.check_known_keys(databases=["default"])

    assert problem.id == "encryption.E002"
    assert f"The {name} key 1 is not the one" in problem.msg
    with pytest.raises(ImproperlyConfigured, match=f"{name} key 1"):
        encryption_checks.require_sound_keys()
    with pytest.raises(SystemCheckError):
        call_command("check", tags=["database"], databases=["default"])


def test_migrate_does_not_overwrite_what_is_remembered(remembered):
    remembered.DATA_KEYS = {**remembered.DATA_KEYS, 1: os.urandom(32)}

    record_check_values(using="default")

    with pytest.raises(ImproperlyConfigured):
        encryption_checks.require_sound_keys()


def test_a_new_key_waits_for_migrate(remembered):
    remembered.DATA_KEYS = {**remembered.DATA_KEYS, 3: os.urandom(32)}

    [problem] = encryption_checks.check_known_keys(databases=["default"])
    assert problem.id == "encryption.W001"
    assert "data key 3" in problem.msg
    with pytest.raises(ImproperlyConfigured, match="not known to this database yet"):
        encryption_checks.require_sound_keys()

    record_check_values(using="default")
    encryption_checks.require_sound_keys()


def test_unsound_keys_are_refused_before_the_database_is_asked(remembered):
    remembered.DATA_KEY_ACTIVE = 9

    with pytest.raises(ImproperlyConfigured, match="active data key 9"):
        encryption_checks.require_sound_keys()


@pytest.mark.django_db(transaction=True)
def test_a_process_about_to_fork_keeps_no_connection():
    assert EncryptionCheck.objects.exists()

    encryption_checks.require_sound_keys()

    assert connection.connection is None


def test_a_web_process_does_not_start_with_unsound_keys(remembered):
    remembered.DATA_KEY_ACTIVE = 9

    with pytest.raises(ImproperlyConfigured, match="active data key 9"):
        runpy.run_module("medbook.wsgi")


def test_a_worker_does_not_start_with_unsound_keys(remembered):
    refuse_unsound_keys()
    remembered.DATA_KEY_ACTIVE = 9

    with pytest.raises(SystemExit, match="active data key 9"):
        refuse_unsound_keys()


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_new_key_is_remembered_when_there_is_nothing_to_migrate(settings):
    settings.IS_DEVELOPMENT = False
    EncryptionCheck.objects.filter(purpose="data", key_id=2).delete()

    call_command("prepare", verbosity=0)

    assert EncryptionCheck.objects.filter(purpose="data", key_id=2).exists()


def test_commands_that_name_no_database_do_not_touch_it(keys):
    assert encryption_checks.check_known_keys() == []
    assert encryption_checks.check_known_keys(databases=["replica"]) == []


def test_a_database_not_yet_migrated_is_no_problem(remembered):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE encryption_encryptioncheck RENAME TO elsewhere")

    assert encryption_checks.check_known_keys(databases=["default"]) == []


def test_a_database_migrated_back_is_left_alone():
    record_check_values(using="default", apps=Apps())


def test_a_database_that_is_away_is_no_problem(keys, db, monkeypatch):
    away = {**connections.settings["default"], "PORT": "1", "HOST": "127.0.0.1"}
    monkeypatch.setitem(connections.settings, "default", away)
    kept = connections["default"]
    del connections["default"]
    try:
        assert encryption_checks.check_known_keys(databases=["default"]) == []
    finally:
        connections["default"] = kept


def test_the_fields_of_the_project_pass():
    assert encryption_checks.check_fields() == []


@pytest.fixture
def registry(monkeypatch):
    """A project of its own for faulty models."""
    registry = Apps(["django.contrib.messages"])  # an app without models, to put them in
    monkeypatch.setattr(encryption_checks, "apps", registry)
    return registry


def make_model(registry, **attributes):
    meta = type("Meta", (), {"app_label": "messages", "apps": registry})
    number = len(list(registry.get_models()))
    return type(
        f"Faulty{number}", (models.Model,), {"__module__": "faulty", "Meta": meta, **attributes}
    )


def uid_field(**options):
    return models.UUIDField(**{"default": uuid.uuid4, "unique": True, **options})


@pytest.mark.parametrize(
    ("field", "problem"),
    [
        (SealedTextField(), "needs a label"),
        (SealedDateField(label="a", unique=True), "cannot be unique"),
        (SealedTextField(label="a", db_index=True), "cannot be unique or indexed"),
        (BlindIndexField(of="uid", normalise=str), "needs a label"),
        (BlindIndexField(of="uid", label="a"), "needs a rule of spelling"),
        (BlindIndexField(label="a", normalise=str), "needs to know what it is of"),
        (BlindIndexField(of="phone", label="a", normalise=str), "no field 'phone'"),
        (BlindIndexField(of="uid", label="a", normalise=str, length=3), "4 to 32 bytes"),
        (BlindIndexField(of="uid", label="a", normalise=str, length=33), "4 to 32 bytes"),
        (BlindIndexField(of="uid", label="a", normalise=str, key_version=9), "no index key 9"),
    ],
)
def test_a_faulty_field_is_named(registry, field, problem):
    make_model(registry, uid=uid_field(), field=field)

    [found] = encryption_checks.check_fields()

    assert problem in found.msg
    assert found.obj.name == "field"


@pytest.mark.parametrize(
    "uid",
    [
        None,
        models.TextField(unique=True),
        uid_field(unique=False),
        uid_field(null=True),
        models.UUIDField(unique=True),
    ],
)
def test_a_sealed_field_needs_a_uid_beside_it(registry, uid):
    make_model(registry, field=SealedTextField(label="a"), **({"uid": uid} if uid else {}))

    [found] = encryption_checks.check_fields()

    assert "needs a unique UUIDField uid" in found.msg


def test_a_label_is_used_once_for_values_and_once_for_indexes(registry):
    index = {"of": "field", "normalise": str}
    make_model(
        registry,
        uid=uid_field(),
        field=SealedTextField(label="a"),
        index=BlindIndexField(label="a", **index),
    )
    assert encryption_checks.check_fields() == []

    make_model(
        registry,
        uid=uid_field(),
        field=SealedTextField(label="a"),
        index=BlindIndexField(label="a", **index),
    )
    found = encryption_checks.check_fields()

    assert [problem.obj.name for problem in found] == ["field", "field", "index", "index"]
    assert "'a' is used twice" in found[0].msg


def test_proxies_do_not_count_twice(registry):
    base = make_model(registry, uid=uid_field(), field=SealedTextField(label="a"))
    meta = type("Meta", (), {"app_label": "messages", "apps": registry, "proxy": True})
    type("Proxy", (base,), {"__module__": "faulty", "Meta": meta})

    assert encryption_checks.check_fields() == []


def test_the_admin_of_the_project_passes():
    assert encryption_checks.check_admin() == []


def admin_problems(model, **options):
    admin_class = type("FaultyAdmin", (ModelAdmin,), options)
    site = AdminSite("faulty")
    site.register(model, admin_class)
    return [found for found in encryption_checks.check_admin() if found.obj is admin_class]


@pytest.mark.parametrize(
    ("model", "options"),
    [
        (Member, {"search_fields": ["^phone"]}),
        (Member, {"search_fields": ["phone__icontains"]}),
        (FamilyLink, {"search_fields": ["user__username", "member__phone"]}),
        (Member, {"ordering": ["-phone"]}),
        (Member, {"ordering": [F("phone").desc()]}),
        (Member, {"ordering": [F("phone")]}),
        (Member, {"list_filter": ["phone"]}),
        (Member, {"list_filter": [("phone", object)]}),
        (Member, {"list_display": ["phone"]}),
        (Member, {"list_display": ["phone"], "sortable_by": ["phone"]}),
    ],
)
def test_an_admin_that_uses_a_sealed_field_is_refused(model, options):
    [found] = admin_problems(model, **options)

    assert found.id == "encryption.E004"
    assert next(iter(options)) in found.msg
    assert "phone" in found.msg


def test_an_admin_that_leaves_sealed_fields_alone_passes():
    found = admin_problems(
        Member,
        search_fields=["user__username", "=phone_index", "nothing"],
        ordering=["user__username", F("joined_at").desc(), Lower("user__username")],
        list_filter=["tier", object],
        list_display=["number", "phone", lambda member: "x"],
        sortable_by=["number"],
    )

    assert found == []
