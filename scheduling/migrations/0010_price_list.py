import uuid
from decimal import Decimal

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

from medbook.encryption.immutable_uid import immutable_uid

# What today is, the clinic says, by the database's clock: a second opinion beside the service's.
FORWARD = """
CREATE FUNCTION refuse_change_of_past_price() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  today date := (SELECT (now() AT TIME ZONE time_zone)::date
                   FROM scheduling_clinic WHERE id = OLD.clinic_id);
BEGIN
  IF OLD.valid_from < today OR (TG_OP = 'UPDATE' AND NEW.valid_from < today) THEN
    RAISE EXCEPTION 'price % is of the past', OLD.id
      USING ERRCODE = 'restrict_violation', CONSTRAINT = 'past_prices_stay';
  END IF;
  RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER past_prices_stay BEFORE UPDATE OR DELETE ON scheduling_price
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_past_price();
"""
REVERSE = """
DROP TRIGGER past_prices_stay ON scheduling_price;
DROP FUNCTION refuse_change_of_past_price();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("scheduling", "0009_keys_share_their_indexes"),
    ]

    operations = [
        migrations.CreateModel(
            name="Price",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                (
                    "title",
                    models.CharField(
                        choices=[
                            ("chief", "Chief physician"),
                            ("associate_chief", "Associate chief physician"),
                            ("attending", "Attending physician"),
                            ("resident", "Resident physician"),
                        ],
                        max_length=20,
                        verbose_name="title",
                    ),
                ),
                (
                    "fee",
                    models.DecimalField(
                        decimal_places=2,
                        max_digits=12,
                        validators=[django.core.validators.MinValueValidator(Decimal("0"))],
                        verbose_name="fee",
                    ),
                ),
                (
                    "valid_from",
                    models.DateField(
                        help_text="By the clinic's calendar, from the start of that day until the next price of the same clinic, visit type and title. Today or later.",
                        verbose_name="valid from",
                    ),
                ),
                (
                    "clinic",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="prices",
                        to="scheduling.clinic",
                        verbose_name="clinic",
                    ),
                ),
                (
                    "visit_type",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="prices",
                        to="scheduling.visittype",
                        verbose_name="visit type",
                    ),
                ),
            ],
            options={
                "verbose_name": "listed price",
                "verbose_name_plural": "price list",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("clinic", "visit_type", "title", "valid_from"),
                        name="one_price_from_a_day_on",
                        violation_error_message="There is a price from this day on already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("fee__gte", 0)), name="price_is_not_negative"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("title__in", ["chief", "associate_chief", "attending", "resident"])
                        ),
                        name="price_title_is_known",
                    ),
                ],
            },
        ),
        migrations.RunSQL(FORWARD, REVERSE),
        immutable_uid("scheduling_price"),
    ]
