-- The rules of jobs, credits, renders and messages, each as a query that finds violations, for both databases.
-- The names of rules are stable.
--
-- CHECK and UNIQUE constraints need no rule here, because the database enforces them. Foreign keys have rules: SQLite
-- checks them only on connections that request it, so a manual repair of the file may break them.

WITH moved AS (
  SELECT job_id,
    count(*) FILTER (WHERE kind = 'debit') AS debits,
    count(*) FILTER (WHERE kind = 'refund') AS refunds,
    sum(amount) FILTER (WHERE kind = 'debit') AS debited,
    sum(amount) FILTER (WHERE kind = 'refund') AS refunded
  FROM ledger WHERE job_id IS NOT NULL GROUP BY job_id
), rendered AS (
  SELECT job_id, count(*) AS renders FROM renders GROUP BY job_id
), job AS (  -- each with its ledger and its renders
  SELECT id AS job_id, client_id, status, operation, preview, credits_cost, tries, missed,
    attempt, lease_token, lease_until, started_at, finished_at, error_code,
    status IN ('SUCCESS', 'FAILURE') AS finished,
    -- A picture that misses its limits, of which a preview is kept.
    coalesce(error_code, '') = 'not_accepted' AS refused,
    coalesce(finished_at <= :renders_until OR (preview AND finished_at <= :previews_until), false) AS expired,
    attempt > :max_attempts AS too_often,
    CASE credits_cost WHEN 0 THEN 0 ELSE 1 END AS lines,  -- a free job has no ledger row
    coalesce(debits, 0) AS debits, CAST(coalesce(debited, 0) AS BIGINT) AS debited,
    coalesce(refunds, 0) AS refunds, CAST(coalesce(refunded, 0) AS BIGINT) AS refunded,
    coalesce(renders, 0) AS renders
  FROM jobs LEFT JOIN moved ON moved.job_id = jobs.id LEFT JOIN rendered ON rendered.job_id = jobs.id
)

-- Credits

-- rule: balance_is_the_ledgers_sum
SELECT id AS client_id, balance, CAST(coalesce(amount, 0) AS BIGINT) AS ledger
FROM clients LEFT JOIN (SELECT client_id, sum(amount) AS amount FROM ledger GROUP BY client_id) AS summed
  ON summed.client_id = clients.id
WHERE balance <> coalesce(amount, 0)

-- rule: a_sandbox_has_no_ledger
SELECT ledger.id AS ledger_id, client_id FROM ledger JOIN clients ON clients.id = client_id WHERE sandbox

-- rule: client_has_a_key_that_lasts
-- Without such a key the client is locked out, now or when its other keys expire.
SELECT id AS client_id FROM clients
WHERE NOT EXISTS (SELECT 1 FROM api_keys WHERE client_id = clients.id AND expires_at IS NULL)

-- rule: job_is_debited_once
SELECT job_id, client_id, status, credits_cost, debits, debited FROM job
WHERE debits <> lines OR debited <> -credits_cost

-- rule: preview_is_free
SELECT job_id, client_id, status, credits_cost FROM job WHERE preview AND credits_cost <> 0

-- rule: failure_is_refunded_once
SELECT job_id, client_id, status, credits_cost, refunds, refunded FROM job
WHERE status = 'FAILURE' AND (refunds <> lines OR refunded <> credits_cost)

-- rule: a_cutout_costs_nothing
SELECT job_id, client_id, status, credits_cost FROM job WHERE operation = 'cutout' AND credits_cost <> 0

-- rule: only_a_failure_is_refunded
SELECT job_id, client_id, status, credits_cost, refunds, refunded FROM job WHERE status <> 'FAILURE' AND refunds > 0

-- rule: refund_has_its_debit
-- The job of a row may have been archived. The row must still have a matching debit.
SELECT r.id AS ledger_id, r.job_id
FROM ledger AS r LEFT JOIN ledger AS d ON d.job_id = r.job_id AND d.kind = 'debit' AND d.amount = -r.amount
WHERE r.kind = 'refund' AND d.id IS NULL

-- Renders and cut-outs

-- rule: success_has_one_render
SELECT job_id, client_id, status, renders, finished_at FROM job
WHERE operation = 'swap' AND status = 'SUCCESS' AND renders <> 1 AND NOT (renders = 0 AND expired)

-- rule: refusal_has_its_preview
SELECT job_id, client_id, status, renders, finished_at FROM job
WHERE refused AND (operation <> 'swap' OR renders <> 1) AND NOT (renders = 0 AND expired)

-- rule: tries_fit_the_end
-- Only a job that ended was judged, and a refusal names what its last picture missed.
SELECT job_id, client_id, status, tries FROM job
WHERE tries < 1 OR (tries IS NOT NULL AND NOT finished) OR (tries IS NULL AND refused)
  OR (tries IS NULL) <> (missed IS NULL)

-- rule: render_is_a_preview_where_its_job_is
-- A render that is marked as a preview is left out of lists.
SELECT public_id AS render_id, renders.job_id FROM renders JOIN job ON job.job_id = renders.job_id
WHERE renders.preview <> (job.preview OR refused)

-- rule: only_a_success_has_a_render
SELECT job_id, client_id, status, renders FROM job
WHERE renders > 0 AND NOT (operation = 'swap' AND (status = 'SUCCESS' OR refused))

-- rule: render_has_its_job
SELECT public_id AS render_id, job_id FROM renders LEFT JOIN jobs ON jobs.id = job_id WHERE jobs.id IS NULL

-- rule: success_has_one_cutout
-- It exists as long as its photo.
SELECT id AS job_id, jobs.client_id, status FROM jobs LEFT JOIN cutouts ON cutouts.job_id = jobs.id
WHERE operation <> 'swap' AND status = 'SUCCESS' AND cutouts.job_id IS NULL AND EXISTS (
  SELECT 1 FROM stored_objects WHERE bucket = 'sources' AND key = source_key AND doomed_at IS NULL
)

-- rule: only_a_success_has_a_cutout
SELECT job_id, cutouts.client_id FROM cutouts LEFT JOIN jobs ON jobs.id = job_id
WHERE jobs.id IS NULL OR operation = 'swap' OR status <> 'SUCCESS'

-- rule: cutout_is_of_the_jobs_client
SELECT job_id, cutouts.client_id FROM cutouts JOIN jobs ON jobs.id = job_id
WHERE cutouts.client_id <> jobs.client_id

-- States

-- rule: finished_has_its_time
SELECT job_id, client_id, status FROM job WHERE finished AND finished_at IS NULL

-- rule: only_finished_has_its_time
SELECT job_id, client_id, status, finished_at FROM job WHERE NOT finished AND finished_at IS NOT NULL

-- rule: only_a_running_job_is_leased
SELECT job_id, client_id, status, lease_token, lease_until FROM job
WHERE status <> 'IN_PROGRESS' AND (lease_token IS NOT NULL OR lease_until IS NOT NULL)

-- rule: a_running_job_has_a_lease_that_ends
-- Without a lease no sweep would find the job again.
SELECT job_id, client_id, status FROM job WHERE status = 'IN_PROGRESS' AND lease_until IS NULL

-- rule: failure_has_a_code
SELECT job_id, client_id, status FROM job WHERE status = 'FAILURE' AND error_code IS NULL

-- rule: only_a_failure_has_a_code
SELECT job_id, client_id, status, error_code FROM job WHERE status <> 'FAILURE' AND error_code IS NOT NULL

-- rule: attempts_are_within_bounds
SELECT job_id, client_id, status, attempt FROM job
WHERE attempt < 0 OR too_often OR (status = 'NOT_STARTED' AND attempt > 0) OR (status = 'SUCCESS' AND attempt < 1)

-- rule: what_ran_has_its_start
SELECT job_id, client_id, status, attempt FROM job
WHERE (attempt > 0 OR status IN ('IN_PROGRESS', 'SUCCESS')) AND started_at IS NULL

-- Messages: each reports the end of a finished job, and is either waiting or finished

-- rule: message_tells_how_its_job_ended
SELECT deliveries.id AS message_id, job_id, type, state, status
FROM deliveries LEFT JOIN jobs ON jobs.id = job_id
WHERE job_id IS NOT NULL AND type <> CASE
  WHEN status = 'SUCCESS' THEN CASE operation WHEN 'swap' THEN 'job.succeeded' ELSE 'cutout.succeeded' END
  WHEN status = 'FAILURE' THEN CASE operation WHEN 'swap' THEN 'job.failed' ELSE 'cutout.failed' END
  ELSE 'none' END

-- rule: message_is_of_the_jobs_client
SELECT deliveries.id AS message_id, job_id, type, state, jobs.client_id, deliveries.client_id AS message_client_id
FROM deliveries JOIN jobs ON jobs.id = job_id WHERE jobs.client_id <> deliveries.client_id

-- rule: message_waits_or_is_over
-- Without the time of its next attempt no sweep would send it.
SELECT id AS message_id, job_id, type, state FROM deliveries
WHERE (state = 'waiting') = (ended_at IS NOT NULL) OR (state = 'waiting' AND next_attempt_at IS NULL)

-- Orders: the sums of its jobs, its completion with the last of them, and its only message

-- rule: order_has_a_job_a_picture
SELECT orders.id AS order_id, orders.client_id, pictures, places
FROM orders LEFT JOIN (
  SELECT order_id, sum(places) AS places, sum(credits_cost) AS cost FROM jobs
  WHERE order_id IS NOT NULL GROUP BY order_id
) AS made ON made.order_id = orders.id
WHERE places IS NULL OR places <> pictures OR cost <> credits_cost

-- rule: order_is_complete_with_its_last_job
SELECT id AS order_id, client_id FROM orders
WHERE (completed_at IS NULL) <> EXISTS (
  SELECT 1 FROM jobs WHERE order_id = orders.id AND status IN ('NOT_STARTED', 'IN_PROGRESS')
)

-- rule: picture_is_of_the_orders_client
SELECT orders.id AS order_id, orders.client_id, jobs.id AS job_id FROM orders JOIN jobs ON order_id = orders.id
WHERE jobs.client_id <> orders.client_id

-- rule: picture_sends_no_message
SELECT deliveries.id AS message_id, type FROM deliveries JOIN jobs ON jobs.id = job_id WHERE jobs.order_id IS NOT NULL

-- rule: message_is_of_a_completed_order
SELECT deliveries.id AS message_id, type FROM deliveries JOIN orders ON orders.id = order_id
WHERE type <> 'order.completed' OR completed_at IS NULL OR orders.client_id <> deliveries.client_id

-- Belongings: a job and all its rows belong to one client, which exists

-- rule: job_has_its_request_log
SELECT id AS job_id, jobs.client_id, jobs.request_id
FROM jobs LEFT JOIN request_logs ON request_logs.request_id = jobs.request_id WHERE request_logs.request_id IS NULL

-- rule: request_log_is_of_the_jobs_client
SELECT id AS job_id, jobs.client_id, jobs.request_id, request_logs.client_id AS request_log_client_id
FROM jobs JOIN request_logs ON request_logs.request_id = jobs.request_id WHERE request_logs.client_id <> jobs.client_id

-- rule: ledger_is_of_the_jobs_client
SELECT job_id, jobs.client_id, request_id, ledger.client_id AS ledger_client_id
FROM jobs JOIN ledger ON job_id = jobs.id WHERE ledger.client_id <> jobs.client_id

-- rule: render_is_of_the_jobs_client
SELECT job_id, jobs.client_id, request_id, renders.client_id AS render_client_id
FROM jobs JOIN renders ON job_id = jobs.id WHERE renders.client_id <> jobs.client_id

-- rule: job_has_its_client
SELECT jobs.id AS job_id, client_id FROM jobs LEFT JOIN clients ON clients.id = client_id WHERE clients.id IS NULL

-- rule: ledger_has_its_client
SELECT ledger.id AS ledger_id, client_id FROM ledger LEFT JOIN clients ON clients.id = client_id
WHERE clients.id IS NULL

-- rule: idempotency_key_is_one_requests
SELECT client_id, idempotency_key, count(*) AS requests FROM request_logs
WHERE idempotency_key IS NOT NULL GROUP BY client_id, idempotency_key HAVING count(*) > 1
