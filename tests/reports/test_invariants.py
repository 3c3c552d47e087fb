from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, transaction

from appointments.services.calling_off import call_off_schedules
from appointments.services.cancelling import cancel_appointment
from appointments.services.missing import mark_no_show
from appointments.services.offers import make_offers
from appointments.services.payment import take_desk_payment
from appointments.services.points import award_points, give_points_back
from appointments.services.receipts import issue_receipts
from appointments.services.strikes import count_missed_visit
from appointments.services.visits import check_in, finish_visit, start_visit
from billing.choices import Account
from billing.insurers.base import ClaimNews, Outcome
from billing.models import Claim, Refund
from billing.selectors.settling import desk_balance
from billing.services.cash import count_cash, note_card_total
from billing.services.claims import _mark_sent, note_claim_news
from billing.services.refunds import hand_back_refund
from medbook import clock
from members.services.points import earn_points
from reports.selectors import broken_invariants, invariants
from scheduling.services.slots import lock_slots
from tests.appointments.booking import book, hold
from tests.billing.statements import close, csv, imported, open_bank, resolve, row
from tests.factories import (
    InsurancePolicyFactory,
    LeaveFactory,
    UserFactory,
    WaitlistEntryFactory,
    member_with_patient,
    schedule_with_slots,
)

pytestmark = pytest.mark.django_db

# What would break each truth, and the guards that have to be taken away before it can.
UNLOCKED = (
    "ALTER TABLE billing_journalentry DISABLE TRIGGER journal_is_append_only",
    "ALTER TABLE billing_posting DISABLE TRIGGER postings_are_append_only",
)
RECEIPTS_UNLOCKED = "ALTER TABLE billing_receipt DISABLE TRIGGER receipts_are_append_only"
THAWED = (
    "ALTER TABLE billing_settlement DISABLE TRIGGER a_closed_settlement_is_frozen",
    "ALTER TABLE billing_difference DISABLE TRIGGER closed_differences_are_frozen",
)
APPOINTMENT, SLOT = "appointments_appointment", "scheduling_slot"
BREAKS = {
    "taken_means_a_live_appointment": [
        "UPDATE scheduling_slot SET state = 'free' WHERE state = 'taken'"
    ],
    "offered_means_an_open_offer": [
        "UPDATE scheduling_slot SET state = 'free' WHERE state = 'offered'"
    ],
    "an_offered_wish_has_its_offer": [
        "UPDATE appointments_waitlistentry SET state = 'waiting' WHERE state = 'offered'"
    ],
    "an_accepted_offer_made_an_appointment": [
        "UPDATE appointments_offer SET state = 'accepted', ended_at = now()"
    ],
    "a_patient_waits_for_three_places_at_most": [
        "INSERT INTO appointments_waitlistentry (uid, member_id, patient_id, department_id,"
        " doctor_id, first_day, last_day, half_days, weight, state, lapses, joined_at)"
        " SELECT gen_random_uuid(), member_id, patient_id, department_id, number, first_day,"
        " last_day, half_days, weight, 'waiting', 0, now()"
        " FROM appointments_waitlistentry, generate_series(1, 3) AS number"
    ],
    "a_called_off_visit_gives_all_back": ["UPDATE billing_refund SET amount = amount - 0.01"],
    "no_more_is_given_back_than_came_in": [
        "UPDATE billing_refund SET amount = amount + 0.01 WHERE amount = 180"
    ],
    "a_refunded_invoice_says_how_much": [
        "UPDATE billing_invoice SET state = 'paid' WHERE state = 'refunded'"
    ],
    "nobody_is_expected_while_the_doctor_is_away": [
        "UPDATE scheduling_leave SET doctor_id = schedule.doctor_id,"
        " starts_at = schedule.starts_at, ends_at = schedule.ends_at"
        " FROM scheduling_schedule AS schedule WHERE schedule.state = 'published'"
    ],
    "one_live_appointment_per_place": [
        "DROP INDEX one_live_appointment_per_slot",
        "UPDATE appointments_appointment SET slot_id = (SELECT min(slot_id)"
        " FROM appointments_appointment WHERE state = 'booked') WHERE state IN ('held', 'booked')",
    ],
    "no_more_places_than_the_schedule_allows": [
        "UPDATE scheduling_schedule SET max_appointments = 3"
    ],
    "a_published_schedule_has_all_its_places": [
        "UPDATE scheduling_schedule SET max_appointments = 50"
    ],
    "a_called_off_schedule_offers_nothing": [
        "UPDATE scheduling_schedule SET state = 'called_off' WHERE state = 'published'"
    ],
    "a_finished_schedule_offers_nothing": [
        "UPDATE scheduling_schedule SET state = 'finished' WHERE state = 'published'"
    ],
    "a_place_lies_inside_its_schedule": [
        "UPDATE scheduling_slot SET ends_at = ends_at + interval '5 hours'"
    ],
    "a_patient_is_in_one_place_at_a_time": [
        "ALTER TABLE appointments_appointment DROP CONSTRAINT one_patient_one_place_at_a_time",
        "DROP INDEX one_visit_per_patient_doctor_and_day",
        "UPDATE appointments_appointment SET patient_id = (SELECT min(id) FROM members_patient),"
        " starts_at = '2026-03-02T01:00Z', ends_at = '2026-03-02T02:00Z'",
    ],
    "a_doctor_and_a_room_are_in_one_place_at_a_time": [
        "ALTER TABLE scheduling_schedule DROP CONSTRAINT doctor_sits_once_at_a_time",
        "UPDATE scheduling_schedule SET doctor_id = (SELECT min(id) FROM scheduling_doctor),"
        " state = 'published'",
    ],
    "a_live_appointment_says_what_its_place_says": [
        "UPDATE appointments_appointment SET service_date = service_date + 1 WHERE state = 'booked'"
    ],
    "a_member_holds_one_unconfirmed_place": [
        "DROP INDEX one_unconfirmed_hold_per_member",
        "UPDATE appointments_appointment SET state = 'held', hold_expires_at = now(),"
        " way_to_pay = '', member_id = (SELECT min(id) FROM members_member)"
        " WHERE state IN ('held', 'booked')",
    ],
    "an_agreed_appointment_has_its_invoice": [
        "UPDATE billing_invoice SET subject = 'appointment:lost' WHERE state = 'open'"
    ],
    "a_further_part_follows_what_was_paid": [
        "UPDATE billing_invoice SET part = 1 WHERE state = 'open'"
    ],
    "nobody_owes_for_what_did_not_come_about": [
        "UPDATE billing_invoice SET state = 'open' WHERE state = 'void'"
    ],
    "the_lines_sum_to_the_total": ["UPDATE billing_invoiceline SET amount = amount + 0.01"],
    "paid_means_the_money_came_in": ["UPDATE billing_payment SET amount = amount - 0.01"],
    "points_follow_on": [
        "ALTER TABLE members_pointentry DISABLE TRIGGER points_are_append_only",
        "UPDATE members_pointentry SET balance_after = balance_after + 1 WHERE seq = 1",
    ],
    "used_points_were_taken_and_are_on_the_invoice": [
        "UPDATE billing_invoiceline SET amount = amount - 0.01 WHERE kind = 'points'"
    ],
    "a_visit_earns_once_and_not_before_it_is_over_and_paid": [
        "UPDATE appointments_appointment SET completed_at = NULL, state = 'in_consultation'"
        " WHERE state = 'completed'"
    ],
    "points_come_back_in_time": [
        "UPDATE appointments_appointment SET points = points + 1, price = price - 0.01,"
        " ended_at = ended_at - interval '6 minutes' WHERE state = 'cancelled'"
    ],
    "every_change_is_in_the_operation_log": [
        "UPDATE audit_operationlog SET action = 'export.made' WHERE action = 'appointment.started'"
    ],
    "a_step_taken_says_when": ["UPDATE appointments_appointment SET ended_at = NULL"],
    "a_missed_visit_has_used_up_its_place": [
        "UPDATE appointments_appointment SET no_show_at = NULL WHERE state = 'no_show'"
    ],
    "a_strike_that_counts_is_a_missed_visit": [
        "UPDATE appointments_appointment SET state = 'completed', no_show_at = NULL"
        " WHERE state = 'no_show'"
    ],
    "an_idempotency_key_had_one_effect": [
        "UPDATE idempotency_idempotencykey SET object_uid = gen_random_uuid()"
    ],
    "a_journal_entry_is_balanced": [
        *UNLOCKED,
        "UPDATE billing_posting SET amount = amount + 0.01 WHERE account = 'revenue'",
    ],
    "a_paid_invoice_is_in_the_journal": [
        *UNLOCKED,
        "UPDATE billing_journalentry SET reference = 'lost:' || id WHERE kind = 'sale'",
    ],
    "a_captured_payment_is_in_the_journal": [
        *UNLOCKED,
        "UPDATE billing_journalentry SET reference = 'lost:' || id WHERE kind = 'capture'",
    ],
    "a_refund_is_in_the_journal": [
        *UNLOCKED,
        "UPDATE billing_journalentry SET reference = 'lost:' || id WHERE kind = 'refund'",
    ],
    "what_is_paid_too_much_goes_back": ["UPDATE billing_payment SET is_extra = TRUE"],
    "members_owe_what_is_open": [
        *UNLOCKED,
        "UPDATE billing_posting SET account = 'bank' WHERE account = 'members' AND amount < 0",
    ],
    "receipts_are_numbered_without_a_gap": [
        "UPDATE billing_receiptcounter SET last = last + 1",
    ],
    "a_receipt_says_what_was_paid_or_went_back": [
        RECEIPTS_UNLOCKED,
        "UPDATE billing_receipt SET amount = amount - 0.01 WHERE kind = 'refund'",
    ],
    "a_payment_has_its_receipt_in_time": [
        RECEIPTS_UNLOCKED,
        "DELETE FROM billing_receipt",
        "UPDATE billing_invoice SET paid_at = now() - interval '6 minutes'"
        " WHERE paid_at IS NOT NULL",
    ],
    "a_refund_has_its_receipt_in_time": [
        RECEIPTS_UNLOCKED,
        "DELETE FROM billing_receipt WHERE kind = 'refund'",
        "UPDATE billing_refund SET settled_at = settled_at - interval '6 minutes'",
    ],
    "a_closed_settlement_is_in_the_journal": [
        *THAWED,
        "UPDATE billing_settlement SET net = net + 0.01, fees_total = fees_total - 0.01",
    ],
    "a_closed_settlement_has_no_open_difference": [
        *THAWED,
        "UPDATE billing_difference SET resolution = '', resolved_at = NULL, entry_id = NULL",
    ],
    "a_cash_count_is_in_the_journal": [
        "ALTER TABLE billing_cashcount DISABLE TRIGGER cash_counts_are_append_only",
        "UPDATE billing_cashcount SET counted = counted + 1, kept = kept + 1,"
        " expected = expected + 2, difference = difference - 1 WHERE account = 'desk_cash'",
    ],
    "the_insured_share_of_a_visit_is_claimed": [
        "UPDATE billing_claim SET quoted = quoted + 0.01, accepted = accepted + 0.01"
    ],
    "insurers_owe_what_they_bear": [
        *UNLOCKED,
        "UPDATE billing_posting SET amount = amount + 0.01 WHERE account = 'insurers'",
    ],
    "a_claim_is_of_what_was_paid": ["UPDATE billing_claim SET submitted_at = NULL"],
    "an_insurer_bears_no_more_than_its_yearly_cap": [
        "UPDATE billing_insuranceplan SET yearly_cap = 143.99"
    ],
    "holds_end_in_time": [
        "UPDATE appointments_appointment SET hold_expires_at = now() - interval '61 seconds'"
        " WHERE state = 'held'"
    ],
    "offers_end_in_time": [
        "UPDATE appointments_offer SET expires_at = now() - interval '61 seconds'"
    ],
    "missed_visits_are_noted_in_time": [
        "UPDATE scheduling_schedule SET starts_at = now() - interval '2 hours',"
        " ends_at = now() - interval '31 minutes'"
    ],
    "sessions_are_finished_in_time": [
        "UPDATE scheduling_schedule SET state = 'published',"
        " starts_at = now() - interval '3 hours', ends_at = now() - interval '61 minutes'"
        " WHERE state = 'called_off'",
    ],
    "news_leaves_in_time": [
        "UPDATE outbox_outboxmessage SET next_attempt_at = now() - interval '301 seconds'"
    ],
    "no_release_run_hangs": [
        "INSERT INTO scheduling_releaserun (uid, department_id, service_date, state, started_at,"
        " schedules_made, slots_made, clashes, error) SELECT gen_random_uuid(), min(id),"
        " '2026-03-02', 'running', now() - interval '61 minutes', 0, 0, '[]', ''"
        " FROM scheduling_department"
    ],
}


@pytest.fixture
def world(settings, monkeypatch):
    """A world in which all has happened: held, booked, seen, cancelled, called off, offered."""
    desk = UserFactory(is_staff=True, is_superuser=True)
    yesterday = clock.now() - timedelta(days=1)
    monday, tuesday = schedule_with_slots(), schedule_with_slots()
    hold(member_with_patient(), monday)
    book(member_with_patient(), monday)
    bo = member_with_patient()
    with transaction.atomic():
        earn_points(member=bo, points=500, reference="before", now=clock.now())
    cancelled = book(bo, monday, points=50)
    cancel_appointment(appointment_uid=cancelled.uid, by=bo.user, now=clock.now())
    seen = {"appointment_uid": book(member_with_patient(), monday).uid, "by": desk}
    check_in(**seen, now=monday.starts_at)
    take_desk_payment(**seen, gateway="desk_card", now=monday.starts_at)
    start_visit(**seen, now=monday.starts_at)
    finish_visit(**seen, now=monday.ends_at)
    award_points(appointment_uid=str(seen["appointment_uid"]))
    give_points_back(appointment_uid=str(cancelled.uid))
    paid = {"appointment_uid": book(member_with_patient(), tuesday).uid, "by": desk}
    check_in(**paid, now=tuesday.starts_at)
    take_desk_payment(**paid, gateway="desk_cash", now=tuesday.starts_at)
    call_off_schedules(schedule_uids=[tuesday.uid], reason="Ill", by=desk, now=clock.now())
    hand_back_refund(refund_uid=Refund.objects.get().uid, by=desk, now=clock.now())
    for uid in (seen["appointment_uid"], paid["appointment_uid"]):
        issue_receipts(subject=f"appointment:{uid}")
    money = {"by": desk, "note": "A coin fell", "now": clock.now()}
    in_cash, by_card = desk_balance(Account.DESK_CASH), desk_balance(Account.DESK_CARD)
    count_cash(counted=Decimal(1), kept=Decimal(0), seen=in_cash, **money)
    note_card_total(total=Decimal(1), seen=by_card, **money)
    open_bank(settings, monkeypatch)
    statement = imported(csv(row("UNKNOWN1", at=yesterday)), day=clock.site_date(yesterday))
    resolve(statement.differences.get(), "write_off")
    close(statement)
    missed = book(member_with_patient(), monday, key="missed")
    late = monday.ends_at + timedelta(minutes=15)
    mark_no_show(appointment_uid=missed.uid, by=desk, now=late)
    count_missed_visit(appointment_uid=str(missed.uid))
    policy = InsurancePolicyFactory()
    insured = book(policy.added_by, monday, policy=policy)
    take_desk_payment(appointment_uid=insured.uid, gateway="desk_cash", by=desk, now=clock.now())
    claim = _mark_sent(Claim.objects.get().uid, clock.now()).order
    news = ClaimNews(claim.number, Outcome.ACCEPTED, claim.amount, claim.currency)
    note_claim_news(news=news, now=clock.now())
    LeaveFactory(doctor=tuesday.doctor, starts_at=tuesday.starts_at, ends_at=tuesday.ends_at)
    with transaction.atomic():
        make_offers(
            slots=lock_slots(monday.slots.filter(number=9).values_list("id", flat=True)),
            entry=WaitlistEntryFactory(schedule=monday),
            until=clock.now() + timedelta(minutes=15),
            now=clock.now(),
        )


def broken(**later):
    now = clock.now() + timedelta(**later)
    return broken_invariants(now=now, workers_run=True)


def test_every_query_runs_on_an_empty_database():
    assert broken() == {}


def test_every_truth_has_a_sentence_and_a_test_that_breaks_it():
    assert {truth.name for truth in invariants()} == set(BREAKS)
    assert all(truth.sentence.endswith(".") for truth in invariants())
    assert {truth.name for truth in invariants() if truth.needs_workers} == {
        "a_payment_has_its_receipt_in_time",
        "a_refund_has_its_receipt_in_time",
        "holds_end_in_time",
        "missed_visits_are_noted_in_time",
        "offers_end_in_time",
        "news_leaves_in_time",
        "no_release_run_hangs",
        "points_come_back_in_time",
        "sessions_are_finished_in_time",
    }


@pytest.mark.usefixtures("world")
def test_all_hold_in_a_world_made_by_the_services():
    assert broken() == {}


@pytest.mark.usefixtures("world")
def test_each_finds_what_breaks_it():
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "ALTER TABLE audit_operationlog DISABLE TRIGGER operation_log_is_append_only"
        )

    assert [name for name in BREAKS if not found_once_broken(name)] == []


def found_once_broken(name):
    """Break a truth, ask for it, and mend it again: making the world takes a second."""
    whole = transaction.savepoint()
    with connection.cursor() as cursor:
        for statement in BREAKS[name]:
            cursor.execute(statement)
    found = broken().get(name)
    transaction.savepoint_rollback(whole)
    return found


@pytest.mark.usefixtures("world")
def test_what_needs_workers_is_not_asked_without_them():
    late = clock.now() + timedelta(hours=1)

    assert set(broken(hours=1)) == {
        "a_payment_has_its_receipt_in_time",
        "holds_end_in_time",
        "news_leaves_in_time",
        "offers_end_in_time",
    }
    assert broken_invariants(now=late, workers_run=False) == {}


@pytest.mark.usefixtures("world")
def test_names_rows_by_id_and_nobody():
    with connection.cursor() as cursor:
        cursor.execute("UPDATE billing_invoiceline SET amount = amount + 0.01")

    found = broken()["the_lines_sum_to_the_total"]

    assert all(row.startswith("invoice ") for row in found)


@pytest.mark.usefixtures("world")
def test_the_command_fails_and_says_what_is_wrong(capsys):
    call_command("check_invariants")
    assert f"{len(BREAKS)} invariants hold." in capsys.readouterr().out
    with connection.cursor() as cursor:
        cursor.execute("UPDATE billing_invoiceline SET amount = amount + 0.01 WHERE number = 1")

    with pytest.raises(CommandError, match=f"1 of {len(BREAKS)}"):
        call_command("check_invariants", "--without-workers")

    said = capsys.readouterr().err
    assert "the_lines_sum_to_the_total: To the cent." in said
