from django.db import migrations, models

from medbook.audit.choices import acts


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_append_only")]

    operations = [
        migrations.AlterField(
            model_name="operationlog",
            name="action",
            field=models.CharField(choices=acts, max_length=40, verbose_name="action"),
        ),
    ]
