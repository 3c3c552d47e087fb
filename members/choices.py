"""Which words do members' states and kinds use?"""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class IdentityKind(TextChoices):
    """Kinds of identity document."""

    RESIDENT_ID = "resident_id", _("Resident identity card")


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


class Role(TextChoices):
    """Staff groups, and what the log and tokens call them."""

    DESK = "desk", _("Front desk")
    DOCTOR = "doctor", _("Doctor")
    SCHEDULER = "scheduler", _("Scheduler")
    FINANCE = "finance", _("Finance")
    AUDITOR = "auditor", _("Auditor")
    ADMINISTRATOR = "administrator", _("Administrator")
