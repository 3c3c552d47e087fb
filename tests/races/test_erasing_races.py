"""When somebody books and is erased at the same moment, does one of the two win?"""

from functools import partial

import pytest

from appointments.models import Appointment
from medbook import clock
from members.models import Member
from members.services.erasing import erase_member
from tests.appointments.booking import book
from tests.factories import member_with_patient, schedule_with_slots
from tests.racing import counted, together

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("attempt", range(6))
def test_booking_and_erasing_at_once(attempt):
    alice = member_with_patient()
    schedule = schedule_with_slots(3)
    erase = partial(erase_member, member_uid=alice.uid, by=alice.user, now=clock.now())

    booked, erased = together(partial(book, alice, schedule), erase)

    is_erased = Member.objects.get(pk=alice.pk).erased_at is not None
    assert is_erased == (not Appointment.objects.live().exists())
    assert counted([booked, erased])["done"] == 1
    assert set(counted([booked, erased])) - {"done"} <= {
        *("member_suspended", "still_open", "not_your_patient")
    }


def test_four_times_at_once_somebody_is_erased_once():
    alice = member_with_patient()
    erase = partial(erase_member, member_uid=alice.uid, by=alice.user, now=clock.now())

    outcomes = counted(together(*[erase] * 4))

    assert outcomes == {"done": 1, "already_erased": 3}
