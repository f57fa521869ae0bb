"""One upstream with its own queue, batches, gate, slots and books."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Final

from inspan_collector.batch import Limits
from inspan_collector.chunk import Chunk, Custody
from inspan_collector.config.model import DestinationConfig
from inspan_collector.errors import MalformedChunk
from inspan_collector.events import Events
from inspan_collector.formats import FORMATS, Head, span_json, span_patch
from inspan_collector.gate import PROBE_PAUSED, Gate
from inspan_collector.histogram import BYTES, SECONDS, SPANS, Histogram
from inspan_collector.ledger import DROPPED_QUEUE_FULL, ENQUEUED, MERGED, REPLAYED, SPOOLED, Ledger, QueueRefusal
from inspan_collector.memory import Memory
from inspan_collector.pipeline.evidence import Tally
from inspan_collector.pipeline.exporter import Exporter
from inspan_collector.pipeline.line import Line
from inspan_collector.pipeline.portions import Bounds
from inspan_collector.pipeline.room import Room
from inspan_collector.pledge import Pledge
from inspan_collector.quarantine import MemoryQuarantine, Quarantine
from inspan_collector.queue.journal import Journal
from inspan_collector.queue.lanes import Lanes
from inspan_collector.queue.noting import Noting
from inspan_collector.queue.prints import Prints
from inspan_collector.queue.queue import Queue
from inspan_collector.queue.upserts import Upserts
from inspan_collector.row import ROW, Refused
from inspan_collector.trail import Trail, statuses

ENCODING: Final = 2  # batches at once that are joined and being compressed: more would only wait for a core, in memory
DECISIONS: Final = ("delivered", "later", "isolate", "pause", "abandoned")
RAISE: Final = 1.05  # a learned byte limit grows by this at each full batch that is delivered, up to what is configured
FULL: Final = 0.5  # of the limit: batches end where chunks do, so few are fuller


class Destination:
    """The parts of one upstream, and what every delivery to it shares.

    crowded: whether more than one agent is connected. clock: loop time in seconds. journal: the disk behind the queue.
    """

    def __init__(
        self,
        config: DestinationConfig,
        exporter: Exporter,
        bounds: Bounds,
        *,
        memory: Memory,
        events: Events,
        crowded: Callable[[], bool],
        clock: Callable[[], float],
        journal: Journal | None = None,
    ) -> None:
        self.config = config
        self.name = config.name
        self.exporter = exporter
        self.events = events
        self.clock = clock
        self.journal = journal
        self.ledger = Ledger(config.name)
        self.max_batch_bytes = min(int(config.batch.max_bytes), bounds.working_bytes // exporter.working)
        limits = Limits(config.batch.max_spans, self.max_batch_bytes, config.batch.linger)
        dedupe = config.upsert.dedupe if exporter.upserts else None
        # What an agent says cannot be made to look like what another said, unless the seed is known.
        self.prints = (
            None
            if dedupe is None
            else Prints(dedupe.window, max(1, int(dedupe.max_keys * bounds.remembering)), random.getrandbits(63))
        )
        self.waiting: Lanes | Upserts = (
            Upserts(limits, config.upsert.hold_open, memory, journal, self.prints)
            if exporter.upserts
            else Lanes(limits, journal)
        )
        if isinstance(self.waiting, Upserts):
            self.waiting.spooled = lambda: self.ledger.balances[SPOOLED] > 0
        self.queue = Queue(
            self.ledger,
            self.waiting,
            limits,
            max_spans=config.queue.max_spans,
            max_bytes=bounds.queue_bytes,
            evict=config.queue.when_full == "drop_oldest",
            crowded=crowded,
            journal=journal,
        )
        self.queue.evicted = self._evicted
        self.trail: Noting | None = None
        if isinstance(self.waiting, Upserts) and config.upsert.trail is not None:
            trail = Trail(int(config.upsert.trail.max_bytes * bounds.remembering), config.upsert.trail.max_age)
            self.trail = self.queue.trail = self.waiting.trail = Noting(trail, clock)
        # Jitter spreads the retries of many pods; nobody has to be unable to guess it.
        self.gate = Gate(config.retry.initial, config.retry.max, random.uniform)
        self.line = Line(self.gate, clock, self.poke)
        self.attempts = asyncio.Semaphore(config.concurrency)
        self.encoding = asyncio.Semaphore(ENCODING)
        self.memory = memory
        self.room = Room(memory, bounds.working_bytes)
        self.tally = Tally()
        self.quarantine: Quarantine = MemoryQuarantine(self.again)
        self.learned_bytes = self.max_batch_bytes
        self.searching: asyncio.Future[None] | None = None  # done when the search for a witness has ended
        self.hoping: asyncio.Future[None] | None = None  # the same, for those who wait for one and do not search
        self.poked: Callable[[], None] = lambda: None
        self.filled: Callable[[], None] | None = None  # told of every offer that was taken, where there is a disk
        self.sent_bytes = 0
        self.joined = 0  # chunks that were delivered in the company of another
        self.batch_spans = Histogram(SPANS)
        self.batch_bytes = Histogram(BYTES)
        self.attempt_seconds = {decision: Histogram(SECONDS) for decision in DECISIONS}
        self.delivery_seconds = Histogram(SECONDS)

    def __repr__(self) -> str:
        return f"<Destination {self.name} {self.queue!r} {self.gate!r}>"

    @property
    def deduplicated(self) -> int:
        """Copies that told the upstream nothing new, by their fingerprints: some of those that are merged."""
        return 0 if self.prints is None else self.prints.deduplicated

    def sent(self, spans: int, size: int) -> None:
        """A request has gone out, whatever became of it. size: bytes of its body."""
        self.batch_spans.observe(spans)
        self.batch_bytes.observe(size)
        self.sent_bytes += size

    def poke(self) -> None:
        """Something changed that may allow a batch to be taken."""
        self.poked()

    def offer(self, chunk: Chunk, heads: Sequence[Head], pledge: Pledge | None = None) -> QueueRefusal | None:
        """Take the chunk into the queue, or say why not. heads, pledge: see Waiting.add."""
        refusal = self.queue.offer(chunk, heads, pledge)
        if self.filled is not None:
            self.filled()
        return refusal

    def again(self, refused: Sequence[Refused]) -> list[int]:
        """Take spans out of quarantine into the queue, in order, while there is room. Returns the ids of those taken.

        What this destination has no use for (any more) is passed over.
        """
        taken: dict[int, int] = {}
        for each in refused:
            if each.format == span_patch.name:
                taken |= self._end_again(each)
                continue
            heads = self._heads(each)
            if heads is None:
                continue
            if not self._replay(each, heads):
                break
            taken[each.id] = each.spans
        if taken:
            message = "given to the destination again, out of quarantine"
            self.events.note("replayed", self.name, message, spans=sum(taken.values()))
        return list(taken)

    def _end_again(self, refused: Refused) -> dict[int, int]:
        """An end that we wrote and the upstream refused: it is made once more, and booked as synthesized."""
        if not isinstance(self.waiting, Upserts):
            return {}
        try:
            self.waiting.openings.refused(refused.body)
        except MalformedChunk:
            return {}
        self.poke()
        return {refused.id: refused.spans}

    def _heads(self, refused: Refused) -> Sequence[Head] | None:
        """Of the spans, where their format has any; None where these cannot be sent here."""
        if refused.format not in self.exporter.formats:
            return None
        try:
            return FORMATS[refused.format].scan(refused.body).heads
        except MalformedChunk:
            return None

    def _replay(self, refused: Refused, heads: Sequence[Head]) -> bool:
        if not self.memory.reserve(len(refused.body)):
            return False
        custody = Custody(len(refused.body), self.memory.release)
        agent = refused.agent or "replay"
        chunk = custody.chunk(refused.format, refused.body, refused.spans, agent=agent, arrived=self.clock())
        # Asked first: where the oldest make room for the new, a replay is not to drop what has not been tried yet.
        # What leaves quarantine on disk is put on disk again first.
        pledge = Pledge(_unheard) if self.journal is not None else None
        if self.journal is not None and not self.journal.has_room(len(refused.body) + ROW * refused.spans):
            custody.drop()
            return False
        if self.prints is not None:
            self.prints.forget(span_json.keys_of(heads))  # whoever asks for it wants it sent
        if not self.queue.fits(chunk) or self.queue.offer(chunk, heads, pledge) is not None:
            custody.drop()
            return False
        self.ledger.move(REPLAYED, ENQUEUED, refused.spans)  # the offer booked them as enqueued
        if self.trail is not None:
            self.trail.note(statuses.REPLAYED, span_json.keys_of(heads))
        self.ledger.publish()
        return True

    def more_to_come(self) -> bool:
        """Whether something waits that can go without anything else being settled first."""
        return self.waiting.time_left(self.clock()) is not None

    def _evicted(self, spans: int) -> None:
        self.events.note("dropped", self.name, "queue full: the oldest spans made room", spans=spans)

    def merge(self, spans: int) -> None:
        """Book copies that lost to another copy of the same span before they were offered."""
        if spans:
            self.ledger.move(ENQUEUED, MERGED, spans)
            self.ledger.publish()

    def turn_away(self, spans: int, heads: Sequence[Head] = ()) -> None:
        """Book spans that other destinations took and this one had no room for. heads: where their format has any."""
        if self.trail is not None:
            self.trail.begin(heads, *statuses.of_fate(DROPPED_QUEUE_FULL))
        self.ledger.move(ENQUEUED, DROPPED_QUEUE_FULL, spans)
        self.ledger.publish()
        self.events.note("dropped", self.name, "queue full: spans that other destinations took", spans=spans)

    def pause(
        self, reason: str, spans: int, words: str = "", *, wait: float = PROBE_PAUSED, probe: bool = False
    ) -> None:
        """The upstream will not have anything from us as we are configured: keep everything and say so, once."""
        if self.gate.pause(self.clock(), reason, wait, probe=probe):
            self.events.record("paused", self.name, f"paused, everything is kept: {reason}", spans=spans, words=words)
        self.end_search()

    def begin_search(self) -> None:
        """One delivery looks for a witness; others with refused pieces wait for what it finds."""
        if self.searching is None:
            self.searching = asyncio.get_running_loop().create_future()

    def hope(self) -> "asyncio.Future[None]":
        """Done when there may be a witness, or there is none to be had. Nobody waits for who waits for this."""
        if self.hoping is None:
            self.hoping = asyncio.get_running_loop().create_future()
        return self.hoping

    def end_search(self) -> None:
        """There is a witness, or there is none to be had."""
        for waited in (self.searching, self.hoping):
            if waited is not None:
                waited.set_result(None)
        self.searching = self.hoping = None

    def learn(self, most: int) -> None:
        """The upstream said 413: batches hold at most so many bytes from now on."""
        if most >= self.learned_bytes:
            return
        self.learned_bytes = max(1, most)
        self.events.record("learned_limit", self.name, f"413: batches hold at most {self.learned_bytes} bytes for now")

    def unlearn(self, delivered_bytes: int) -> None:
        """A body of this size was delivered: where it was about as large as allowed, allow a little more."""
        if delivered_bytes >= self.learned_bytes * FULL and self.learned_bytes < self.max_batch_bytes:
            self.learned_bytes = min(self.max_batch_bytes, int(self.learned_bytes * RAISE) + 1)


def _unheard(kept: bool) -> None:
    del kept
