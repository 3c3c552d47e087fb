-- What must be true of the whole database at any moment. Each query finds the rows that break one
-- truth and so returns nothing when all is well; `what` names a row without personal data.
-- Those under "while workers run" need the worker and beat to be alive.

-- name: taken_means_a_live_appointment
-- A place is taken exactly when a live appointment has it.
SELECT 'slot ' || slot.uid AS what
  FROM scheduling_slot AS slot
 WHERE (slot.state = 'taken') <> EXISTS (
   SELECT FROM appointments_appointment AS appointment
    WHERE appointment.slot_id = slot.id
      AND appointment.state IN ('held', 'booked', 'arrived', 'in_consultation'));

-- name: offered_means_an_open_offer
-- A place is kept for one person exactly while an offer of it is open.
SELECT 'slot ' || slot.uid AS what
  FROM scheduling_slot AS slot
 WHERE (slot.state = 'offered') <> EXISTS (
   SELECT FROM appointments_offer AS offer
    WHERE offer.slot_id = slot.id AND offer.state = 'open');

-- name: an_offered_wish_has_its_offer
-- A wish waits, or one open offer stands for it.
SELECT 'waitlist entry ' || entry.uid AS what
  FROM appointments_waitlistentry AS entry
 WHERE (entry.state = 'offered') <> EXISTS (
   SELECT FROM appointments_offer AS offer
    WHERE offer.entry_id = entry.id AND offer.state = 'open');

-- name: an_accepted_offer_made_an_appointment
-- On the place that was offered, unless it was moved since, and of the one who was asked.
SELECT 'offer ' || offer.uid AS what
  FROM appointments_offer AS offer
  LEFT JOIN appointments_appointment AS appointment ON appointment.id = offer.appointment_id
  LEFT JOIN appointments_waitlistentry AS entry ON entry.id = offer.entry_id
 WHERE (offer.state = 'accepted') <> (appointment.id IS NOT NULL)
    OR entry.member_id <> appointment.member_id
    OR (appointment.sequence = 0 AND appointment.slot_id <> offer.slot_id)
    OR appointment.source <> 'offer';

-- name: a_patient_waits_for_three_places_at_most
-- Whoever joined the waitlist for them.
SELECT 'patient ' || patient.uid AS what
  FROM appointments_waitlistentry AS entry
  JOIN members_patient AS patient ON patient.id = entry.patient_id
 WHERE entry.state IN ('waiting', 'offered')
 GROUP BY patient.uid
HAVING count(*) > 3;

-- name: a_called_off_visit_gives_all_back
-- What the clinic calls off costs nothing.
SELECT 'appointment ' || appointment.uid AS what
  FROM appointments_appointment AS appointment
  JOIN billing_invoice AS invoice ON invoice.subject = 'appointment:' || appointment.uid
  JOIN billing_payment AS payment
    ON payment.invoice_id = invoice.id AND payment.state = 'captured'
 WHERE appointment.state = 'called_off'
   AND payment.amount <> (
     SELECT coalesce(sum(refund.amount), 0) FROM billing_refund AS refund
      WHERE refund.payment_id = payment.id);

-- name: no_more_is_given_back_than_came_in
-- What goes back of a payment, or is to, is at most what was paid.
SELECT 'payment ' || payment.uid AS what
  FROM billing_payment AS payment
  JOIN billing_refund AS refund ON refund.payment_id = payment.id AND refund.state <> 'failed'
 GROUP BY payment.uid, payment.amount, payment.state
HAVING sum(refund.amount) > payment.amount OR payment.state <> 'captured';

-- name: a_refunded_invoice_says_how_much
-- Partly or wholly refunded, as the money that went back says.
SELECT 'invoice ' || invoice.reference AS what
  FROM billing_invoice AS invoice
  LEFT JOIN billing_payment AS payment
    ON payment.invoice_id = invoice.id AND NOT payment.is_extra
  LEFT JOIN billing_refund AS refund
    ON refund.payment_id = payment.id AND refund.state = 'succeeded'
 GROUP BY invoice.reference, invoice.total, invoice.state
HAVING (invoice.state = 'refunded') <> (sum(refund.amount) IS NOT NULL
        AND sum(refund.amount) = invoice.total)
    OR (invoice.state = 'part_refunded') <> (coalesce(sum(refund.amount), 0) > 0
        AND sum(refund.amount) < invoice.total);

-- name: nobody_is_expected_while_the_doctor_is_away
-- No open appointment and no free place lies inside a leave, and nobody has missed a visit there.
SELECT 'slot ' || slot.uid AS what
  FROM scheduling_leave AS leave
  JOIN scheduling_schedule AS schedule ON schedule.doctor_id = leave.doctor_id
  JOIN scheduling_slot AS slot ON slot.schedule_id = schedule.id
   AND slot.starts_at < leave.ends_at AND leave.starts_at < slot.ends_at
  LEFT JOIN appointments_appointment AS appointment
    ON appointment.slot_id = slot.id
   AND appointment.state IN ('held', 'booked', 'arrived', 'no_show')
 WHERE leave.state = 'done'
   AND (slot.state IN ('free', 'offered') OR appointment.id IS NOT NULL);

-- name: one_live_appointment_per_place
-- Nobody shares a place.
SELECT 'slot ' || slot.uid AS what
  FROM scheduling_slot AS slot
  JOIN appointments_appointment AS appointment ON appointment.slot_id = slot.id
 WHERE appointment.state IN ('held', 'booked', 'arrived', 'in_consultation')
 GROUP BY slot.uid
HAVING count(*) > 1;

-- name: no_more_places_than_the_schedule_allows
-- Beyond the capacity there are only places that a smaller number has closed.
SELECT 'schedule ' || schedule.uid AS what
  FROM scheduling_schedule AS schedule
  JOIN scheduling_slot AS slot ON slot.schedule_id = schedule.id AND slot.state <> 'blocked'
 GROUP BY schedule.uid, schedule.max_appointments
HAVING count(*) > schedule.max_appointments OR max(slot.number) > schedule.max_appointments;

-- name: a_published_schedule_has_all_its_places
-- What members may book, or could, was made whole.
SELECT 'schedule ' || schedule.uid AS what
  FROM scheduling_schedule AS schedule
 WHERE schedule.state IN ('published', 'finished')
   AND schedule.max_appointments <> (
     SELECT count(*) FROM scheduling_slot AS slot
      WHERE slot.schedule_id = schedule.id AND slot.number <= schedule.max_appointments);

-- name: a_called_off_schedule_offers_nothing
-- After a call-off no place is free, nobody still waits for it, and nobody has missed a visit.
SELECT 'slot ' || slot.uid AS what
  FROM scheduling_schedule AS schedule
  JOIN scheduling_slot AS slot ON slot.schedule_id = schedule.id
  LEFT JOIN appointments_appointment AS appointment
    ON appointment.slot_id = slot.id AND appointment.state IN ('held', 'booked', 'no_show')
 WHERE schedule.state = 'called_off' AND (slot.state = 'free' OR appointment.id IS NOT NULL);

-- name: a_finished_schedule_offers_nothing
-- Nobody is asked about a place of a session that is over.
SELECT 'slot ' || slot.uid AS what
  FROM scheduling_schedule AS schedule
  JOIN scheduling_slot AS slot ON slot.schedule_id = schedule.id
 WHERE schedule.state = 'finished' AND slot.state = 'offered';

-- name: a_place_lies_inside_its_schedule
-- No place begins before or ends after the doctor sits.
SELECT 'slot ' || slot.uid AS what
  FROM scheduling_slot AS slot
  JOIN scheduling_schedule AS schedule ON schedule.id = slot.schedule_id
 WHERE slot.starts_at < schedule.starts_at OR slot.ends_at > schedule.ends_at;

-- name: a_patient_is_in_one_place_at_a_time
-- Whoever's account booked, and by whichever door.
SELECT 'appointment ' || one.uid AS what
  FROM appointments_appointment AS one
  JOIN appointments_appointment AS other
    ON other.patient_id = one.patient_id AND other.id > one.id
   AND other.starts_at < one.ends_at AND one.starts_at < other.ends_at
 WHERE one.state IN ('held', 'booked', 'arrived', 'in_consultation')
   AND other.state IN ('held', 'booked', 'arrived', 'in_consultation');

-- name: a_doctor_and_a_room_are_in_one_place_at_a_time
-- Sessions that were called off do not count, nor drafts, which nobody sits yet.
SELECT 'schedule ' || one.uid AS what
  FROM scheduling_schedule AS one
  JOIN scheduling_schedule AS other
    ON (other.doctor_id = one.doctor_id OR other.room_id = one.room_id) AND other.id > one.id
   AND other.starts_at < one.ends_at AND one.starts_at < other.ends_at
 WHERE one.state IN ('published', 'finished') AND other.state IN ('published', 'finished');

-- name: a_live_appointment_says_what_its_place_says
-- Times, doctor and department are copies.
SELECT 'appointment ' || appointment.uid AS what
  FROM appointments_appointment AS appointment
  JOIN scheduling_slot AS slot ON slot.id = appointment.slot_id
  JOIN scheduling_schedule AS schedule ON schedule.id = slot.schedule_id
 WHERE appointment.state IN ('held', 'booked', 'arrived', 'in_consultation')
   AND (appointment.starts_at, appointment.ends_at, appointment.doctor_id,
        appointment.department_id, appointment.service_date)
    IS DISTINCT FROM (slot.starts_at, slot.ends_at, schedule.doctor_id,
        schedule.department_id, schedule.service_date);

-- name: a_member_holds_one_unconfirmed_place
-- A new hold of one's own making replaces the old.
SELECT 'member ' || member_id AS what
  FROM appointments_appointment
 WHERE state = 'held' AND source = 'self' AND way_to_pay = ''
 GROUP BY member_id
HAVING count(*) > 1;

-- name: an_agreed_appointment_has_its_invoice
-- One that is not void; all parts, less what a cheaper time gives back, are the agreed price.
SELECT 'appointment ' || appointment.uid AS what
  FROM appointments_appointment AS appointment
  LEFT JOIN LATERAL (
    SELECT count(*) FILTER (WHERE invoice.part = 0) AS firsts,
           sum(invoice.total) AS total,
           count(*) FILTER (WHERE invoice.currency <> appointment.currency) AS foreign_ones
      FROM billing_invoice AS invoice
     WHERE invoice.subject = 'appointment:' || appointment.uid AND invoice.state <> 'void'
  ) AS asked ON TRUE
  LEFT JOIN LATERAL (
    SELECT coalesce(sum(refund.amount), 0) AS total
      FROM billing_refund AS refund
      JOIN billing_payment AS payment ON payment.id = refund.payment_id
      JOIN billing_invoice AS invoice ON invoice.id = payment.invoice_id
     WHERE invoice.subject = 'appointment:' || appointment.uid
       AND refund.reason = 'cheaper' AND refund.state <> 'failed'
  ) AS back ON TRUE
 WHERE appointment.state IN ('booked', 'arrived', 'in_consultation', 'completed')
   AND (asked.firsts <> 1 OR asked.foreign_ones > 0
     OR asked.total - back.total IS DISTINCT FROM appointment.price);

-- name: a_further_part_follows_what_was_paid
-- The rest of a higher price is asked for where the first invoice was paid, once at a time.
SELECT 'invoice ' || invoice.reference AS what
  FROM billing_invoice AS invoice
 WHERE invoice.part > 0 AND invoice.state = 'open'
   AND (NOT EXISTS (
     SELECT FROM billing_invoice AS first
      WHERE first.subject = invoice.subject AND first.part = 0 AND first.paid_at IS NOT NULL)
    OR EXISTS (
     SELECT FROM billing_invoice AS other
      WHERE other.subject = invoice.subject AND other.state = 'open' AND other.id <> invoice.id));

-- name: nobody_owes_for_what_did_not_come_about
-- A hold costs nothing unless it is paid online; what ended early is void, or goes back as agreed.
SELECT 'invoice ' || invoice.reference AS what
  FROM billing_invoice AS invoice
  JOIN appointments_appointment AS appointment
    ON invoice.subject = 'appointment:' || appointment.uid
 WHERE (appointment.state IN ('cancelled', 'called_off', 'no_show') AND invoice.state = 'open')
    OR (appointment.state = 'held' AND invoice.state <> 'void'
        AND appointment.way_to_pay <> 'online')
    OR (appointment.state = 'expired' AND invoice.state = 'open' AND NOT EXISTS (
          SELECT FROM billing_payment AS payment WHERE payment.invoice_id = invoice.id))
    OR (appointment.state = 'expired' AND invoice.state IN ('paid', 'part_refunded', 'refunded')
        AND NOT EXISTS (
          SELECT FROM billing_refund AS refund
            JOIN billing_payment AS payment ON payment.id = refund.payment_id
           WHERE payment.invoice_id = invoice.id AND refund.reason = 'late')
        AND NOT EXISTS (
          SELECT FROM outbox_outboxmessage AS news
           WHERE news.topic = 'invoice.paid' AND news.handled_at IS NULL
             AND news.ids ->> 'subject' = invoice.subject));

-- name: the_lines_sum_to_the_total
-- To the cent.
SELECT 'invoice ' || invoice.reference AS what
  FROM billing_invoice AS invoice
  LEFT JOIN billing_invoiceline AS line ON line.invoice_id = invoice.id
 GROUP BY invoice.reference, invoice.total
HAVING coalesce(sum(line.amount), 0) <> invoice.total;

-- name: paid_means_the_money_came_in
-- What came in is the total of a paid invoice, and nothing of any other.
SELECT 'invoice ' || invoice.reference AS what
  FROM billing_invoice AS invoice
  LEFT JOIN billing_payment AS payment
    ON payment.invoice_id = invoice.id AND payment.state = 'captured'
   AND payment.currency = invoice.currency AND NOT payment.is_extra
 GROUP BY invoice.reference, invoice.total, invoice.state
HAVING coalesce(sum(payment.amount), 0)
    <> CASE WHEN invoice.state IN ('paid', 'part_refunded', 'refunded')
            THEN invoice.total ELSE 0 END;

-- name: points_follow_on
-- A member's entries are numbered without a gap, and each balance is the sum up to there.
SELECT 'member ' || member.uid AS what
  FROM (SELECT member_id, seq, balance_after,
               row_number() OVER so_far AS place, sum(amount) OVER so_far AS in_all
          FROM members_pointentry
        WINDOW so_far AS (PARTITION BY member_id ORDER BY seq)) AS entry
  JOIN members_member AS member ON member.id = entry.member_id
 WHERE entry.seq <> entry.place OR entry.balance_after <> entry.in_all;

-- name: used_points_were_taken_and_are_on_the_invoice
-- What a visit says, what its member gave for it and what its invoice takes off are the same.
SELECT 'appointment ' || appointment.uid AS what
  FROM appointments_appointment AS appointment
 WHERE appointment.confirmed_at IS NOT NULL
   AND (appointment.points <> (
     SELECT coalesce(-sum(entry.amount), 0) FROM members_pointentry AS entry
      WHERE entry.reason = 'spent' AND entry.member_id = appointment.member_id
        AND entry.reference = 'appointment:' || appointment.uid)
    OR appointment.points * 0.01 <> (
     SELECT coalesce(-max(in_all), 0) FROM (
       SELECT sum(line.amount) AS in_all FROM billing_invoice AS invoice
         JOIN billing_invoiceline AS line ON line.invoice_id = invoice.id
        WHERE invoice.subject = 'appointment:' || appointment.uid AND line.kind = 'points'
        GROUP BY invoice.id) AS of_invoices));

-- name: a_visit_earns_once_and_not_before_it_is_over_and_paid
-- No points came for what did not come about.
SELECT 'points entry ' || entry.uid AS what
  FROM members_pointentry AS entry
  JOIN appointments_appointment AS appointment
    ON entry.reference = 'appointment:' || appointment.uid
 WHERE entry.reason = 'earned'
   AND (appointment.completed_at IS NULL OR NOT EXISTS (
     SELECT FROM billing_invoice AS invoice
       JOIN billing_payment AS payment ON payment.invoice_id = invoice.id
      WHERE invoice.subject = entry.reference AND payment.state = 'captured'));

-- name: every_change_is_in_the_operation_log
-- Each step that an appointment has taken was recorded with it.
SELECT 'appointment ' || appointment.uid || ' ' || step.action AS what
  FROM appointments_appointment AS appointment
 CROSS JOIN LATERAL (VALUES
   ('appointment.held', TRUE),
   ('appointment.booked', appointment.confirmed_at IS NOT NULL),
   ('appointment.arrived', appointment.arrived_at IS NOT NULL),
   ('appointment.started', appointment.started_at IS NOT NULL),
   ('appointment.completed', appointment.completed_at IS NOT NULL),
   ('appointment.rescheduled', appointment.reschedules > 0),
   ('appointment.cancelled', appointment.state = 'cancelled'),
   ('appointment.called_off', appointment.state = 'called_off'),
   ('appointment.missed', appointment.state = 'no_show'),
   ('appointment.expired', appointment.state = 'expired')) AS step (action, was_taken)
 WHERE step.was_taken AND NOT EXISTS (
   SELECT FROM audit_operationlog AS event
    WHERE event.subject_uid = appointment.uid AND event.action = step.action);

-- name: a_step_taken_says_when
-- The instants of an appointment agree with its state.
SELECT 'appointment ' || uid AS what
  FROM appointments_appointment
 WHERE (state IN ('booked', 'arrived', 'in_consultation', 'completed') AND confirmed_at IS NULL)
    OR (state IN ('arrived', 'in_consultation', 'completed') AND arrived_at IS NULL)
    OR (state IN ('in_consultation', 'completed') AND started_at IS NULL)
    OR (state = 'completed' AND completed_at IS NULL)
    OR (state IN ('cancelled', 'called_off', 'expired') AND ended_at IS NULL);

-- name: a_missed_visit_has_used_up_its_place
-- Who did not come is noted with the moment, after the start, and the place is not sold again.
SELECT 'appointment ' || appointment.uid AS what
  FROM appointments_appointment AS appointment
  JOIN scheduling_slot AS slot ON slot.id = appointment.slot_id
 WHERE (appointment.state = 'no_show') <> (appointment.no_show_at IS NOT NULL)
    OR (appointment.state = 'no_show' AND (slot.state IN ('free', 'offered')
        OR appointment.no_show_at < appointment.starts_at));

-- name: a_strike_that_counts_is_a_missed_visit
-- Unless the news that the visit was not missed after all is still on its way.
SELECT 'strike ' || strike.uid AS what
  FROM members_strike AS strike
  JOIN appointments_appointment AS appointment
    ON strike.reference = 'appointment:' || appointment.uid
 WHERE strike.excused_at IS NULL AND appointment.state <> 'no_show' AND NOT EXISTS (
   SELECT FROM outbox_outboxmessage AS news
    WHERE news.topic = 'appointment.no_show_undone' AND news.handled_at IS NULL
      AND news.ids ->> 'appointment_uid' = appointment.uid::text);

-- name: an_idempotency_key_had_one_effect
-- What was remembered as made exists; drafts of schedules may be deleted.
SELECT 'idempotency key ' || remembered.id AS what
  FROM idempotency_idempotencykey AS remembered
 WHERE remembered.endpoint <> 'draft_schedule' AND NOT EXISTS (
   SELECT FROM appointments_appointment AS appointment
    WHERE appointment.uid = remembered.object_uid)
   AND NOT EXISTS (
   SELECT FROM appointments_waitlistentry AS entry WHERE entry.uid = remembered.object_uid)
   AND NOT EXISTS (
   SELECT FROM scheduling_leave AS leave WHERE leave.uid = remembered.object_uid)
   AND NOT EXISTS (
   SELECT FROM billing_payment AS payment WHERE payment.uid = remembered.object_uid);

-- name: a_journal_entry_is_balanced
-- What one account gains, others give.
SELECT 'journal entry ' || entry.uid AS what
  FROM billing_journalentry AS entry
  LEFT JOIN billing_posting AS posting ON posting.entry_id = entry.id
 GROUP BY entry.uid
HAVING count(posting.id) < 2 OR sum(posting.amount) <> 0;

-- name: a_paid_invoice_is_in_the_journal
-- What it asked for, line by line, and of whom; one that asks for nothing has nothing to say.
SELECT 'invoice ' || invoice.reference AS what
  FROM billing_invoice AS invoice
 WHERE (invoice.paid_at IS NOT NULL AND EXISTS (
          SELECT FROM billing_invoiceline AS line
           WHERE line.invoice_id = invoice.id AND line.amount <> 0)) <> EXISTS (
   SELECT FROM billing_journalentry AS sale
    WHERE sale.kind = 'sale' AND sale.reference = 'invoice:' || invoice.uid
      AND NOT EXISTS (
        SELECT FROM billing_journalentry AS back
         WHERE back.kind = 'reversal' AND back.reference = 'entry:' || sale.uid));

-- name: a_captured_payment_is_in_the_journal
-- With just its amount, on the account of its way to pay.
SELECT 'payment ' || payment.uid AS what
  FROM billing_payment AS payment
  LEFT JOIN billing_journalentry AS entry
    ON entry.kind = 'capture' AND entry.reference = 'payment:' || payment.uid
  LEFT JOIN billing_posting AS posting
    ON posting.entry_id = entry.id AND posting.account = payment.gateway
 WHERE payment.state = 'captured' AND posting.amount IS DISTINCT FROM payment.amount
    OR payment.state <> 'captured' AND entry.id IS NOT NULL;

-- name: a_refund_is_in_the_journal
-- Once it has gone back, and the same way.
SELECT 'refund ' || refund.reference AS what
  FROM billing_refund AS refund
  JOIN billing_payment AS payment ON payment.id = refund.payment_id
  LEFT JOIN billing_journalentry AS entry
    ON entry.kind = 'refund' AND entry.reference = 'refund:' || refund.uid
  LEFT JOIN billing_posting AS posting
    ON posting.entry_id = entry.id AND posting.account = payment.gateway
 WHERE refund.state = 'succeeded' AND posting.amount IS DISTINCT FROM -refund.amount
    OR refund.state <> 'succeeded' AND entry.id IS NOT NULL;

-- name: what_is_paid_too_much_goes_back
-- All of it is given back, or asked for.
SELECT 'payment ' || payment.uid AS what
  FROM billing_payment AS payment
 WHERE payment.is_extra AND payment.amount <> (
   SELECT coalesce(sum(refund.amount), 0) FROM billing_refund AS refund
    WHERE refund.payment_id = payment.id);

-- name: members_owe_what_is_open
-- Paid invoices leave nothing behind.
SELECT 'journal subject ' || entry.subject AS what
  FROM billing_journalentry AS entry
  JOIN billing_posting AS posting ON posting.entry_id = entry.id AND posting.account = 'members'
 GROUP BY entry.subject, entry.currency
HAVING sum(posting.amount) <> 0;

-- name: receipts_are_numbered_without_a_gap
-- Each issuer's of a year, from one up to where its counter stands.
SELECT 'receipts of ' || issuer || ' ' || year AS what
  FROM (SELECT issuer, year, count(*) AS given_out, max(seq) AS latest
          FROM billing_receipt GROUP BY issuer, year) AS receipts
  FULL JOIN billing_receiptcounter AS counter USING (issuer, year)
 WHERE coalesce(given_out, 0) <> coalesce(counter.last, -1)
    OR coalesce(latest, 0) <> coalesce(counter.last, -1);

-- name: a_receipt_says_what_was_paid_or_went_back
-- To the cent, and a refund refers to the receipt of its payment.
SELECT 'receipt ' || receipt.number AS what
  FROM billing_receipt AS receipt
  JOIN billing_invoice AS invoice ON invoice.id = receipt.invoice_id
  LEFT JOIN billing_refund AS refund ON refund.id = receipt.refund_id
  LEFT JOIN billing_receipt AS original ON original.id = receipt.original_id
 WHERE receipt.amount <> coalesce(refund.amount, invoice.total)
    OR refund.state <> 'succeeded'
    OR original.kind <> 'payment' OR original.invoice_id <> receipt.invoice_id;

-- name: a_closed_settlement_is_in_the_journal
-- The bank gets its net, and the gateway's account is freed of just what it contains.
SELECT 'settlement ' || settlement.uid AS what
  FROM billing_settlement AS settlement
 WHERE settlement.state = 'closed'
   AND ((SELECT coalesce(sum(posting.amount) FILTER (WHERE posting.account = 'bank'), 0)
           FROM billing_posting AS posting
           JOIN billing_journalentry AS entry ON entry.id = posting.entry_id
          WHERE entry.kind = 'settled' AND entry.reference = 'settlement:' || settlement.uid)
        <> settlement.net
     OR settlement.payments_total - settlement.refunds_total <>
        (SELECT coalesce(sum(payment.amount), 0) FROM billing_payment AS payment
          WHERE payment.settlement_id = settlement.id)
      - (SELECT coalesce(sum(refund.amount), 0) FROM billing_refund AS refund
          WHERE refund.settlement_id = settlement.id)
      + (SELECT coalesce(sum(posting.amount), 0)
           FROM billing_difference AS difference
           JOIN billing_posting AS posting
             ON posting.entry_id = difference.entry_id AND posting.account = settlement.gateway
          WHERE difference.settlement_id = settlement.id));

-- name: a_closed_settlement_has_no_open_difference
-- Somebody has decided about each.
SELECT 'difference ' || difference.uid AS what
  FROM billing_difference AS difference
  JOIN billing_settlement AS settlement ON settlement.id = difference.settlement_id
 WHERE settlement.state = 'closed' AND difference.resolution = '';

-- name: a_cash_count_is_in_the_journal
-- Of cash and of card alike: what left the desk is at the bank, and what differed is noted.
SELECT 'cash count ' || count.uid AS what
  FROM billing_cashcount AS count
  LEFT JOIN billing_journalentry AS entry
    ON entry.kind = 'cash_counted' AND entry.reference = 'cash_count:' || count.uid
  LEFT JOIN billing_posting AS posting ON posting.entry_id = entry.id
 GROUP BY count.id
HAVING coalesce(sum(posting.amount) FILTER (WHERE posting.account = 'bank'), 0)
       <> count.counted - count.kept
    OR coalesce(sum(posting.amount) FILTER (WHERE posting.account = 'differences'), 0)
       <> -count.difference
    OR coalesce(sum(posting.amount) FILTER (WHERE posting.account = count.account), 0)
       <> count.kept - count.expected;

-- name: the_insured_share_of_a_visit_is_claimed
-- As it was asked for, or accepted, unless the news of that is still on its way.
SELECT 'appointment ' || appointment.uid AS what
  FROM appointments_appointment AS appointment
 WHERE appointment.state IN ('booked', 'arrived', 'in_consultation', 'completed')
   AND appointment.insured <> (
     SELECT coalesce(sum(coalesce(claim.accepted, claim.quoted)), 0)
       FROM billing_claim AS claim JOIN billing_invoice AS invoice ON invoice.id = claim.invoice_id
      WHERE invoice.subject = 'appointment:' || appointment.uid AND claim.state <> 'reversed')
   AND NOT EXISTS (
     SELECT FROM outbox_outboxmessage AS news
      WHERE news.topic = 'claim.cut' AND news.handled_at IS NULL
        AND news.ids ->> 'subject' = 'appointment:' || appointment.uid);

-- name: insurers_owe_what_they_bear
-- For claims of paid invoices that are not reversed, less what has come in.
SELECT 'journal subject ' || coalesce(owed.subject, asked.subject) AS what
  FROM (SELECT entry.subject, sum(posting.amount) AS total
          FROM billing_journalentry AS entry
          JOIN billing_posting AS posting
            ON posting.entry_id = entry.id AND posting.account = 'insurers'
         GROUP BY entry.subject) AS owed
  FULL JOIN (
        SELECT invoice.subject, sum(
                 CASE WHEN claim.state <> 'reversed' AND invoice.paid_at IS NOT NULL
                      THEN coalesce(claim.accepted, claim.quoted) ELSE 0 END
               - CASE WHEN claim.paid_at IS NOT NULL AND claim.paid_back_at IS NULL
                      THEN claim.accepted ELSE 0 END) AS total
          FROM billing_claim AS claim JOIN billing_invoice AS invoice ON invoice.id = claim.invoice_id
         GROUP BY invoice.subject) AS asked ON asked.subject = owed.subject
 WHERE coalesce(owed.total, 0) <> coalesce(asked.total, 0);

-- name: a_claim_is_of_what_was_paid
-- Insurers hear of no invoice that nobody has paid.
SELECT 'claim ' || claim.reference AS what
  FROM billing_claim AS claim
  JOIN billing_invoice AS invoice ON invoice.id = claim.invoice_id
 WHERE claim.state IN ('submitted', 'accepted', 'part_accepted', 'rejected')
   AND (invoice.paid_at IS NULL OR claim.submitted_at IS NULL OR claim.quoted = 0);

-- name: an_insurer_bears_no_more_than_its_yearly_cap
-- Of one patient in one calendar year.
SELECT 'patient ' || patient.uid || ', plan ' || plan.code AS what
  FROM billing_claim AS claim
  JOIN billing_insurancepolicy AS policy ON policy.id = claim.policy_id
  JOIN billing_insuranceplan AS plan ON plan.id = policy.plan_id
  JOIN members_patient AS patient ON patient.id = policy.patient_id
 WHERE claim.state NOT IN ('rejected', 'reversed')
 GROUP BY patient.uid, plan.code, plan.yearly_cap, claim.year
HAVING sum(coalesce(claim.accepted, claim.quoted)) > plan.yearly_cap;

-- while workers run

-- name: holds_end_in_time
-- The sweep ends a hold within a minute.
SELECT 'appointment ' || uid AS what
  FROM appointments_appointment
 WHERE state = 'held' AND hold_expires_at < %(now)s::timestamptz - interval '60 seconds';

-- name: offers_end_in_time
-- The sweep passes a place on within a minute.
SELECT 'offer ' || uid AS what
  FROM appointments_offer
 WHERE state = 'open' AND expires_at < %(now)s::timestamptz - interval '60 seconds';

-- name: missed_visits_are_noted_in_time
-- Half an hour after a session nobody is still awaited.
SELECT 'appointment ' || appointment.uid AS what
  FROM appointments_appointment AS appointment
  JOIN scheduling_slot AS slot ON slot.id = appointment.slot_id
  JOIN scheduling_schedule AS schedule ON schedule.id = slot.schedule_id
 WHERE appointment.state = 'booked' AND schedule.state IN ('published', 'finished')
   AND schedule.ends_at < %(now)s::timestamptz - interval '30 minutes'
   AND NOT EXISTS (
     SELECT FROM scheduling_leave AS leave
      WHERE leave.doctor_id = schedule.doctor_id AND leave.state IN ('confirmed', 'done')
        AND leave.starts_at < appointment.ends_at AND appointment.starts_at < leave.ends_at);

-- name: sessions_are_finished_in_time
-- Not before they end, and within an hour after it unless a place is still in use.
SELECT 'schedule ' || schedule.uid AS what
  FROM scheduling_schedule AS schedule
 WHERE (schedule.state = 'finished' AND schedule.ends_at > %(now)s::timestamptz)
    OR (schedule.state = 'published'
        AND schedule.ends_at < %(now)s::timestamptz - interval '1 hour'
        AND NOT EXISTS (
          SELECT FROM scheduling_slot AS slot
           WHERE slot.schedule_id = schedule.id AND slot.state IN ('taken', 'offered')));

-- name: news_leaves_in_time
-- No message waits in the outbox for more than five minutes, unless it is being tried again.
SELECT 'outbox message ' || id AS what
  FROM outbox_outboxmessage
 WHERE handled_at IS NULL AND next_attempt_at < %(now)s::timestamptz - interval '5 minutes';

-- name: points_come_back_in_time
-- Five minutes after a visit came to nothing, all points that were used for it are back.
SELECT 'appointment ' || appointment.uid AS what
  FROM appointments_appointment AS appointment
 WHERE appointment.state IN ('cancelled', 'called_off', 'expired') AND appointment.points > 0
   AND appointment.ended_at < %(now)s::timestamptz - interval '5 minutes'
   AND NOT EXISTS (
     SELECT FROM billing_invoice AS invoice
      WHERE invoice.subject = 'appointment:' || appointment.uid AND invoice.state = 'open')
   AND appointment.points <> (
     SELECT coalesce(sum(entry.amount), 0) FROM members_pointentry AS entry
      WHERE entry.reason = 'given_back'
        AND entry.reference LIKE 'appointment:' || appointment.uid || ':%%');

-- name: a_payment_has_its_receipt_in_time
-- Five minutes after an invoice over more than nothing was paid.
SELECT 'invoice ' || invoice.reference AS what
  FROM billing_invoice AS invoice
 WHERE invoice.total > 0 AND invoice.paid_at < %(now)s::timestamptz - interval '5 minutes'
   AND NOT EXISTS (
     SELECT FROM billing_receipt AS receipt
      WHERE receipt.invoice_id = invoice.id AND receipt.kind = 'payment');

-- name: a_refund_has_its_receipt_in_time
-- Five minutes after it has gone back, unless it was paid too much.
SELECT 'refund ' || refund.reference AS what
  FROM billing_refund AS refund
  JOIN billing_payment AS payment ON payment.id = refund.payment_id AND NOT payment.is_extra
 WHERE refund.settled_at < %(now)s::timestamptz - interval '5 minutes'
   AND NOT EXISTS (
     SELECT FROM billing_receipt AS receipt WHERE receipt.refund_id = refund.id);

-- name: no_release_run_hangs
-- A run ends, well or not.
SELECT 'release run ' || uid AS what
  FROM scheduling_releaserun
 WHERE state = 'running' AND started_at < %(now)s::timestamptz - interval '1 hour';
