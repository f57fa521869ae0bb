// What a state or a reason means and what to do: docs/operations.md, in short. A test sees that none is missing.

/** A tone, a mark and a meaning for each state of a gate. */
export const GATE = {
  open: { tone: "good", mark: "✓", word: "open", todo: "" },
  shut: {
    tone: "care", mark: "◐", word: "shut",
    todo: "The upstream asked for time, or does not answer. Spans wait, up to the queue's bounds; one attempt at a time probes. Nothing to do here: look at the upstream.",
  },
  paused: {
    tone: "bad", mark: "‖", word: "paused",
    todo: "The upstream refuses us: a wrong key or URL, a redirect, a certificate. Everything is kept, and a probe goes every 30 s. Repair what the reason names. A secret from a file is read again at each probe; everything else needs a restart.",
  },
};

export const DROPPED = {
  queue_full: "The upstream is slower than the agents: see the gate and the durations above. Raise the queue's bounds or concurrency.",
  expired: "Older than queue.max_age. Raise it, or see why the upstream is slow.",
  rejected: "The upstream took the request and threw these away. The events say how many, the log has its words.",
  max_attempts: "retry.max_attempts was used up. Take the key out: bounds decide then.",
  shutdown: "Still here at the deadline of a drain. Raise drain.deadline and the pod's grace period.",
  bug: "A defect of inspan. Please report the log line.",
  crash: "In memory alone when the process was killed. Use spool.mode: always, and agents that ask for durable acks.",
  spool_full: "The spool had no room. Raise spool.max_bytes, or see why the upstream is slow.",
  spool_corrupt: "On disk, and could not be read back. Look at the volume; run `inspan spool verify`.",
};

export const REFUSED = {
  malformed: "Not what its content type says: one agent's bug. The first of a kind is in the log, with the position.",
  too_large: "Over limits.max_request_bytes or limits.max_span_bytes. SDKs lose these: raise the limit, or send fewer spans a request.",
  unsupported: "A content type that is not spoken, or a format that no destination takes.",
  queue_full: "No destination had room, or the memory budget is spent. Agents try again.",
  draining: "Starting, or stopping. Agents try again.",
  fair_share: "A queue is filling up, and this agent holds more than its share of it. The others are not disturbed.",
  too_many_connections: "limits.max_connections are open, and all are busy.",
  tenant: "The agent names another SGP account than the destination's.",
  not_allowed: "A user that socket.allow_uids does not name.",
  not_found: "No such path or method, or a change of a span that is not known here.",
  not_durable: "A durable ack was asked for and cannot be promised: see the disk.",
  too_many_agents: "1,024 registered agents are running. Their spans are taken all the same.",
  timeout: "A request that did not arrive in time: an agent that was stopped in the middle, or starved of CPU.",
  bug: "A defect of inspan. The log has the traceback: please report it.",
};

export const BEFORE = {
  buffer_full: "The agent made more than went through the socket. Where the sidecar answers 429, see the queues; else raise the client's max_bytes.",
  too_large: "One span over a limit, the client's or limits.max_span_bytes. Raise it, or record less of a prompt.",
  unencodable: "The application recorded what JSON cannot hold. Mend the application.",
  refused: "The sidecar refused these for good: see what was refused.",
  exit: "The agent ended before its last spans were sent. Close the client with a longer timeout.",
  closed: "Recorded after the client was closed. Close it later.",
  never_arrived: "The agent was killed, or fell silent and was forgotten. Look for OOM kills of that service.",
  other: "A reason that a newer client knows. Upgrade the sidecar.",
};

export const AGENT = {
  running: { tone: "good", mark: "●", word: "running" },
  completed: { tone: "", mark: "○", word: "completed" },
  lost: { tone: "bad", mark: "✕", word: "lost" },
};
