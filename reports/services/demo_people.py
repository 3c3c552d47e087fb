"""How do invented members and staff get their accounts?"""

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.db import transaction

from medbook.audit.choices import Action
from medbook.audit.services import entry, record_events
from members.choices import (
    ConsentPurpose,
    ConsentState,
    FactorKind,
    IdentityKind,
    PatientState,
    Relation,
)
from members.models import FamilyLink, Member, Patient, SecondFactor, Tier, User
from members.rules import spelling
from members.selectors.tiers import entry_tier
from members.services.consents import record_consents
from members.services.points import earn_points
from members.services.tiers import note_joining
from reports.services.demo_hospital import demo_rows

OLD_POINTS = 60
PASSWORD = "medbook-demo"  # noqa: S105 (printed at every `make run`)
AUDITOR, AUDITOR_SECRET = "auditor", "MEDBOOKDEMOAUDITOR234567AUDITOR2"  # published likewise


@transaction.atomic(durable=True)
def make_people(*, now: datetime) -> int:
    """Make staff in their groups, and members with a verified patient each; tell how many.

    All share one hash of one password: twenty-six hashes would take seconds.
    """
    hashed = make_password(PASSWORD)
    rows = demo_rows("people")
    for row in rows["staff"]:
        user = User.objects.create(
            username=row["username"],
            display_name=row["display_name"],
            password=hashed,
            is_staff=True,
            is_superuser=row.get("superuser", False),
        )
        user.groups.add(Group.objects.get(name=row["role"]))
        if user.username == AUDITOR:
            SecondFactor.objects.create(
                user=user, kind=FactorKind.APP, secret=AUDITOR_SECRET, created_at=now
            )
    first = entry_tier()
    members = [
        _make_member(number, row, first, hashed, now)
        for number, row in enumerate(rows["members"], start=1)
    ]
    record_events(entry(Action.MEMBER_JOINED, subject=member) for member in members)
    return len(members) + len(rows["staff"])


def _make_member(
    number: int, row: dict[str, Any], tier: Tier, hashed: str, now: datetime
) -> Member:
    user = User.objects.create(
        username=f"M{number:08d}", password=hashed, language=row["language"], date_joined=now
    )
    member = Member.objects.create(
        user=user,
        phone=row["phone"],
        email=f"member{number:02}@example.org",
        tier=tier,
        joined_at=now,
        phone_verified_at=now,
    )
    _make_past(member, row.get("points", 0), now)
    identity = row["identity_number"]
    patient = Patient.objects.create(
        name=row["name"],
        identity_kind=IdentityKind.RESIDENT_ID,
        identity_number=identity,
        birth_date=spelling.birth_date_of(identity),
        sex=spelling.sex_of(identity),
        state=PatientState.VERIFIED,
        created_at=now,
    )
    FamilyLink.objects.create(
        member=member,
        patient=patient,
        relation=Relation.SELF,
        consent=ConsentState.GIVEN,
        consent_at=now,
        may_see_records=True,
        created_at=now,
    )
    record_consents(member=member, purposes=ConsentPurpose, now=now)
    return member


def _make_past(member: Member, points: int, now: datetime) -> None:
    """Let a member have earned points in a year of visits; the review makes a tier of them.

    A few more are so old that they expire soon.
    """
    note_joining(member=member, now=now)
    if not points:
        return
    recent = points // 3
    visits = [
        (OLD_POINTS, 700),
        (points - 2 * recent, 210),
        (recent, 120),
        (recent, 58),
    ]
    for amount, days_ago in visits:
        earn_points(
            member=member,
            points=amount,
            reference=f"demo:{member.number}:{days_ago}",
            now=now - timedelta(days=days_ago),
        )
