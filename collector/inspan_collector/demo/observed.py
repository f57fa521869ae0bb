"""What the demo reads while it runs: `/status` and `/events` of the sidecar, `/count` of the sink, agents' reports."""

import aiohttp
import msgspec

from inspan_collector.demo.agents.report import Report
from inspan_collector.demo.processes import DemoError
from inspan_collector.demo.scene import Mood
from inspan_collector.ledger import DROPPED
from inspan_collector.sink.behaviour import Behaviour
from inspan_collector.sink.tally import Count

TIMEOUT = aiohttp.ClientTimeout(total=5)  # s; local, and answered between two batches


class Reception(msgspec.Struct, frozen=True):
    """A dialect's book, in copies."""

    received: int = 0
    accepted: int = 0
    refused: dict[str, int] = {}


class Books(msgspec.Struct, frozen=True):
    """The ledger as `/status` and the closing log line have it. destinations: accounts that are not 0, by name."""

    dialects: dict[str, Reception]
    destinations: dict[str, dict[str, int]]
    imbalance: int

    def of(self, destination: str, account: str) -> int:
        """Copies in one account."""
        return self.destinations.get(destination, {}).get(account, 0)

    def dropped(self, destination: str) -> int:
        """Copies dropped for any reason."""
        return sum(self.of(destination, f"dropped_{reason}") for reason in DROPPED)

    def lost(self, destination: str) -> int:
        """Copies that the upstream does not have, and will not get from us."""
        return self.dropped(destination) + self.of(destination, "quarantined")


class Gate(msgspec.Struct, frozen=True):
    state: str
    reason: str


class Batches(msgspec.Struct, frozen=True):
    """Attempts made, and the copies in them."""

    sent: int
    spans: int


class Pool(msgspec.Struct, frozen=True):
    open: int
    opened: int


class Upserts(msgspec.Struct, frozen=True):
    """held: starts that wait for their end."""

    held: int


class Destination(msgspec.Struct, frozen=True):
    """upserts: of one that merges."""

    name: str
    gate: Gate
    batches: Batches
    connections: Pool
    upserts: Upserts | None = None


class Status(msgspec.Struct, frozen=True):
    """What we look at in `/status`."""

    ledger: Books
    connections: int
    destinations: list[Destination]
    events: int


class Event(msgspec.Struct, frozen=True):
    """at: seconds since the epoch."""

    sequence: int
    at: float
    kind: str
    destination: str
    message: str


class _Events(msgspec.Struct, frozen=True):
    events: list[Event]


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """Everything at one time. elapsed, seconds: since the start, of how many. agents: by destination.

    events: those that are new since the moment before.
    """

    elapsed: float
    seconds: float
    seed: int
    mood: Mood
    agents: dict[str, Report]
    status: Status
    count: Count
    events: list[Event]


class Observer:
    """Asks both servers. admin, sink: their addresses, without a path."""

    def __init__(self, session: aiohttp.ClientSession, admin: str, sink: str) -> None:
        self.session = session
        self.admin = admin
        self.sink = sink
        self.seen = 0

    async def status(self) -> Status:
        """The sidecar as it stands. Raises DemoError, as all here."""
        return msgspec.json.decode(await self._ask(f"{self.admin}/status"), type=Status)

    async def events(self) -> list[Event]:
        """What happened in the sidecar since it was last asked."""
        body = await self._ask(f"{self.admin}/events?after={self.seen}")
        found = msgspec.json.decode(body, type=_Events).events
        self.seen = found[-1].sequence if found else self.seen
        return found

    async def count(self) -> Count:
        """What has arrived upstream."""
        return msgspec.json.decode(await self._ask(f"{self.sink}/count"), type=Count)

    async def behave(self, behaviour: Behaviour) -> None:
        """Change the upstream's mood."""
        await self._ask(f"{self.sink}/behave", msgspec.json.encode(behaviour))

    async def _ask(self, url: str, body: bytes | None = None) -> bytes:
        try:
            async with self.session.request("GET" if body is None else "POST", url, data=body) as answer:
                words = await answer.read()
        except (aiohttp.ClientError, OSError) as error:
            raise DemoError(f"{url}: {type(error).__name__} {error}") from None
        if answer.status >= 300:
            raise DemoError(f"{url}: {answer.status} {words[:200].decode('utf-8', 'replace')}")
        return words
