"""What does staff write to change tiers, what they allow, and who has them?"""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from medbook import clock
from medbook.admin_actions import ReasonForm
from members.models import Privilege, Tier
from members.rules.privileges import PRIVILEGES, PrivilegeKind
from members.rules.tiers import LONGEST_GRANT, Threshold, is_increasing

MOST_POINTS = 10_000_000
FARTHEST = timedelta(days=2 * 365)
LATENESS = timedelta(minutes=15)  # a form filled in from "now" on may take so long
YES_OR_NO = [("true", _("Yes")), ("false", _("No"))]


class DayField(forms.DateField):
    """A day, asked for by the browser's own calendar."""

    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class GrantForm(ReasonForm):
    """Ask which tier, until when, and why."""

    tier = forms.ModelChoiceField(label=_("Tier"), queryset=Tier.objects.order_by("rank"))
    until = DayField(
        label=_("Until the end of"),
        help_text=_("At most two years from now. Then it ends by itself."),
    )

    field_order = ("tier", "until", "reason")

    def clean_until(self) -> datetime:
        """Turn the day into the instant at which it is over."""
        day, now = self.cleaned_data["until"], clock.now()
        today = timezone.localtime(now).date()
        if not today <= day < (now + LONGEST_GRANT).date():
            raise ValidationError(_("Please choose a day within the next two years."))
        return _start_of(day + timedelta(days=1))


class PreviewedForm(forms.Form):
    """A form whose answers are saved only as they were previewed."""

    previewed = forms.CharField(required=False, widget=forms.HiddenInput)

    def was_previewed(self) -> bool:
        """Tell whether exactly these answers were on the screen before."""
        return bool(self.cleaned_data["previewed"] == self.answers())

    def answers(self) -> str:
        """Return all answers as one text."""
        names = [name for name in self.fields if name != "previewed"]
        return "|".join(str(self.data.get(self.add_prefix(name), "")) for name in names)


class PrivilegeForm(PreviewedForm):
    """Ask for one value of one tier, and from when on it holds."""

    tier = forms.ModelChoiceField(label=_("Tier"), queryset=Tier.objects.order_by("rank"))
    key = forms.ChoiceField(
        label=_("Privilege"),
        choices=[(kind.key, kind.label) for kind in PRIVILEGES.values()],
        widget=forms.HiddenInput,
    )
    value = forms.CharField(label=_("New value"), max_length=40)
    from_day = DayField(
        label=_("From"), required=False, help_text=_("Empty: at once. A day begins at midnight.")
    )

    def __init__(self, *args: Any, now: datetime, **options: Any) -> None:
        super().__init__(*args, **options)
        self.now = now
        self.kind = PRIVILEGES.get(self._asked_key())
        if self.kind is not None:
            self.fields["value"].widget = _widget(self.kind)
            self.fields["value"].help_text = str(self.kind.asked)

    def clean_from_day(self) -> datetime:
        """Turn the day into its first instant; today and no day mean at once."""
        day: date | None = self.cleaned_data["from_day"]
        today = timezone.localtime(self.now).date()
        if day is not None and day < today:
            raise ValidationError(_("The past stays as it was. Please choose today or later."))
        if day is not None and day > today + FARTHEST:
            raise ValidationError(_("Please choose a day within the next two years."))
        return self.now if day is None or day == today else _start_of(day)

    def clean(self) -> dict[str, Any]:
        """Read the value as its kind is read, and spell it the one way."""
        cleaned = super().clean() or {}
        kind = PRIVILEGES.get(cleaned.get("key", ""))
        if kind is not None and "value" in cleaned:
            try:
                cleaned["value"] = kind.written(cleaned["value"])
            except ValueError:
                self.add_error("value", format_lazy(_("Please write {asked}."), asked=kind.asked))
        return cleaned

    def wanted(self) -> dict[str, Any]:
        """Return what was asked for, as the service takes it."""
        said = self.cleaned_data
        return {
            "tier": said["tier"],
            "key": said["key"],
            "value": said["value"],
            "valid_from": said["from_day"],
        }

    def _asked_key(self) -> str:
        if self.is_bound:
            return str(self.data.get(self.add_prefix("key"), ""))
        return str(self.get_initial_for_field(self.fields["key"], "key") or "")


class WithdrawForm(forms.Form):
    """Say which planned value is meant."""

    uid = forms.UUIDField()


class ThresholdsForm(PreviewedForm):
    """Ask from how many points on each tier is deserved."""

    def __init__(self, *args: Any, tiers: list[Tier], **options: Any) -> None:
        super().__init__(*args, **options)
        self.tiers = tiers
        for tier in tiers[1:]:
            self.fields[tier.code] = forms.IntegerField(
                label=tier.name, min_value=1, max_value=MOST_POINTS, initial=tier.points_from
            )

    def clean(self) -> dict[str, Any]:
        """Refuse a ladder that does not go up."""
        cleaned = super().clean() or {}
        if not self.errors and not is_increasing(self.steps()):
            raise ValidationError(_("Each tier needs more points than the one before it."))
        return cleaned

    def steps(self) -> list[Threshold]:
        """Return the ladder that was asked for."""
        return [Threshold(tier.pk, points) for tier, points in self._pairs()]

    def points_from(self) -> Mapping[int, int]:
        """Return the points that were asked for, by tier id."""
        return {tier.pk: points for tier, points in self._pairs()}

    def _pairs(self) -> list[tuple[Tier, int]]:
        first, *others = self.tiers
        return [(first, 0), *((tier, self.cleaned_data[tier.code]) for tier in others)]


class PrivilegeRowForm(forms.ModelForm):
    """A planned value in the list of all values, where an instant may be chosen."""

    class Meta:
        model = Privilege
        fields = ("tier", "key", "value", "valid_from")
        help_texts = {
            "value": _("The page Tiers and benefits says what may be written, and previews it."),
            "valid_from": _("What holds already stays as it is; a new row follows it."),
        }

    def clean_valid_from(self) -> datetime:
        """Refuse to rewrite the past."""
        chosen: datetime = self.cleaned_data["valid_from"]
        if chosen < clock.now() - LATENESS:
            raise ValidationError(_("The past stays as it was. Please choose today or later."))
        return chosen


class TierRowForm(forms.ModelForm):
    """A tier's own row."""

    class Meta:
        model = Tier
        fields = ("code", "name_en", "name_zh", "rank", "points_from")

    def clean(self) -> dict[str, Any]:
        """Refuse a ladder that does not go up."""
        cleaned = super().clean() or {}
        rank, points = cleaned.get("rank"), cleaned.get("points_from")
        if rank is None or points is None:
            return cleaned
        others = Tier.objects.exclude(pk=self.instance.pk).values_list("rank", "pk", "points_from")
        rows = sorted([*others, (rank, self.instance.pk or 0, points)])
        if not is_increasing([Threshold(pk, points_from) for _rank, pk, points_from in rows]):
            self.add_error("points_from", _("Each tier needs more points than the one before it."))
        return cleaned


def _start_of(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def _widget(kind: PrivilegeKind) -> forms.Widget:
    if kind.type == "yes_or_no":
        return forms.Select(choices=YES_OR_NO)
    step = "0.0001" if kind.type in ("rate", "share") else "1"
    bounds = {"min": f"{kind.at_least:f}", "max": f"{kind.at_most:f}", "step": step}
    return forms.NumberInput(attrs=bounds)
