"""What should the clinic's books say? The rules of booking once more, in plain Python.

Imports nothing of the application, knows no database and no lock: one thing happens after another.
Each verb either changes the world or raises No with the codes of the refusals that are right.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
LIVE = ("held", "booked", "arrived", "in_consultation")
OPEN = ("held", "booked")
OPEN_PER_MEMBER = {"member": 6, "gold": 8}
DISCOUNT = {"member": Decimal("1.00"), "gold": Decimal("0.90")}
ASKED_AFTER = (10, 20, 30, 60, 60, 120, 180, 300)  # seconds; then every ten minutes


class No(Exception):
    """A refusal; either of its codes is right where the order of two checks does not matter."""

    def __init__(self, *codes):
        super().__init__(*codes)
        self.codes = set(codes)


@dataclass
class Place:
    """One place of a session."""

    session: str
    number: int
    order: int
    starts_at: datetime
    ends_at: datetime
    state: str = "free"
    returns_at: datetime | None = None


@dataclass
class Session:
    """One doctor on one day, with places by number."""

    doctor: str
    day: date
    starts_at: datetime
    ends_at: datetime
    sale_stops_at: datetime
    same_day_from: datetime
    fee: Decimal
    capacity: int
    is_high_demand: bool = False
    state: str = "published"
    places: dict[int, Place] = field(default_factory=dict)

    def is_on_sale(self, now):
        """Tell whether members may book: before the stop, or on the day what is left."""
        return self.state == "published" and (
            now < self.sale_stops_at or self.same_day_from <= now < self.ends_at
        )


@dataclass
class Visit:
    """One appointment, what is asked for it, and by which of its bills."""

    member: str
    patient: str
    session: str
    number: int
    starts_at: datetime
    ends_at: datetime
    cancel_until: datetime
    state: str = "held"
    source: str = "self"
    held_until: datetime | None = None
    ended_at: datetime | None = None
    why: str = ""
    wish: int | None = None
    points: int = 0
    price: Decimal = Decimal(0)
    open: Decimal = Decimal(0)
    bill: int = 0
    payable_until: datetime | None = None
    has_points_back: bool = False
    was_extended: bool = False
    moves: int = 0

    def is_lapsed(self, now):
        """Tell whether a hold has run out."""
        return self.held_until is not None and self.held_until <= now

    @property
    def awaits_payment(self):
        """Tell whether a hold was agreed and becomes a booking when it is paid."""
        return self.state == "held" and self.bill > 0


@dataclass
class Payment:
    """Money for a bill of a visit: under way, come in, to be given back, given back.

    Of one that is made online also what the bank knows, and when it is asked.
    """

    visit: int
    bill: int
    amount: Decimal
    state: str = "captured"
    is_extra: bool = False
    going_back: Decimal = Decimal(0)
    gone_back: Decimal = Decimal(0)
    until: datetime | None = None
    at_the_bank: str = "pending"
    told_from: datetime | None = None
    next_query_at: datetime | None = None
    queries: int = 0

    @property
    def closes_at(self):
        """Tell when the bank is told to take no more money."""
        return self.until + 10 * MINUTE

    @property
    def left(self):
        """Tell how much of it stays."""
        return self.amount - self.going_back - self.gone_back


@dataclass
class Wish:
    """A patient waits for a place of a session."""

    member: str
    patient: str
    session: str
    state: str = "waiting"
    lapses: int = 0


@dataclass
class Offer:
    """A place is kept for a wish."""

    session: str
    number: int
    wish: int
    until: datetime
    state: str = "open"
    visit: int | None = None


@dataclass
class World:
    """Everything, and the verbs that change it.

    Visits, wishes, offers and payments are named by a count.
    """

    now: datetime
    zone: str
    tiers: dict[str, str]
    points: dict[str, int]
    sessions: dict[str, Session]
    visits: dict[int, Visit] = field(default_factory=dict)
    wishes: dict[int, Wish] = field(default_factory=dict)
    offers: dict[int, Offer] = field(default_factory=dict)
    payments: dict[int, Payment] = field(default_factory=dict)
    letters: list[tuple[datetime, int]] = field(default_factory=list)
    leaves: list[tuple[str, datetime, datetime]] = field(default_factory=list)
    news: list[tuple[str, int | str]] = field(default_factory=list)

    # What members do

    def hold(self, member, patient, session_name, number):
        """Hold a place; what the member held before gives way, unless it waits to be paid."""
        session = self.sessions[session_name]
        if session.state == "called_off":
            raise No("called_off")
        if not session.is_on_sale(self.now):
            raise No("sale_over")
        self._must_not_cool_down(member)
        for visit in self._by_place(self.visits.values()):
            mine = visit.member == member and visit.source == "self" and not visit.bill
            if visit.state == "held" and (
                mine or (visit.patient == patient and visit.is_lapsed(self.now))
            ):
                self._expire(visit)
        self._must_be_within_limits(member, patient, session.day)
        place = self._claim(session, session_name, number)
        return self._place(member, patient, place, "self")

    def confirm(self, number, points, way):
        """Agree on a hold, partly paid with points: it is booked, or held until it is paid."""
        visit = self.visits[number]
        if visit.state == "booked" or (visit.awaits_payment and not visit.is_lapsed(self.now)):
            return
        if visit.state == "expired" or (visit.state == "held" and visit.is_lapsed(self.now)):
            raise No("hold_expired")
        if visit.state != "held":
            raise No("wrong_state")
        session = self.sessions[visit.session]
        visit.price = self._price(visit.member, session) - Decimal(points) / 100
        visit.points = points
        self.points[visit.member] -= points
        self._ask(visit, visit.price)
        if way == "online":
            visit.payable_until = visit.held_until
        else:
            visit.state, visit.held_until = "booked", None

    def book(self, member, patient, session, number, points, way):
        """Hold and confirm at once."""
        visit = self.hold(member, patient, session, number)
        self.confirm(visit, points, way)
        return visit

    def extend(self, number):
        """Hold a place five minutes longer, once."""
        visit = self.visits[number]
        if visit.held_until is None or visit.was_extended:
            raise No("wrong_state")
        if visit.is_lapsed(self.now):
            raise No("hold_expired")
        self._extend(visit)

    def _extend(self, visit):
        visit.held_until = min(visit.held_until + 5 * MINUTE, visit.starts_at)
        visit.was_extended = True
        if visit.open:
            visit.payable_until = visit.held_until

    def cancel(self, number, by_desk):
        """Give a visit up: in time, or late where the tier allows it, or by the desk."""
        visit = self.visits[number]
        if visit.state == "cancelled":
            raise No("already_cancelled")
        is_late = self.now >= visit.cancel_until
        if not by_desk and visit.state == "booked" and is_late:
            self._must_cancel_late(visit)
        if visit.state not in OPEN:
            raise No("wrong_state")
        percent = 50 if is_late and not by_desk else 100
        self._end(visit, "cancelled", percent)
        self._return(self._place_of(visit))

    def reschedule(self, number, session_name, place_number, by_desk):
        """Move a booked visit to another place; the old one is kept until then."""
        visit, session = self.visits[number], self.sessions[session_name]
        if visit.state != "booked":
            raise No("wrong_state")
        if not by_desk:
            if self.now >= visit.cancel_until:
                self._must_cancel_late(visit)
            if visit.moves >= 2:
                raise No("reschedule_limit")
        if session.state == "called_off":
            raise No("called_off")
        is_over = session.ends_at <= self.now
        if is_over or not (by_desk or session.is_on_sale(self.now)):
            raise No("sale_over")
        that_day = [
            other
            for other in self.visits.values()
            if other is not visit
            and other.patient == visit.patient
            and other.state in OPEN
            and other.starts_at > self.now
            and self.sessions[other.session].day == session.day
        ]
        if len(that_day) >= 2:
            raise No("too_many_open")
        place = self._claim(session, session_name, place_number)
        if place.session == visit.session and place.starts_at == visit.starts_at:
            raise No("patient_busy")
        self._must_not_clash(visit.patient, place, besides=visit)
        old = self._place_of(visit)
        self._put(place, "taken")
        visit.session, visit.number = place.session, place.number
        visit.starts_at, visit.ends_at = place.starts_at, place.ends_at
        visit.cancel_until = place.starts_at - timedelta(hours=24)
        visit.moves += not by_desk
        self._return(old)
        self._reprice(visit, self._price(visit.member, session) - Decimal(visit.points) / 100)

    def _reprice(self, visit, price):
        """Ask for the rest of a higher price, and give back what a lower one leaves over."""
        paid = self._paid(visit)
        is_asked_already = not paid and visit.open == price
        visit.price = price
        if is_asked_already:
            return
        too_much = sum(payment.left for payment in paid) - price
        visit.open = Decimal(0)
        if too_much < 0:
            self._ask(visit, -too_much)
            return
        for payment in reversed(paid):
            part = min(too_much, payment.left)
            payment.going_back += part
            too_much -= part

    def _ask(self, visit, amount):
        """Write a new bill, in the place of one that is still open."""
        visit.open, visit.payable_until = amount, None
        visit.bill += 1

    def _must_cancel_late(self, visit):
        if self.tiers[visit.member] != "gold" or self.now >= visit.starts_at:
            raise No("too_late_to_cancel")

    # What the clinic does

    def pay(self, number):
        """Take the money at the desk."""
        visit = self.visits[number]
        if visit.state not in ("booked", "arrived", "in_consultation", "completed"):
            raise No("wrong_state")
        if visit.open == 0:
            raise No("already_paid", "nothing_to_pay")
        self.payments[len(self.payments)] = Payment(number, visit.bill, visit.open)
        visit.open = Decimal(0)

    def hand_back(self):
        """Give all money back that is to be given back, the way it came."""
        for payment in self.payments.values():
            payment.gone_back += payment.going_back
            payment.going_back = Decimal(0)

    def check_in(self, number):
        """Note that the patient has come, on the day."""
        visit = self.visits[number]
        if visit.state != "booked":
            raise No("wrong_state")
        if self.sessions[visit.session].day != self._today():
            raise No("outside_check_in_window")
        if self._paid(visit) and visit.open:
            raise No("payment_due")
        visit.state = "arrived"

    def start(self, number):
        """Begin the consultation."""
        self._move(self.visits[number], ("arrived",), "in_consultation")

    def finish(self, number):
        """End the consultation; the place is used up."""
        visit = self.visits[number]
        self._move(visit, ("in_consultation",), "completed")
        self._put(self._place_of(visit), "blocked")

    def undo_check_in(self, number):
        """Correct a check-in of somebody who is not there, on the same day."""
        self._repair(self.visits[number], "arrived", "booked")

    def undo_start(self, number):
        """Correct a consultation begun by mistake, on the same day."""
        visit = self.visits[number]
        self._repair(visit, "in_consultation", "arrived")
        if not self._is_sat(self._place_of(visit)):
            raise No("called_off")

    def _repair(self, visit, was, state):
        if visit.state != was:
            raise No("wrong_state")
        if self.sessions[visit.session].day != self._today():
            raise No("repair_over")
        visit.state = state

    def miss(self, number):
        """Note by hand that somebody has not come."""
        visit = self.visits[number]
        if visit.state != "booked":
            raise No("wrong_state")
        if self.now < visit.starts_at + 15 * MINUTE:
            raise No("still_expected")
        if not self._is_sat(self._place_of(visit)):
            raise No("called_off")
        self._miss(visit)

    def _note_missed(self):
        """Note everybody who has not come to a session that is over."""
        for visit in self.visits.values():
            session = self.sessions[visit.session]
            is_over = session.ends_at + 15 * MINUTE <= self.now
            is_expected = visit.state == "booked" and self._is_sat(self._place_of(visit))
            if is_over and is_expected:
                self._miss(visit)

    def _finish_sessions(self):
        """Finish what is over for everybody: nobody is expected there any more, or still there."""
        for session in self.sessions.values():
            is_over = session.ends_at + 15 * MINUTE <= self.now
            in_use = any(place.state in ("taken", "offered") for place in session.places.values())
            if session.state == "published" and is_over and not in_use:
                session.state = "finished"

    def _miss(self, visit):
        visit.state, visit.open = "no_show", Decimal(0)
        self._put(self._place_of(visit), "blocked")

    def undo_miss(self, number, has_come):
        """Put right that somebody was noted as not come; the price is asked for again."""
        visit = self.visits[number]
        self._repair(visit, "no_show", "arrived" if has_come else "booked")
        place = self._place_of(visit)
        if not self._is_sat(self._place_of(visit)):
            raise No("called_off")
        if not has_come and self.sessions[visit.session].ends_at + 15 * MINUTE <= self.now:
            raise No("nobody_awaited")
        if place.state != "blocked":
            raise No("slot_taken")
        self._must_not_clash(visit.patient, place, besides=visit)
        self._put(place, "taken")
        self._reprice(visit, visit.price)

    def call_off(self, session_name):
        """The doctor does not sit; who is being seen is seen."""
        session = self.sessions[session_name]
        if session.state == "called_off":
            return
        self._close(session_name)
        self._clear(session.places.values())

    def leave(self, doctor, starts_at, ends_at):
        """The doctor is away: whole sessions are called off, of others what overlaps."""
        if ends_at <= self.now:
            raise No("leave_impossible")
        if any(
            who == doctor and since < ends_at and starts_at < until
            for who, since, until in self.leaves
        ):
            raise No("leave_overlaps")
        self.leaves.append((doctor, starts_at, ends_at))
        for name, session in self.sessions.items():
            if session.doctor != doctor:
                continue
            is_whole = starts_at <= session.starts_at and session.ends_at <= ends_at
            if is_whole and session.state != "called_off":
                self._close(name)
            self._clear(
                place
                for place in session.places.values()
                if place.starts_at < ends_at and starts_at < place.ends_at
            )

    def _close(self, session_name):
        self.sessions[session_name].state = "called_off"
        self.news.append(("closed", session_name))

    def _clear(self, places):
        """Withdraw what is offered there, end who is not being seen, close the rest for good.

        Who was noted as not come is called off, too: the clinic was not there.
        """
        for place in places:
            for offer in self.offers.values():
                if (offer.session, offer.number) == _key(place) and offer.state == "open":
                    offer.state = "withdrawn"
                    self.wishes[offer.wish].state = "waiting"
            for missed in self.visits.values():
                if (missed.session, missed.number) == _key(place) and missed.state == "no_show":
                    self._end(missed, "called_off", 100)
            visit = self._live_on(place)
            if visit and visit.state == "in_consultation":
                continue
            if visit:
                self._end(visit, "called_off", 100)
            self._put(place, "blocked")

    def _is_sat(self, place):
        """Tell whether the doctor sits at a place's time."""
        session = self.sessions[place.session]
        return session.state in ("published", "finished") and not any(
            who == session.doctor and since < place.ends_at and place.starts_at < until
            for who, since, until in self.leaves
        )

    def resize(self, session_name, capacity, add):
        """Have fewer or more places; `add` tells when the new ones start."""
        session = self.sessions[session_name]
        if session.state != "published":
            raise No("wrong_state")
        if session.ends_at <= self.now:
            raise No("in_the_past")
        surplus = [place for place in session.places.values() if place.number > capacity]
        if any(place.state in ("taken", "offered") for place in surplus):
            raise No("capacity_below_booked")
        for place in surplus:
            self._put(place, "blocked")
        for place in session.places.values():
            is_ahead = place.starts_at > self.now and self._is_sat(place)
            if session.capacity < place.number <= capacity and is_ahead:
                self._put(place, "free")
        for place in add:
            session.places[place.number] = place
            self._put(place, "free" if self._is_sat(place) else "blocked")
        session.capacity = capacity

    # What time does

    def sweep(self):
        """Do all that is done by the clock."""
        self._end_what_has_run_out()
        self._ask_the_bank()
        self._note_missed()
        self._finish_sessions()

    def _end_what_has_run_out(self):
        """End holds, offers and wishes, and ask who waits about what is free."""
        held = [visit for visit in self.visits.values() if visit.is_lapsed(self.now)]
        for visit in sorted(held, key=lambda visit: visit.held_until):
            self._expire(visit)
        lapsed = [o for o in self.offers.values() if o.state == "open" and o.until <= self.now]
        for offer in sorted(lapsed, key=lambda offer: offer.until):
            offer.state = "lapsed"
            self._count_lapse(self.wishes[offer.wish])
            self._return(self.sessions[offer.session].places[offer.number])
        for place in self._in_order():
            if place.state == "free" and self._asked_from(place) <= self.now:
                self._offer(place)
        for wish in self.wishes.values():
            session = self.sessions[wish.session]
            if wish.state == "waiting" and session.sale_stops_at <= self.now:
                wish.state = "left"

    def deliver(self):
        """Read the bank's letters, and do what is done after the commit.

        Points go back, wishes wait on or end, a hold lasts longer after a failed payment.
        """
        self._read_letters()
        for what, number in self.news:
            if what == "closed":
                self._end_wishes(number)
                continue
            visit = self.visits[number]
            if what == "ended":
                self._give_points_back(visit)
            elif what == "failed":
                self._keep_hold(visit)
            elif visit.why == "lapsed" and visit.wish is not None:
                wish = self.wishes[visit.wish]
                if wish.state == "fulfilled" and not self._waits(wish.patient, wish.session):
                    self._count_lapse(wish)
        self.news.clear()

    def _keep_hold(self, visit):
        """Give time for another attempt to pay, once, while the hold lasts."""
        is_over = visit.was_extended or visit.is_lapsed(self.now)
        if visit.awaits_payment and not is_over:
            self._extend(visit)

    def _give_points_back(self, visit):
        """Give points back once, and not while money may still bring a lapsed hold its place."""
        is_over = visit.state in ("cancelled", "called_off") or (
            visit.state == "expired" and not visit.open
        )
        if is_over and not visit.has_points_back:
            self.points[visit.member] += visit.points
            visit.has_points_back = True

    def _end_wishes(self, session_name):
        for wish in self.wishes.values():
            if wish.session == session_name and wish.state in ("waiting", "offered"):
                wish.state = "left"

    # The bank

    def begin(self, number):
        """Begin to pay online what is open of a visit."""
        visit = self.visits[number]
        if visit.open == 0:
            raise No("already_paid", "nothing_to_pay")
        if visit.payable_until and visit.payable_until <= self.now:
            raise No("too_late_to_pay")
        self.payments[len(self.payments)] = Payment(
            number,
            visit.bill,
            visit.open,
            state="pending",
            until=visit.payable_until or self.now + timedelta(hours=2),
            next_query_at=self.now + timedelta(seconds=ASKED_AFTER[0]),
        )

    def press(self, number, end, late, letters):
        """Pay or decline at the bank, which writes so many letters, or keeps still for a while."""
        payment = self.payments[number]
        if payment.at_the_bank != "pending" or payment.until <= self.now:
            return
        payment.at_the_bank, payment.told_from = end, self.now + late
        self.letters += [(payment.told_from, number)] * letters

    def _read_letters(self):
        """Take in what the bank has written by now."""
        due = sorted(letter for letter in self.letters if letter[0] <= self.now)
        for letter in due:
            self.letters.remove(letter)
            self._hear(self.payments[letter[1]])

    def _ask_the_bank(self):
        """Ask about payments that nothing was heard of, and give up what nobody pays."""
        due = [p for p in self.payments.values() if p.state == "pending"]
        for payment in sorted(due, key=lambda payment: payment.next_query_at):
            if payment.next_query_at > self.now:
                continue
            pause = (*ASKED_AFTER, 600)[min(payment.queries, len(ASKED_AFTER))]
            payment.next_query_at = self.now + timedelta(seconds=pause)
            payment.queries += 1
            if payment.at_the_bank == "pending" and payment.closes_at <= self.now:
                payment.at_the_bank = "failed"
            self._hear(payment)
        for number, visit in self.visits.items():
            is_late = visit.payable_until is not None and visit.payable_until <= self.now
            if visit.open and is_late and not self._is_under_way(visit):
                visit.open = Decimal(0)
                self.news.append(("ended", number))

    def _hear(self, payment):
        """Learn what the bank says by now; old news changes nothing."""
        if payment.told_from and payment.told_from > self.now:
            return
        if payment.at_the_bank == "failed" and payment.state == "pending":
            payment.state = "failed"
            self.news.append(("failed", payment.visit))
        elif payment.at_the_bank == "paid" and payment.state != "captured":
            self._capture(payment)

    def _capture(self, payment):
        """Take money in: for its bill, else to be given back."""
        visit = self.visits[payment.visit]
        payment.state = "captured"
        if not visit.open or visit.bill != payment.bill:
            payment.is_extra, payment.going_back = True, payment.amount
            return
        visit.open = Decimal(0)
        if visit.state == "held":
            visit.state, visit.held_until = "booked", None
        elif visit.state == "expired":
            self._take_again(visit, payment)

    def _take_again(self, visit, payment):
        """Book a lapsed hold after all where its place is free; else its money goes back."""
        place = self._place_of(visit)
        is_free = place.state == "free" and self.now < place.starts_at
        try:
            self._must_not_clash(visit.patient, place)
        except No:
            is_free = False
        if is_free and self.sessions[place.session].state == "published":
            self._put(place, "taken")
            visit.state, visit.why, visit.ended_at = "booked", "", None
        else:
            payment.going_back = payment.amount
            self.news.append(("ended", payment.visit))

    # The waitlist

    def join(self, member, patient, session_name):
        """Wait for a place of a session."""
        self.wishes[len(self.wishes)] = Wish(member, patient, session_name)
        return len(self.wishes) - 1

    def accept(self, number):
        """Take an offered place, as a hold."""
        offer = self.offers[number]
        wish = self.wishes[offer.wish]
        for visit in self._by_place(self.visits.values()):
            if visit.patient == wish.patient and visit.is_lapsed(self.now):
                self._expire(visit)
        if offer.state == "accepted":
            return offer.visit
        self._must_be_open(offer)
        place = self.sessions[offer.session].places[offer.number]
        self._must_be_within_limits(wish.member, wish.patient, self.sessions[offer.session].day)
        place.state = "free"
        offer.visit = self._place(wish.member, wish.patient, place, "offer", offer.wish)
        offer.state, wish.state = "accepted", "fulfilled"
        return offer.visit

    def decline(self, number, keep):
        """Turn an offered place down."""
        offer = self.offers[number]
        self._must_be_open(offer)
        offer.state = "declined"
        self.wishes[offer.wish].state = "waiting" if keep else "left"
        self._return(self.sessions[offer.session].places[offer.number])

    # Rules

    def _must_be_open(self, offer):
        if offer.state != "open" or offer.until <= self.now:
            raise No("offer_expired")

    def _must_not_cool_down(self, member):
        lapses = sorted(
            visit.ended_at
            for visit in self.visits.values()
            if visit.member == member
            and visit.why == "lapsed"
            and self.now - timedelta(days=1) < visit.ended_at <= self.now
        )
        if len(lapses) >= 3 and self.now < lapses[-1] + 30 * MINUTE:
            raise No("cooling_down")

    def _must_be_within_limits(self, member, patient, day):
        visits = [v for v in self.visits.values() if v.state in OPEN and v.starts_at > self.now]
        of_patient = [visit for visit in visits if visit.patient == patient]
        that_day = [v for v in of_patient if self.sessions[v.session].day == day]
        of_member = [visit for visit in visits if visit.member == member]
        if (
            any(visit.state == "held" for visit in of_patient)
            or sum(visit.state == "held" for visit in of_member) >= 2
            or len(that_day) >= 2
            or len(of_patient) >= 4
            or len(of_member) >= OPEN_PER_MEMBER[self.tiers[member]]
        ):
            raise No("too_many_open")

    def _claim(self, session, session_name, number):
        for is_second_look in (False, True):
            free = [place for place in session.places.values() if self._is_claimable(place)]
            if number is None and free:
                return min(free, key=lambda place: place.number)
            if number is not None and session.places.get(number) in free:
                return session.places[number]
            lapsed = [
                visit
                for visit in self.visits.values()
                if visit.session == session_name and visit.is_lapsed(self.now)
            ]
            if is_second_look or not lapsed:
                raise No("slot_taken" if free else "sold_out")
            for visit in self._by_place(lapsed):
                self._expire(visit)
        raise AssertionError

    def _is_claimable(self, place):
        is_due = place.returns_at is None or place.returns_at <= self.now
        return place.state == "free" and place.starts_at > self.now and is_due

    def _must_not_clash(self, patient, place, besides=None):
        clashes = set()
        for visit in self.visits.values():
            if visit.patient == patient and visit.state in LIVE and visit is not besides:
                if visit.starts_at < place.ends_at and place.starts_at < visit.ends_at:
                    clashes.add("patient_busy")
                if self._doctor_day(visit.session) == self._doctor_day(place.session):
                    clashes.add("already_booked_doctor_day")
        if clashes:
            raise No(*clashes)

    def _place(self, member, patient, place, source, wish=None):
        session = self.sessions[place.session]
        self._must_not_clash(patient, place)
        self._put(place, "taken")
        self.visits[len(self.visits)] = Visit(
            member=member,
            patient=patient,
            session=place.session,
            number=place.number,
            starts_at=place.starts_at,
            ends_at=place.ends_at,
            cancel_until=place.starts_at - timedelta(hours=24),
            source=source,
            held_until=min(self.now + 15 * MINUTE, place.starts_at),
            price=self._price(member, session),
            wish=wish,
        )
        return len(self.visits) - 1

    def _price(self, member, session):
        return (session.fee * DISCOUNT[self.tiers[member]]).quantize(Decimal("0.01"))

    def _move(self, visit, allowed, state):
        if visit.state not in allowed:
            raise No("wrong_state")
        visit.state = state

    def _expire(self, visit):
        is_lapsed = visit.is_lapsed(self.now)
        visit.why = "lapsed" if is_lapsed else "replaced"
        ended_at = visit.held_until if is_lapsed else self.now
        self._end(visit, "expired", 100)
        visit.ended_at = ended_at
        if is_lapsed:
            self.news.append(("lapsed", self._number_of(visit)))
        self._return(self._place_of(visit))

    def _end(self, visit, state, percent):
        visit.state, visit.held_until, visit.ended_at = state, None, self.now
        if state != "expired" or not self._is_under_way(visit):
            visit.open = Decimal(0)
        for payment in self._paid(visit):
            payment.going_back += (payment.left * percent / 100).quantize(Decimal("0.01"))
        self.news.append(("ended", self._number_of(visit)))

    def _return(self, place):
        """Who waits comes first; then the sale, at once or at a random later minute."""
        if not self._is_sat(place):
            self._put(place, "blocked")
            return
        if self._offer(place):
            return
        self._put(place, "free")
        if self.sessions[place.session].is_high_demand:
            at = self.now + 31 * MINUTE
            place.returns_at = at if at < place.starts_at else None

    def _offer(self, place):
        wish = next((n for n in self.wishes if self._fits(self.wishes[n], place)), None)
        if wish is None:
            return False
        asked_from = self._asked_from(place)
        if asked_from > self.now:
            self._put(place, "free")
            place.returns_at = asked_from + 5 * MINUTE
            return True
        self._put(place, "offered")
        until = min(self.now + 15 * MINUTE, place.starts_at)
        self.offers[len(self.offers)] = Offer(place.session, place.number, wish, until)
        self.wishes[wish].state = "offered"
        return True

    def _fits(self, wish, place):
        session = self.sessions[place.session]
        if wish.state != "waiting" or wish.session != place.session:
            return False
        if session.state != "published" or self.now >= min(session.sale_stops_at, place.starts_at):
            return False
        return not self._refused_before(wish, place) and not self._is_hindered(wish, place, session)

    def _refused_before(self, wish, place):
        here = [o for o in self.offers.values() if (o.session, o.number) == _key(place)]
        for offer in here:
            if self.wishes[offer.wish].patient == wish.patient:
                is_unconfirmed = offer.visit is not None and (
                    self.visits[offer.visit].state == "expired"
                )
                if offer.state in ("declined", "lapsed") or is_unconfirmed:
                    return True
        return any(
            visit.patient == wish.patient and visit.state == "cancelled"
            for visit in self.visits.values()
            if (visit.session, visit.number) == _key(place)
        )

    def _is_hindered(self, wish, place, session):
        counted = [v for v in self.visits.values() if not v.is_lapsed(self.now)]
        upcoming = [v for v in counted if v.state in OPEN and v.starts_at > self.now]
        of_patient = [visit for visit in upcoming if visit.patient == wish.patient]
        that_day = [v for v in of_patient if self.sessions[v.session].day == session.day]
        of_member = [visit for visit in upcoming if visit.member == wish.member]
        most = OPEN_PER_MEMBER[self.tiers[wish.member]]
        if len(of_member) >= most or len(of_patient) >= 4 or len(that_day) >= 2:
            return True
        live = [v for v in counted if v.patient == wish.patient and v.state in LIVE]
        return any(
            (visit.starts_at < place.ends_at and place.starts_at < visit.ends_at)
            or self._doctor_day(visit.session) == self._doctor_day(place.session)
            for visit in live
        )

    def _asked_from(self, place):
        """Nobody is asked at night, from 22:00 to 07:00, unless the visit is within 12 hours."""
        local = self.now.astimezone(ZoneInfo(self.zone))
        is_day = time(7) <= local.time() < time(22)
        if is_day or place.starts_at - self.now <= timedelta(hours=12):
            return self.now
        day = local.date() + timedelta(days=local.time() >= time(22))
        return datetime.combine(day, time(7), tzinfo=ZoneInfo(self.zone))

    def _count_lapse(self, wish):
        wish.lapses += 1
        wish.state = "waiting" if wish.lapses <= 1 else "lapsed"

    # Finding things

    def next_hold_end(self):
        """Tell when the next hold runs out."""
        ends = [visit.held_until for visit in self.visits.values() if visit.held_until]
        return min((at for at in ends if at > self.now), default=self.now)

    def next_closing(self):
        """Tell when the bank is told next to take no more money for a payment."""
        under_way = [p.closes_at for p in self.payments.values() if p.state == "pending"]
        return min((at for at in under_way if at > self.now), default=self.now)

    def _paid(self, visit):
        """List the payments that pay bills of a visit."""
        return [p for p in self._payments_of(visit) if p.state == "captured" and not p.is_extra]

    def _is_under_way(self, visit):
        """Tell whether the money of the open bill may still come."""
        return any(
            payment.state == "pending" and payment.bill == visit.bill
            for payment in self._payments_of(visit)
        )

    def _payments_of(self, visit):
        return [p for p in self.payments.values() if self.visits[p.visit] is visit]

    def _waits(self, patient, session_name):
        return any(
            wish.state in ("waiting", "offered")
            for wish in self.wishes.values()
            if (wish.patient, wish.session) == (patient, session_name)
        )

    def _put(self, place, state):
        place.state, place.returns_at = state, None

    def _place_of(self, visit):
        return self.sessions[visit.session].places[visit.number]

    def _live_on(self, place):
        return next(
            (
                visit
                for visit in self.visits.values()
                if (visit.session, visit.number) == _key(place) and visit.state in LIVE
            ),
            None,
        )

    def _number_of(self, visit):
        return next(number for number, each in self.visits.items() if each is visit)

    def _by_place(self, visits):
        return sorted(visits, key=lambda visit: self._place_of(visit).order)

    def _in_order(self):
        places = [place for each in self.sessions.values() for place in each.places.values()]
        return sorted(places, key=lambda place: place.order)

    def _doctor_day(self, session_name):
        session = self.sessions[session_name]
        return session.doctor, session.day

    def _today(self):
        return self.now.astimezone(ZoneInfo(self.zone)).date()


def _key(place):
    return place.session, place.number
