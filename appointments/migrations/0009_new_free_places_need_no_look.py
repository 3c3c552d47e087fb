from django.db import migrations

# A place that is written as free has no appointment and no offer yet: those that come later are
# looked at when they come. A night writes half a million such places.
FORWARD = """
DROP TRIGGER slot_is_taken_by_its_live_appointment ON scheduling_slot;
CREATE CONSTRAINT TRIGGER slot_is_taken_by_its_live_appointment
  AFTER UPDATE OF state ON scheduling_slot
  DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION require_slot_and_appointments_agree();
CREATE CONSTRAINT TRIGGER new_slot_is_taken_by_its_live_appointment
  AFTER INSERT ON scheduling_slot
  DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (NEW.state <> 'free')
  EXECUTE FUNCTION require_slot_and_appointments_agree();
"""
REVERSE = """
DROP TRIGGER new_slot_is_taken_by_its_live_appointment ON scheduling_slot;
DROP TRIGGER slot_is_taken_by_its_live_appointment ON scheduling_slot;
CREATE CONSTRAINT TRIGGER slot_is_taken_by_its_live_appointment
  AFTER INSERT OR UPDATE OF state ON scheduling_slot
  DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION require_slot_and_appointments_agree();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("appointments", "0008_staff_offers_places"),
        ("scheduling", "0005_calendar"),
    ]

    operations = [migrations.RunSQL(FORWARD, REVERSE)]
