"""How does the database keep a uid from changing, so that what is bound to it stays readable?"""

from django.db.migrations import RunSQL

FUNCTION = """
CREATE OR REPLACE FUNCTION refuse_uid_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'The uid of a row of % never changes: its sealed values are bound to it.',
    TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
"""
TRIGGER = """
CREATE TRIGGER uid_is_immutable BEFORE UPDATE ON {table}
  FOR EACH ROW WHEN (OLD.uid IS DISTINCT FROM NEW.uid) EXECUTE FUNCTION refuse_uid_change();
"""
NO_TRIGGER = "DROP TRIGGER uid_is_immutable ON {table};"


def immutable_uid(table: str) -> RunSQL:
    """Make the migration operation that freezes the uid of a table's rows."""
    return RunSQL(
        sql=FUNCTION + TRIGGER.format(table=table),
        reverse_sql=NO_TRIGGER.format(table=table),
    )
