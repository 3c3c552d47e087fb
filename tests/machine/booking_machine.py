"""Whatever people do, in whatever order: do the books and the model say the same?"""

import copy
from datetime import timedelta
from functools import partial

import time_machine
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from appointments.models import Appointment, Offer
from appointments.rules.visits import NO_SHOW_GRACE
from appointments.services.booking import book_slot, confirm_appointment, hold_slot
from appointments.services.calling_off import call_off_next, call_off_schedules
from appointments.services.cancelling import cancel_appointment
from appointments.services.holds import expire_lapsed_holds, extend_hold
from appointments.services.leave import Absence, call_off_now, finish_leave
from appointments.services.missing import mark_no_show, note_missed_visits, undo_no_show
from appointments.services.offer_answers import accept_offer, decline_offer, expire_lapsed_offers
from appointments.services.payment import take_desk_payment
from appointments.services.rescheduling import reschedule_appointment
from appointments.services.sweeping import end_past_wishes, offer_free_places
from appointments.services.visits import (
    check_in,
    finish_visit,
    start_visit,
    undo_check_in,
    undo_start,
)
from billing.choices import RefundState
from billing.models import Refund
from billing.sandbox.choices import Behaviour
from billing.sandbox.postman import deliver_due
from billing.services.payments import give_up_overdue_invoices, settle_undecided_payments
from billing.services.refunds import hand_back_refund, send_due_refunds
from medbook.errors import DomainError
from reports.selectors import broken_invariants
from scheduling.models import Slot
from scheduling.services.finishing import finish_schedules
from scheduling.services.rosters import change_schedule
from tests.appointments.paying import at_the_bank
from tests.appointments.paying import begin as begin_to_pay
from tests.factories import WaitlistEntryFactory
from tests.machine.clinic import told
from tests.machine.model import No

WHO = st.sampled_from(
    [("ann", "ann"), ("ann", "kid"), ("bob", "bob"), ("bob", "kid"), ("cyd", "cyd")]
)
WHERE = st.sampled_from(["A1", "A1", "B1", "A2"])
NUMBER = st.sampled_from([None, 1, 2])
POINTS = st.sampled_from([0, 0, 100])
WAY = st.sampled_from(["desk", "online"])
ANY = st.integers(0, 11)
WAITS = st.sampled_from([timedelta(minutes=m) for m in (1, 6, 16, 40, 180, 720, 1440)])
LANDMARKS = st.sampled_from(["hold", "closing", "cancel", "stop", "same_day", "start", "end"])

AT_ONCE, LATE = timedelta(0), timedelta(minutes=20)
# How the bank may behave: what it then knows, when it tells, and how many letters it writes.
BANK = {
    Behaviour.NORMAL: ("paid", AT_ONCE, 1),
    Behaviour.DOUBLE: ("paid", AT_ONCE, 2),
    Behaviour.LATE: ("paid", LATE, 1),
    Behaviour.SILENT: ("paid", AT_ONCE, 0),
    Behaviour.DECLINED: ("failed", AT_ONCE, 1),
}
BEHAVIOURS = st.lists(st.sampled_from(list(BANK)), min_size=1, max_size=2)
STEPS = {
    "check_in": check_in,
    "start": start_visit,
    "finish": finish_visit,
    "miss": mark_no_show,
    "undo_check_in": undo_check_in,
    "undo_start": undo_start,
}


class BookingMachine(RuleBasedStateMachine):
    """Do the same to the database and to the model, and compare all of both after each step."""

    clinic = None  # set by the test: what stays from example to example

    @initialize(behaviours=BEHAVIOURS)
    def begin(self, behaviours):
        """Begin with a visit that is being paid online, and somebody who waits for its place."""
        self.open_clinic()
        self.book(("cyd", "cyd"), "B1", 1, 100, "online")
        self.pay_online(0, behaviours)
        self.join(("ann", "ann"), "B1")

    def open_clinic(self):
        """Make free places, points in hand and nobody waiting."""
        self.world = self.clinic.fresh()
        self.keys, self.checked = [], None
        self.journey = time_machine.travel(self.world.now, tick=False)
        self.clock = self.journey.start()

    def teardown(self):
        """Let the clock go."""
        if hasattr(self, "journey"):
            self.journey.stop()

    # What members do

    @rule(who=WHO, where=WHERE, number=NUMBER)
    def hold(self, who, where, number):
        """Hold a place."""
        number = self._number(where, number)
        self._make(hold_slot, self._wish(who, where, number), lambda w: w.hold(*who, where, number))

    @rule(who=WHO, where=WHERE, number=NUMBER, points=POINTS, way=WAY)
    def book(self, who, where, number, points, way):
        """Book a place, or agree to it and pay online later."""
        number = self._number(where, number)
        asked = {**self._wish(who, where, number), "points": points, "way_to_pay": way}
        self._make(book_slot, asked, lambda w: w.book(*who, where, number, points, way))

    @precondition(lambda self: self.keys)
    @rule(which=ANY)
    def ask_again(self, which):
        """Send an earlier request once more: the same answer, and nothing happens."""
        number, act, asked = self.keys[which % len(self.keys)]
        again = self._both(lambda w: number, lambda: act(**asked, now=self.world.now))
        assert again.is_replay
        assert again.appointment.uid == self.clinic.visits[number]

    @precondition(lambda self: self.keys)
    @rule(which=ANY)
    def ask_for_something_else(self, which):
        """Use a key again for another request."""
        _number, act, asked = self.keys[which % len(self.keys)]
        others = [m for m in self.clinic.schedules.values() if m.uid != asked["schedule_uid"]]

        def refuse(_world):
            raise No("idempotency_key_reused")

        self._both(
            refuse,
            lambda: act(**{**asked, "schedule_uid": others[0].uid}, now=self.world.now),
        )

    @precondition(lambda self: self.world.visits)
    @rule(which=ANY, points=POINTS, way=WAY)
    def confirm(self, which, points, way):
        """Confirm a hold, or something that is none."""
        number = self._latest(which)
        self._both(
            lambda w: w.confirm(number, points, way),
            lambda: confirm_appointment(way_to_pay=way, points=points, **self._by_member(number)),
        )

    @precondition(lambda self: self.world.visits)
    @rule(which=ANY)
    def extend(self, which):
        """Hold for longer."""
        number = self._latest(which)
        self._both(lambda w: w.extend(number), lambda: extend_hold(**self._by_member(number)))

    @precondition(lambda self: self.world.visits)
    @rule(which=ANY, by_desk=st.booleans())
    def cancel(self, which, by_desk):
        """Cancel."""
        number = self._latest(which)
        by = self._by_staff(number) if by_desk else self._by_member(number)
        self._both(lambda w: w.cancel(number, by_desk), lambda: cancel_appointment(**by))

    @precondition(lambda self: self.world.visits)
    @rule(which=ANY, where=WHERE, number=NUMBER, by_desk=st.booleans())
    def reschedule(self, which, where, number, by_desk):
        """Move a visit to another time."""
        visit, number = self._latest(which), self._number(where, number)
        by = self._by_staff(visit) if by_desk else self._by_member(visit)
        asked = {**self._target(where, number), "idempotency_key": f"{self.world.now}", **by}
        self._both(
            lambda w: w.reschedule(visit, where, number, by_desk),
            lambda: reschedule_appointment(**asked),
        )

    # The bank

    @precondition(lambda self: any(visit.open for visit in self.world.visits.values()))
    @rule(which=ANY, behaviours=BEHAVIOURS)
    def pay_online(self, which, behaviours):
        """Begin one payment or two of what is open, and press the buttons of the bank's pages."""
        owed = [number for number, visit in self.world.visits.items() if visit.open]
        number = owed[-1 - which % len(owed)]
        for behaviour in behaviours:
            self._pay_online(number, behaviour)

    def _pay_online(self, number, behaviour):
        visit, now = Appointment.objects.get(uid=self.clinic.visits[number]), self.world.now
        payment = self._both(
            lambda w: w.begin(number), lambda: begin_to_pay(visit, key=f"{now}", now=now)
        )
        if payment is None:
            return
        begun = len(self.world.payments) - 1
        self._both(
            lambda w: w.press(begun, *BANK[behaviour]),
            partial(at_the_bank, payment, behaviour, LATE.seconds, self.world.now),
        )

    # The waitlist

    @rule(who=WHO, where=WHERE)
    def join(self, who, where):
        """Wait for a place."""
        member, patient = who
        if any(
            w.patient == patient
            and w.state in ("waiting", "offered", "fulfilled")
            and w.session == where
            for w in self.world.wishes.values()
        ):
            return
        wish = self._both(
            lambda w: w.join(member, patient, where),
            lambda: WaitlistEntryFactory(
                schedule=self.clinic.schedules[where],
                member=self.clinic.members[member],
                patient=self.clinic.patients[patient],
                joined_at=self.world.now,
            ),
        )
        self.clinic.wishes[len(self.clinic.wishes)] = wish.uid

    @precondition(lambda self: self.world.offers)
    @rule(which=ANY)
    def accept(self, which):
        """Take an offered place."""
        number, asked = self._offer(which)
        appointment = self._both(lambda w: w.accept(number), lambda: accept_offer(**asked))
        if appointment is not None:
            self.clinic.visits.setdefault(self.world.offers[number].visit, appointment.uid)

    @precondition(lambda self: self.world.offers)
    @rule(which=ANY, keep=st.booleans())
    def decline(self, which, keep):
        """Turn an offered place down."""
        number, asked = self._offer(which)
        self._both(lambda w: w.decline(number, keep), lambda: decline_offer(keep=keep, **asked))

    # What the clinic does

    @precondition(lambda self: self.world.visits)
    @rule(which=ANY)
    def pay(self, which):
        """Pay at the desk."""
        number = self._latest(which)
        self._both(
            lambda w: w.pay(number),
            lambda: take_desk_payment(gateway="desk_cash", **self._by_staff(number)),
        )

    @rule()
    def hand_back(self):
        """Give back what is to be given back, at the desk or through the bank."""
        self._both(lambda w: w.hand_back(), self._hand_back)

    def _hand_back(self):
        for refund in Refund.objects.filter(state=RefundState.REQUESTED):
            hand_back_refund(refund_uid=refund.uid, by=self.clinic.staff, now=self.world.now)
        send_due_refunds(now=self.world.now)

    @precondition(lambda self: self.world.visits)
    @rule(which=ANY, step=st.sampled_from(list(STEPS)))
    def go_on(self, which, step):
        """Check in, begin or end a consultation, note a missed visit, correct one of these."""
        number = self._latest(which)
        act = partial(STEPS[step], **self._by_staff(number))
        self._both(lambda w: getattr(w, step)(number), act)

    @precondition(lambda self: any(v.state == "no_show" for v in self.world.visits.values()))
    @rule(which=ANY, has_come=st.booleans())
    def undo_miss(self, which, has_come):
        """Put a missed visit right."""
        number = self._latest(which)
        act = partial(undo_no_show, has_come=has_come, **self._by_staff(number))
        self._both(lambda w: w.undo_miss(number, has_come), act)

    @precondition(lambda self: len(self.world.visits) > 3)
    @rule(where=WHERE)
    def call_off(self, where):
        """The doctor does not sit."""
        self._both(
            lambda w: w.call_off(where),
            lambda: call_off_schedules(
                schedule_uids=[self.clinic.schedules[where].uid],
                reason="Ill",
                by=self.clinic.staff,
                now=self.world.now,
            ),
        )

    @precondition(lambda self: len(self.world.visits) > 3)
    @rule(where=WHERE, minutes=st.sampled_from([20, 30, 60]))
    def leave(self, where, minutes):
        """The doctor is away for a part of a session, or for all of it."""
        session = self.world.sessions[where]
        away = (session.starts_at, session.starts_at + timedelta(minutes=minutes))
        self._both(
            lambda w: w.leave(session.doctor, *away),
            partial(self._call_off_leave, self.clinic.doctors[session.doctor], *away),
        )

    def _call_off_leave(self, doctor, starts_at, ends_at):
        """Confirm a leave, and do what its job does."""
        at_desk = {"by": self.clinic.staff, "now": self.world.now}
        absence = Absence(doctor, starts_at, ends_at, "illness")
        leave = call_off_now(absence=absence, reason="Ill", **at_desk).leave
        while call_off_next(leave=leave, **at_desk):
            pass
        finish_leave(leave_uid=leave.uid, **at_desk)

    @rule(where=WHERE, capacity=st.integers(1, 3))
    def resize(self, where, capacity):
        """Have fewer or more places."""
        schedule = self.clinic.schedules[where]
        schedule.refresh_from_db()
        last = max(self.world.sessions[where].places)
        if schedule.max_appointments == capacity:
            return
        self._both(
            lambda w: w.resize(where, capacity, self.clinic.new_places(where, last)),
            lambda: change_schedule(
                schedule_uid=schedule.uid,
                version=schedule.version,
                max_appointments=capacity,
                by=self.clinic.staff,
                now=self.world.now,
            ),
        )

    # What time does

    @rule(how_long=WAITS)
    def wait(self, how_long):
        """Let time pass."""
        self._go_to(self.world.now + how_long)

    @rule(where=WHERE, landmark=LANDMARKS, seconds=st.sampled_from([-1, 0, 1]))
    def wait_until(self, where, landmark, seconds):
        """Let time pass up to where a rule changes: just before, at it, just after."""
        session = self.world.sessions[where]
        at = {
            "hold": self.world.next_hold_end(),
            "closing": self.world.next_closing(),
            "cancel": session.starts_at - timedelta(hours=24),
            "stop": session.sale_stops_at,
            "same_day": session.same_day_from,
            "start": session.starts_at,
            "end": session.ends_at,
        }[landmark] + timedelta(seconds=seconds)
        if at > self.world.now:
            self._go_to(at)

    @rule()
    def sweep(self):
        """Let the sweeps run: holds, offers, places for who waits, money, what is over."""
        self._both(lambda w: w.sweep(), partial(self._sweep, self.world.now))

    def _sweep(self, now):
        expire_lapsed_holds(now=now)
        expire_lapsed_offers(now=now)
        offer_free_places(now=now)
        end_past_wishes(now=now)
        settle_undecided_payments(now=now)
        give_up_overdue_invoices(now=now)
        note_missed_visits(now=now)
        finish_schedules(grace=NO_SHOW_GRACE, now=now)

    @rule()
    def deliver(self):
        """Let the bank's letters come, and the outbox be worked off."""
        self._both(lambda w: w.deliver(), self._deliver)

    def _deliver(self):
        deliver_due(self.world.now)
        self.clinic.deliver()

    # What must hold

    @invariant()
    def the_books_say_what_the_model_says(self):
        """Compare everything."""
        if hasattr(self, "world"):
            seen, expected = self.clinic.seen(), told(self.world)
            for what in expected:
                assert seen[what] == expected[what], (what, seen[what], expected[what])

    @invariant()
    def the_whole_database_is_as_it_must_be(self):
        """Ask every invariant query where something has happened."""
        if hasattr(self, "world") and self.world is not self.checked:
            broken = broken_invariants(now=self.world.now, workers_run=False)
            assert broken == {}, broken
            self.checked = self.world

    def _both(self, predict, act):
        """Do it in both; a refusal must be one that the model gives, and change nothing."""
        answer, code = None, None
        try:
            answer = act()
        except DomainError as refusal:
            code = refusal.code
        world, right = copy.deepcopy(self.world), {None}
        try:
            predict(world)
        except No as no:
            right = no.codes
        else:
            self.world = world
        assert code in right, f"answered {code or 'yes'}, expected {right}"
        self._go_to(self.world.now + timedelta(seconds=1))
        return answer

    def _make(self, act, asked, predict):
        placed = self._both(predict, lambda: act(**asked, now=self.world.now))
        if placed is not None:
            number = len(self.world.visits) - 1
            self.clinic.visits[number] = placed.appointment.uid
            self.keys.append((number, act, asked))

    def _wish(self, who, where, number):
        member, patient = who
        return {
            "member": self.clinic.members[member],
            "patient": self.clinic.patients[patient],
            "idempotency_key": f"{self.world.now}",
            "by": self.clinic.members[member].user,
            **self._target(where, number),
        }

    def _number(self, where, number):
        """Name a place that there is; any of the session where it has no such number."""
        return number if number in self.world.sessions[where].places else None

    def _target(self, where, number):
        schedule = self.clinic.schedules[where]
        chosen = {}
        if number is not None:
            chosen["slot_uid"] = Slot.objects.get(schedule=schedule, number=number).uid
        return {"schedule_uid": schedule.uid, **chosen}

    def _latest(self, which):
        """Name one of the visits; small numbers mean the newest."""
        return len(self.world.visits) - 1 - which % len(self.world.visits)

    def _offer(self, which):
        number = len(self.world.offers) - 1 - which % len(self.world.offers)
        offer = Offer.objects.order_by("id")[number]
        by = self.clinic.members[self.world.wishes[self.world.offers[number].wish].member].user
        return number, {"offer_uid": offer.uid, "by": by, "now": self.world.now}

    def _by_member(self, number):
        by = self.clinic.members[self.world.visits[number].member].user
        return {"appointment_uid": self.clinic.visits[number], "by": by, "now": self.world.now}

    def _by_staff(self, number):
        uid = self.clinic.visits[number]
        return {"appointment_uid": uid, "by": self.clinic.staff, "now": self.world.now}

    def _go_to(self, instant):
        self.world.now = instant
        self.clock.move_to(instant)
