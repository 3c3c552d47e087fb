import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import medbook.clock
import medbook.encryption.fields
from medbook.encryption.immutable_uid import immutable_uid


class Migration(migrations.Migration):
    dependencies = [
        ("members", "0008_change_phone_permission"),
        ("sessions", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="BrowserSession",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("browser", models.CharField(blank=True, max_length=40, verbose_name="browser")),
                ("system", models.CharField(blank=True, max_length=40, verbose_name="system")),
                ("network", models.CharField(max_length=60, verbose_name="network")),
                ("signed_in_at", models.DateTimeField(verbose_name="signed in at")),
                ("last_seen_at", models.DateTimeField(verbose_name="last seen at")),
                (
                    "session",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="sessions.session",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="browser_sessions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "browser session",
                "verbose_name_plural": "browser sessions",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="FactorTries",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("failures", models.PositiveIntegerField(default=0, verbose_name="failures")),
                ("last_failed_at", models.DateTimeField(verbose_name="last failed at")),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="factor_tries",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "tries at a second factor",
                "verbose_name_plural": "tries at a second factor",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="RecoveryCode",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("digest", models.BinaryField(max_length=32)),
                ("used_at", models.DateTimeField(null=True, verbose_name="used at")),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="recovery_codes",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "recovery code",
                "verbose_name_plural": "recovery codes",
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("user", "digest"), name="one_recovery_code_of_a_kind"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SecondFactor",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[("app", "Authenticator app"), ("passkey", "Passkey")],
                        max_length=8,
                        verbose_name="kind",
                    ),
                ),
                ("name", models.CharField(blank=True, max_length=40, verbose_name="name")),
                (
                    "secret",
                    medbook.encryption.fields.SealedTextField(
                        label="second_factor.secret", null=True
                    ),
                ),
                ("last_step", models.BigIntegerField(null=True, verbose_name="last time step")),
                ("credential_id", models.BinaryField(max_length=1023, null=True)),
                ("credential", models.BinaryField(max_length=4096, null=True)),
                (
                    "sign_count",
                    models.BigIntegerField(default=0, verbose_name="uses counted by the device"),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        default=medbook.clock.now, editable=False, verbose_name="created at"
                    ),
                ),
                ("last_used_at", models.DateTimeField(null=True, verbose_name="last used at")),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="second_factors",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "second factor",
                "verbose_name_plural": "second factors",
                "permissions": [("take_away_second_factor", "Can take away a second factor")],
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("kind", "app")),
                        fields=("user",),
                        name="one_app_per_account",
                    ),
                    models.UniqueConstraint(
                        fields=("credential_id",), name="a_passkey_opens_one_account"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("credential__isnull", True),
                                ("kind", "app"),
                                ("secret__isnull", False),
                            ),
                            models.Q(
                                ("credential__isnull", False),
                                ("credential_id__isnull", False),
                                ("kind", "passkey"),
                                ("secret__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="a_factor_has_what_its_kind_needs",
                    ),
                ],
            },
        ),
        immutable_uid("members_secondfactor"),
    ]
