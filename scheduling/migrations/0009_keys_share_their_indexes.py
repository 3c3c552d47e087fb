import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("scheduling", "0008_new_places_look_up_their_schedules"),
    ]

    operations = [
        migrations.AlterField(
            model_name="schedule",
            name="department",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="schedules",
                to="scheduling.department",
                verbose_name="department",
            ),
        ),
        migrations.AlterField(
            model_name="schedule",
            name="doctor",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="schedules",
                to="scheduling.doctor",
                verbose_name="doctor",
            ),
        ),
        migrations.AlterField(
            model_name="schedule",
            name="template",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="schedules",
                to="scheduling.rostertemplate",
                verbose_name="roster template",
            ),
        ),
        migrations.AlterField(
            model_name="slot",
            name="schedule",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="slots",
                to="scheduling.schedule",
                verbose_name="schedule",
            ),
        ),
    ]
