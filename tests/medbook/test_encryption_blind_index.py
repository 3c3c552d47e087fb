import hashlib
import hmac
import re
from pathlib import Path

import pytest
from django.apps.registry import Apps
from django.core.exceptions import FieldError
from django.db import connection, models
from django.db.utils import IntegrityError

from medbook.encryption import BlindIndexField, KeyUnavailable, SealedTextField
from members.models import Member
from tests.factories import MemberFactory

PHONE = "+8613800000003"
INDEX = Member._meta.get_field("phone_index")
SUFFIX = Member._meta.get_field("phone_suffix_index")

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice():
    return Member.objects.get(pk=MemberFactory(phone=PHONE).pk)


@pytest.fixture
def policy_model():
    """A table whose index is of a plain and a sealed attribute."""

    class Policy(models.Model):
        uid = models.UUIDField(unique=True)
        scheme = models.CharField(max_length=20)
        number = SealedTextField(label="policy.number", null=True)
        number_index = BlindIndexField(
            of=("scheme", "number"),
            label="policy.number",
            normalise=lambda scheme, number: f"{scheme}:{number.upper()}",
            null=True,
        )

        class Meta:
            app_label = "encryption"
            apps = Apps()

        def __str__(self):
            return self.scheme

    with connection.schema_editor() as editor:
        editor.create_model(Policy)
    return Policy


def test_is_computed_as_documented(settings):
    settings.INDEX_KEYS = {1: bytes(range(32))}

    digest = INDEX.digest("138 0000 0003")

    # RFC 5869 by hand: extract without salt, expand to one block.
    extracted = hmac.digest(bytes(32), bytes(range(32)), hashlib.sha256)
    key = hmac.digest(extracted, b"member.phone\x001\x01", hashlib.sha256)
    assert digest == hmac.digest(key, b"member.phone\0+8613800000003", hashlib.sha256)
    documented = (Path(__file__).parents[2] / "docs/encryption.md").read_text()
    assert digest.hex() in re.sub(r"\s", "", documented)


@pytest.mark.parametrize(
    "spelling", ["+8613800000003", "13800000003", "138 0000 0003", "0086-138-0000-0003"]
)
def test_finds_every_spelling(alice, spelling):
    assert Member.objects.get(phone_index=spelling) == alice
    assert Member.objects.get(phone_index__in=[spelling]) == alice
    assert Member.objects.get(phone_index=INDEX.digest(spelling)) == alice


def test_finds_by_the_last_four_digits(alice):
    MemberFactory(phone="+8613900000003")
    MemberFactory(phone="+8613900000004")

    assert Member.objects.filter(phone_suffix_index="0003").count() == 2
    assert len(alice.phone_suffix_index) == 4


def test_differs_by_label_key_and_version(settings):
    other = BlindIndexField(of="phone", label="member.other", normalise=str)
    same = BlindIndexField(of="phone", label="member.phone", normalise=str)
    newer = BlindIndexField(of="phone", label="member.phone", normalise=str, key_version=2)
    settings.INDEX_KEYS = {1: settings.INDEX_KEYS[1], 2: settings.INDEX_KEYS[1]}

    digests = {field.digest(PHONE) for field in (other, same, newer)}

    assert len(digests) == 3
    assert INDEX.digest(PHONE) in digests
    settings.INDEX_KEYS = {1: bytes(range(32))}
    assert INDEX.digest(PHONE) not in digests


def test_refuses_a_second_owner_of_the_same_phone(alice):
    with pytest.raises(IntegrityError):
        MemberFactory(phone="0086 138 0000 0003")


def test_is_null_where_there_is_nothing_to_find(alice):
    nobody = MemberFactory(phone=None)
    alice.phone = None
    alice.save()

    assert set(Member.objects.filter(phone_index=None)) == {alice, nobody}
    assert Member.objects.filter(phone_suffix_index__isnull=True).count() == 2


@pytest.mark.parametrize("lookup", ["startswith", "gt", "contains", "regex"])
def test_answers_equality_only(lookup):
    with pytest.raises(FieldError, match="exact"):
        Member.objects.filter(**{f"phone_index__{lookup}": b"\0"})


def test_saving_the_value_alone_saves_its_indexes(alice):
    alice.phone = "+8613800000099"
    alice.save(update_fields=["phone"])

    assert Member.objects.get(phone_index="+8613800000099") == alice
    assert Member.objects.get(phone_suffix_index="0099") == alice
    assert not Member.objects.filter(phone_index=PHONE).exists()


def test_update_or_create_saves_the_indexes(alice):
    Member.objects.update_or_create(uid=alice.uid, defaults={"phone": "+8613800000099"})

    assert Member.objects.get(phone_index="+8613800000099") == alice


def test_a_deferred_index_is_saved_with_its_value(alice):
    member = Member.objects.defer("phone_index").get(pk=alice.pk)
    member.phone = "+8613800000099"
    member.save()

    assert Member.objects.get(phone_index="+8613800000099") == alice


def test_a_deferred_value_leaves_its_index_alone(alice, django_assert_num_queries):
    member = Member.objects.defer("phone").get(pk=alice.pk)

    with django_assert_num_queries(1):
        member.save()

    assert Member.objects.get(phone_index=PHONE) == alice


def test_saving_other_fields_opens_nothing(alice, settings):
    settings.DATA_KEYS = {2: settings.DATA_KEYS[2]}
    settings.DATA_KEY_ACTIVE = 2

    alice.save()
    alice.save(update_fields=["tier"])
    alice.save(update_fields=[])

    assert Member.objects.get(phone_index=PHONE) == alice


def test_an_index_added_later_is_filled_by_saving_it(alice):
    Member.objects.update(phone_suffix_index=None)
    alice.refresh_from_db()

    alice.save(update_fields=["phone_suffix_index"])

    assert Member.objects.get(phone_suffix_index="0003") == alice


def test_without_its_key_nothing_is_found_or_written(alice, settings):
    settings.INDEX_KEYS = {}
    alice.phone = "+8613800000099"

    with pytest.raises(KeyUnavailable):
        Member.objects.filter(phone_index=PHONE)
    with pytest.raises(KeyUnavailable):
        alice.save()


def test_an_index_of_several_attributes_follows_each_of_them(policy_model):
    policy = policy_model(uid="0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b", scheme="city", number="a1")
    policy.save()
    assert policy_model.objects.get(number_index=("city", "A1")) == policy
    assert policy_model.objects.get(number_index__in=[("city", "a1"), ("city", "a2")]) == policy

    policy = policy_model.objects.get()
    policy.scheme = "state"
    policy.save(update_fields=["scheme"])

    assert policy_model.objects.get(number_index=("state", "A1")) == policy
    assert not policy_model.objects.filter(number_index=("city", "A1")).exists()


def test_an_index_of_several_attributes_needs_all_of_them(policy_model):
    policy = policy_model(uid="0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b", scheme="city", number=None)
    policy.save()

    assert policy_model.objects.get(number_index=None) == policy


def test_migrations_keep_what_identifies_the_index():
    options = SUFFIX.deconstruct()[3]

    assert options == {
        "of": ("phone",),
        "label": "member.phone_suffix",
        "length": 4,
        "null": True,
        "db_index": True,
    }
    versioned = BlindIndexField(of="phone", label="x", key_version=3)
    assert versioned.deconstruct()[3] == {"of": ("phone",), "label": "x", "key_version": 3}


def test_a_model_of_a_migration_does_not_guess_the_spelling():
    with pytest.raises(TypeError, match="spelling"):
        INDEX.clone().digest(PHONE)
