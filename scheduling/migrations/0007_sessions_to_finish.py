from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    atomic = False  # an index is built beside the work that goes on

    dependencies = [
        ("scheduling", "0006_leave_versions"),
    ]

    operations = [
        AddIndexConcurrently(
            "schedule",
            models.Index(
                fields=["ends_at"], condition=Q(state="published"), name="schedule_to_finish"
            ),
        ),
    ]
