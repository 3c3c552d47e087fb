from django.db import migrations

# By key: a join of the new places with all schedules there are took three times as long as writing
# the places, and longer with every schedule.
FORWARD = """
CREATE OR REPLACE FUNCTION require_new_slots_fit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  ids bigint[] := ARRAY(SELECT DISTINCT schedule_id FROM made);
BEGIN
  PERFORM 1 FROM scheduling_schedule WHERE id = ANY (ids) ORDER BY id FOR SHARE;
  PERFORM refuse_misfit(slot, schedule)
    FROM made AS slot JOIN scheduling_schedule AS schedule ON schedule.id = slot.schedule_id
    WHERE schedule.id = ANY (ids) AND (
      slot.number > schedule.max_appointments
      OR slot.starts_at < schedule.starts_at OR slot.ends_at > schedule.ends_at);
  RETURN NULL;
END $$;
"""
REVERSE = """
CREATE OR REPLACE FUNCTION require_new_slots_fit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM scheduling_schedule
    WHERE id IN (SELECT schedule_id FROM made) ORDER BY id FOR SHARE;
  PERFORM refuse_misfit(slot, schedule)
    FROM made AS slot JOIN scheduling_schedule AS schedule ON schedule.id = slot.schedule_id
    WHERE slot.number > schedule.max_appointments
      OR slot.starts_at < schedule.starts_at OR slot.ends_at > schedule.ends_at;
  RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("scheduling", "0007_sessions_to_finish")]

    operations = [migrations.RunSQL(FORWARD, REVERSE)]
