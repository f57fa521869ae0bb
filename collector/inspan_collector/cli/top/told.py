"""What the live feed says, as far as it is shown. What a sidecar of another version does not say has a default."""

import msgspec
from msgspec import Struct


class Reception(Struct, frozen=True):
    """A dialect's book, in spans."""

    received: int = 0
    accepted: int = 0
    refused: dict[str, int] = {}


class Ledger(Struct, frozen=True):
    """destinations: accounts that are not 0, by name."""

    dialects: dict[str, Reception] = {}
    destinations: dict[str, dict[str, int]] = {}
    imbalance: int = 0


class Memory(Struct, frozen=True):
    bytes: int = 0
    limit_bytes: int = 0


class Spool(Struct, frozen=True):
    """The disk, and how much of it may be used."""

    bytes: int = 0
    limit_bytes: int = 0


class Gate(Struct, frozen=True):
    """seconds: since it changed."""

    state: str = "open"
    reason: str = ""
    seconds: float | None = None


class Queue(Struct, frozen=True):
    """spans, bytes: held, what is in flight included."""

    spans: int = 0
    bytes: int = 0
    capacity_spans: int = 0
    capacity_bytes: int = 0
    oldest_age_seconds: float | None = None


class Batches(Struct, frozen=True):
    """Requests that went out on a connection, and what was in them."""

    sent: int = 0
    spans: int = 0
    bytes: int = 0


class Pool(Struct, frozen=True):
    open: int = 0
    opened: int = 0


class Quarantine(Struct, frozen=True):
    """spans: kept. evicted: let go for want of room."""

    spans: int = 0
    evicted: int = 0


class Quantiles(Struct, frozen=True):
    """Seconds; None where nothing was delivered yet, or above all bounds."""

    p50: float | None = None
    p99: float | None = None


class Durations(Struct, frozen=True):
    """delivery: from arrival to delivered."""

    delivery: Quantiles = Quantiles()


class Destination(Struct, frozen=True):
    """to: where, without secrets."""

    name: str
    kind: str = ""
    to: str = ""
    gate: Gate = Gate()
    queue: Queue = Queue()
    batches: Batches = Batches()
    connections: Pool = Pool()
    quarantine: Quarantine = Quarantine()
    durations: Durations = Durations()

    def filled(self) -> float:
        """0 to 1: of the bound that is nearer."""
        queue = self.queue
        return max(queue.spans / max(1, queue.capacity_spans), queue.bytes / max(1, queue.capacity_bytes))


class Agent(Struct, frozen=True):
    """A registered agent. Numbers are spans of its life."""

    id: str = ""
    service: str = ""
    pid: int = 0
    state: str = ""
    silent_seconds: float = 0.0
    recorded: int = 0
    accepted: int = 0
    dropped: dict[str, int] = {}
    queued: int = 0
    missing: int = 0


class Service(Struct, frozen=True):
    """Totals of all agents of a service."""

    recorded: int = 0
    dropped: dict[str, int] = {}


class Agents(Struct, frozen=True):
    states: dict[str, int] = {}
    services: dict[str, Service] = {}
    last: list[Agent] = []


class Life(Struct, frozen=True):
    """seconds: since the process began."""

    version: str = ""
    host: str = ""
    ready: bool = True
    seconds: float = 0.0


class Status(Struct, frozen=True):
    ledger: Ledger = Ledger()
    memory: Memory = Memory()
    spool: Spool | None = None
    connections: int = 0
    destinations: list[Destination] = []
    agents: Agents = Agents()
    life: Life = Life()


class Event(Struct, frozen=True):
    """at: seconds since the epoch."""

    at: float
    kind: str
    destination: str
    message: str
    spans: int = 0


class Moment(Struct, frozen=True):
    """events: new since the moment before; in a first one the last of all."""

    at: float
    status: Status
    events: list[Event] = []


class Columns(Struct, frozen=True):
    """Of one destination. filled: thousandths. dropped: since the life began."""

    filled: list[int] = []
    dropped: list[int] = []


class History(Struct, frozen=True):
    """A sample a second, oldest first. at: seconds since the epoch."""

    at: list[float] = []
    destinations: dict[str, Columns] = {}


moment = msgspec.json.Decoder(Moment).decode
history = msgspec.json.Decoder(History).decode
