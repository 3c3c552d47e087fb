from django.db import migrations

from medbook.encryption.immutable_uid import immutable_uid

# refuse_change() came with the operation log.
FORWARD = """
CREATE TRIGGER points_are_append_only BEFORE UPDATE OR DELETE ON members_pointentry
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER points_are_not_truncated BEFORE TRUNCATE ON members_pointentry
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- ALWAYS: also under session_replication_role = replica.
ALTER TABLE members_pointentry ENABLE ALWAYS TRIGGER points_are_append_only;
ALTER TABLE members_pointentry ENABLE ALWAYS TRIGGER points_are_not_truncated;

CREATE FUNCTION require_points_to_follow_on() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  before integer;
BEGIN
  SELECT balance_after INTO before FROM members_pointentry
   WHERE member_id = NEW.member_id AND seq = NEW.seq - 1;
  IF NEW.seq > 1 AND NOT FOUND THEN
    RAISE EXCEPTION 'Entry % of a member has none before it.', NEW.seq
      USING ERRCODE = 'check_violation', CONSTRAINT = 'points_follow_on';
  END IF;
  IF NEW.balance_after <> coalesce(before, 0) + NEW.amount THEN
    RAISE EXCEPTION 'Entry % of a member does not add up.', NEW.seq
      USING ERRCODE = 'check_violation', CONSTRAINT = 'points_follow_on';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER points_follow_on BEFORE INSERT ON members_pointentry
  FOR EACH ROW EXECUTE FUNCTION require_points_to_follow_on();
"""
REVERSE = """
DROP TRIGGER points_follow_on ON members_pointentry;
DROP FUNCTION require_points_to_follow_on();
DROP TRIGGER points_are_not_truncated ON members_pointentry;
DROP TRIGGER points_are_append_only ON members_pointentry;
"""
SEALED = ("members_familylink", "members_notification", "members_delivery")


class Migration(migrations.Migration):
    dependencies = [
        ("members", "0004_accounts_points_messages_and_privacy"),
        ("audit", "0002_append_only"),
    ]

    operations = [
        migrations.RunSQL(FORWARD, REVERSE),
        *(immutable_uid(table) for table in SEALED),
    ]
