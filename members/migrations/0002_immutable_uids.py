from django.db import migrations

from medbook.encryption.immutable_uid import immutable_uid


class Migration(migrations.Migration):
    dependencies = [("members", "0001_initial")]

    operations = [immutable_uid("members_member"), immutable_uid("members_patient")]
