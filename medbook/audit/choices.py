"""Which acts does the operation log know?"""

from collections.abc import Sequence

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Action(TextChoices):
    """The closed list of acts; a new act is a new line here."""

    APPOINTMENT_HELD = "appointment.held", _("Place held")
    APPOINTMENT_BOOKED = "appointment.booked", _("Appointment booked")
    APPOINTMENT_CANCELLED = "appointment.cancelled", _("Appointment cancelled")
    APPOINTMENT_CALLED_OFF = "appointment.called_off", _("Appointment called off")
    APPOINTMENT_EXPIRED = "appointment.expired", _("Hold expired")
    APPOINTMENT_ARRIVED = "appointment.arrived", _("Patient checked in")
    APPOINTMENT_STARTED = "appointment.started", _("Consultation started")
    APPOINTMENT_COMPLETED = "appointment.completed", _("Consultation finished")
    INVOICE_RAISED = "invoice.raised", _("Invoice raised")
    INVOICE_VOIDED = "invoice.voided", _("Invoice voided")
    REFUND_REQUESTED = "refund.requested", _("Refund asked for")
    REFUND_SETTLED = "refund.settled", _("Money given back")
    OFFER_MADE = "offer.made", _("Place offered")
    OFFER_ENDED = "offer.ended", _("Offer ended")
    WAITLIST_CHANGED = "waitlist.changed", _("Waitlist entry changed")
    LEAVE_CHANGED = "leave.changed", _("Leave changed")
    APPOINTMENT_RESCHEDULED = "appointment.rescheduled", _("Appointment rescheduled")
    APPOINTMENT_MISSED = "appointment.missed", _("Patient did not come")
    APPOINTMENT_REPAIRED = "appointment.repaired", _("State of a visit corrected")
    PAYMENT_RECORDED = "payment.recorded", _("Payment recorded")
    SCHEDULE_CHANGED = "schedule.changed", _("Schedule changed")
    SCHEDULE_DELETED = "schedule.deleted", _("Draft of a schedule deleted")
    SCHEDULE_PUBLISHED = "schedule.published", _("Schedule published")
    SCHEDULE_CALLED_OFF = "schedule.called_off", _("Schedule called off")
    SCHEDULE_FINISHED = "schedule.finished", _("Schedule finished")
    PRICE_CHANGED = "price.changed", _("Price list changed")
    RELEASE_RUN = "release.run", _("Release run")
    CATALOGUE_IMPORTED = "catalogue.imported", _("Catalogue imported")
    MEMBER_JOINED = "member.joined", _("Member joined")
    MEMBER_PHONE_CHANGED = "member.phone_changed", _("Phone number changed")
    MEMBER_CONTACT_CHANGED = "member.contact_changed", _("Contact data changed")
    MEMBER_SUSPENDED = "member.suspended", _("Member suspended")
    MEMBER_SUSPENSION_LIFTED = "member.suspension_lifted", _("Suspension lifted")
    MEMBER_TIER_CHANGED = "member.tier_changed", _("Tier changed")
    MEMBER_DEMOTION_ANNOUNCED = "member.demotion_announced", _("Member told of a lower tier")
    TIER_CHANGED = "tier.changed", _("Rules of a tier changed")
    PRIVILEGE_CHANGED = "privilege.changed", _("Privilege changed")
    PATIENT_VERIFIED = "patient.verified", _("Patient verified")
    PATIENT_ADDED = "patient.added", _("Patient added")
    PATIENT_CHANGED = "patient.changed", _("Patient changed")
    PATIENT_REMOVED = "patient.removed", _("Patient removed")
    PATIENT_REGISTERED = "patient.registered", _("Patient registered by the desk")
    PATIENTS_JOINED = "patients.joined", _("Two records joined")
    PATIENT_SUSPENDED = "patient.suspended", _("Patient suspended")
    CONSENT_GIVEN = "consent.given", _("Consent to book given")
    CONSENT_WITHDRAWN = "consent.withdrawn", _("Consent to book withdrawn")
    STRIKE_RECORDED = "strike.recorded", _("Missed visit noted")
    STRIKE_EXCUSED = "strike.excused", _("Missed visit excused")
    STRIKE_APPEALED = "strike.appealed", _("Missed visit contested")
    STRIKE_APPEAL_DECIDED = "strike.appeal_decided", _("Appeal decided")
    SUSPENSION_APPEALED = "suspension.appealed", _("Suspension appealed")
    PEOPLE_SEARCHED = "people.searched", _("People searched")
    REVEALS_EXCEEDED = "reveals.exceeded", _("Too many identities revealed")
    IDENTITY_REVEALED = "identity.revealed", _("Identity revealed")
    MESSAGE_RESENT = "message.resent", _("Message sent again")
    MESSAGE_WORDS_CHANGED = "message.words_changed", _("Words of a message changed")
    MESSAGE_WAYS_CHOSEN = "message.ways_chosen", _("Ways of messages chosen")
    SIGN_IN_SUCCEEDED = "sign_in.succeeded", _("Signed in")
    SIGN_IN_FAILED = "sign_in.failed", _("Sign-in failed")
    SESSION_ENDED = "session.ended", _("Sessions ended")
    SECOND_FACTOR_ADDED = "second_factor.added", _("Second factor added")
    SECOND_FACTOR_REMOVED = "second_factor.removed", _("Second factor removed")
    SECOND_FACTOR_FAILED = "second_factor.failed", _("Second factor failed")
    RECOVERY_CODES_RENEWED = "recovery_codes.renewed", _("Recovery codes renewed")
    PASSWORD_CHANGED = "password.changed", _("Password changed")
    TOKEN_FAMILY_REVOKED = "token_family.revoked", _("Tokens revoked")
    ROLE_CHANGED = "role.changed", _("Roles changed")
    POINTS_EARNED = "points.earned", _("Points earned")
    POINTS_SPENT = "points.spent", _("Points spent")
    POINTS_GIVEN_BACK = "points.given_back", _("Points given back")
    POINTS_TAKEN_BACK = "points.taken_back", _("Points taken back")
    POINTS_EXPIRED = "points.expired", _("Points expired")
    POINTS_ADJUSTED = "points.adjusted", _("Points adjusted")
    APPROVAL_ASKED = "approval.asked", _("Approval asked for")
    APPROVAL_APPROVED = "approval.approved", _("Approval given")
    APPROVAL_REFUSED = "approval.refused", _("Approval refused")
    AGREEMENT_GIVEN = "agreement.given", _("Agreement given")
    AGREEMENT_WITHDRAWN = "agreement.withdrawn", _("Agreement withdrawn")
    MEMBER_ERASED = "member.erased", _("Account erased")
    ACCESS_DENIED = "access.denied", _("Access denied")
    CALENDAR_FEED_OPENED = "calendar_feed.opened", _("Calendar address made")
    CALENDAR_FEED_CLOSED = "calendar_feed.closed", _("Calendar address ended")
    JOB_CANCELLED = "job.cancelled", _("Job cancelled")
    EXPORT_MADE = "export.made", _("Export made")
    KEY_ROTATED = "key.rotated", _("Key rotated")


def acts() -> Sequence[tuple[str, str | Promise]]:
    """List the acts as a field's choices; by this name, so that a new act asks for no migration."""
    return Action.choices


class Outcome(TextChoices):
    """How an act ended."""

    OK = "ok", _("done")
    DENIED = "denied", _("denied")
    ERROR = "error", _("failed")
