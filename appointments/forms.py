"""Which shape has what comes in through the member pages?"""

import uuid
from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from appointments.choices import CancelCause, HalfDay, WayToPay
from appointments.rules.waitlist import When
from appointments.selectors.catalogue import DoctorFilters
from billing.choices import Gateway
from billing.models import InsurancePolicy
from members.models import FamilyLink, Patient
from scheduling.choices import Title
from scheduling.models import Department

REASON_LENGTH = 200


class VerifyForm(forms.Form):
    """What stands on a receipt that somebody was shown."""

    number = forms.CharField(label=_("Number of the receipt"), max_length=40)
    code = forms.CharField(
        label=_("Code to check it"),
        max_length=60,
        help_text=_("20 letters and digits beside the square code."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "class": "is-code"}),
    )


class FindForm(forms.Form):
    """Filters of the doctor search; each may be empty."""

    q = forms.CharField(
        label=_("Doctor or department"),
        required=False,
        max_length=60,
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
    )
    department = forms.ChoiceField(label=_("Department"), required=False)
    day = forms.DateField(
        label=_("Day"),
        required=False,
        input_formats=["%Y-%m-%d"],
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )
    half = forms.ChoiceField(
        label=_("Time of day"),
        required=False,
        choices=[("", pgettext_lazy("time of day", "Any")), *HalfDay.choices],
    )
    title = forms.ChoiceField(
        label=_("Title"),
        required=False,
        choices=[("", pgettext_lazy("title", "Any")), *Title.choices],
    )

    def __init__(self, *args: Any, departments: Sequence[Department], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        listed = [(department.code, department.name) for department in departments]
        self.fields["department"].choices = [  # type: ignore[attr-defined]
            ("", pgettext_lazy("department", "Any")),
            *listed,
        ]

    @property
    def filters(self) -> DoctorFilters:
        """Return the filters that could be read; the others let everybody through."""
        return DoctorFilters(**{name: value for name, value in self.cleaned_data.items() if value})


class DayForm(forms.Form):
    """Which day, and which time, a doctor's page should show."""

    day = forms.DateField(required=False, input_formats=["%Y-%m-%d"])
    at = forms.DateTimeField(required=False)


class TimesForm(DayForm):
    """Whose times, and of which day, are shown to move a visit."""

    doctor = forms.SlugField(required=False)


class HoldForm(forms.Form):
    """One tapped time."""

    schedule_uid = forms.UUIDField()
    starts_at = forms.DateTimeField(required=False)
    idempotency_key = forms.UUIDField()

    def clean(self) -> dict[str, Any]:
        """Bind the key to the time: the same page's other time is another request."""
        data: dict[str, Any] = super().clean() or {}
        if key := data.get("idempotency_key"):
            said = f"{data.get('schedule_uid')} {data.get('starts_at')}"
            data["idempotency_key"] = str(uuid.uuid5(key, said))
        return data


class MoveForm(forms.Form):
    """One tapped time to which a visit might move."""

    schedule_uid = forms.UUIDField()
    starts_at = forms.DateTimeField()


class CancelForm(forms.Form):
    """Why a visit is given up, for who likes to say."""

    reason = forms.ChoiceField(
        label=_("Why do you cancel?"),
        help_text=_("It helps the clinic to plan. Nobody has to say."),
        choices=CancelCause.choices,
        required=False,
        widget=forms.RadioSelect,
    )


class DaysField(forms.DateField):
    """A day, as the browser's own calendar writes it."""

    def __init__(self, **options: Any) -> None:
        widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
        super().__init__(input_formats=["%Y-%m-%d"], widget=widget, **options)


class WhenForm(forms.Form):
    """On which days, and at which times of day, somebody could come."""

    first_day = DaysField(label=_("From"))
    last_day = DaysField(label=_("Until"))
    half_days = forms.MultipleChoiceField(
        label=_("Time of day"),
        choices=HalfDay.choices,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Choose all that are possible: the more, the sooner a place fits."),
    )

    def clean(self) -> dict[str, Any]:
        """Refuse days that end before they begin."""
        data: dict[str, Any] = super().clean() or {}
        first, last = data.get("first_day"), data.get("last_day")
        if first and last and last < first:
            self.add_error("last_day", _("This day lies before the first one."))
        return data

    @property
    def when(self) -> When:
        """Return what was said, as the waitlist takes it."""
        said = self.cleaned_data
        return When(
            said["first_day"], said["last_day"], [HalfDay(half) for half in said["half_days"]]
        )


class TargetForm(forms.Form):
    """What an address names to wait for: ids, or names as addresses write them."""

    schedule = forms.SlugField(required=False)
    doctor = forms.SlugField(required=False)
    department = forms.SlugField(required=False)

    @property
    def named(self) -> dict[str, str]:
        """Return what is named and can be read."""
        self.full_clean()
        return {name: value for name, value in self.cleaned_data.items() if value}


class JoinForm(WhenForm):
    """For whom, and when. What leaves no choice is not asked: a session has its day and hours."""

    patient = forms.ChoiceField(label=_("Who is the visit for?"), widget=forms.RadioSelect)
    field_order = ("patient", "first_day", "last_day", "half_days")

    def __init__(
        self, *args: Any, links: Sequence[FamilyLink], asks_when: bool, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.links = links
        self.fields["patient"].choices = [  # type: ignore[attr-defined]
            (str(link.patient.uid), link.called) for link in links
        ]
        if len(links) < 2:
            del self.fields["patient"]
        if not asks_when:
            for name in WhenForm.base_fields:
                del self.fields[name]

    @property
    def chosen(self) -> Patient:
        """Return who is to be seen."""
        by_uid = {str(link.patient.uid): link.patient for link in self.links}
        return by_uid[self.cleaned_data.get("patient") or next(iter(by_uid))]


class AnswerForm(forms.Form):
    """What a member says to an offered place."""

    answer = forms.ChoiceField(choices=[(each, each) for each in ("accept", "decline", "keep")])


class PayForm(forms.Form):
    """Through which gateway a member pays; a single one is not asked for."""

    gateway = forms.ChoiceField(label=_("How do you want to pay?"), widget=forms.RadioSelect)
    idempotency_key = forms.UUIDField()

    def __init__(self, *args: Any, ways: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["gateway"].choices = [  # type: ignore[attr-defined]
            (way, Gateway(way).label) for way in ways
        ]
        self.fields["gateway"].initial = next(iter(ways), None)


class InsuranceForm(forms.Form):
    """By which policy an insurer is to bear a part; not asked where there is none.

    `shown_insurance` says with which one the price was seen.
    """

    uninsured = pgettext_lazy("insurance", "None: I pay all")

    shown_insurance = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, policies: Sequence[InsurancePolicy] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.policies = {str(policy.uid): policy for policy in policies}
        if policies:
            self.fields["insurance"] = forms.ChoiceField(
                label=_("Insurance"),
                required=False,
                choices=[
                    *((uid, policy.shown) for uid, policy in self.policies.items()),
                    ("", self.uninsured),
                ],
                widget=forms.RadioSelect,
            )

    @property
    def policy(self) -> InsurancePolicy | None:
        """By which policy an insurer is to bear a part."""
        return self.policies.get(self.cleaned_data.get("insurance") or "")

    @property
    def insurance_changed(self) -> str:
        """Say that the price was seen with another insurance; "" where it was not."""
        if (self.policy and self.policy.uid) != self.cleaned_data.get("shown_insurance"):
            return str(_("With this insurance the price is another one. Please look again."))
        return ""


class ConfirmForm(InsuranceForm):
    """For whom, why, with how many points and which insurance. What leaves no choice is not asked.

    `shown_points` says with how many the member has seen the price.
    """

    patient = forms.ChoiceField(label=_("Who is the visit for?"), widget=forms.RadioSelect)
    reason = forms.CharField(
        label=_("Reason for the visit"),
        help_text=_("The doctor sees it before the visit. At most 200 characters."),
        required=False,
        max_length=REASON_LENGTH,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    pay = forms.ChoiceField(label=_("How do you want to pay?"), widget=forms.RadioSelect)
    shown_points = forms.IntegerField(required=False, widget=forms.HiddenInput)
    shown_free = forms.BooleanField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        *args: Any,
        links: Sequence[FamilyLink],
        ways: Sequence[WayToPay],
        most_points: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.most_points = most_points
        self.ways = ways
        if len(ways) > 1:
            self.fields["pay"].choices = [(way, way.label) for way in ways]  # type: ignore[attr-defined]
            self.fields["pay"].initial = ways[0]
        else:
            del self.fields["pay"]
        if most_points:
            self.fields["points"] = forms.IntegerField(
                label=_("Points to use"),
                help_text=_("Up to %(most)s points can be used for this visit.")
                % {"most": most_points},
                required=False,
                min_value=0,
                max_value=most_points,
            )
        self.links = links
        self.patients = {str(link.patient.uid): link.patient for link in links}
        if len(self.patients) > 1:
            self.fields["patient"].choices = [  # type: ignore[attr-defined]
                (str(link.patient.uid), link.called) for link in links
            ]
        else:
            del self.fields["patient"]

    @property
    def way_to_pay(self) -> WayToPay:
        """Return how it is to be paid: at the clinic where there is no other way."""
        ways = self.ways or [WayToPay.DESK]
        return WayToPay(self.cleaned_data.get("pay") or ways[0])

    @property
    def used_points(self) -> int:
        """How many points are to be used."""
        return self.cleaned_data.get("points") or 0

    def changed_since(self, *, is_free_return: bool) -> str:
        """Say what is not as it was when the member saw the price; "" where all is."""
        if is_free_return != self.cleaned_data["shown_free"]:
            return str(_("For this patient the price is another one. Please look again."))
        if self.used_points != (self.cleaned_data.get("shown_points") or 0):
            return str(_("With these points the price is another one. Please look again."))
        return self.insurance_changed

    def clean_patient(self) -> Patient:
        """Return the chosen patient."""
        return self.patients[self.cleaned_data["patient"]]
