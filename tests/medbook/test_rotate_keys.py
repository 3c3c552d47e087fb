import contextlib
import io
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from medbook.audit.choices import Action
from medbook.audit.models import OperationLog
from medbook.encryption import rotation
from members.models import Member, Patient
from tests.factories import MemberFactory, PatientFactory


@pytest.fixture
def new_key(settings):
    """Make key 2 the active one once called."""

    def switch():
        settings.DATA_KEY_ACTIVE = 2

    return switch


def rotate(*options):
    """Run the command without pauses and return what it told."""
    out = io.StringIO()
    call_command("rotate_keys", "--pause-ms", "0", *options, stdout=out)
    return out.getvalue()


def key_ids(model, name):
    values = model.objects.filter(**{f"{name}__isnull": False}).values_list(name, flat=True)
    return [value.key_id for value in values]


@pytest.mark.django_db
def test_moves_every_value_to_the_active_key(new_key, settings):
    members = [MemberFactory(phone=f"+861380000000{n}", email=None) for n in range(5)]
    patient = PatientFactory(name="Alice Chen")
    new_key()

    told = rotate("--batch", "2")

    settings.DATA_KEYS = {2: settings.DATA_KEYS[2]}
    assert key_ids(Member, "phone") == [2] * 5
    for number, member in enumerate(members):
        member.refresh_from_db()
        assert member.phone.reveal() == f"+861380000000{number}"
        assert member.email is None
        assert Member.objects.get(phone_index=f"1380000000{number}") == member
    patient.refresh_from_db()
    assert patient.name.reveal() == "Alice Chen"
    assert patient.birth_date.reveal() == PatientFactory.birth_date
    assert "member.phone: 2 rotated, 3 left" in told
    assert "member.phone: 5 rotated, 0 left" in told
    assert "member.email: nothing to do" in told
    assert "rows/s" in told


@pytest.mark.django_db
def test_rotates_one_label_if_asked(new_key):
    PatientFactory()
    new_key()

    rotate("--label", "patient.name")

    assert key_ids(Patient, "name") == [2]
    assert key_ids(Patient, "birth_date") == [1]


@pytest.mark.django_db
def test_leaves_values_of_the_active_key_as_they_are():
    MemberFactory(phone="+8613800000003")
    before = Member.objects.values_list("phone", flat=True).get().ciphertext

    rotate()

    assert Member.objects.values_list("phone", flat=True).get().ciphertext == before
    assert not OperationLog.objects.filter(action=Action.KEY_ROTATED).exists()


@pytest.mark.django_db
def test_is_written_into_the_operation_log(new_key):
    for number in range(3):
        MemberFactory(phone=f"+861380000000{number}")
    new_key()

    rotate("--label", "member.phone", "--batch", "2")

    events = OperationLog.objects.filter(action=Action.KEY_ROTATED).order_by("id")
    assert [event.facts for event in events] == [
        {"label": "member.phone", "key_id": 2, "rows": 2},
        {"label": "member.phone", "key_id": 2, "rows": 1},
    ]


@pytest.mark.django_db
def test_goes_on_where_it_was_stopped(new_key):
    for number in range(5):
        MemberFactory(phone=f"+861380000000{number}")
    new_key()
    field = Member._meta.get_field("phone")

    first = next(rotation.rotate_field(field=field, size=2, pause_seconds=0))
    assert (first.rotated, first.left) == (2, 3)

    assert "member.phone: 3 rotated, 0 left" in rotate("--label", "member.phone")


@pytest.mark.django_db
def test_names_the_labels_it_knows():
    with pytest.raises(CommandError, match=r"No label 'member.fax'.*member\.phone"):
        rotate("--label", "member.fax")


@pytest.mark.django_db
@pytest.mark.parametrize("options", [("--batch", "0"), ("--pause-ms", "-1")])
def test_refuses_nonsense(options):
    with pytest.raises(CommandError, match="at least"):
        rotate(*options)


@pytest.mark.django_db
def test_a_missing_old_key_stops_it_and_changes_nothing(new_key, settings):
    MemberFactory(phone="+8613800000003")
    new_key()
    settings.DATA_KEYS = {2: settings.DATA_KEYS[2]}

    with pytest.raises(CommandError, match="not in MEDBOOK_DATA_KEYS"):
        rotate("--label", "member.phone")

    assert key_ids(Member, "phone") == [1]


@pytest.mark.django_db
def test_passes_over_damaged_values_and_says_so(new_key):
    whole = MemberFactory(phone="+8613800000003")
    damaged = MemberFactory(phone="+8613800000004")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE members_member SET phone = (SELECT phone FROM members_member WHERE id = %s)"
            " WHERE id = %s",
            [whole.pk, damaged.pk],
        )
    new_key()
    out = io.StringIO()

    with pytest.raises(CommandError, match="1 values stay with an old key"):
        call_command("rotate_keys", "--label", "member.phone", "--pause-ms", "0", stdout=out)

    assert "1 rotated, 1 left, 1 damaged" in out.getvalue()
    whole.refresh_from_db()
    assert whole.phone.reveal() == "+8613800000003"
    assert sorted(key_ids(Member, "phone")) == [1, 2]


@pytest.mark.django_db
def test_does_not_overwrite_a_value_changed_meanwhile():
    member = MemberFactory(phone="+8613800000003")
    field = Member._meta.get_field("phone")
    stale = Member.objects.values_list("phone", flat=True).get().ciphertext
    member.phone = "+8613800000099"
    member.save()

    assert rotation.write_if_unchanged(field, [(b"anything", member.pk, stale)]) == 0

    member.refresh_from_db()
    assert member.phone.reveal() == "+8613800000099"


@pytest.mark.django_db(transaction=True)
def test_waits_for_a_row_that_somebody_is_working_on(new_key):
    busy, free = MemberFactory(phone="+8613800000003"), MemberFactory(phone="+8613800000004")
    new_key()
    locked, told = threading.Event(), io.StringIO()

    def keep_busy():
        try:
            with transaction.atomic():
                member = Member.objects.select_for_update().get(pk=busy.pk)
                locked.set()
                assert free_is_rotated.wait(10)
                member.email = "busy@example.org"
                member.save(update_fields=["email"])
        finally:
            connection.close()

    free_is_rotated = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(keep_busy)
        assert locked.wait(10)
        for progress in rotation.rotate_field(
            field=Member._meta.get_field("phone"), size=10, pause_seconds=0
        ):
            told.write(f"{progress}\n")
            free.refresh_from_db()
            assert free.phone.key_id == 2
            free_is_rotated.set()
        work.result()

    assert (progress.rotated, progress.left) == (2, 0)
    busy.refresh_from_db()
    assert busy.phone.reveal() == "+8613800000003"


@pytest.mark.django_db(transaction=True)
def test_gives_up_on_rows_that_stay_locked(new_key, monkeypatch):
    monkeypatch.setattr(rotation, "IDLE_SECONDS", 0.01)
    busy = MemberFactory(phone="+8613800000003")
    new_key()
    locked, done = threading.Event(), threading.Event()

    def keep_busy():
        try:
            with transaction.atomic():
                Member.objects.select_for_update().get(pk=busy.pk)
                locked.set()
                assert done.wait(10)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(keep_busy)
        assert locked.wait(10)
        try:
            with pytest.raises(CommandError, match="1 values stay"):
                rotate("--label", "member.phone")
        finally:
            done.set()
        work.result()


@pytest.mark.django_db(transaction=True)
def test_beside_concurrent_writers_nothing_is_lost(settings):
    """Four writers change phones and e-mails while all values move to and fro between two keys."""
    members = [MemberFactory(phone=f"+86138{number:08d}") for number in range(40)]
    start, writers, turns = threading.Barrier(5, timeout=10), 4, 12

    def write(worker):
        """Own every fourth member: whatever is read must be what was written last."""
        mine = {members[n].pk: (n, f"+86138{n:08d}") for n in range(worker, 40, writers)}
        try:
            start.wait()
            for turn in range(turns):
                for pk, (number, phone) in mine.items():
                    row = Member.objects.get(pk=pk)
                    assert row.phone.reveal() == phone
                    mine[pk] = (number, f"+86139{turn:04d}{number:04d}")
                    row.phone = mine[pk][1]
                    row.save(update_fields=["phone"])
                    row = Member.objects.get(phone_index=mine[pk][1])
                    row.email = f"{turn}-{pk}@example.org"
                    row.save()  # writes the phone back as it was read
        finally:
            connection.close()

    def turn_keys(is_over):
        rounds = 0
        try:
            start.wait()
            while not is_over():
                rounds += 1
                settings.DATA_KEY_ACTIVE = 2 - rounds % 2
                with contextlib.suppress(CommandError):  # an old value may have been written back
                    rotate("--batch", "20")
        finally:
            connection.close()
        return rounds

    with ThreadPoolExecutor(5) as pool:
        jobs = [pool.submit(write, worker) for worker in range(writers)]
        keys = pool.submit(turn_keys, lambda: all(job.done() for job in jobs))
        for job in jobs:
            job.result()
        assert keys.result() > 1
    settings.DATA_KEY_ACTIVE = 2
    rotate()

    settings.DATA_KEYS = {2: settings.DATA_KEYS[2]}
    for number, member in enumerate(members):
        row = Member.objects.get(phone_index=f"+86139{turns - 1:04d}{number:04d}")
        assert row.pk == member.pk
        assert row.phone.reveal() == f"+86139{turns - 1:04d}{number:04d}"
        assert row.email.reveal() == f"{turns - 1}-{row.pk}@example.org"
    assert set(key_ids(Member, "phone")) == {2}
