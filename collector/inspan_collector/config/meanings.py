"""What each key means: one text for docs/configuration.md and for the JSON schema. Beside the Structs and not in them,
so that they stay readable: there each default has its reason, here a reader is told what the key does.

Keys as in the file. Backticks and links as in docs/, where the page lies; the schema has the words of a link alone.
A key without a text fails a test, as does a text without a key.
"""

import re
from typing import Final

_LINK: Final = re.compile(r"\[([^]]+)\]\([^)]+\)")

# Of the sidecar itself.
PROCESS: Final = {
    "socket.path": (
        "Where agents connect; at most 107 bytes, as `control.sock` beside it, where "
        "[commands](operations.md#quarantine) do."
    ),
    "socket.mode": "Permissions of the socket's file, in quotes.",
    "socket.group": "Group of the file, by name or number.",
    "socket.allow_uids": "Users that may post; `null`: whoever can open the file.",
    "listen": (
        "TCP address for the same requests, such as `127.0.0.1:4318`. It has no authentication: keep it on loopback."
    ),
    "admin.listen": "Metrics, health, status, events; port 0 takes a free one, and the log says which.",
    "admin.allow_hosts": (
        "Names by which the admin address, and a `listen` on loopback, may be called, without a port: "
        "`[inspan.example]`. Addresses, `localhost` and what ends in `.localhost` are always taken; other names are "
        "refused, since a page in a browser can lead one here ([security](security.md)). `/livez` and `/readyz` answer "
        "to any."
    ),
    "memory.max_bytes": (
        "All bytes of spans held, joined and compressed bodies included. `auto`: 40 % of the cgroup's limit, else 256"
        " MiB."
    ),
    "limits.max_request_bytes": "A body, as sent and inflated. Over it: 413.",
    "limits.max_span_bytes": "One span. Over it the span is refused, and its neighbours are taken.",
    "limits.max_connections": "Over it the longest idle one is closed, and where none is idle: 503.",
    "limits.header_timeout": "From the first byte of a request's head to its last.",
    "limits.body_timeout": "From the first byte of a request's body to its last.",
    "limits.idle_timeout": "A connection between two requests. Longer than agents' own, so that they let go first.",
    "drain.deadline": "From SIGTERM to the end. Below the pod's `terminationGracePeriodSeconds`.",
    "drain.linger": "How long spans are still taken after SIGTERM, where agents stop at the same time.",
    "drain.termination_message": (
        "File for the ledger, rewritten each second of the drain; in Kubernetes `/dev/termination-log`."
    ),
    "spool.path": "The file, absolute. SQLite's own files stand beside it, and one process at a time uses it.",
    "spool.mode": (
        "`overflow`: chunks are written when memory is past `threshold`, when a gate has not been open for "
        "`spill_after`, and at the end of a drain. `always`: every chunk is written first, so that a crash loses "
        "nothing that was acknowledged as durable."
    ),
    "spool.threshold": "`overflow`: of a queue's bounds, in spans or in bytes; what is over it goes to disk.",
    "spool.spill_after": (
        "`overflow`: how long a gate may be shut or paused before what waits behind it goes to disk. `0s`: at once."
    ),
    "spool.max_bytes": (
        "What all destinations have on disk together; half of it is divided equally among them. Over it a chunk stays"
        " in memory, or is refused."
    ),
    "spool.max_age": "Older spans on disk are dropped, reason `expired`.",
    "spool.recovery_share": (
        "Of a destination's batches, those taken from the disk while fresh spans wait too. With none waiting, all are."
    ),
    "spool.ack_timeout": (
        "How long a request for a durable acknowledgement waits for the disk; then it is answered 503."
    ),
    "spool.lifetime": (
        "What the volume outlives: `container`, `pod` or `persistent`. What a drain leaves in the first two is "
        "reported as at risk."
    ),
}

# Of one destination, below `destinations`.
DESTINATION: Final = {
    "name": "The label in metrics: small letters, digits, `-`, `_`, 40 at most.",
    "kind": (
        "`otlp`: OTLP over HTTP, protobuf and JSON; plain JSON spans are [translated](translate.md) into it. `sgp`: "
        "plain JSON spans by `PUT /v5/spans/batch`. `agentex`: plain JSON spans one by one, by `POST /spans` and "
        "`PATCH /spans/{id}`. `file`: any format, in a directory."
    ),
    "url": "`otlp`: the whole address, used as it is. `sgp`, `agentex`: the API's base.",
    "path": "`file`: the directory. It holds `otlp.pb` (length-delimited), `otlp.jsonl` and `spans.jsonl`.",
    "headers": "Sent with each request; see *Secrets*. In variables dashes are underscores: `D__HEADERS__X_API_KEY`.",
    "account_id": "`sgp`: the account, sent as `x-selected-account-id`. Agents that name another one are refused.",
    "compression": "`none`, `gzip` or `zstd`.",
    "concurrency": "Attempts at once, and the most connections.",
    "queue.max_spans": "Spans held, those in flight included.",
    "queue.max_bytes": (
        "Bytes held, those in flight included; less where `memory.max_bytes` does not allow it for all destinations. "
        "`sgp`, `agentex`: with 400 for each copy, which is what its key and its place take."
    ),
    "queue.max_age": (
        "Older spans are dropped, reason `expired`. A copy that takes the place of another one that waits is as old "
        "as that."
    ),
    "queue.when_full": (
        "`refuse`: 429 to the agent, unless another destination takes the spans: then they are dropped here, reason "
        "`queue_full`. `drop_oldest`: make room, the same reason."
    ),
    "batch.max_spans": "Spans in a request; SGP allows no more than 1000, AgentEx one.",
    "batch.max_bytes": (
        "Bytes in a request before compression, and before a translation, which adds up to 1 KiB a span. A single "
        "larger span goes alone."
    ),
    "batch.linger": "How long the first span of a batch waits for company.",
    "upsert.hold_open": (
        "sgp and agentex only. How long a span that was started waits for its end, so that both become one write; "
        "then it is sent open, and shows as running. `0s`: it is sent with the next batch. An SDK that sends starts "
        "and ends a few seconds apart wants more than that: `5s` for the tracing of scale_gp_beta, which flushes "
        "every 4 s."
    ),
    "upsert.orphan_after": (
        "sgp and agentex only. How long a registered agent may be silent, neither beat nor post, before it counts as "
        "lost; more than the 10 s from beat to beat. Of several destinations the shortest counts, and without any of "
        "these kinds the default. Time in which the sidecar itself was stopped does not count. What such an agent "
        "left open is ended as `interrupted`."
    ),
    "upsert.dedupe.window": (
        "sgp and agentex only; off where neither this nor `max_keys` is set, on with both defaults as `dedupe: {}`. "
        "How long an identical copy of a span that was delivered is acknowledged and not sent again. A changed one is"
        " sent, and after it the earlier one too. With a `spool` it is known over a restart."
    ),
    "upsert.dedupe.max_keys": (
        "sgp and agentex only. Spans of which this is known, at most: where there are more, the oldest are forgotten,"
        " up to half of them at once. Each takes up to 120 bytes out of `memory.max_bytes`, and with a spool 72 bytes"
        " of disk beside it."
    ),
    "upsert.trail.max_bytes": (
        "sgp and agentex only. Memory for what `inspan trace` can show of spans, out of `memory.max_bytes`; `trail: "
        "null`: nothing is kept. Together with fingerprints no more than half of that: an explicit `memory.max_bytes`"
        " that leaves less is refused, and where it is `auto`, both are scaled down to it."
    ),
    "upsert.trail.max_age": "sgp and agentex only. How long ago what `inspan trace` shows may be.",
    "retry.initial": "First backoff; it doubles, with jitter. What the upstream asks for wins, up to 5 minutes.",
    "retry.max": "Longest backoff.",
    "retry.max_attempts": "Give up after so many, reason `max_attempts`. `null`: bounds and `max_age` decide.",
    "timeout": "One attempt, answer included.",
    "tls.ca_file": "Trust these authorities instead of the system's.",
    "tls.cert_file": (
        "Client certificate, for mTLS; needs `tls.key_file`. These three files are read again when they have changed."
    ),
    "tls.key_file": "Key of the client certificate, without a password.",
    "tls.insecure_skip_verify": "Trust whoever answers: each start says so. For tests.",
    "max_connection_age": "Connections are replaced after it, so that a load balancer can move us.",
    "keepalive": "An idle connection is kept so long; below what the upstream's side closes after.",
    "rotate.max_bytes": "`file`: a file over it becomes `NAME.1`, and so on.",
    "rotate.keep": "`file`: so many full files are kept.",
}


def plain(meaning: str) -> str:
    """The meaning without the targets of its links, for readers that are not on the page."""
    return _LINK.sub(r"\1", meaning)
