from decimal import Decimal

import django.core.validators
from django.db import migrations, models

# On the way back every pattern needs a fee of its own; where no price tells it, that fails.
FILL = """
UPDATE scheduling_rostertemplate AS template SET fee = (
  SELECT price.fee FROM scheduling_price AS price
    JOIN scheduling_doctor AS doctor ON doctor.id = template.doctor_id
    JOIN scheduling_department AS department ON department.id = doctor.department_id
   WHERE price.clinic_id = department.clinic_id AND price.title = doctor.title
     AND price.visit_type_id = template.visit_type_id
   ORDER BY price.valid_from DESC LIMIT 1)
 WHERE template.fee IS NULL;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("scheduling", "0010_price_list"),
    ]

    operations = [
        migrations.AlterField(
            model_name="rostertemplate",
            name="fee",
            field=models.DecimalField(
                blank=True,
                decimal_places=2,
                help_text="Empty: from the price list.",
                max_digits=12,
                null=True,
                validators=[django.core.validators.MinValueValidator(Decimal("0"))],
                verbose_name="fee",
            ),
        ),
        migrations.RunSQL(migrations.RunSQL.noop, FILL),
    ]
