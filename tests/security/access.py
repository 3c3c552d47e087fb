"""Who may open which address? The one table; an address that is missing here fails the tests."""

from dataclasses import dataclass

from members.choices import Role

DESK, DOCTOR, SCHEDULER = Role.DESK, Role.DOCTOR, Role.SCHEDULER
FINANCE, AUDITOR, ADMINISTRATOR = Role.FINANCE, Role.AUDITOR, Role.ADMINISTRATOR

PUBLIC = "public"
MEMBER = "member"
OWNER = "owner"  # a member's own object; to other members there is no such thing
SIGNED = "signed"  # for programs that sign what they ask; nobody signed in, and no form, gets in
NOTIFIED = "notified"  # for gateways; what they have not signed is refused, whoever sends it
HOLDER = "holder"  # an object of an account, a member's or not; to others there is no such thing
NO_ROLE = "staff without a role"
STAFF = frozenset({*Role, NO_ROLE})
SUPERUSER = frozenset()  # nobody else
NOBODY = None  # not even a superuser


class Hidden(frozenset):
    """Those for whom there is such a page; other staff find nothing there."""


SEES_BOOKS = {FINANCE, AUDITOR}
SEES_LEAVE = {DESK, DOCTOR, SCHEDULER, AUDITOR}

PAGES_AND_API = {
    "livez": PUBLIC,
    "readyz": PUBLIC,
    "root": PUBLIC,
    "gateway_notification": NOTIFIED,
    # The sandbox bank, in development only
    "sandbox:console": PUBLIC,
    "sandbox:pay": PUBLIC,  # for whoever knows the secret
    "sandbox:send_again": PUBLIC,
    "sandbox:statement_file": PUBLIC,
    "sandbox:api_payments": SIGNED,
    "sandbox:api_payment": SIGNED,
    "sandbox:api_close": SIGNED,
    "sandbox:api_refunds": SIGNED,
    "sandbox:api_refund": SIGNED,
    "sandbox:api_statements": SIGNED,
    "sandbox:api_claims": SIGNED,
    "sandbox:api_claim": SIGNED,
    "sandbox:api_reverse_claim": SIGNED,
    "sandbox:api_claim_statements": SIGNED,
    # Pages
    "appointments:home": PUBLIC,
    "appointments:doctors": PUBLIC,
    "appointments:doctor": PUBLIC,
    "appointments:book": PUBLIC,  # a stranger is led to sign in and back to the time
    "appointments:appointments": MEMBER,
    "appointments:appointment": OWNER,
    "appointments:confirm": OWNER,
    "appointments:pay": OWNER,
    "appointments:extend": OWNER,
    "appointments:booked": OWNER,
    "appointments:cancel": OWNER,
    "appointments:visit_calendar": OWNER,
    "calendar_feed": PUBLIC,  # for whoever knows the secret
    "appointments:reschedule": OWNER,
    "appointments:receipts": MEMBER,
    "appointments:receipt": OWNER,
    "appointments:receipt_pdf": OWNER,
    "appointments:verify_receipt": PUBLIC,
    "appointments:verified_receipt": PUBLIC,  # for whoever knows the code
    "appointments:waitlist": MEMBER,
    "appointments:join_waitlist": MEMBER,
    "appointments:wish": OWNER,
    "appointments:leave_waitlist": OWNER,
    "appointments:offer": OWNER,
    "members:sign_in": PUBLIC,
    "members:second_factor_at_sign_in": "account",  # asks nobody who has shown no password
    "members:show_again": "account",
    "members:sign_in_code": PUBLIC,
    "members:reset_password": PUBLIC,
    "members:account": "account",
    "members:change_name": MEMBER,
    "members:change_email": MEMBER,
    "members:calendar_feed": MEMBER,
    "members:change_appearance": "account",
    "members:new_password": "account",
    "members:end_sign_in": HOLDER,
    "members:end_other_sign_ins": "account",
    "members:second_factor": "account",
    "members:new_app": "account",
    "members:new_passkey": "account",
    "members:recovery_codes": "account",
    "members:remove_second_factor": HOLDER,
    "members:sign_in_passkey": PUBLIC,
    "members:sign_up": PUBLIC,
    "members:sign_out": PUBLIC,
    "members:change_phone": MEMBER,
    "members:membership": PUBLIC,
    "members:points": MEMBER,
    "members:patients": MEMBER,
    "members:patient_add": MEMBER,
    "members:patient": OWNER,
    "members:patient_document": OWNER,
    "members:patient_remove": OWNER,
    "members:patient_appeal": OWNER,
    "members:patient_consent": OWNER,
    "members:missed_visit": OWNER,
    "billing:insurance": OWNER,
    "billing:end_insurance": OWNER,
    "members:consent": PUBLIC,
    "members:give_consent": MEMBER,
    "members:withdraw_consent": MEMBER,
    "members:privacy": MEMBER,
    "members:export": MEMBER,
    "members:export_progress": OWNER,
    "members:export_file": OWNER,
    "members:cancel_export": OWNER,
    "members:access_log": MEMBER,
    "members:erase": MEMBER,
    "members:erased": PUBLIC,
    "members:inbox": MEMBER,
    "members:read_all": MEMBER,
    "members:ways": MEMBER,
    "members:open_notification": OWNER,
    "members:read_notification": OWNER,
    # API
    "auth-token": PUBLIC,
    "auth-token-refresh": PUBLIC,
    "auth-logout": "account",
    "auth-codes": PUBLIC,
    "auth-password": PUBLIC,
    "auth-register": PUBLIC,
    "api-schema": PUBLIC,
    "api-docs": PUBLIC,
    "clinic-list": PUBLIC,
    "department-list": PUBLIC,
    "doctor-list": PUBLIC,
    "doctor-detail": PUBLIC,
    "schedule-list": PUBLIC,
    "schedule-slots": PUBLIC,
    "me": MEMBER,
    "me-privileges": MEMBER,
    "me-points": MEMBER,
    "notification-list": MEMBER,
    "notification-read": OWNER,
    "patient-list": MEMBER,
    "patient-detail": OWNER,
    "patient-policies": OWNER,
    "appointment-list": MEMBER,
    "appointment-detail": OWNER,
    "appointment-confirm": OWNER,
    "appointment-extend": OWNER,
    "appointment-cancel": OWNER,
    "appointment-reschedule": OWNER,
    "appointment-calendar": OWNER,
    "invoice-list": MEMBER,
    "invoice-detail": OWNER,
    "invoice-payments": OWNER,
    "admin-refund-list": {DESK, FINANCE, AUDITOR},
    "admin-refund-approve": {FINANCE},
    "admin-settlement-list": SEES_BOOKS,
    "admin-settlement-detail": SEES_BOOKS,
    "admin-settlement-close": {FINANCE},
    "waitlist": MEMBER,
    "waitlist-wish": OWNER,
    "offer-list": MEMBER,
    "offer-accept": OWNER,
    "offer-decline": OWNER,
    "admin-schedule-list": {DESK, DOCTOR, SCHEDULER, AUDITOR},
    "admin-schedule-detail": {DESK, DOCTOR, SCHEDULER, AUDITOR},
    "admin-schedule-publish": {SCHEDULER},
    "admin-schedule-call-off": {SCHEDULER},
    "admin-leave-list": SEES_LEAVE,
    "admin-leave-detail": SEES_LEAVE,
    "admin-release-list": {SCHEDULER, AUDITOR},
    "admin-release-run": {SCHEDULER},
    "admin-roster-generate": {SCHEDULER},
    "admin-job": Hidden({AUDITOR, ADMINISTRATOR}),  # and who asked for it
    "admin-job-cancel": Hidden({ADMINISTRATOR}),  # likewise
    "admin-appointment-check-in": {DESK},
    "admin-appointment-start": {DOCTOR},
    "admin-appointment-finish": {DOCTOR},
    "admin-appointment-book": {DESK},
    "admin-appointment-no-show": {DESK},
    "admin-appointment-cancel": {DESK},
    # Administration, beside the pages of the models
    "admin:index": STAFF,
    "admin:login": PUBLIC,
    "admin:logout": PUBLIC,
    "admin:password_change": STAFF,
    "admin:password_change_done": STAFF,
    "admin:autocomplete": NOBODY,  # not without saying for which field
    "admin:jsi18n": STAFF,
    "admin:app_list": Hidden({DESK, FINANCE, AUDITOR, ADMINISTRATOR}),
    "admin:view_on_site": "nothing",
    "/admin/<url>": "nothing",
    "admin:jobs": {AUDITOR, ADMINISTRATOR},
    "admin:job": Hidden({AUDITOR, ADMINISTRATOR}),  # and who asked for it
    "admin:job_cancel": Hidden({ADMINISTRATOR}),  # and who asked for it
    "admin:job_file": "nothing",  # but for who asked for it
    "admin:roster_generate": {SCHEDULER},
    "admin:member_search": {DESK, AUDITOR, ADMINISTRATOR},
    "admin:messages": {DESK, AUDITOR, ADMINISTRATOR},
    "admin:message_delivery": {DESK, AUDITOR, ADMINISTRATOR},
    "admin:message_templates": {AUDITOR, ADMINISTRATOR},
    "admin:message_template": {ADMINISTRATOR},
    "admin:register_patient": {DESK},
    "admin:roster": {DESK, DOCTOR, SCHEDULER, AUDITOR},
    "admin:roster_session": {DESK, DOCTOR, SCHEDULER, AUDITOR},
    "admin:roster_new_session": {SCHEDULER},
    "admin:roster_plan": {SCHEDULER},
    "admin:roster_change": {SCHEDULER},
    "admin:roster_publish": {SCHEDULER},
    "admin:book_for_caller": {DESK},
    "admin:book_account": {DESK},
    "admin:book_times": {DESK},
    "admin:book_confirm": {DESK},
    "admin:book_done": {DESK},
    "admin:move_visit": {DESK},
    "admin:walk_in": {DESK},
    "admin:releases": {SCHEDULER, AUDITOR},
    "admin:leave": SEES_LEAVE,
    "admin:leave_new": {SCHEDULER},
    "admin:leave_emergency": {DESK, SCHEDULER},
    "admin:leave_shown": SEES_LEAVE,
    "admin:leave_who": {SCHEDULER},
    "admin:leave_impact": {SCHEDULER},
    "admin:leave_messages": {SCHEDULER},
    "admin:leave_confirm": {SCHEDULER},
    "admin:leave_withdraw": {SCHEDULER},
    "admin:leave_carry_on": {DESK, SCHEDULER},
    "admin:waitlist": {DESK, SCHEDULER},
    "admin:waitlist_wish": {DESK, SCHEDULER},
    "admin:waitlist_offer": {DESK, SCHEDULER},
    "admin:refunds": {DESK, FINANCE, AUDITOR},
    "admin:approve_refunds": {FINANCE},
    "admin:quarantines": {DESK, FINANCE, AUDITOR},
    "admin:quarantine": {FINANCE},
    "admin:claim_statement": {FINANCE},
    "admin:membership": {AUDITOR, ADMINISTRATOR},
    "admin:cash": {DESK, FINANCE},
    "admin:settlements": SEES_BOOKS,
    "admin:settlement": SEES_BOOKS,
    "admin:settlement_export": SEES_BOOKS,
    "admin:settlement_import": {FINANCE},
    "admin:settlement_close": {FINANCE},
    "admin:settlement_difference": {FINANCE},
    "admin:revenue": {SCHEDULER, FINANCE, AUDITOR, ADMINISTRATOR},
    "admin:reports": {SCHEDULER, FINANCE, AUDITOR, ADMINISTRATOR},
}


@dataclass(frozen=True)
class Model:
    """Who may see, add, change and delete rows of one model in the administration."""

    view: frozenset | set | None
    add: frozenset | set | None = NOBODY
    change: frozenset | set | None = NOBODY
    delete: frozenset | set | None = NOBODY


SEES_PEOPLE = {DESK, AUDITOR, ADMINISTRATOR}
SEES_SCHEDULES = {DESK, DOCTOR, SCHEDULER, AUDITOR}
SEES_MONEY = {DESK, FINANCE, AUDITOR}
SETS_PRICES = {FINANCE, ADMINISTRATOR}
CATALOGUE = Model(SEES_SCHEDULES, add={SCHEDULER}, change={SCHEDULER}, delete=SUPERUSER)

MODELS = {
    "members.user": Model({AUDITOR, ADMINISTRATOR}, {ADMINISTRATOR}, {ADMINISTRATOR}),
    "members.member": Model(SEES_PEOPLE),
    "members.patient": Model(SEES_PEOPLE),
    "members.suspension": Model(SEES_PEOPLE),
    "members.familylink": Model(SEES_PEOPLE),
    "members.strike": Model(SEES_PEOPLE),
    "members.strikeappeal": Model(SEES_PEOPLE),
    "members.pointentry": Model({FINANCE, AUDITOR, ADMINISTRATOR}),
    "members.tier": Model(SEES_PEOPLE, {ADMINISTRATOR}, {ADMINISTRATOR}, SUPERUSER),
    "members.privilege": Model(
        {AUDITOR, ADMINISTRATOR}, {ADMINISTRATOR}, {ADMINISTRATOR}, {ADMINISTRATOR}
    ),
    "scheduling.clinic": CATALOGUE,
    "scheduling.department": CATALOGUE,
    "scheduling.room": CATALOGUE,
    "scheduling.doctor": CATALOGUE,
    "scheduling.visittype": CATALOGUE,
    "scheduling.rostertemplate": Model({SCHEDULER, AUDITOR}, {SCHEDULER}, {SCHEDULER}, {SCHEDULER}),
    "scheduling.calendarday": Model({SCHEDULER, AUDITOR}, {SCHEDULER}, {SCHEDULER}, {SCHEDULER}),
    "scheduling.price": Model(
        {SCHEDULER, FINANCE, AUDITOR, ADMINISTRATOR}, SETS_PRICES, SETS_PRICES, SETS_PRICES
    ),
    "scheduling.schedule": Model(SEES_SCHEDULES, {SCHEDULER}, {SCHEDULER}),
    "scheduling.slot": Model(SEES_SCHEDULES),
    "scheduling.releaserun": Model({SCHEDULER, AUDITOR}),
    "appointments.appointment": Model({DESK, DOCTOR, AUDITOR}),
    "billing.invoice": Model(SEES_MONEY),
    "billing.payment": Model(SEES_MONEY),
    "billing.refund": Model(SEES_MONEY),
    "billing.journalentry": Model(SEES_BOOKS),
    "billing.settlement": Model(SEES_BOOKS),
    "billing.cashcount": Model(SEES_BOOKS),
    "billing.insuranceplan": Model(SEES_MONEY, {FINANCE}, {FINANCE}, SUPERUSER),
    "billing.insurancepolicy": Model(SEES_MONEY),
    "billing.claim": Model(SEES_MONEY),
    "audit.operationlog": Model({AUDITOR}),
    "approvals.approval": Model({FINANCE, AUDITOR, ADMINISTRATOR}),
    "outbox.outboxmessage": Model({ADMINISTRATOR}),
}

# Further pages of a model, by the last word of their address.
EXTRA = {
    "members.user": {"password": {ADMINISTRATOR}},
    "members.patient": {"reveal": {DESK}},
    "scheduling.doctor": {"import": {SCHEDULER}, "export": SEES_SCHEDULES},
    "scheduling.rostertemplate": {"import": {SCHEDULER}, "export": {SCHEDULER, AUDITOR}},
    "scheduling.schedule": {"adjust": {SCHEDULER}},
}

# What is done to chosen rows, by the name of the action: who is asked to confirm it.
ACTIONS = {
    "members.member": {
        "suspend": {ADMINISTRATOR},
        "lift": {ADMINISTRATOR},
        "erase": {ADMINISTRATOR},
        "change_phone": {DESK},
        "grant_tier": {ADMINISTRATOR},
        "adjust_points": {ADMINISTRATOR},
        "take_away_factor": {ADMINISTRATOR},
    },
    "members.user": {"take_away_factor": {ADMINISTRATOR}},
    "members.patient": {"verify": {DESK}, "join": {DESK}},
    "members.familylink": {"confirm": {DESK}, "withdraw": {DESK}},
    "members.strike": {"excuse": {DESK, ADMINISTRATOR}},
    "members.strikeappeal": {
        "accept": {DESK, ADMINISTRATOR},
        "refuse": {DESK, ADMINISTRATOR},
    },
    "members.suspension": {"end": {ADMINISTRATOR}},
    "approvals.approval": {
        "approve": {FINANCE, ADMINISTRATOR},
        "refuse": {FINANCE, ADMINISTRATOR},
    },
    "billing.payment": {"give_back": {FINANCE}},
    "billing.refund": {"hand_back": {DESK, FINANCE}},
    "scheduling.schedule": {"publish": {SCHEDULER}, "call_off": {SCHEDULER}},
    "appointments.appointment": {
        "check_in": {DESK},
        "start": {DOCTOR},
        "finish": {DOCTOR},
        "take_payment": {DESK},
        "cancel": {DESK},
        "no_show": {DESK},
        "undo_missed": {DESK},
        "undo_check_in": {DESK},
        "undo_start": {DOCTOR},
    },
}
