import django.db.models.deletion
from django.db import migrations, models

import medbook.encryption.fields
from medbook.encryption.immutable_uid import immutable_uid


class Migration(migrations.Migration):
    dependencies = [
        ("members", "0005_points_are_append_only"),
    ]

    operations = [
        migrations.AddField(
            model_name="familylink",
            name="birth_date",
            field=medbook.encryption.fields.SealedDateField(
                label="family_link.birth_date", null=True
            ),
        ),
        migrations.AddField(
            model_name="familylink",
            name="identity_kind",
            field=models.CharField(
                blank=True,
                choices=[
                    ("resident_id", "Resident identity card"),
                    ("passport", "Passport"),
                    ("hk_macao_permit", "Mainland travel permit, Hong Kong and Macao"),
                    ("taiwan_permit", "Mainland travel permit, Taiwan"),
                    ("birth_certificate", "Birth certificate"),
                ],
                max_length=20,
                verbose_name="document",
            ),
        ),
        migrations.AddField(
            model_name="familylink",
            name="identity_number",
            field=medbook.encryption.fields.SealedTextField(
                label="family_link.identity_number", null=True
            ),
        ),
        migrations.AddField(
            model_name="patient",
            name="joined_to",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="joined",
                to="members.patient",
                verbose_name="joined to",
            ),
        ),
        migrations.AddField(
            model_name="suspension",
            name="appeal",
            field=medbook.encryption.fields.SealedTextField(label="suspension.appeal", null=True),
        ),
        migrations.AddField(
            model_name="suspension",
            name="appealed_at",
            field=models.DateTimeField(null=True, verbose_name="appealed at"),
        ),
        migrations.AddField(
            model_name="suspension",
            name="caused_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="members.strike",
                verbose_name="caused by",
            ),
        ),
        immutable_uid("members_suspension"),
    ]
