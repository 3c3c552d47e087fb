"""Does everything point the way it should, also where the import linter cannot look?"""

import pytest
from celery import current_app
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.db import connection
from django.test import RequestFactory
from django.utils.module_loading import import_string

from medbook.encryption import SealedField
from tests.factories import UserFactory

LEVELS = {"members": 1, "scheduling": 2, "billing": 2, "appointments": 3, "reports": 4}
RULED = {
    "appointments.Appointment",
    "scheduling.Slot",
    "scheduling.ReleaseRun",
    "billing.Invoice",
    "billing.Payment",
    "approvals.Approval",
    "members.PointEntry",
    "members.Suspension",
    "audit.OperationLog",
    "outbox.OutboxMessage",
}


def points_down(model, target):
    """Tell whether a model may know a target: in its own app, or in one below."""
    source, other = (m._meta.app_label for m in (model, target))
    return source == other or LEVELS.get(other, 0) < LEVELS.get(source, 0)


def own_models():
    return [m for m in apps.get_models() if m.__module__.split(".")[0] in {*LEVELS, "medbook"}]


@pytest.mark.parametrize("model", own_models(), ids=lambda model: model._meta.label)
def test_foreign_keys_point_down(model):
    for field in model._meta.get_fields():
        if field.is_relation and field.concrete and field.related_model:
            assert points_down(model, field.related_model), field


@pytest.mark.parametrize(
    ("source", "target", "is_allowed"),
    [
        ("appointments.Appointment", "scheduling.Slot", True),
        ("scheduling.Slot", "appointments.Appointment", False),
        ("scheduling.Slot", "billing.Invoice", False),
        ("scheduling.Slot", "scheduling.Schedule", True),
        ("audit.OperationLog", "members.User", False),
    ],
)
def test_a_foreign_key_upwards_would_be_seen(source, target, is_allowed):
    assert points_down(apps.get_model(source), apps.get_model(target)) is is_allowed


@pytest.mark.parametrize("entry", settings.CELERY_BEAT_SCHEDULE.values(), ids=lambda e: e["task"])
def test_every_beat_entry_names_a_task(entry):
    current_app.loader.import_default_modules()

    assert entry["task"] in current_app.tasks


@pytest.mark.parametrize(
    "dotted",
    [
        *settings.READINESS_CHECKS,
        *settings.ERASURE_BLOCKED_BY,
        *settings.STAFF_ERRANDS,
        *settings.APPROVAL_KINDS.values(),
        *settings.EXPORT_FILES.values(),
        *(
            said["export"]
            for said in settings.PERSONAL_DATA.values()
            if "." in said.get("export", "")
        ),
        *(handler for handlers in settings.OUTBOX_HANDLERS.values() for handler in handlers),
    ],
)
def test_every_name_in_the_settings_leads_somewhere(dotted):
    assert callable(import_string(dotted))


@pytest.mark.parametrize("label", sorted(RULED))
def test_what_services_rule_is_read_only_in_the_admin(label, db):
    model_admin = admin.site._registry[apps.get_model(label)]
    request = RequestFactory().get("/")
    request.user = UserFactory(is_staff=True, is_superuser=True)

    assert not model_admin.has_add_permission(request)
    assert not model_admin.has_change_permission(request)
    assert not model_admin.has_delete_permission(request)


def test_what_is_sealed_is_bound_to_a_uid_that_cannot_change(db):
    for model in own_models():
        if any(isinstance(f, SealedField) for f in model._meta.fields):
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT count(*) FROM pg_trigger WHERE tgrelid = %s::regclass "
                    "AND tgname = 'uid_is_immutable'",
                    [model._meta.db_table],
                )
                assert cursor.fetchone() == (1,), model


def test_every_table_of_ours_has_a_uid_or_is_internal():
    internal = {
        "GatewayNotice",
        "IdempotencyKey",
        "InvoiceLine",
        "OutboxMessage",
        "Posting",
        "ReceiptCounter",
        "SandboxConsole",
        "StatementLine",
    }
    for model in own_models():
        names = {field.name for field in model._meta.fields}
        is_managed = model._meta.managed and not model._meta.proxy
        if is_managed and model.__name__ not in internal and "uid" not in names:
            assert model._meta.app_label == "encryption", model
