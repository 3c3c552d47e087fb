"""Break the database in tests."""

from django.db import connection


def break_inserts(by, table="scheduling_schedule", when="true"):
    """Let the database fail on new rows, as a full disk or a bug would."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            CREATE FUNCTION break() RETURNS trigger LANGUAGE plpgsql AS
              $$ BEGIN {by} RETURN NEW; END $$;
            CREATE TRIGGER break BEFORE INSERT ON {table} FOR EACH ROW
              WHEN ({when}) EXECUTE FUNCTION break();
            """
        )


def break_inserts_for(department):
    """Let the schedules of one department fail."""
    break_inserts("RAISE 'Dr. Chen broke';", when=f"NEW.department_id = {department.pk}")


def mend_inserts():
    """Let schedules be written again."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER break ON scheduling_schedule; DROP FUNCTION break();")
