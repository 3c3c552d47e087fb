import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("scheduling", "0011_templates_follow_the_price_list"),
    ]

    operations = [
        migrations.AddField(
            model_name="department",
            name="free_return_days",
            field=models.PositiveSmallIntegerField(
                default=0,
                help_text="A patient who saw a doctor of this department is not charged again within these days; 0: never.",
                validators=[django.core.validators.MaxValueValidator(90)],
                verbose_name="free return visit within, days",
            ),
        ),
    ]
