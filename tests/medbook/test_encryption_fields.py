import copy
import io
import json
import pickle
import uuid
from datetime import date, datetime

import pytest
from django.core.exceptions import FieldError
from django.core.management import call_command
from django.core.serializers.base import DeserializationError
from django.db import connection, transaction
from django.db.models import F, Value, Window
from django.db.models.functions import RowNumber
from django.forms import modelform_factory
from django.template import Context, Template

from medbook.encryption import IntegrityFailure, KeyUnavailable, Sealed
from members.models import Member, Patient
from tests.factories import MemberFactory, PatientFactory, TierFactory, UserFactory

PHONE = "+8613800000003"

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice():
    return Member.objects.get(pk=MemberFactory(phone=PHONE).pk)


def stored(row, column):
    """Read a column as the database holds it."""
    table = row._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {table} WHERE id = %s", [row.pk])
        return cursor.fetchone()[0]


def overwrite(row, column, value):
    """Tamper with a column behind the model's back."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {row._meta.db_table} SET {column} = %s WHERE id = %s", [value, row.pk]
        )


def test_keeps_a_text_sealed_until_it_is_revealed(alice):
    assert isinstance(alice.phone, Sealed)
    assert repr(alice.phone) == "<sealed member.phone k=1>"
    assert str(alice.phone) == f"{alice.phone}" == "138****0003"
    assert alice.phone.reveal() == PHONE


def test_shows_a_new_value_before_it_is_saved():
    member = Member(phone=PHONE)

    assert repr(member.phone) == "<sealed member.phone k=1>"
    assert str(member.phone) == "138****0003"
    assert member.phone.reveal() == PHONE


def test_the_database_holds_no_plain_text(alice):
    held = stored(alice, "phone")

    assert held[:4] == bytes.fromhex("01010001")
    assert b"138" not in held
    assert len(held) == len(PHONE) + 32


def test_keeps_dates():
    patient = Patient.objects.get(pk=PatientFactory(birth_date=date(1990, 2, 28)).pk)

    assert patient.birth_date.reveal() == date(1990, 2, 28)
    assert str(patient.birth_date) == "•••"


@pytest.mark.parametrize("text", ["", "张三", "a\u0000b", "👩‍⚕️" * 50])
def test_keeps_any_text(text):
    patient = Patient.objects.get(pk=PatientFactory(name=text).pk)

    assert patient.name.reveal() == text


def test_null_stays_null_and_the_empty_text_does_not():
    nobody, empty = PatientFactory(name=None), PatientFactory(name="")

    assert Patient.objects.get(pk=nobody.pk).name is None
    assert stored(nobody, "name") is None
    assert len(stored(empty, "name")) == 32


@pytest.mark.parametrize("value", [b"+8613800000003", 13800000003, Value(PHONE)])
def test_takes_nothing_but_text_for_a_text(value):
    with pytest.raises(TypeError) as refusal:
        Member(phone=value)
    assert "13800000003" not in str(refusal.value)


@pytest.mark.parametrize("value", ["1990-01-01", datetime(1990, 1, 1, 12)])  # noqa: DTZ001
def test_takes_nothing_but_a_date_for_a_date(value):
    with pytest.raises(TypeError):
        Patient(birth_date=value)


def test_templates_show_the_mask(alice):
    page = Template("{{ member.phone }}").render(Context({"member": alice}))

    assert page == "138****0003"


def test_lists_open_nothing(alice, settings):
    settings.DATA_KEYS = {}

    [row] = Member.objects.values("phone")
    [(phone,)] = Member.objects.values_list("phone")
    [member] = Member.objects.all()

    assert repr(row["phone"]) == repr(phone) == repr(member.phone) == "<sealed member.phone k=1>"
    assert str(phone) == "•••"
    with pytest.raises(TypeError, match="without its row"):
        phone.reveal()


def test_a_value_swapped_with_another_row_is_shown_as_unavailable(alice):
    bo = MemberFactory(phone="+8613800000004")
    overwrite(bo, "phone", stored(alice, "phone"))
    bo.refresh_from_db()

    assert str(bo.phone) == "unavailable"
    with pytest.raises(IntegrityFailure):
        bo.phone.reveal()


def test_a_value_swapped_with_another_column_does_not_open(alice):
    overwrite(alice, "email", stored(alice, "phone"))
    alice.refresh_from_db()

    with pytest.raises(IntegrityFailure):
        alice.email.reveal()


def test_rubbish_in_the_column_does_not_break_lists(alice):
    overwrite(alice, "phone", b"not sealed at all, but long enough to be taken for it")
    alice.refresh_from_db()

    assert repr(alice.phone) == "<sealed member.phone k=?>"
    assert str(alice.phone) == "unavailable"


def test_a_damaged_value_survives_the_saving_of_other_fields(alice):
    damaged = stored(alice, "phone")[:-1] + b"\0"
    overwrite(alice, "phone", damaged)
    alice.refresh_from_db()
    alice.email = "alice@example.org"

    alice.save()

    assert stored(alice, "phone") == damaged
    assert Member.objects.get(phone_index=PHONE) == alice


def test_a_missing_key_stops_writes_and_leaves_the_row_alone(alice, settings):
    before = stored(alice, "phone")
    settings.DATA_KEY_ACTIVE = 9
    alice.phone = "+8613800000099"

    with pytest.raises(KeyUnavailable), transaction.atomic():
        alice.save()
    with pytest.raises(KeyUnavailable), transaction.atomic():
        MemberFactory(phone="+8613800000098")

    assert stored(alice, "phone") == before
    assert Member.objects.count() == 1


def test_a_missing_key_does_not_stop_the_saving_of_other_fields(alice, settings):
    settings.DATA_KEYS = {2: settings.DATA_KEYS[2]}
    settings.DATA_KEY_ACTIVE = 2
    alice.email = "alice@example.org"

    alice.save()

    alice.refresh_from_db()
    assert alice.email.reveal() == "alice@example.org"
    with pytest.raises(KeyUnavailable):
        str(alice.phone)


def test_saving_an_unchanged_value_writes_the_same_bytes(alice):
    before = stored(alice, "phone")

    alice.save()

    assert stored(alice, "phone") == before


def test_a_copied_row_with_a_new_uid_is_refused(alice):
    alice.pk, alice.uid = None, uuid.uuid4()
    alice._state.adding = True

    with pytest.raises(IntegrityFailure):
        alice.save()


def test_a_value_given_to_another_row_is_sealed_for_it(alice):
    bo = MemberFactory(phone="+8613800000004")

    bo.email = alice.phone
    alice.phone = None
    alice.save()
    bo.phone = Member(phone=PHONE).phone
    bo.save()

    bo.refresh_from_db()
    assert bo.phone.reveal() == bo.email.reveal() == PHONE


def test_a_stored_value_given_to_another_row_is_sealed_for_it(alice):
    carol = PatientFactory(name="Carol")
    dave = PatientFactory(name="Dave")
    carol.refresh_from_db()

    dave.name = carol.name
    dave.save()

    dave.refresh_from_db()
    assert dave.name.reveal() == carol.name.reveal() == "Carol"
    assert Patient.objects.filter(name_index="carol").count() == 2


def test_a_value_given_back_to_its_own_row_stays_as_it_is(alice):
    before = stored(alice, "phone")
    again = Member.objects.get(pk=alice.pk)

    alice.phone = again.phone
    alice.save()

    assert stored(alice, "phone") == before


def test_bulk_create_seals_and_indexes():
    bo = MemberFactory.build(user=UserFactory(), tier=TierFactory(), phone="+8613800000004")

    Member.objects.bulk_create([bo])

    assert Member.objects.get(phone_index="138 0000 0004").phone.reveal() == "+8613800000004"


def test_deferred_values_are_loaded_when_asked_for(alice, django_assert_num_queries):
    with django_assert_num_queries(1):
        member = Member.objects.only("uid").get(pk=alice.pk)
    with django_assert_num_queries(1):
        assert member.phone.reveal() == PHONE
    alice.refresh_from_db(fields=["phone"])
    with django_assert_num_queries(0):
        assert alice.phone.reveal() == PHONE


@pytest.mark.parametrize(
    "conditions",
    [
        {"phone": PHONE},
        {"phone": None},
        {"phone__in": [PHONE]},
        {"phone__gt": PHONE},
        {"phone__startswith": "+86"},
        {"phone__length": 14},
        {"phone__length__gt": 13},
    ],
)
def test_filtering_is_refused(conditions):
    with pytest.raises(FieldError, match="sealed"):
        Member.objects.filter(**conditions)


def test_only_presence_can_be_asked_for(alice):
    MemberFactory(phone=None)

    known = Member.objects.filter(phone__isnull=False)

    assert list(known) == [alice]
    assert list(Member.objects.filter(pk__in=known.values("pk"))) == [alice]
    assert Member.objects.exclude(phone__isnull=False).count() == 1


@pytest.mark.parametrize(
    "order", ["phone", "-phone", "links__member__phone", F("phone"), F("phone").desc()]
)
def test_sorting_is_refused(order):
    with pytest.raises(FieldError, match="sorted"):
        list(Member.objects.order_by(order))


def test_sorting_by_other_things_is_not_refused(alice):
    rows = Member.objects.annotate(who=F("user__username"))

    in_order = rows.order_by("who", "-pk", F("tier__rank").asc(), Window(RowNumber()), "?")

    assert list(in_order) == [alice]


def test_sorting_by_default_is_refused(monkeypatch):
    monkeypatch.setattr(Member._meta, "ordering", ["phone"])

    with pytest.raises(FieldError, match="sorted"):
        list(Member.objects.all())
    assert list(Member.objects.order_by("pk")) == []


def test_update_is_refused(alice):
    for value in (PHONE, b"\1\1\0\1", alice.phone, F("email"), Value(PHONE)):
        with pytest.raises(FieldError, match="save"):
            Member.objects.update(phone=value)


def test_bulk_update_is_refused(alice):
    alice.phone = "+8613800000099"

    with pytest.raises(FieldError, match="save"):
        Member.objects.bulk_update([alice], ["phone"])


def test_update_may_erase(alice):
    Member.objects.update(phone=None, phone_index=None)

    alice.refresh_from_db()
    assert alice.phone is None


def test_full_clean_keeps_the_value(alice):
    alice.full_clean()
    alice.save()

    alice.refresh_from_db()
    assert alice.phone.reveal() == PHONE


def test_forms_leave_sealed_fields_out(alice):
    form = modelform_factory(Member, exclude=[])(instance=alice)

    assert not {"phone", "email", "phone_index", "phone_suffix_index"} & set(form.fields)
    assert Member._meta.get_field("phone").formfield() is None


def test_dumps_hold_no_plain_text(alice):
    PatientFactory(name="Alice Chen-Zhang", birth_date=date(1987, 6, 5))
    dump = io.StringIO()

    call_command("dumpdata", "members", stdout=dump)

    told = dump.getvalue()
    assert "<sealed member.phone k=1>" in told
    for secret in ("13800000003", "Chen-Zhang", "1987-06-05"):
        assert secret not in told


def test_fixtures_with_sealed_values_are_not_loaded(alice, tmp_path):
    fixture = tmp_path / "members.json"
    row = {"model": "members.member", "pk": 1, "fields": {"phone": PHONE}}
    fixture.write_text(json.dumps([row]))

    with pytest.raises(DeserializationError, match="not loaded from fixtures"):
        call_command("loaddata", fixture, verbosity=0)


def test_values_are_not_pickled(alice):
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(alice)


def test_copies_of_a_row_share_the_closed_value(alice):
    for twin in (copy.copy(alice), copy.deepcopy(alice)):
        assert twin.phone.reveal() == PHONE
    assert copy.copy(alice.phone).reveal() == PHONE


def test_uid_may_be_given_as_text():
    uid = uuid.uuid4()
    member = MemberFactory(uid=str(uid), phone=PHONE)

    assert Member.objects.get(pk=member.pk).phone.reveal() == PHONE


def test_migrations_keep_the_label_and_not_the_mask():
    _name, path, _args, options = Member._meta.get_field("phone").deconstruct()

    assert path == "medbook.encryption.fields.SealedTextField"
    assert options == {"null": True, "label": "member.phone"}
