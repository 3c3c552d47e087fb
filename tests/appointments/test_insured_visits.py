"""What does a visit cost who is insured, and what becomes of the insurer's part?"""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from appointments.choices import AppointmentState
from appointments.models import Appointment
from appointments.services.booking import confirm_appointment
from appointments.services.cancelling import cancel_appointment
from appointments.services.missing import mark_no_show, undo_no_show
from billing.choices import Account, ClaimState
from billing.errors import PolicyNotValid, VisitNotCovered
from billing.insurers import sandbox as adapter
from billing.models import Claim, Invoice, Posting
from billing.sandbox.models import SandboxClaim, SandboxConsole
from billing.services import claims
from billing.services.claim_statements import check_statement
from billing.services.claims import send_due_claims
from billing.services.policies import end_policy
from medbook import clock
from medbook.errors import Missing
from medbook.outbox.services import dispatch_due_messages
from members.choices import Relation
from members.models import Notification
from members.services.points import earn_points
from tests.appointments.booking import book, call_off, hold, pay, reschedule
from tests.billing.sandbox import through_client
from tests.factories import (
    FamilyLinkFactory,
    InsurancePlanFactory,
    InsurancePolicyFactory,
    PatientFactory,
    PrivilegeFactory,
    TierFactory,
    UserFactory,
    VisitTypeFactory,
    member_with_patient,
    schedule_with_slots,
)

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.fixture
def policy():
    return InsurancePolicyFactory()


@pytest.fixture
def alice(policy):
    return policy.added_by


@pytest.fixture(autouse=True)
def _insurer(monkeypatch):
    """Let the sandbox insurer answer in this process."""
    monkeypatch.setattr(adapter.outgoing, "send", through_client)


def behave(behaviour, **said):
    SandboxConsole.objects.update_or_create(pk=1, defaults={"claim_behaviour": behaviour, **said})


def sweep(**later):
    """Let the insurer be spoken to, and the news go round."""
    now = clock.now() + timedelta(**later)
    count = send_due_claims(now=now)
    dispatch_due_messages(now=clock.now() + timedelta(minutes=1))
    return count


def paid(policy, schedule=None, **said):
    """Book an insured visit and pay the member's part."""
    visit = book(policy.added_by, schedule or schedule_with_slots(), policy=policy, **said)
    pay(visit)
    return visit


def session(days=0, **fields):
    """Open a session so many days after the first that is on sale."""
    day = clock.local_date(clock.now(), "Asia/Shanghai") + timedelta(3 + days)
    return schedule_with_slots(service_date=day, **fields)


def balance(account):
    return sum(Posting.objects.filter(account=account).values_list("amount", flat=True))


def test_the_insurer_bears_its_share_of_what_points_leave(alice, policy):
    with transaction.atomic():
        earn_points(member=alice, points=2000, reference="before", now=clock.now())

    visit = book(alice, schedule_with_slots(), policy=policy, points=1000)

    claim = Claim.objects.get()
    assert (visit.fee, visit.points, visit.insured, visit.price) == (180, 1000, 136, 34)
    assert Invoice.objects.get().total == D("34.00")
    assert (claim.state, claim.quoted, claim.policy) == (ClaimState.QUOTED, 136, policy)


@pytest.mark.parametrize(("is_statutory", "insured"), [(False, "129.60"), (True, "144.00")])
def test_statutory_insurance_leaves_the_tiers_discount_out(is_statutory, insured):
    gold = TierFactory(code="gold")
    PrivilegeFactory(tier=gold, key="discount_rate", value="0.9")
    plan = InsurancePlanFactory(is_statutory=is_statutory)
    policy = InsurancePolicyFactory(added_by=member_with_patient(tier=gold), plan=plan)

    visit = book(policy.added_by, schedule_with_slots(), policy=policy)

    assert visit.insured == D(insured)
    assert visit.discount == (0 if is_statutory else 18)


def test_deductible_and_cap_of_a_year_are_used_up_by_patient_whatever_the_policy(policy):
    InsurancePlanFactory._meta.model.objects.update(deductible=200, yearly_cap=200)
    twin = InsurancePolicyFactory(added_by=policy.added_by)

    visits = [
        book(policy.added_by, session(number), policy=each, key=str(number))
        for number, each in enumerate((policy, twin, policy))
    ]

    assert [visit.insured for visit in visits] == [0, 128, 72]
    cancel_appointment(appointment_uid=visits[1].uid, by=policy.added_by.user, now=clock.now())
    assert book(policy.added_by, session(3), policy=twin, key="again").insured == 128


def test_a_policy_that_does_not_hold_is_refused(alice, policy):
    schedule = schedule_with_slots()
    others = InsurancePolicyFactory()
    ended = InsurancePolicyFactory(added_by=alice)
    end_policy(
        member=alice,
        patient_uid=ended.patient.uid,
        policy_uid=ended.uid,
        by=alice.user,
        now=clock.now(),
    )
    too_late = InsurancePolicyFactory(
        added_by=alice, valid_to=schedule.service_date - timedelta(days=1)
    )
    too_early = InsurancePolicyFactory(
        added_by=alice, valid_from=schedule.service_date + timedelta(days=1)
    )

    for wrong in (others, ended, too_late, too_early):
        with pytest.raises(PolicyNotValid):
            book(alice, schedule, policy=wrong)
    policy.valid_to = schedule.service_date
    policy.save()
    assert book(alice, schedule, policy=policy).insured == 144


def test_a_member_uses_what_others_added_only_with_the_patients_consent(policy):
    bo = member_with_patient()
    link = FamilyLinkFactory(member=bo, patient=policy.patient, relation=Relation.SPOUSE)
    seen = {"patient": policy.patient, "policy": policy}

    with pytest.raises(PolicyNotValid):
        book(bo, schedule_with_slots(), **seen)
    link.consent = "given"
    link.save()

    assert book(bo, schedule_with_slots(), **seen).insured == 144


def test_a_kind_of_visit_that_the_plan_leaves_out_is_refused(alice, policy):
    policy.plan.uncovered = ["checkup"]
    policy.plan.save()
    checkup = schedule_with_slots(visit_type=VisitTypeFactory(code="checkup"))

    with pytest.raises(VisitNotCovered):
        book(alice, checkup, policy=policy)


def test_a_paid_visit_is_claimed_once_and_the_insurer_owes(policy):
    visit = book(policy.added_by, schedule_with_slots(), policy=policy)
    assert sweep() == 0
    pay(visit)

    assert [sweep(), sweep(hours=2)] == [1, 0]

    claim = Claim.objects.get()
    assert (claim.state, claim.accepted) == (ClaimState.ACCEPTED, 144)
    assert (balance(Account.INSURERS), balance(Account.REVENUE)) == (144, -180)
    sent = SandboxClaim.objects.get()
    assert (sent.number, sent.policy) == (claim.uid.hex, policy.number.reveal())


def test_what_costs_the_member_nothing_is_claimed_at_once(policy):
    InsurancePlanFactory._meta.model.objects.update(rate=1)

    visit = book(policy.added_by, schedule_with_slots(), policy=policy)

    assert (visit.price, sweep()) == (0, 1)
    assert Claim.objects.get().state == ClaimState.ACCEPTED


@pytest.mark.parametrize(
    ("behaviour", "state", "borne", "rate"),
    [
        ("part", ClaimState.PART_ACCEPTED, 72, "0.8"),
        ("reject", ClaimState.REJECTED, 0, "0.8"),
        ("part", ClaimState.PART_ACCEPTED, 90, "1"),
        ("reject", ClaimState.REJECTED, 0, "1"),
    ],
)
def test_what_the_insurer_does_not_bear_is_asked_of_the_member_who_is_told(
    policy, behaviour, state, borne, rate
):
    InsurancePlanFactory._meta.model.objects.update(rate=D(rate))
    behave(behaviour)
    visit = book(policy.added_by, schedule_with_slots(), policy=policy)
    if visit.price:
        pay(visit)

    sweep()
    sweep(hours=2)

    visit.refresh_from_db()
    rest = Invoice.objects.get(part=1)
    assert Claim.objects.get().state == state
    assert (visit.insured, visit.price) == (borne, 180 - borne)
    assert rest.total == 180 * D(rate) - borne
    assert Notification.objects.filter(kind="insurer_bears_less").count() == 1
    pay(visit)
    assert (balance(Account.INSURERS), balance(Account.REVENUE)) == (borne, -180)
    cancel_appointment(appointment_uid=visit.uid, by=policy.added_by.user, now=clock.now())
    sweep()
    assert balance(Account.INSURERS) == 0


def test_a_lost_answer_is_asked_for_again_under_the_same_number(policy):
    behave("silent")
    paid(policy)

    sweep()
    lost = Claim.objects.get()
    sweep(minutes=1)

    claim = Claim.objects.get()
    assert (lost.state, claim.state) == (ClaimState.SUBMITTED, ClaimState.ACCEPTED)
    assert SandboxClaim.objects.count() == 1


def test_a_late_answer_is_waited_for(policy):
    behave("late", late_seconds=1)
    paid(policy)
    sweep()
    assert Claim.objects.get().state == ClaimState.SUBMITTED
    SandboxClaim.objects.update(decided_at=clock.now())

    sweep(minutes=1)

    assert Claim.objects.get().state == ClaimState.ACCEPTED


@pytest.mark.parametrize("step", ["_told", "note_claim_news"])
def test_a_death_between_the_mark_the_call_and_the_answer_claims_once(policy, monkeypatch, step):
    paid(policy)
    with monkeypatch.context() as death:

        def die(*_words, **_said):
            raise SystemExit

        death.setattr(claims, step, die)
        with pytest.raises(SystemExit):
            sweep()
    assert Claim.objects.get().state == ClaimState.SUBMITTED

    sweep(minutes=1)

    assert Claim.objects.get().state == ClaimState.ACCEPTED
    assert SandboxClaim.objects.count() == 1


def test_without_one_number_for_ever_a_lost_answer_would_be_claimed_twice(policy, monkeypatch):
    """The harm behind the test above: a number of its own for each attempt claims twice."""
    behave("silent")
    paid(policy)
    sweep()
    behave("accept")
    monkeypatch.setattr(Claim, "number", "b" * 32)

    with pytest.raises(Missing):  # the answer is to a claim that nobody knows
        sweep(minutes=1)

    assert SandboxClaim.objects.count() == 2


@pytest.mark.parametrize("is_claimed", [False, True])
def test_a_cancelled_visit_takes_the_insurers_part_back_whole(policy, is_claimed):
    visit = paid(policy)
    if is_claimed:
        sweep()

    late = visit.cancel_until + timedelta(minutes=1)
    cancel_appointment(appointment_uid=visit.uid, by=UserFactory(is_staff=True), now=late)

    claim = Claim.objects.get()
    assert claim.state == ClaimState.REVERSED
    assert balance(Account.INSURERS) == 0
    assert sweep(days=5) == is_claimed
    assert SandboxClaim.objects.filter(reversed_at__isnull=False).count() == is_claimed
    assert sweep(days=6) == 0


def test_a_reversal_that_overtakes_its_claim_still_counts(policy):
    visit = paid(policy)
    word = claims._mark_sent(Claim.objects.get().uid, clock.now())
    cancel_appointment(appointment_uid=visit.uid, by=policy.added_by.user, now=clock.now())
    sweep()

    claims.note_claim_news(news=claims._told(word), now=clock.now())

    assert SandboxClaim.objects.get().reversed_at
    assert Claim.objects.get().next_attempt_at is None


def test_what_the_clinic_calls_off_is_not_claimed(policy):
    schedule = schedule_with_slots()
    paid(policy, schedule)
    sweep()

    call_off(schedule)

    assert Claim.objects.get().state == ClaimState.REVERSED
    assert balance(Account.INSURERS) == 0


@pytest.mark.parametrize(("fee", "is_paid"), [(300, False), (300, True), (100, True)])
def test_a_visit_that_moves_is_claimed_anew_at_its_new_price(policy, fee, is_paid):
    first = schedule_with_slots()
    visit = book(policy.added_by, first, policy=policy)
    if is_paid:
        pay(visit)
        sweep()
    later = schedule_with_slots(
        doctor=first.doctor, fee=fee, service_date=first.service_date + timedelta(days=1)
    )

    visit = reschedule(visit, later)

    live = Claim.objects.live().get()
    assert visit.insured == live.quoted == fee * D("0.8")
    if is_paid and fee == 300:
        pay(visit)
    assert balance(Account.INSURERS) == (live.quoted if is_paid else 0)
    assert sweep(minutes=1) == (2 if is_paid else 0)
    assert SandboxClaim.objects.filter(reversed_at__isnull=True).count() == is_paid


def test_who_was_wrongly_noted_as_not_come_is_insured_again(policy):
    schedule = schedule_with_slots()
    visit = book(policy.added_by, schedule, policy=policy)
    desk, late = UserFactory(is_staff=True), schedule.starts_at + timedelta(minutes=40)
    mark_no_show(appointment_uid=visit.uid, by=desk, now=late)

    visit = undo_no_show(appointment_uid=visit.uid, has_come=True, by=desk, now=late)

    assert (visit.insured, visit.price) == (144, 36)
    assert Claim.objects.live().get().quoted == 144


def test_the_database_keeps_one_live_claim_of_an_invoice(policy):
    paid(policy)
    claim = Claim.objects.get()
    claim.pk, claim.uid, claim.reference = None, policy.uid, "X"

    with pytest.raises(IntegrityError), transaction.atomic():
        claim.save(force_insert=True)


def test_a_statement_pays_what_agrees_and_names_what_does_not(policy):
    visits = [paid(policy, session(number), key=str(number)) for number in range(4)]
    sweep()
    agreed, _less, unpaid, gone = Claim.objects.order_by("id")
    theirs = SandboxClaim.objects.order_by("id")
    SandboxClaim.objects.filter(number=_less.number).update(borne=D("100.00"))
    SandboxClaim.objects.filter(number=unpaid.number).delete()
    now = clock.now()
    SandboxClaim.objects.create(
        number="UNKNOWN1", amount=5, borne=5, currency="CNY", created_at=now, decided_at=now
    )
    cancel_appointment(appointment_uid=visits[3].uid, by=policy.added_by.user, now=now)
    sweep(minutes=1)
    day = clock.local_date(now, "Asia/Shanghai")

    found = [check_statement(insurer="sandbox", day=day, now=now) for _twice in range(2)][-1]

    assert theirs.count() == 4
    assert {(each.why, each.reference, each.theirs) for each in found} == {
        ("amount", _less.reference, D("100.00")),
        ("missing_there", unpaid.reference, None),
        ("missing_here", "UNKNOWN1", D("5.00")),
    }
    agreed.refresh_from_db()
    gone.refresh_from_db()
    assert agreed.paid_at
    assert gone.paid_at is None
    assert balance(Account.BANK) == 144


def test_money_that_the_insurer_takes_back_leaves_the_bank_again(policy):
    visit = paid(policy)
    sweep()
    day, now = clock.local_date(clock.now(), "Asia/Shanghai"), clock.now()
    check_statement(insurer="sandbox", day=day, now=now)
    cancel_appointment(appointment_uid=visit.uid, by=policy.added_by.user, now=now)
    sweep(minutes=1)
    SandboxClaim.objects.update(decided_at=now - timedelta(days=1))

    assert check_statement(insurer="sandbox", day=day, now=clock.now()) == []

    assert (balance(Account.BANK), balance(Account.INSURERS)) == (0, 0)


def test_pages_ask_nothing_more_where_nobody_is_insured(client):
    member = member_with_patient()
    client.force_login(member.user)
    visit = book(member, schedule_with_slots())

    with CaptureQueriesContext(
        connection,
    ) as asked:
        client.get(f"/en/appointments/{visit.reference}/")

    assert not [query for query in asked if "billing_claim" in query["sql"]]


def test_the_page_offers_policies_shows_the_share_and_books(client, alice, policy):
    client.force_login(alice.user)
    held = hold(alice, schedule_with_slots())
    address = f"/en/appointments/{held.reference}/confirm/"

    plain = client.get(address)
    chosen = client.post(address, {"insurance": str(policy.uid), "preview": "typed"})
    unseen = client.post(address, {"insurance": str(policy.uid)})
    booked = client.post(
        address, {"insurance": str(policy.uid), "shown_insurance": str(policy.uid)}
    )

    assert f"Carefree Health ••••{policy.number.reveal()[-4:]}" in plain.text
    assert policy.number.reveal() not in plain.text
    assert "¥180.00" in plain.text
    assert "Carefree Health pays" in chosen.text
    assert "¥36.00" in chosen.text
    assert unseen.status_code == 409
    assert booked.status_code == 302
    assert Appointment.objects.get().price == 36
    again = hold(alice, session(1), key="again")
    page = client.get(f"/en/appointments/{again.reference}/confirm/")
    assert page.context["form"].initial["insurance"] == str(policy.uid)  # as last time


def test_another_patient_has_other_policies(client, alice, policy):
    mei = FamilyLinkFactory(member=alice, relation=Relation.CHILD, patient=PatientFactory())
    client.force_login(alice.user)
    held = hold(alice, schedule_with_slots())
    address = f"/en/appointments/{held.reference}/confirm/"
    said = {"patient": str(mei.patient.uid), "insurance": str(policy.uid)}

    page = client.post(address, {**said, "preview": "typed"})
    wrong = client.post(address, {**said, "shown_insurance": str(policy.uid)})

    assert "insurance" not in page.context["form"].fields
    assert wrong.status_code == 409  # what was seen was another price
    with pytest.raises(PolicyNotValid):
        confirm_appointment(
            appointment_uid=held.uid,
            way_to_pay="desk",
            patient=mei.patient,
            policy=policy,
            by=alice.user,
            now=clock.now(),
        )
    assert Appointment.objects.get().state == AppointmentState.HELD


def test_the_year_is_that_of_the_visit(policy):
    long_ago = clock.now() - timedelta(days=1)
    january = schedule_with_slots(service_date=date(2027, 1, 4), release_at=long_ago)
    book(policy.added_by, january, policy=policy)

    assert Claim.objects.get().year == 2027
