from django.db import migrations

# What came in and went back before there was a journal, all of it at the desk.
FORWARD = """
UPDATE billing_payment SET requested_at = captured_at WHERE captured_at IS NOT NULL;

INSERT INTO billing_journalentry (uid, kind, reference, subject, currency, at, recorded_at, note)
SELECT gen_random_uuid(), 'sale', 'invoice:' || invoice.uid, invoice.subject, invoice.currency,
       invoice.paid_at, now(), ''
  FROM billing_invoice AS invoice
 WHERE invoice.paid_at IS NOT NULL
   AND EXISTS (SELECT FROM billing_invoiceline AS line
                WHERE line.invoice_id = invoice.id AND line.amount <> 0);

INSERT INTO billing_posting (entry_id, account, amount)
SELECT entry.id,
       CASE line.kind WHEN 'fee' THEN 'revenue' WHEN 'points' THEN 'points' ELSE 'discounts' END,
       -sum(line.amount)
  FROM billing_journalentry AS entry
  JOIN billing_invoice AS invoice ON entry.reference = 'invoice:' || invoice.uid
  JOIN billing_invoiceline AS line ON line.invoice_id = invoice.id AND line.amount <> 0
 GROUP BY 1, 2;

INSERT INTO billing_posting (entry_id, account, amount)
SELECT entry.id, 'members', invoice.total
  FROM billing_journalentry AS entry
  JOIN billing_invoice AS invoice ON entry.reference = 'invoice:' || invoice.uid
 WHERE invoice.total <> 0;

INSERT INTO billing_journalentry (uid, kind, reference, subject, currency, at, recorded_at, note)
SELECT gen_random_uuid(), 'capture', 'payment:' || payment.uid, invoice.subject, payment.currency,
       payment.captured_at, now(), ''
  FROM billing_payment AS payment JOIN billing_invoice AS invoice ON invoice.id = payment.invoice_id
 WHERE payment.state = 'captured';

INSERT INTO billing_posting (entry_id, account, amount)
SELECT entry.id, side.account, side.amount
  FROM billing_journalentry AS entry
  JOIN billing_payment AS payment ON entry.reference = 'payment:' || payment.uid
 CROSS JOIN LATERAL (VALUES (payment.gateway, payment.amount), ('members', -payment.amount))
    AS side (account, amount);

INSERT INTO billing_journalentry (uid, kind, reference, subject, currency, at, recorded_at, note)
SELECT gen_random_uuid(), 'refund', 'refund:' || refund.uid, invoice.subject, refund.currency,
       refund.settled_at, now(), ''
  FROM billing_refund AS refund
  JOIN billing_payment AS payment ON payment.id = refund.payment_id
  JOIN billing_invoice AS invoice ON invoice.id = payment.invoice_id
 WHERE refund.state = 'succeeded';

INSERT INTO billing_posting (entry_id, account, amount)
SELECT entry.id, side.account, side.amount
  FROM billing_journalentry AS entry
  JOIN billing_refund AS refund ON entry.reference = 'refund:' || refund.uid
  JOIN billing_payment AS payment ON payment.id = refund.payment_id
 CROSS JOIN LATERAL (VALUES ('refunds', refund.amount), (payment.gateway, -refund.amount))
    AS side (account, amount);

SET CONSTRAINTS ALL IMMEDIATE;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0006_journal_is_append_only_and_balanced")]

    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
