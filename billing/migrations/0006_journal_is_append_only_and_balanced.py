from django.db import migrations

# refuse_change() came with the operation log.
FORWARD = """
CREATE TRIGGER journal_is_append_only BEFORE UPDATE OR DELETE ON billing_journalentry
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER journal_is_not_truncated BEFORE TRUNCATE ON billing_journalentry
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER postings_are_append_only BEFORE UPDATE OR DELETE ON billing_posting
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER postings_are_not_truncated BEFORE TRUNCATE ON billing_posting
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- ALWAYS: also under session_replication_role = replica.
ALTER TABLE billing_journalentry ENABLE ALWAYS TRIGGER journal_is_append_only;
ALTER TABLE billing_journalentry ENABLE ALWAYS TRIGGER journal_is_not_truncated;
ALTER TABLE billing_posting ENABLE ALWAYS TRIGGER postings_are_append_only;
ALTER TABLE billing_posting ENABLE ALWAYS TRIGGER postings_are_not_truncated;

CREATE FUNCTION require_balanced_entry() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  entry bigint;
  sides integer;
  total numeric;
BEGIN
  IF TG_TABLE_NAME = 'billing_posting' THEN
    entry := NEW.entry_id;
  ELSE
    entry := NEW.id;
  END IF;
  SELECT count(*), coalesce(sum(amount), 0) INTO sides, total
    FROM billing_posting WHERE entry_id = entry;
  IF sides < 2 OR total <> 0 THEN
    RAISE EXCEPTION 'Journal entry % has % postings that sum to %.', entry, sides, total
      USING ERRCODE = 'check_violation', CONSTRAINT = 'journal_entry_is_balanced';
  END IF;
  RETURN NULL;
END $$;
"""
# Checked at the commit: an entry is written before its postings.
TRIGGERS = """
CREATE CONSTRAINT TRIGGER journal_entry_is_balanced AFTER INSERT ON billing_journalentry
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION require_balanced_entry();
CREATE CONSTRAINT TRIGGER postings_are_balanced AFTER INSERT ON billing_posting
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION require_balanced_entry();
"""
REVERSE = """
DROP TRIGGER postings_are_balanced ON billing_posting;
DROP TRIGGER journal_entry_is_balanced ON billing_journalentry;
DROP FUNCTION require_balanced_entry();
DROP TRIGGER postings_are_not_truncated ON billing_posting;
DROP TRIGGER postings_are_append_only ON billing_posting;
DROP TRIGGER journal_is_not_truncated ON billing_journalentry;
DROP TRIGGER journal_is_append_only ON billing_journalentry;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0005_payments_online_and_journal"),
        ("audit", "0002_append_only"),
    ]

    operations = [migrations.RunSQL(FORWARD + TRIGGERS, REVERSE)]
