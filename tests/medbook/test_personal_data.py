import pytest
from django.apps import apps
from django.db import models

from medbook.personal_data import Erasure, check_personal_data, end_of, registry
from members.models import Consent, Member, Patient, User


def problems():
    return [problem.msg for problem in check_personal_data()]


@pytest.fixture
def registered(settings):
    """Change the registry for one test."""
    settings.PERSONAL_DATA = {label: dict(said) for label, said in settings.PERSONAL_DATA.items()}
    return settings.PERSONAL_DATA


def test_every_table_that_knows_a_person_says_what_becomes_of_its_rows():
    assert problems() == []


@pytest.mark.parametrize("target", ["members.Member", "members.Patient", "members.User"])
@pytest.mark.parametrize("kind", [models.ForeignKey, models.OneToOneField])
def test_a_new_key_to_a_person_without_an_entry_is_refused(target, kind):
    class Secret(models.Model):  # noqa: DJ008
        about = kind(target, models.PROTECT, related_name="+")

        class Meta:
            app_label = "members"

    try:
        assert problems() == [
            "members.Secret points at a person and has no entry in PERSONAL_DATA."
        ]
    finally:
        del apps.all_models["members"]["secret"]
        apps.clear_cache()


def test_a_table_between_is_found_as_well():
    class Club(models.Model):  # noqa: DJ008
        members = models.ManyToManyField("members.Member", related_name="+")

        class Meta:
            app_label = "members"

    try:
        assert problems() == [
            "members.Club_members points at a person and has no entry in PERSONAL_DATA."
        ]
    finally:
        del apps.all_models["members"]["club"]
        del apps.all_models["members"]["club_members"]
        apps.clear_cache()


@pytest.mark.parametrize("label", ["members.consent", "members.user", "billing.invoice"])
def test_a_missing_entry_is_refused(registered, label):
    del registered[label]

    assert len(problems()) == 1


@pytest.mark.parametrize(
    ("label", "said", "problem"),
    [
        ("members.gone", {"erasure": "keep"}, "there is no such model"),
        ("members.consent", {"of": "member", "erasure": "burn"}, "erasure is none of"),
        ("members.consent", {"of": "owner", "erasure": "keep"}, "there is no path 'owner'"),
        ("members.consent", {"of": "version", "erasure": "keep"}, "there is no path 'version'"),
        ("billing.invoiceline", {"of": "invoice", "erasure": "keep"}, "leads to nobody"),
        ("members.notification", {"of": "member", "erasure": "blank"}, "cannot be blanked"),
    ],
)
def test_an_entry_that_cannot_be_kept_is_refused(registered, label, said, problem):
    registered[label] = said

    (found,) = problems()

    assert problem in found


def test_an_entry_of_an_app_that_is_not_installed_waits_for_it(registered):
    registered["elsewhere.thing"] = {"of": "member", "erasure": "keep"}

    assert problems() == []
    assert "elsewhere.thing" not in {entry.model._meta.label_lower for entry in registry()}


def test_paths_end_at_people():
    assert end_of(Consent, "member") is Member
    assert end_of(Member, "pk") is Member
    assert end_of(apps.get_model("appointments.Appointment"), "patient") is Patient
    assert end_of(User, "member") is Member


def test_notifications_go_after_the_deliveries_that_point_at_them():
    gone = [
        entry.model._meta.label_lower for entry in registry() if entry.erasure == Erasure.DELETE
    ]

    assert gone.index("members.delivery") < gone.index("members.notification")
