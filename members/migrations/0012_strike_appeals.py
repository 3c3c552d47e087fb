import uuid

import django.db.models.deletion
from django.db import migrations, models

import medbook.encryption.fields
from medbook.encryption.immutable_uid import immutable_uid


class Migration(migrations.Migration):
    dependencies = [
        ("members", "0011_instants_may_be_blank"),
    ]

    operations = [
        migrations.AddField(
            model_name="strike",
            name="booked_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="strikes",
                to="members.member",
                verbose_name="booked by",
            ),
        ),
        migrations.CreateModel(
            name="StrikeAppeal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                (
                    "note",
                    medbook.encryption.fields.SealedTextField(
                        label="strike_appeal.note", null=True
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "To be looked at"),
                            ("accepted", "Accepted"),
                            ("refused", "Refused"),
                        ],
                        default="open",
                        max_length=8,
                        verbose_name="state",
                    ),
                ),
                (
                    "answer",
                    medbook.encryption.fields.SealedTextField(
                        label="strike_appeal.answer", null=True
                    ),
                ),
                ("created_at", models.DateTimeField(verbose_name="received at")),
                ("decided_at", models.DateTimeField(null=True, verbose_name="decided at")),
                (
                    "member",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="strike_appeals",
                        to="members.member",
                        verbose_name="member",
                    ),
                ),
                (
                    "strike",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="appeal",
                        to="members.strike",
                        verbose_name="missed visit",
                    ),
                ),
            ],
            options={
                "verbose_name": "appeal against a missed visit",
                "verbose_name_plural": "appeals against missed visits",
                "default_permissions": ("view",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["open", "accepted", "refused"])),
                        name="appeal_state_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state", "open"), ("decided_at__isnull", False), _connector="XOR"
                        ),
                        name="a_decided_appeal_says_when",
                    ),
                ],
            },
        ),
        immutable_uid("members_strikeappeal"),
    ]
