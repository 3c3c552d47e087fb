"""Which words do members' states and kinds use?"""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class IdentityKind(TextChoices):
    """Kinds of identity document."""

    RESIDENT_ID = "resident_id", _("Resident identity card")
    PASSPORT = "passport", _("Passport")
    HK_MACAO_PERMIT = "hk_macao_permit", _("Mainland travel permit, Hong Kong and Macao")
    TAIWAN_PERMIT = "taiwan_permit", _("Mainland travel permit, Taiwan")
    BIRTH_CERTIFICATE = "birth_certificate", _("Birth certificate")


class PatientState(TextChoices):
    """Whether somebody has seen the patient's document."""

    UNVERIFIED = "unverified", _("Not verified")
    VERIFIED = "verified", _("Verified")


class Sex(TextChoices):
    """Administrative sex, as on the document."""

    FEMALE = "female", _("Female")
    MALE = "male", _("Male")
    UNKNOWN = "unknown", _("Not stated")


class Relation(TextChoices):
    """What the patient is to the member."""

    SELF = "self", _("Myself")
    CHILD = "child", _("Child")
    PARENT = "parent", _("Parent")
    SPOUSE = "spouse", _("Spouse")
    OTHER = "other", _("Other")


class ConsentState(TextChoices):
    """Who has said that a member may book for a patient."""

    DECLARED = "declared", _("Declared by the member")
    GIVEN = "given", _("Given by the patient or a guardian")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class CodePurpose(TextChoices):
    """What a code that was sent to a phone is good for."""

    SIGN_UP = "sign_up", _("Sign-up")
    SIGN_IN = "sign_in", _("Sign-in")
    RESET_PASSWORD = "reset_password", _("New password")
    OLD_PHONE = "old_phone", _("Change of number, old phone")
    NEW_PHONE = "new_phone", _("Change of number, new phone")


class FactorKind(TextChoices):
    """What somebody shows besides a password."""

    APP = "app", _("Authenticator app")
    PASSKEY = "passkey", _("Passkey")


class Theme(TextChoices):
    """How pages look."""

    SYSTEM = "", _("As the device")
    LIGHT = "light", _("Light")
    DARK = "dark", _("Dark")


class TextSize(TextChoices):
    """How large the text of pages is."""

    NORMAL = "", _("Normal")
    LARGE = "large", _("Large")
    LARGEST = "largest", _("Very large")


class TierChangeKind(TextChoices):
    """Why somebody came into another tier."""

    JOINED = "joined", _("Joined")
    PROMOTED = "promoted", _("Promoted")
    DEMOTED = "demoted", _("Points no longer reached")
    GRANTED = "granted", _("Granted by the clinic")
    GRANT_ENDED = "grant_ended", _("Grant ended")


class PointReason(TextChoices):
    """Why points came or went."""

    EARNED = "earned", _("Earned by a visit")
    SPENT = "spent", _("Spent on a visit")
    GIVEN_BACK = "given_back", _("Given back")
    TAKEN_BACK = "taken_back", _("Taken back after a refund")
    EXPIRED = "expired", _("Expired")
    ADJUSTED = "adjusted", _("Adjusted by the clinic")


class Channel(TextChoices):
    """By which way a member is told."""

    INBOX = "inbox", _("Inbox")
    SMS = "sms", _("SMS")
    EMAIL = "email", _("E-mail")


class DeliveryState(TextChoices):
    """What became of a message that leaves the house."""

    WAITING = "waiting", pgettext_lazy("message", "Waiting")
    SENT = "sent", pgettext_lazy("message", "Sent")
    FAILED = "failed", pgettext_lazy("message", "Failed")
    SKIPPED = "skipped", pgettext_lazy("message", "Not sent")


class ConsentPurpose(TextChoices):
    """What a member agrees to, each by itself."""

    TERMS = "terms", _("Terms of use")
    SENSITIVE_DATA = "sensitive_data", _("Identity and health data")
    NEWS = "news", _("News of the clinic")


class AppealState(TextChoices):
    """States of an appeal against a missed visit."""

    OPEN = "open", pgettext_lazy("appeal", "To be looked at")
    ACCEPTED = "accepted", pgettext_lazy("appeal", "Accepted")
    REFUSED = "refused", pgettext_lazy("appeal", "Refused")


class Role(TextChoices):
    """Staff groups, and what the log and tokens call them."""

    DESK = "desk", _("Front desk")
    DOCTOR = "doctor", _("Doctor")
    SCHEDULER = "scheduler", _("Scheduler")
    FINANCE = "finance", _("Finance")
    AUDITOR = "auditor", _("Auditor")
    ADMINISTRATOR = "administrator", _("Administrator")
