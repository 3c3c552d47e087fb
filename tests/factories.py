"""Honest objects for tests: one factory per model."""

import itertools
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import factory
from factory import LazyAttribute, LazyFunction, Sequence, SubFactory
from factory.django import DjangoModelFactory

from appointments.models import WaitlistEntry
from billing.models import InsurancePlan, InsurancePolicy
from medbook import clock
from members.choices import ConsentPurpose, ConsentState, IdentityKind, PatientState, Relation
from members.models import FamilyLink, Member, Patient, Privilege, Tier, User
from members.selectors.tiers import forget_privileges
from members.services.consents import record_consents
from scheduling.choices import DayKind, Gender, LeaveReason, LeaveState, ScheduleState, Title
from scheduling.models import (
    CalendarDay,
    Clinic,
    Department,
    Doctor,
    Leave,
    Price,
    ReleaseRun,
    Room,
    RosterTemplate,
    Schedule,
    Slot,
    VisitType,
)

_people = itertools.count(1)


def resident_id(number: int, born: date = date(1990, 1, 1)) -> str:
    """Make a well-formed resident identity number."""
    body = f"110105{born:%Y%m%d}{number % 1000:03d}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    check = "10X98765432"[sum(int(d) * w for d, w in zip(body, weights, strict=True)) % 11]
    return body + check


class TierFactory(DjangoModelFactory):
    class Meta:
        model = Tier
        django_get_or_create = ("code",)

    code = "member"
    name_en = LazyAttribute(lambda tier: tier.code.capitalize())
    name_zh = "普通会员"
    rank = LazyAttribute(lambda tier: ["member", "silver", "gold", "jade"].index(tier.code))
    points_from = LazyAttribute(lambda tier: [0, 300, 1000, 3000][tier.rank])

    @classmethod
    def _create(cls, model_class, *args, **kwargs):
        row = super()._create(model_class, *args, **kwargs)
        forget_privileges()
        return row


class PrivilegeFactory(DjangoModelFactory):
    class Meta:
        model = Privilege

    tier = SubFactory(TierFactory)
    key = "discount_rate"
    value = "0.9"
    valid_from = LazyFunction(lambda: clock.now() - timedelta(days=1))

    @classmethod
    def _create(cls, model_class, *args, **kwargs):
        row = super()._create(model_class, *args, **kwargs)
        forget_privileges()
        return row


class UserFactory(DjangoModelFactory):
    class Meta:
        model = User
        skip_postgeneration_save = True

    username = Sequence(lambda n: f"M{n:08d}")
    password = factory.django.Password("medbook-demo")


class MemberFactory(DjangoModelFactory):
    """A member who has agreed to the terms and to the use of identity and health data."""

    class Meta:
        model = Member
        skip_postgeneration_save = True

    user = SubFactory(UserFactory)
    tier = SubFactory(TierFactory)
    phone = Sequence(lambda n: f"+86139{n:08d}")
    phone_verified_at = LazyFunction(clock.now)

    @factory.post_generation
    def consents(member, create, purposes):
        if create:
            asked = (ConsentPurpose.TERMS, ConsentPurpose.SENSITIVE_DATA)
            record_consents(
                member=member, purposes=asked if purposes is None else purposes, now=clock.now()
            )


class PatientFactory(DjangoModelFactory):
    class Meta:
        model = Patient

    name = "Alice Chen"
    identity_kind = IdentityKind.RESIDENT_ID
    identity_number = LazyFunction(
        lambda: resident_id(n := next(_people), date(1990, 1, 1) + timedelta(days=n // 1000))
    )
    birth_date = date(1990, 1, 1)
    state = PatientState.VERIFIED


class FamilyLinkFactory(DjangoModelFactory):
    class Meta:
        model = FamilyLink

    member = SubFactory(MemberFactory)
    patient = SubFactory(PatientFactory)
    relation = Relation.SELF
    consent = LazyAttribute(
        lambda link: ConsentState.GIVEN if link.relation == Relation.SELF else ConsentState.DECLARED
    )


class ClinicFactory(DjangoModelFactory):
    class Meta:
        model = Clinic
        django_get_or_create = ("code",)

    code = "east"
    name_en = "East Clinic"
    name_zh = "东院"
    time_zone = "Asia/Shanghai"


class CalendarDayFactory(DjangoModelFactory):
    class Meta:
        model = CalendarDay

    date = date(2026, 12, 1)
    kind = DayKind.HOLIDAY
    name_en = "Clinic day"
    name_zh = "院庆"


class DepartmentFactory(DjangoModelFactory):
    class Meta:
        model = Department

    clinic = SubFactory(ClinicFactory)
    code = Sequence(lambda n: f"dept-{n}")
    name_en = "Cardiology"
    name_zh = "心内科"


class RoomFactory(DjangoModelFactory):
    class Meta:
        model = Room

    clinic = SubFactory(ClinicFactory)
    code = Sequence(lambda n: f"R{n}")


class VisitTypeFactory(DjangoModelFactory):
    class Meta:
        model = VisitType
        django_get_or_create = ("code",)

    code = "first"
    name_en = "First visit"
    name_zh = "初诊"
    length_minutes = 20


class DoctorFactory(DjangoModelFactory):
    class Meta:
        model = Doctor

    department = SubFactory(DepartmentFactory)
    code = Sequence(lambda n: f"D{n:04d}")
    slug = Sequence(lambda n: f"chen-{n}")
    name_en = "Chen Wei"
    name_zh = "陈伟"
    search_text = "chen wei 陈伟 chenwei cw"
    title = Title.CHIEF
    gender = Gender.FEMALE


class PriceFactory(DjangoModelFactory):
    """What a first visit to a chief physician costs in East Clinic, for long."""

    class Meta:
        model = Price

    clinic = SubFactory(ClinicFactory)
    visit_type = SubFactory(VisitTypeFactory)
    title = Title.CHIEF
    fee = Decimal("150.00")
    valid_from = date(2020, 1, 1)


class RosterTemplateFactory(DjangoModelFactory):
    class Meta:
        model = RosterTemplate

    doctor = SubFactory(DoctorFactory)
    room = SubFactory(RoomFactory)
    visit_type = SubFactory(VisitTypeFactory)
    weekday = 0
    start_time = time(8)
    end_time = time(12)
    max_appointments = 12
    fee = Decimal("180.00")
    valid_from = date(2020, 1, 1)


class ScheduleFactory(DjangoModelFactory):
    """A published session three days ahead, on sale now, 09:00–12:00 in Shanghai."""

    class Meta:
        model = Schedule

    doctor = SubFactory(DoctorFactory)
    department = LazyAttribute(lambda schedule: schedule.doctor.department)
    room = SubFactory(RoomFactory)
    visit_type = SubFactory(VisitTypeFactory)
    service_date = LazyFunction(
        lambda: clock.local_date(clock.now(), "Asia/Shanghai") + timedelta(3)
    )
    starts_at = LazyAttribute(lambda s: datetime.fromisoformat(f"{s.service_date}T09:00:00+08:00"))
    ends_at = LazyAttribute(lambda s: s.starts_at + timedelta(hours=3))
    max_appointments = 9
    fee = Decimal("180.00")
    state = ScheduleState.PUBLISHED
    release_at = LazyAttribute(lambda s: s.starts_at - timedelta(days=7))
    sale_stops_at = LazyAttribute(lambda s: s.starts_at - timedelta(hours=16))
    same_day_from = LazyAttribute(lambda s: s.starts_at - timedelta(hours=9))


class SlotFactory(DjangoModelFactory):
    class Meta:
        model = Slot

    schedule = SubFactory(ScheduleFactory)
    number = 1
    starts_at = LazyAttribute(
        lambda slot: slot.schedule.starts_at + timedelta(minutes=20 * ((slot.number - 1) % 9))
    )
    ends_at = LazyAttribute(lambda slot: slot.starts_at + timedelta(minutes=20))


class LeaveFactory(DjangoModelFactory):
    """A leave whose visits were called off, three days ahead."""

    class Meta:
        model = Leave

    doctor = SubFactory(DoctorFactory)
    starts_at = LazyFunction(lambda: clock.now() + timedelta(days=3))
    ends_at = LazyAttribute(lambda leave: leave.starts_at + timedelta(hours=3))
    reason = LeaveReason.ILLNESS
    state = LeaveState.DONE
    created_at = LazyFunction(clock.now)
    created_by = SubFactory(UserFactory)
    confirmed_at = LazyAttribute(lambda leave: leave.created_at)


class WaitlistEntryFactory(DjangoModelFactory):
    """A wish of a member for their own patient, for a place of one schedule."""

    class Meta:
        model = WaitlistEntry

    schedule = SubFactory(ScheduleFactory)
    doctor = LazyAttribute(lambda entry: entry.schedule.doctor)
    department = LazyAttribute(lambda entry: entry.schedule.department)
    first_day = LazyAttribute(lambda entry: entry.schedule.service_date)
    last_day = LazyAttribute(lambda entry: entry.first_day)
    member = LazyFunction(lambda: member_with_patient())
    patient = LazyAttribute(lambda entry: entry.member.links.get().patient)
    joined_at = LazyFunction(clock.now)


class ReleaseRunFactory(DjangoModelFactory):
    class Meta:
        model = ReleaseRun

    department = SubFactory(DepartmentFactory)
    service_date = date(2026, 12, 1)
    started_at = LazyFunction(clock.now)


class InsurancePlanFactory(DjangoModelFactory):
    """A commercial plan that bears 80 % of everything."""

    class Meta:
        model = InsurancePlan
        django_get_or_create = ("code",)

    code = "carefree"
    name_en = "Carefree Health"
    name_zh = "安心医疗险"
    insurer = "sandbox"
    rate = Decimal("0.800")


class InsurancePolicyFactory(DjangoModelFactory):
    """A policy of a member's own patient, valid since long ago."""

    class Meta:
        model = InsurancePolicy

    added_by = LazyFunction(lambda: member_with_patient())
    patient = LazyAttribute(lambda policy: policy.added_by.links.get().patient)
    plan = SubFactory(InsurancePlanFactory)
    number = Sequence(lambda n: f"CH{n:08d}")
    valid_from = date(2020, 1, 1)
    added_at = LazyFunction(clock.now)


def schedule_with_slots(count: int = 9, **fields) -> Schedule:
    """Make a published schedule on sale with free places, 20 minutes each."""
    schedule = ScheduleFactory(max_appointments=count, **fields)
    Slot.objects.bulk_create(
        SlotFactory.build(schedule=schedule, number=number) for number in range(1, count + 1)
    )
    return schedule


def member_with_patient(**fields) -> Member:
    """Make a member with a verified patient of their own."""
    return FamilyLinkFactory(member=MemberFactory(**fields)).member
