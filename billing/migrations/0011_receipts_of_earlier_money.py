from django.db import migrations

# The news of earlier payments again, for the one handler that they had not: it gives out what is
# missing, and what went back of it.
FORWARD = """
INSERT INTO outbox_outboxmessage (topic, handler, dedupe_key, ids, request_id, created_at,
                                  next_attempt_at, attempts, last_error)
SELECT 'invoice.paid', 'appointments.services.receipts.issue_receipts', invoice.uid::text,
       jsonb_build_object('subject', invoice.subject), '', now(), now(), 0, ''
  FROM billing_invoice AS invoice
 WHERE invoice.paid_at IS NOT NULL AND invoice.total > 0
    ON CONFLICT DO NOTHING;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0010_receipts"),
        ("outbox", "0001_initial"),
    ]

    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
