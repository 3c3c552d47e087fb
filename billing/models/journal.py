"""Which tables say where the money is?"""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from billing.choices import Account, EntryKind


class JournalEntry(models.Model):
    """One movement of money, in postings that sum to zero. Never changed: another one reverses it.

    `reference` names the cause; the same kind and reference are written once.
    """

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(_("what"), max_length=16, choices=EntryKind)
    reference = models.CharField(_("reference"), max_length=120)
    subject = models.CharField(_("subject"), max_length=60, blank=True)
    currency = models.CharField(_("currency"), max_length=3)
    at = models.DateTimeField(_("at"))
    recorded_at = models.DateTimeField(_("recorded at"))
    note = models.CharField(_("reason"), max_length=200, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("by"),
    )

    class Meta:
        verbose_name = _("journal entry")
        verbose_name_plural = _("journal")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "reference"], name="one_journal_entry_per_cause"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=EntryKind.values), name="journal_entry_kind_is_known"
            ),
        ]
        indexes = [
            models.Index(fields=["at"], name="journal_entry_at"),
            models.Index(fields=["subject"], name="journal_entry_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.reference}"


class Posting(models.Model):
    """One side of a journal entry: what an account gains (debit, positive) or gives (credit)."""

    entry = models.ForeignKey(
        JournalEntry, models.PROTECT, related_name="postings", verbose_name=_("journal entry")
    )
    account = models.CharField(pgettext_lazy("money", "account"), max_length=16, choices=Account)
    amount = models.DecimalField(_("amount"), max_digits=12, decimal_places=2)

    class Meta:
        verbose_name = _("posting")
        verbose_name_plural = _("postings")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["entry", "account"], name="one_posting_per_entry_and_account"
            ),
            models.CheckConstraint(condition=~Q(amount=0), name="a_posting_moves_money"),
            models.CheckConstraint(
                condition=Q(account__in=Account.values), name="posting_account_is_known"
            ),
        ]
        indexes = [models.Index(fields=["account"], name="posting_account")]

    def __str__(self) -> str:
        return f"{self.get_account_display()} {self.amount}"
