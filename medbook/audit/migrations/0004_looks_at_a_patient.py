import django.contrib.postgres.indexes
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0003_acts_by_name"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="operationlog",
            index=models.Index(
                condition=models.Q(("patient_uid__isnull", False)),
                fields=["patient_uid"],
                name="operation_log_patient",
            ),
        ),
        migrations.AddIndex(
            model_name="operationlog",
            index=django.contrib.postgres.indexes.GinIndex(
                condition=models.Q(("action", "people.searched")),
                fields=["facts"],
                name="operation_log_searches",
                opclasses=["jsonb_path_ops"],
            ),
        ),
    ]
