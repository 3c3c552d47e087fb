from django.db import migrations
from django.db.models import Exists, OuterRef


def note_consent(apps, schema_editor):
    """Who first said of a record "that is me" speaks for it."""
    FamilyLink = apps.get_model("members", "FamilyLink")
    links = FamilyLink.objects.using(schema_editor.connection.alias).filter(relation="self")
    earlier = links.filter(patient=OuterRef("patient"), id__lt=OuterRef("id"))
    links.filter(~Exists(earlier), consent="declared").update(consent="given")


class Migration(migrations.Migration):
    dependencies = [("members", "0006_families_and_appeals")]

    operations = [migrations.RunPython(note_consent, migrations.RunPython.noop)]
