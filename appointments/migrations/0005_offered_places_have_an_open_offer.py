from django.db import migrations

from medbook.encryption.immutable_uid import immutable_uid

FORWARD = """
CREATE OR REPLACE FUNCTION require_slot_and_appointments_agree() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
  slot scheduling_slot%ROWTYPE;
  live boolean;
  offered boolean;
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
    offered := EXISTS (
      SELECT 1 FROM appointments_offer WHERE slot_id = slot.id AND state = 'open');
    IF offered <> (slot.state = 'offered') THEN
      RAISE EXCEPTION 'slot % is % but %', slot.id, slot.state,
        CASE WHEN offered THEN 'has an open offer' ELSE 'has no open offer' END
        USING ERRCODE = 'integrity_constraint_violation',
              CONSTRAINT = 'slot_is_offered_by_its_open_offer';
    END IF;
  END LOOP;
  RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER slot_is_offered_by_its_open_offer
  AFTER INSERT OR UPDATE OF state, slot_id ON appointments_offer
  DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION require_slot_and_appointments_agree();
"""
REVERSE = """
DROP TRIGGER slot_is_offered_by_its_open_offer ON appointments_offer;
CREATE OR REPLACE FUNCTION require_slot_and_appointments_agree() RETURNS trigger
LANGUAGE plpgsql AS $$
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
"""


class Migration(migrations.Migration):
    dependencies = [
        ("appointments", "0004_waitlist_offers_and_missed_visits"),
        ("billing", "0003_refunds"),
        ("scheduling", "0003_reserves_leaves_and_limits"),
    ]

    operations = [
        migrations.RunSQL(FORWARD, REVERSE),
        immutable_uid("appointments_waitlistentry"),
        immutable_uid("appointments_offer"),
        immutable_uid("billing_refund"),
        immutable_uid("scheduling_leave"),
    ]
