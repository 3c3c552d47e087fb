from django.db import migrations

from medbook.encryption.immutable_uid import immutable_uid

FORWARD = """
-- A place counts against the schedule's number unless it is blocked: lowering the number blocks
-- the free places above it, and no place is ever deleted.
CREATE FUNCTION refuse_misfit(slot scheduling_slot, schedule scheduling_schedule) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF slot.state <> 'blocked' AND slot.number > schedule.max_appointments THEN
    RAISE EXCEPTION 'place % is above the % places of schedule %',
      slot.number, schedule.max_appointments, schedule.id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'slot_number_within_schedule';
  END IF;
  IF slot.starts_at < schedule.starts_at OR slot.ends_at > schedule.ends_at THEN
    RAISE EXCEPTION 'place % is outside the hours of schedule %', slot.number, schedule.id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'slot_period_within_schedule';
  END IF;
END $$;

-- One look per statement, so that a night's places are checked together. FOR SHARE waits for
-- whoever changes the schedule at this moment.
CREATE FUNCTION require_new_slots_fit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM scheduling_schedule
    WHERE id IN (SELECT schedule_id FROM made) ORDER BY id FOR SHARE;
  PERFORM refuse_misfit(slot, schedule)
    FROM made AS slot JOIN scheduling_schedule AS schedule ON schedule.id = slot.schedule_id
    WHERE slot.number > schedule.max_appointments
      OR slot.starts_at < schedule.starts_at OR slot.ends_at > schedule.ends_at;
  RETURN NULL;
END $$;
CREATE TRIGGER new_slots_fit_their_schedule AFTER INSERT ON scheduling_slot
  REFERENCING NEW TABLE AS made
  FOR EACH STATEMENT EXECUTE FUNCTION require_new_slots_fit();

CREATE FUNCTION require_slot_fits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM refuse_misfit(NEW, schedule)
    FROM scheduling_schedule AS schedule WHERE schedule.id = NEW.schedule_id FOR SHARE;
  RETURN NULL;
END $$;
CREATE TRIGGER moved_slot_fits_its_schedule
  AFTER UPDATE OF schedule_id, number, starts_at, ends_at ON scheduling_slot
  FOR EACH ROW WHEN (
    (OLD.schedule_id, OLD.number, OLD.starts_at, OLD.ends_at)
    IS DISTINCT FROM (NEW.schedule_id, NEW.number, NEW.starts_at, NEW.ends_at))
  EXECUTE FUNCTION require_slot_fits();
-- Claiming a place does not come here: only what was blocked is looked at again.
CREATE TRIGGER unblocked_slot_fits_its_schedule AFTER UPDATE OF state ON scheduling_slot
  FOR EACH ROW WHEN (OLD.state = 'blocked' AND NEW.state <> 'blocked')
  EXECUTE FUNCTION require_slot_fits();

CREATE FUNCTION require_slots_fit_changed_schedule() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM refuse_misfit(slot, NEW) FROM scheduling_slot AS slot WHERE slot.schedule_id = NEW.id;
  RETURN NULL;
END $$;
CREATE TRIGGER changed_schedule_keeps_its_slots
  AFTER UPDATE OF max_appointments, starts_at, ends_at ON scheduling_schedule
  FOR EACH ROW WHEN (
    NEW.max_appointments < OLD.max_appointments
    OR NEW.starts_at > OLD.starts_at OR NEW.ends_at < OLD.ends_at)
  EXECUTE FUNCTION require_slots_fit_changed_schedule();

CREATE FUNCTION refuse_slot_deletion() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM scheduling_schedule WHERE id = OLD.schedule_id AND state <> 'draft') THEN
    RAISE EXCEPTION 'places of a published schedule are never deleted'
      USING ERRCODE = 'restrict_violation', CONSTRAINT = 'published_slots_are_kept';
  END IF;
  RETURN OLD;
END $$;
CREATE TRIGGER published_slots_are_kept BEFORE DELETE ON scheduling_slot
  FOR EACH ROW EXECUTE FUNCTION refuse_slot_deletion();

-- Nor by the detour of turning the schedule back into a draft.
CREATE FUNCTION refuse_return_to_draft() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a published schedule never becomes a draft again'
    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'published_schedules_stay_published';
END $$;
CREATE TRIGGER published_schedules_stay_published BEFORE UPDATE OF state ON scheduling_schedule
  FOR EACH ROW WHEN (OLD.state <> 'draft' AND NEW.state = 'draft')
  EXECUTE FUNCTION refuse_return_to_draft();
"""
REVERSE = """
DROP TRIGGER published_schedules_stay_published ON scheduling_schedule;
DROP FUNCTION refuse_return_to_draft();
DROP TRIGGER published_slots_are_kept ON scheduling_slot;
DROP FUNCTION refuse_slot_deletion();
DROP TRIGGER changed_schedule_keeps_its_slots ON scheduling_schedule;
DROP FUNCTION require_slots_fit_changed_schedule();
DROP TRIGGER unblocked_slot_fits_its_schedule ON scheduling_slot;
DROP TRIGGER moved_slot_fits_its_schedule ON scheduling_slot;
DROP FUNCTION require_slot_fits();
DROP TRIGGER new_slots_fit_their_schedule ON scheduling_slot;
DROP FUNCTION require_new_slots_fit();
DROP FUNCTION refuse_misfit(scheduling_slot, scheduling_schedule);
"""
TABLES = (
    "clinic",
    "department",
    "room",
    "visittype",
    "doctor",
    "rostertemplate",
    "schedule",
    "slot",
)


class Migration(migrations.Migration):
    dependencies = [("scheduling", "0001_initial")]

    operations = [
        migrations.RunSQL(FORWARD, REVERSE),
        *(immutable_uid(f"scheduling_{table}") for table in TABLES),
    ]
