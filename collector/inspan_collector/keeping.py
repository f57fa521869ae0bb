"""What outlives the process: the books of every life, and where there is a spool, the spans."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Final

from inspan_collector.config.model import Config, DestinationConfig
from inspan_collector.events import Events
from inspan_collector.ledger import Reception
from inspan_collector.mirror import Former as FormerLife
from inspan_collector.mirror import Mirror, PrintFile, left_by_others, path_of
from inspan_collector.mirror.former import read
from inspan_collector.pipeline.backlog import Backlog
from inspan_collector.pipeline.bequest import Former, memory_lost
from inspan_collector.pipeline.destination import Destination
from inspan_collector.pipeline.overflow import Overflow
from inspan_collector.pipeline.pipeline import Pipeline
from inspan_collector.pledge import Pledge
from inspan_collector.quarantine import SpoolQuarantine
from inspan_collector.receiver.door import NO_SPOOL
from inspan_collector.row import Total, Write
from inspan_collector.spool.refusals import BOUND
from inspan_collector.spool.share import Share
from inspan_collector.spool.spool import Spool
from inspan_collector.spool.store import Applied
from inspan_collector.spool_door import SpoolDoor

OPENING: Final = 2.0  # s that a start waits for its spool: a second covers a gigabyte, and agents must not wait for a
#                       disk in trouble
WRITTEN: Final = 1.5  # s that a drain waits for the disk before it goes on: Kubernetes may grant a sidecar two

Posts = Callable[[Sequence[tuple[bytes, bytes]]], None]

log = logging.getLogger("inspan")


class Keeping:
    """The disk's side of one service. To be made on the running loop, before the destinations are."""

    def __init__(self, config: Config, events: Events, dialects: Sequence[str]) -> None:
        self.config = config
        self.events = events
        self.loop = asyncio.get_running_loop()
        self.started = self.loop.time()
        self.epoch = events.wall()
        names = [destination.name for destination in config.destinations]
        self.path = _books(config)
        with contextlib.suppress(OSError):  # the mirror says what is wrong
            # Beside the spool for us alone; beside the socket agents must pass, and may not write.
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o755 if config.spool is None else 0o700)
        self.mirror, self.former = Mirror.open(self.path, names, dialects)
        self.spool = None if config.spool is None else Spool(config.spool, events)
        self.pipelines: dict[str, Pipeline] = {}
        self.prints: dict[str, PrintFile] = {}
        self.begun = False  # spans may have come
        self.taken_over = False
        self.beginning: Callable[[], None] = lambda: None  # told when what the former life left is ours

    def __repr__(self) -> str:
        return f"<Keeping {self.mirror!r} {self.spool!r}>"

    def wall(self, at: float) -> float:
        """Seconds since the epoch of a loop time. Of one life they are as far apart as loop times are: the system's
        clock may jump, and spans would be too old at once."""
        return self.epoch + at - self.started

    def why_not(self) -> str | None:
        """Why nothing can be promised to be on disk now; None where it can."""
        return NO_SPOOL if self.spool is None else self.spool.why_not()

    def remember(self, pledge: Pledge) -> None:
        """The post is known again after a restart: written behind its rows, and so never without them."""
        if self.spool is not None and pledge.post is not None:
            pledge.expect()
            self.spool.write(Write(posts=[pledge.post], done=lambda trouble: pledge.settle(kept=trouble is None)))

    def door(self) -> SpoolDoor | None:
        """What the commands may ask; None without a spool."""
        return None if self.spool is None else SpoolDoor(self.spool, self.pipelines)

    # Putting together

    def journal(self, name: str) -> Share | None:
        """The share of a destination that is about to be made; None without a spool."""
        if self.spool is None:
            return None
        share = Share(name, self.spool, always=self.spool.config.mode == "always", wall=self.wall)
        self.spool.shares[name] = share
        return share

    def pipeline(self, destination: Destination) -> Pipeline:
        """Runs this destination, in front of its share of the spool."""
        page = self.mirror.ledger(destination.ledger)
        spool, name = self.spool, destination.name
        if spool is None:
            return self._add(name, Pipeline(destination))
        share = spool.shares[name]
        share.page = page
        backlog = Backlog(destination, share, spool, spool.config)
        pipeline = self._add(name, Pipeline(destination, backlog, Overflow(destination, share, backlog, spool.config)))
        backlog.reopened = pipeline.write_all
        spool.readers[name] = backlog
        destination.quarantine = SpoolQuarantine(name, share.issue, spool.ask, destination.again, BOUND)
        spool.evicted, spool.quarantined = self._evicted, self._quarantined
        if destination.prints is not None and (dedupe := destination.config.upsert.dedupe) is not None:
            config = destination.config
            upstream = _upstream(config)
            path = path_of(spool.config.path, name)
            self.prints[name] = PrintFile(
                path, destination.prints, upstream, dedupe.max_keys, self.loop.time, self.wall
            )
        return pipeline

    def _add(self, name: str, pipeline: Pipeline) -> Pipeline:
        self.pipelines[name] = pipeline
        return pipeline

    def _evicted(self, applied: Applied) -> None:
        for name, pipeline in self.pipelines.items():
            quarantine = pipeline.destination.quarantine
            if isinstance(quarantine, SpoolQuarantine):
                spans = [each.get(name, 0) for each in (applied.refused, applied.evicted, applied.released)]
                quarantine.came(*spans)

    def _quarantined(self, totals: Mapping[str, Total]) -> None:
        for name, pipeline in self.pipelines.items():
            quarantine = pipeline.destination.quarantine
            if isinstance(quarantine, SpoolQuarantine):
                quarantine.begin(totals.get(name, Total()))

    # Beginning

    async def begin(
        self, receptions: Sequence[Reception], posts: Callable[[Sequence[tuple[bytes, bytes]]], None]
    ) -> None:
        """Take over what the former life left. Returns when its spans are known, or the disk does not say."""
        for reception in receptions:
            self.mirror.reception(reception)
        if self.mirror.unread:
            self.events.record("books", "", f"the former life's books are lost: {self.mirror.unread}")
        if self.mirror.trouble:
            self.events.record("books", "", self.mirror.trouble)
        if self.spool is None:
            self.take_over()
            return
        self.spool.remembered = posts
        self.spool.about_to_open = self.take_over
        self.spool.start()
        try:
            async with asyncio.timeout(OPENING):
                await self.spool.first.wait()
        except TimeoutError:
            message = "the spool is not open yet: everything is kept in memory alone until it is"
            self.events.record("spool_slow", "", message)
        trouble = self.spool.scribe.trouble
        if not self.taken_over and (trouble is None or trouble.kind != "locked"):
            self.take_over()
        self.begun = True

    def take_over(self) -> None:
        """The former life's books are closed, and ours take their place. Only where no other process has them."""
        if self.taken_over:
            self.mirror.renew()  # the disk is back, and may be another one
            for file in self.prints.values():
                file.renew()
            return
        self.taken_over = True
        if self.loop.time() - self.started > OPENING:
            self.former, _ = read(self.path)  # whoever had the spool until now has written them meanwhile
        former = self.former
        if former is not None:
            self._say(former)
            for name, pipeline in self.pipelines.items():
                self._inherit(name, pipeline, former)
        self.mirror.begin()
        self._begin_prints()
        self.beginning()

    def _begin_prints(self) -> None:
        """What upstreams had when the former life ended is believed only if nothing has changed it since."""
        if self.spool is not None:
            left_by_others(self.spool.config.path, list(self.prints))
        for name, file in self.prints.items():
            file.begin(believe=not self.begun)
            for message in filter(None, (file.unread, file.trouble)):
                self.events.record("prints", name, message)

    def _say(self, former: FormerLife) -> None:
        books = {name: {k: v for k, v in counts.items() if v} for name, counts in former.books.items()}
        how = "closed its books" if former.clean else "was killed"
        extra = {"kind": "former", "ledger": {"dialects": former.dialects, "destinations": books}}
        log.info(f"the former life {how}", extra=extra)
        if not former.sound:
            message = "the former life's books do not balance: the machine went down with it"
            self.events.record("books", "", message)
        for name in former.books.keys() - self.pipelines.keys():
            if held := former.held(name):
                message = f"the former life held spans of {name}, which is no destination here: what is on disk is kept"
                self.events.record("books", name, message, spans=held)

    def _inherit(self, name: str, pipeline: Pipeline, former: FormerLife) -> None:
        if pipeline.backlog is None:
            memory_lost(pipeline.destination, former.held(name))
            return
        rows = former.rows.get(name, [])
        gone = frozenset(seq for seq, _, again in rows if not again)
        again: dict[int, int] = {}
        for seq, spans, repeated in rows:
            if repeated:
                again[seq] = again.get(seq, 0) + spans
        noted = len(rows) if self.mirror.pages[name].called else 0
        pipeline.backlog.inherit(Former(former.held(name), gone, again, noted, former.spooled(name)))

    # Ending

    def write_all(self) -> None:
        """Everything that is held, and whatever comes from now on, is written to disk."""
        for pipeline in self.pipelines.values():
            if pipeline.backlog is not None:
                pipeline.backlog.share.always = True
            pipeline.write_all()

    async def written(self, deadline: float) -> None:
        """Wait until what is held is on disk, or the disk does not get it done. deadline: loop time in seconds."""
        shares = [] if self.spool is None or not self.spool.open else list(self.spool.shares.values())
        end = min(deadline, self.loop.time() + WRITTEN)
        for share in shares:
            await share.written(end - self.loop.time())

    async def close(self) -> None:
        """The last erasures are written, and the books of this life are closed."""
        if self.spool is not None and self.spool.started and not await self.spool.stop(WRITTEN):
            self.events.record("spool_unwritten", "", "not everything could be written to the spool at the end")
        held = sum(pipeline.destination.ledger.held() for pipeline in self.pipelines.values())
        spooled = sum(pipeline.backlog.spans() for pipeline in self.pipelines.values() if pipeline.backlog is not None)
        self.mirror.close(clean=held == spooled)
        for file in self.prints.values():
            file.close()


def _upstream(config: DestinationConfig) -> str:
    """What tells an upstream from another: where it is, and whose spans are there, which a key in a header may say."""
    named = [(name, str(secret.path or secret.reveal())) for name, secret in sorted(config.headers.items())]
    digest = blake2b(repr(named).encode(), digest_size=16).hexdigest()
    return f"{config.kind} {config.url} {config.account_id} {digest}"


def _books(config: Config) -> Path:
    """Where the books are: beside the spool, or beside the socket, whose directory outlives a container as a rule."""
    beside = config.socket.path if config.spool is None else config.spool.path
    return beside.with_name(f"{beside.name}.books")
