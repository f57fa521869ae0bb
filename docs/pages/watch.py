"""When a metric asks for somebody: the last column of docs/metrics.md. What to do then is in docs/operations.md."""

from typing import Final

WATCH: Final = {
    "inspan_spans_refused_total": "it grows: agents are told to wait, or post what cannot be taken "
    "([refusals](operations.md#refusals))",
    "inspan_requests_refused_total": "it grows while `inspan_spans_refused_total` does not: requests are refused "
    "before their spans are counted ([refusals](operations.md#refusals))",
    "inspan_spans_recovered_total": "it grows and nobody deployed: the sidecar restarts",
    "inspan_spans_quarantined_total": "it grows: an agent posts what the upstream will never take "
    "([quarantine](operations.md#quarantine))",
    "inspan_spans_dropped_total": "it grows: spans are lost ([is anything lost?](operations.md#1-is-anything-lost))",
    "inspan_queue_spans": "it will reach `inspan_queue_capacity_spans` within the hour, at the rate of the last ten "
    "minutes ([is it keeping up?](operations.md#3-is-it-keeping-up))",
    "inspan_queue_bytes": "likewise, of `inspan_queue_capacity_bytes`",
    "inspan_queue_oldest_age_seconds": "it is over a minute: the upstream is slower than the agents "
    "([is it keeping up?](operations.md#3-is-it-keeping-up))",
    "inspan_spool_bytes": "it will reach its limit before somebody is awake ([the disk](operations.md#the-disk))",
    "inspan_spool_errors_total": "it grows ([the disk](operations.md#the-disk))",
    "inspan_spool_trouble": "it is 1 for minutes: no post can be durable, nothing goes to disk "
    "([the disk](operations.md#the-disk))",
    "inspan_quarantine_evicted_spans_total": "it grows: refused spans are gone before anybody saw them",
    "inspan_memory_bytes": "it stays over 90 % of its limit: requests are refused although no queue is full",
    "inspan_gate_state": '`state="paused"` is 1: the upstream refuses us, and waiting will not help; `state="shut"` is '
    "1 for minutes ([the gate](operations.md#2-what-state-is-each-destination-in))",
    "inspan_connections_opened_total": "it grows as fast as requests: connections are not reused",
    "inspan_learned_max_bytes": "it is below `batch.max_bytes`: the upstream answered 413",
    "inspan_ledger_imbalance_spans": "it is not 0: a defect, please report it",
    "inspan_agents": '`state="lost"` jumps: look at the node',
    "inspan_agent_spans_dropped_total": "it grows: spans are lost before the socket "
    "([is anything lost?](operations.md#1-is-anything-lost))",
    "inspan_open_spans": "it grows for ever: agents do not end their spans",
    "inspan_open_spans_unwatched_total": "it grows: what a dead agent leaves may stay open",
}
