from django.db import migrations

FORWARD = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: % is refused.', TG_TABLE_NAME, TG_OP
    USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER operation_log_is_append_only BEFORE UPDATE OR DELETE ON audit_operationlog
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER operation_log_is_not_truncated BEFORE TRUNCATE ON audit_operationlog
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- ALWAYS: also under session_replication_role = replica.
ALTER TABLE audit_operationlog ENABLE ALWAYS TRIGGER operation_log_is_append_only;
ALTER TABLE audit_operationlog ENABLE ALWAYS TRIGGER operation_log_is_not_truncated;
"""
REVERSE = """
DROP TRIGGER operation_log_is_append_only ON audit_operationlog;
DROP TRIGGER operation_log_is_not_truncated ON audit_operationlog;
DROP FUNCTION refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, REVERSE)]
