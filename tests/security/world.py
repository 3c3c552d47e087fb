"""One small hospital, and everybody who may knock at its door."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.db import transaction
from django.test import Client

from appointments.services.cancelling import cancel_appointment
from appointments.services.offers import make_offers
from appointments.services.payment import take_desk_payment
from appointments.services.receipts import issue_receipts
from appointments.services.visits import check_in
from billing.choices import Account, Gateway, QuarantineReason
from billing.models import Invoice, Payment, Quarantine, Refund, Settlement
from billing.selectors.settling import desk_balance
from billing.services.cash import count_cash
from medbook import clock
from members.choices import Relation, Role
from members.models import Suspension, User
from members.services.calendar_feeds import open_calendar_feed
from members.services.exporting import start_export
from members.services.messages import notify_member
from members.services.points import adjust_points, earn_points
from members.services.roles import grant_roles
from members.services.strike_appeals import contest_strike
from members.services.tokens import issue_tokens
from tests.appointments.booking import book, hold
from tests.appointments.leaves import drafted
from tests.appointments.waiting import wait_for
from tests.billing.sandbox import payment_and_notification
from tests.factories import (
    CalendarDayFactory,
    DoctorFactory,
    FamilyLinkFactory,
    InsurancePolicyFactory,
    PatientFactory,
    PriceFactory,
    PrivilegeFactory,
    ReleaseRunFactory,
    RosterTemplateFactory,
    UserFactory,
    member_with_patient,
    schedule_with_slots,
)
from tests.members.factors import app_of
from tests.security.access import NO_ROLE

ANONYMOUS, ALICE, BO = "a stranger", "Alice", "Bo"
SUPERUSER = "the superuser"
PEOPLE = (ANONYMOUS, ALICE, BO, *(role.value for role in Role), NO_ROLE, SUPERUSER)


@dataclass
class World:
    """Alice has a booked visit, a held place and an invoice; Bo is another member."""

    accounts: dict[str, User | None] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, tuple[int, str]] = field(default_factory=dict)

    def browser(self, person, **options):
        """Return a browser in which somebody is signed in."""
        client = Client(raise_request_exception=False, **options)
        name = settings.SESSION_COOKIE_NAME
        if (account := self.accounts[person]) is None:
            return client
        if Session.objects.filter(session_key=self.cookies.get(person)).exists():
            client.cookies[name] = self.cookies[person]
        else:
            account.refresh_from_db()  # what it did before may have ended its sign-ins
            client.force_login(account, "django.contrib.auth.backends.ModelBackend")
            self.cookies[person] = client.cookies[name].value
        return client

    def token(self, person):
        """Return the header that a program of somebody sends, if there is an account."""
        account = self.accounts[person]
        if account is None:
            return {}
        family, access = self.tokens.get(person, (0, ""))
        good = account.token_families.filter(
            pk=family, revoked_at=None, user__token_version=account.token_version
        )
        if not good.exists():
            account.refresh_from_db()  # what it did before may have ended its sign-ins
            access = issue_tokens(user=account, now=clock.now()).access
            self.tokens[person] = account.token_families.latest("id").pk, access
        return {"Authorization": f"Bearer {access}"}

    def fill(self, route, parameter):
        """Tell what stands in a gap of an address."""
        if parameter == "id" or (parameter.endswith("_id") and parameter != "content_type_id"):
            model, _act = route.admin_act or ("members.user", "")
            return self.row(model).pk
        if parameter == "reference":
            is_open = route.name.endswith((":confirm", ":extend"))
            return (self.held if is_open else self.booked).reference
        if parameter == "slot_uid":
            return self.other.slots.get(number=9).uid
        if parameter == "uid":
            return self._uid_for(route)
        if parameter == "schedule_uid":
            return self.schedule.uid
        if parameter == "policy_uid":
            return self.policy.uid
        return {
            "token": self.calendar_token,
            "number": self.receipt.number if "receipts/" in route.pattern else "P1",
            "code": self.receipt.verify_code,
            "slug": self.schedule.doctor.slug,
            "purpose": "news",
            "app_label": "members",
            "url": "nowhere",
            "kind": "code",
            "content_type_id": "1",
            "gateway": self.settlement.gateway,
            "day": self.settlement.day,
            "resolution": "next_day",
        }[parameter]

    def row(self, model):
        """Return one row of a model, which every administered model has here."""
        if model == "members.user":
            return self.accounts[Role.DESK.value]
        row = apps.get_model(model)._default_manager.order_by("-pk").first()
        assert row is not None, f"There is no {model} in this world: make one."
        return row

    def _uid_for(self, route):
        if route.pattern.startswith("admin/book/"):
            is_account = route.name.endswith(":book_account")
            return self.nobodys.uid if is_account else self.alice.links.first().uid
        if "/export/" in route.pattern:
            return self.export.uid
        if "appointments/" in route.pattern:
            is_open = route.name.endswith(("-confirm", "-extend"))
            return (self.held if is_open else self.booked).uid
        if route.name == "sandbox:send_again":
            return self.sandbox_notification.uid
        kind = route.pattern.split("<", 1)[0].rstrip("/").rpartition("/")[2]
        if kind == "second-factor":  # there is a new one where the last one was taken away
            return (self.alice.user.second_factors.first() or app_of(self.alice.user)).uid
        if kind == "sign-ins":
            self.token(ALICE)
            return self.alice.user.token_families.latest("pk").uid
        return {
            "leave": self.leave,
            "schedules": self.schedule,
            "sessions": self.schedule,
            "jobs": self.export,
            "doctors": self.schedule.doctor,
            "patients": self.child,
            "consents": self.bos_link,
            "inbox": self.notification,
            "notifications": self.notification,
            "messages": self.delivery,
            "missed-visits": self.strike,
            "pay": self.sandbox_payment,
            "invoices": self.invoice,
            "refunds": self.refund,
            "quarantine": self.quarantine,
            "waitlist": self.wish,
            "offers": self.offer,
            "differences": self.difference,
            "settlements": self.settlement,
        }[kind].uid


def make_world():
    """Let Alice book and hold, and give every role somebody."""
    grant_roles()
    world = World()
    alice, bo = member_with_patient(), member_with_patient()
    world.alice, world.bo = alice, bo
    world.accounts = {ANONYMOUS: None, ALICE: alice.user, BO: bo.user}
    for role in Role:
        account = UserFactory(username=f"{role.value}-1", is_staff=True)
        account.groups.add(Group.objects.get(name=role.value))
        world.accounts[role.value] = account
    world.accounts[NO_ROLE] = UserFactory(username="nobody-1", is_staff=True)
    world.accounts[SUPERUSER] = UserFactory(username="root-1", is_staff=True, is_superuser=True)

    doctor = DoctorFactory(user=world.accounts[Role.DOCTOR.value])
    world.schedule = schedule_with_slots(9, doctor=doctor)
    world.other = schedule_with_slots(
        9, service_date=world.schedule.service_date + timedelta(days=1)
    )
    world.booked = book(alice, world.schedule, key="booked")
    # With a visit to come, so that asking to remove the child leaves it there.
    world.child = FamilyLinkFactory(member=alice, relation=Relation.CHILD).patient
    world.policy = InsurancePolicyFactory(added_by=alice, patient=world.child)
    childs = book(alice, world.other, key="child's", patient=world.child, policy=world.policy)
    world.held = hold(alice, world.other, key="held")
    desk = {"by": world.accounts[Role.DESK.value], "now": world.schedule.starts_at}
    seen = book(bo, world.schedule, key="seen")
    check_in(appointment_uid=seen.uid, **desk)
    take_desk_payment(appointment_uid=seen.uid, gateway=Gateway.DESK_CASH, **desk)
    given_up = book(bo, world.other, key="given up")
    desk = {**desk, "now": clock.now()}
    take_desk_payment(appointment_uid=childs.uid, gateway=Gateway.DESK_CASH, **desk)
    issue_receipts(subject=childs.subject)
    world.receipt = alice.receipts.get()
    take_desk_payment(appointment_uid=given_up.uid, gateway=Gateway.DESK_CARD, **desk)
    cancel_appointment(appointment_uid=given_up.uid, by=bo.user, now=clock.now())
    world.invoice = Invoice.objects.get(subject=world.booked.subject)
    world.refund = Refund.objects.get()
    world.quarantine = Quarantine.objects.create(
        gateway=Gateway.SANDBOX,
        number="lost",
        amount=Decimal(181),
        currency="CNY",
        why=QuarantineReason.UNKNOWN,
        noticed_at=clock.now(),
    )
    # Bo books for Alice, who may say no.
    world.bos_link = FamilyLinkFactory(
        member=bo, patient=world.booked.patient, relation=Relation.OTHER, label="Alice Chen"
    )
    world.export = start_export(member=alice, by=alice.user, now=clock.now())
    notify_member(
        member=alice,
        kind="code",
        key="told",
        facts={"code": "said before"},
        path="membership/",
        now=clock.now(),
    )
    world.notification = alice.notifications.get()
    world.delivery = world.notification.deliveries.get()
    world.leave = drafted(world.other)
    # Alice waits for one place, and another is kept for her, at whatever hour this runs.
    full = schedule_with_slots(1, service_date=world.schedule.service_date + timedelta(days=2))
    with transaction.atomic():
        [world.offer] = make_offers(
            slots=list(full.slots.all()),
            until=clock.now() + timedelta(hours=1),
            entry=wait_for(full, alice),
            now=clock.now(),
        )
    world.wish = wait_for(full, alice, schedule=None)
    RosterTemplateFactory(doctor=doctor)
    ReleaseRunFactory()
    for number in range(10):  # asking the page that deletes one deletes one
        CalendarDayFactory(date=date(2030, 1, 1 + number))
    for number in range(10):  # what begins later may still be deleted
        PriceFactory(valid_from=clock.site_date(clock.now()) + timedelta(days=30 + number))
    PrivilegeFactory(valid_from=clock.now() + timedelta(days=30))
    with transaction.atomic():
        earn_points(member=bo, points=500, reference="visit", now=clock.now())
    cash = {"counted": Decimal(0), "kept": Decimal(0), "note": "Lost"}
    count_cash(
        **cash,
        seen=desk_balance(Account.DESK_CASH),
        by=world.accounts[Role.FINANCE.value],
        now=clock.now(),
    )
    world.settlement = Settlement.objects.create(
        gateway="sandbox", day=date(2026, 3, 2), currency="CNY", fetched_at=clock.now()
    )
    world.difference = world.settlement.differences.create(
        kind="missing_there", payment=Payment.objects.first(), ours=180
    )
    adjust_points(
        member_uid=bo.uid,
        points=5000,
        reason="A visit was not recorded",
        key="large",
        by=world.accounts[Role.ADMINISTRATOR.value],
        now=clock.now(),
    )
    bo.links.first().patient.strikes.create(
        reference="appointment:1", occurred_at=clock.now() - timedelta(days=70)
    )
    feed = {"member": alice, "by": alice.user, "now": clock.now()}
    world.calendar_token = open_calendar_feed(**feed)
    world.nobodys = PatientFactory()
    world.strike = world.child.strikes.create(
        reference="appointment:2", occurred_at=clock.now() - timedelta(days=7), booked_by=alice
    )
    contest_strike(
        member=alice,
        strike_uid=world.strike.uid,
        note="In hospital",
        by=alice.user,
        now=clock.now(),
    )
    world.sandbox_payment, world.sandbox_notification = payment_and_notification()
    Suspension.objects.create(
        member=bo,
        starts_at=clock.now() - timedelta(days=60),
        ends_at=clock.now() - timedelta(days=30),
        reason="Three visits missed",
    )
    return world
