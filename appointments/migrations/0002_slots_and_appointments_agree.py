from django.db import migrations

from medbook.encryption.immutable_uid import immutable_uid

FORWARD = """
CREATE FUNCTION require_slot_and_appointments_agree() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  slot scheduling_slot%ROWTYPE;
  live boolean;
  slot_ids bigint[];
BEGIN
  IF TG_TABLE_NAME = 'scheduling_slot' THEN
    slot_ids := ARRAY[NEW.id];
  ELSIF TG_OP = 'UPDATE' THEN
    slot_ids := ARRAY[NEW.slot_id, OLD.slot_id];
  ELSE
    slot_ids := ARRAY[NEW.slot_id];
  END IF;
  FOR slot IN SELECT * FROM scheduling_slot WHERE id = ANY(slot_ids) LOOP
    live := EXISTS (
      SELECT 1 FROM appointments_appointment
      WHERE slot_id = slot.id AND state IN ('held', 'booked', 'arrived', 'in_consultation'));
    IF live <> (slot.state = 'taken') THEN
      RAISE EXCEPTION 'slot % is % but %', slot.id, slot.state,
        CASE WHEN live THEN 'has a live appointment' ELSE 'has no live appointment' END
        USING ERRCODE = 'integrity_constraint_violation',
              CONSTRAINT = 'slot_is_taken_by_its_live_appointment';
    END IF;
  END LOOP;
  RETURN NULL;
END $$;

-- Deferred: inside a transaction slot and appointment are written one after the other.
CREATE CONSTRAINT TRIGGER slot_is_taken_by_its_live_appointment
  AFTER INSERT OR UPDATE OF state, slot_id ON appointments_appointment
  DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION require_slot_and_appointments_agree();
CREATE CONSTRAINT TRIGGER slot_is_taken_by_its_live_appointment
  AFTER INSERT OR UPDATE OF state ON scheduling_slot
  DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION require_slot_and_appointments_agree();
"""
REVERSE = """
DROP TRIGGER slot_is_taken_by_its_live_appointment ON appointments_appointment;
DROP TRIGGER slot_is_taken_by_its_live_appointment ON scheduling_slot;
DROP FUNCTION require_slot_and_appointments_agree();
"""


class Migration(migrations.Migration):
    dependencies = [("appointments", "0001_initial")]

    operations = [
        migrations.RunSQL(FORWARD, REVERSE),
        immutable_uid("appointments_appointment"),
    ]
