"""A sidecar of several lives over one real spool and one real mirror, step by step, and what must be true of it.

Real: Keeping, Spool, Share, Scribe (without its thread), Store, Mirror, queues, pipelines. Not real: time, upstreams,
and when the disk gets round to it.
"""

import asyncio
import contextlib
import json
import random
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import msgspec
from tests.collector.pipeline.parked import Copy, Parked, copies_of
from tests.collector.pipeline.rig import config
from tests.collector.pipeline.slow_scribe import Faults, Killed, SlowScribe
from tests.collector.pipeline.upstream import otlp_spans
from tests.virtual_time import VirtualLoop

from inspan_collector.config.spool import SpoolConfig
from inspan_collector.config.values import decode
from inspan_collector.errors import Isolate, Later, Pause
from inspan_collector.events import Events
from inspan_collector.formats import FORMATS, span_json
from inspan_collector.keeping import Keeping
from inspan_collector.ledger import PLACES, Reception
from inspan_collector.memory import Memory
from inspan_collector.mirror import Mirror
from inspan_collector.pipeline.destination import Destination
from inspan_collector.pipeline.intake import Intake
from inspan_collector.pipeline.portions import Bounds
from inspan_collector.pledge import Pledge
from inspan_collector.row import ROW

EPOCH = 1e9  # s; what the wall clock shows when the first life begins
MEMORY = 1 << 20
SCARCE = 1 << 20  # bytes; a spool of fewer may be full
NAMES = ("sgp", "otlp")
FORMAT = {"sgp": "span_json", "otlp": "otlp_protobuf"}


class Sections(msgspec.Struct):
    """What of a configuration a Keeping reads."""

    destinations: Sequence[Any]
    spool: SpoolConfig


class Books(Keeping):
    """With a ring that can overflow."""

    def __init__(self, sections: Any, events: Events, ring: int) -> None:
        super().__init__(sections, events, ["posts"])
        self.mirror, self.former = Mirror.open(self.path, NAMES, ["posts"], ring)


class World:
    """What outlives a life: the disk, the upstreams, and what agents were told."""

    def __init__(self, folder: Path, spool: dict[str, Any], destination: dict[str, Any], ring: int = 64) -> None:
        self.folder = folder
        self.ring = ring
        self.loop = VirtualLoop()
        self.failures: list[Any] = []
        self.loop.set_exception_handler(lambda _, context: self._failed(context))
        self.faults = Faults()
        self.ahead = 0.0  # s by which the wall clock is ahead of the loop's
        spool_config = msgspec.convert(spool | {"path": str(folder / "spool.db")}, SpoolConfig, dec_hook=decode)
        common = {name: section for name, section in destination.items() if name != "upsert"}
        configs = [
            config(name=name, kind=name, url="http://up.example", **(destination if name == "sgp" else common))
            for name in NAMES
        ]
        self.sections = Sections(configs, spool_config)
        self.upstreams = {name: Parked(upserts=name == "sgp") for name in NAMES}
        self.numbers = 0
        self.opened: list[str] = []  # keys
        self.ended: list[str] = []
        self.accepted: dict[str, dict[int, Copy]] = {name: {} for name in NAMES}
        self.offered: dict[str, dict[int, float]] = {name: {} for name in NAMES}  # when, by the wall clock
        self.posted: dict[str, dict[int, Copy]] = {name: {} for name in NAMES}  # also where we died meanwhile
        self.durable: dict[str, set[int]] = {name: set() for name in NAMES}
        self.quarantined: dict[str, set[int]] = {name: set() for name in NAMES}
        self.settled: dict[str, set[int]] = {name: set() for name in NAMES}  # in former lives, for good
        self.posts: set[bytes] = set()  # that are to be known again
        self.closed: list[dict[str, dict[str, int]]] = []  # the books of former lives
        self.excused: set[bytes] = set()  # keys of which a copy may have been overtaken
        self.troubled = False  # the disk was in trouble, in any life
        self.damaged = False  # something on disk was damaged, in any life
        self.alive = False
        self.begin()

    # Driving

    def _failed(self, context: dict[str, Any]) -> None:
        if not isinstance(context.get("exception"), (Later, Isolate, Pause)):  # an answer to one who was killed
            self.failures.append(context)

    def run(self, step: Callable[[], Any], *, die: bool = False) -> Any:
        """Do it in a turn of the loop. die: and be killed before the turn has ended. None where we were killed."""

        life = len(self.closed)

        async def turn() -> Any:
            if len(self.closed) > life:  # killed before this turn began
                return None
            result = step()
            if isinstance(result, Coroutine):
                result = await result
            if die:
                raise Killed
            return result

        try:
            return self.loop.run_until_complete(turn())
        except Killed:
            self.kill()
            return None

    async def turns(self, count: int = 8) -> None:
        for _ in range(count):
            await asyncio.sleep(0)

    async def pump(self) -> None:
        """Until neither the loop nor the disk has anything to do now."""
        await self.turns()
        while self.scribe.jobs or self.scribe.due or self.calls:
            if self.scribe.jobs or self.scribe.due:
                self.scribe.step()
            self.tell(len(self.calls))
            await self.turns()

    def tell(self, count: int) -> None:
        """The loop hears of so much of what the disk has done."""
        for _ in range(min(count, len(self.calls))):
            self.calls.pop(0)()

    # Lives

    def begin(self) -> None:
        self.calls: list[Callable[[], None]] = []
        self.alive = True
        self.run(self._begin)

    async def _begin(self) -> None:
        loop = self.loop
        events = Events(wall=self.wall, clock=loop.time)
        self.started, self.epoch = loop.time(), self.wall()
        for offered in self.offered.values():  # what is in the future, by a clock that was set back, may begin anew
            offered |= {number: min(at, self.epoch) for number, at in offered.items()}
        self.keeping = Books(self.sections, events, self.ring)
        spool = self.spool = self.keeping.spool
        assert spool is not None
        self.scribe = spool.scribe = SlowScribe(
            Path(spool.config.path),
            self.faults,
            call=self.calls.append,
            opened=spool._opened,
            troubled=spool._troubled,
            committed=spool._committed,
        )
        self.memory = Memory(MEMORY, MEMORY)
        self.pipelines = {each.name: self._pipeline(each, events) for each in self.sections.destinations}
        self.intake = Intake(
            [each.destination for each in self.pipelines.values()], self.memory, loop.time, self.keeping.remember
        )
        self.running = [loop.create_task(each.run()) for each in self.pipelines.values()]
        self.remembered: set[bytes] = set()
        self.expired = dict.fromkeys(NAMES, 0)
        begun = loop.create_task(self.keeping.begin([Reception("posts")], self._remember))
        while not begun.done():
            await self.pump()
            await asyncio.sleep(0.1)
        begun.result()
        await self.pump()
        self._check_bequest()

    def _remember(self, posts: Sequence[tuple[bytes, bytes]]) -> None:
        self.remembered |= {sequence for _, sequence in posts}

    def _pipeline(self, settings: Any, events: Events) -> Any:
        name = settings.name
        self.upstreams[name].acked.clear()
        self.upstreams[name].parked.clear()
        destination = Destination(
            settings,
            self.upstreams[name],
            Bounds(MEMORY, MEMORY),
            memory=self.memory,
            events=events,
            crowded=lambda: False,
            clock=self.loop.time,
            journal=self.keeping.journal(name),
        )
        destination.gate.uniform = random.Random(0).uniform
        pipeline = self.keeping.pipeline(destination)
        put = destination.quarantine.put

        def noted(refused: Any, erase: Sequence[int] = ()) -> None:
            with contextlib.suppress(Exception):  # a damaged body says nothing
                self.quarantined[name] |= {copy.number for copy in copies_of(refused.format, refused.body)}
            put(refused, erase)

        destination.quarantine.put = noted  # type: ignore[method-assign]
        return pipeline

    def wall(self) -> float:
        return EPOCH + self.loop.time() + self.ahead

    def kill(self, *, arrive: bool = True) -> None:
        """kill -9, and the next life. arrive: what is on its way to an upstream is written there."""
        self.scribe.die()
        self.calls.clear()
        books = self.keeping.path.read_bytes() if self.keeping.path.exists() else None
        self._note_settled()
        for upstream in self.upstreams.values():
            for attempt in upstream.parked:
                if arrive and not upstream.poison & {copy.key for copy in attempt.copies}:
                    upstream.write(attempt.copies)
        self._close(books)
        self.begin()

    def _close(self, books: bytes | None) -> None:
        before = len(self.failures)
        self.closed.append({name: each.destination.ledger.snapshot() for name, each in self.pipelines.items()})
        for each in self.pipelines.values():
            for timer in (each.looking, each.destination.line.timer):
                if timer is not None:
                    timer.cancel()
        self.loop.call_soon(self.loop.stop)  # where a turn was cut short, its own end would stop the next one
        self.loop.run_forever()
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()

        async def ended() -> None:
            await asyncio.gather(*tasks, return_exceptions=True)

        self.loop.run_until_complete(ended())
        self.scribe.disk.close()
        del self.failures[before:]  # of what was cancelled
        if books is not None:
            self.keeping.path.unlink()
            self.keeping.path.write_bytes(books)
        self.alive = False

    def _note_settled(self) -> None:
        """Which spans will not be sent again."""
        doubtful = {seq for page in self.keeping.mirror.pages.values() for seq in _again(page)}
        rows = self.rows() if self.scribe.disk.store is not None else {}
        on_disk_again = {copy.number for seq in doubtful & rows.keys() for copy in rows[seq][1]}
        for name, pipeline in self.pipelines.items():
            held = {
                copy.number
                for delivery in pipeline.deliveries
                for piece in delivery.pieces()
                for chunk in piece.chunks
                for copy in copies_of(chunk.format, chunk.body)
            }
            if not self.troubled and not self.keeping.mirror.overflowed:
                self.settled[name] |= self.upstreams[name].acked.keys() - held - on_disk_again
            share = pipeline.backlog.share
            self.excused |= pipeline.backlog.unclaimed.keys() | pipeline.backlog.unsettled.keys()
            if self.sections.spool.max_bytes < SCARCE:  # no room for a copy's row: that of an earlier one stands for it
                self.excused |= {rows[row][2] for seq, row in share.stands.items() if seq != row and row in rows} - {
                    None
                }
            if self.troubled:  # a copy whose row could not be put in place of an earlier one's was sent all the same
                self.excused |= {row[2] for seq, row in rows.items() if seq in share.owed and row[2]}

    def rows(self) -> dict[int, tuple[str, list[Copy], bytes | None, int]]:
        """What is on disk, by seq: destination, copies, key and spans."""
        store = self.scribe.disk.store
        assert store is not None
        found = {}
        sql = "select seq, destination, format, spans, key, body from rows"
        for seq, to, format, spans, key, body in store.database.execute(sql).fetchall():
            try:
                copies = copies_of(store.database.name(format), body if key is None else b"[%b]" % body)
            except Exception:  # noqa: BLE001 -- whatever a damaged body is met with
                assert self.damaged
                copies = []
            found[seq] = (store.database.name(to), copies, key, spans)
        return found

    # What agents do

    def post_plain(self, spans: int, *, durable: bool) -> None:
        numbers = range(self.numbers + 1, self.numbers + spans + 1)
        self.numbers += spans
        self._post("otlp", otlp_spans(numbers), durable=durable)

    def post_copies(self, choices: Sequence[tuple[int, str]], *, durable: bool) -> None:
        """choices: of each copy, a number that chooses the key, and `new`, `open`, `end` or `late` (after its end)."""
        copies: dict[str, Copy] = {}
        for number, what in choices:
            among = {"new": [], "late": self.ended[-3:]}.get(what, self.opened[-4:])
            key = among[number % len(among)] if among else f"k{self.numbers + 1}"
            if key not in copies:
                self.numbers += 1
                copies[key] = Copy(self.numbers, key, what == "end")
        bodies = [
            {"id": copy.key, "trace_id": "t", "n": copy.number}
            | ({"end_timestamp": "2026-01-01T00:00:00Z"} if copy.ended else {})
            for copy in copies.values()
        ]
        if self._post("sgp", json.dumps(bodies).encode(), durable=durable):
            for copy in copies.values():
                self.opened = [key for key in self.opened if key != copy.key] + ([] if copy.ended else [copy.key])
                self.ended += [copy.key] if copy.ended else []

    def _post(self, name: str, body: bytes, *, durable: bool) -> bool:
        copies = copies_of(FORMAT[name], body)
        numbers = {copy.number for copy in copies}
        sequence = str(min(numbers)).encode()

        def told(kept: bool) -> None:
            if kept:
                self.durable[name] |= numbers
                self.posts.add(sequence)

        if not self.memory.reserve(len(body)):
            return False
        promised = durable and self.keeping.why_not() is None
        pledge = Pledge(told, (b"agent", sequence)) if promised else None
        scan = FORMATS[FORMAT[name]].scan(body)
        now = self.epoch + self.loop.time() - self.started
        self.offered[name] |= dict.fromkeys([copy.number for copy in copies], now)  # also where we die meanwhile
        self.posted[name] |= {copy.number: copy for copy in copies}
        if self.intake.offer(FORMAT[name], body, scan, "agent", len(body), pledge) is not None:
            self.memory.release(len(body))
            for copy in copies:
                del self.offered[name][copy.number]
            return False
        for copy in copies:
            self.accepted[name][copy.number] = copy
        if pledge is not None:
            pledge.close()
        return True

    # Ends

    async def drain(self, deadline: float) -> None:
        """As the service ends."""
        self.keeping.write_all()
        await self.pump()
        for pipeline in self.pipelines.values():
            pipeline.drain()
        end = self.loop.time() + deadline
        while self.loop.time() < end and not all(task.done() for task in self.running):
            await self.pump()
            await asyncio.sleep(0.5)
        for pipeline in self.pipelines.values():
            pipeline.abandon()
        await self.pump()
        for _ in range(100):
            if all(task.done() for task in self.running):
                break
            await asyncio.sleep(0.01)
            await self.pump()
        for task in self.running:
            task.result()
        await self.pump()

    def shut_down(self, deadline: float) -> None:
        """A clean end, and the next life."""
        life = len(self.closed)
        self.run(lambda: self.drain(deadline))
        if len(self.closed) > life:
            return
        self.check()
        self._end()
        self.begin()

    def _end(self) -> None:
        self._note_settled()
        held = sum(each.destination.ledger.held() for each in self.pipelines.values())
        spooled = sum(each.backlog.spans() for each in self.pipelines.values())
        queues = [each.destination.queue for each in self.pipelines.values()]
        assert held == spooled, "held at the end of a drain, and not on disk"
        assert [(each.held_spans, each.held_bytes, each.held_by) for each in queues] == [(0, 0, {})] * 2
        assert (self.memory.custody, self.memory.working) == (0, 0)
        self.keeping.mirror.close(clean=True)
        self._close(None)

    def finish(self) -> None:
        """The end of all lives: nothing is wrong any more, and everything reaches its fate."""
        self.heal()
        for upstream in self.upstreams.values():
            upstream.poison.clear()
            upstream.verdict = "ok"
        life = -1
        while life != len(self.closed):
            life = len(self.closed)
            self.run(self._finished)
        self.check()
        if not self.faults.kind and self.spool.open:
            for name, pipeline in self.pipelines.items():
                assert not pipeline.destination.ledger.held(), f"{name} is not delivered: {pipeline.destination.ledger}"
            if not self.damaged:
                assert not self.rows()
        self.check_custody()
        self._check_sums()
        self._end()
        for upstream in self.upstreams.values():
            upstream.parked.clear()
        self.loop.close()

    async def _finished(self) -> None:
        for upstream in self.upstreams.values():
            for attempt in list(upstream.parked):
                upstream.answer(upstream.parked.index(attempt), "ok")
        for _ in range(2000):
            await self.pump()
            if not any(each.destination.ledger.held() for each in self.pipelines.values()):
                break
            await asyncio.sleep(1.0)
        await self.drain(3600.0)

    def flip(self, number: int) -> None:
        """What is damaged is quarantined, and does not say any more what it was."""
        before = self.rows() if self.scribe.disk.store is not None else {}
        seq = self.scribe.flip(number)
        if seq is not None:
            to, copies, _, _ = before[seq]
            self.quarantined[to] |= {copy.number for copy in copies}

    def heal(self) -> None:
        self.faults.kind = ""
        self.scribe.due = True
        self.scribe.fuse = None

    # What must be true

    def check(self) -> None:
        """After each step."""
        assert not self.failures, self.failures
        held = 0
        for name, pipeline in self.pipelines.items():
            destination, ledger = pipeline.destination, pipeline.destination.ledger
            assert pipeline.imbalance() == 0, f"{name} {ledger} {pipeline.backlog.share}"
            books = ledger.snapshot()
            held += destination.queue.held_bytes
            assert min(books.values()) >= 0, books
            assert destination.queue.held_spans == ledger.held() - books["spooled"]
            self._check_expired(name, books["dropped_expired"])
        assert self.memory.custody == held or self.memory.custody > held > 0, (
            "a body is charged until its last part goes"
        )
        if self.spool.open and not self.calls and self.scribe.disk.store is not None and not self.damaged:
            self._check_disk()

    def _check_expired(self, name: str, expired: int) -> None:
        """Nothing is too old that has not been here for so long."""
        limit = self.sections.spool.max_age
        if expired > self.expired[name]:
            now = self.epoch + self.loop.time() - self.started
            gone = self.upstreams[name].acked
            ages = [now - at for number, at in self.offered[name].items() if number not in gone]
            assert limit is not None and max(ages) > limit, "expired too early"
            self.expired[name] = expired

    def _check_disk(self) -> None:
        store, rows = self.scribe.disk.store, self.rows()
        assert store is not None
        ((size,),) = store.database.execute("select coalesce(sum(size + ?), 0) from rows", (ROW,)).fetchall()
        assert self.spool.size == store.size == size
        if not self.troubled:
            parts = ROW * sum(row[3] for row in rows.values() if row[2] is None)  # of what is cut, each has a row
            assert size <= self.sections.spool.max_bytes + parts, "more on disk than spool.max_bytes"
        for name, pipeline in self.pipelines.items():
            share = pipeline.backlog.share
            own = {seq: row for seq, row in rows.items() if row[0] == name}
            assert share.disk_spans == sum(row[3] for row in own.values())
            missing = share.attached.keys() - share.unwritten - own.keys()
            assert not missing, f"{name}: rows are not on disk: {missing}"
            spooled = [row for seq, row in own.items() if share.is_spooled(seq)]
            assert sum(row[3] for row in spooled) == pipeline.destination.ledger.snapshot()["spooled"]
            numbers = [copy.number for row in spooled for copy in row[1]]
            assert not self.upstreams[name].acked.keys() & set(numbers), f"{name}: delivered, and spooled still"
            stands = set(share.stands.values())
            assert share.attached.keys() <= stands, f"{name}: rows stand for nothing: {share.attached.keys() - stands}"

    def _check_bequest(self) -> None:
        """What the former life held is recovered, and what it held in memory alone is lost."""
        if not self.closed or not self.spool.open:
            return
        if not self.damaged:
            assert self.posts <= self.remembered, "a post is not known again"
        former = self.keeping.former
        for name, pipeline in self.pipelines.items():
            now = pipeline.destination.ledger.snapshot()
            again = now["recovered"] - (former.held(name) if former else 0)
            ring = former.rows.get(name, []) if former else []
            noted = sum(spans for _, spans, repeated in ring if repeated)
            if not self.damaged and not self.troubled and self.ring >= 64:
                assert 0 <= again <= noted, f"{name}: {again} spans on disk that the books do not know"
        self.check_custody()

    def check_custody(self) -> None:
        """What was promised to be on disk has reached its fate, or is on disk."""
        rows = self.rows().values()
        for name in NAMES:
            upstream = self.upstreams[name]
            found = [copy for writes in upstream.writes.values() for copy in writes]
            found += [copy for row in rows if row[0] == name for copy in row[1]]
            numbers = {copy.number for copy in found} | self.quarantined[name] | upstream.rejected
            by_key: dict[str, list[Copy]] = {}
            for copy in found + [
                self.posted[name][number] for number in self.quarantined[name] & self.posted[name].keys()
            ]:
                by_key.setdefault(copy.key, []).append(copy)
            lost = [
                copy
                for number in self.durable[name] - numbers
                for copy in [self.accepted[name][number]]
                if not any(each.beats(copy) for each in by_key.get(copy.key, []))
            ]
            assert len(lost) <= self._named(name), f"{name}: nobody has {lost}"
            for writes in upstream.writes.values():
                self._check_order(name, writes)

    def _named(self, name: str) -> int:
        """Spans that were dropped for a reason that what is on disk may have."""
        reasons = {"expired", "max_attempts", "spool_full", "spool_corrupt", "queue_full", "bug"}
        if self.damaged or self.troubled:
            reasons |= {"crash", "shutdown"}
        books = [*self.closed, {name: self.pipelines[name].destination.ledger.snapshot()}]
        return sum(book[name][f"dropped_{reason}"] for book in books for reason in reasons)

    def _check_order(self, name: str, writes: list[Copy]) -> None:
        if self.damaged or span_json.fingerprint(f"t\0{writes[0].key}") in self.excused:
            return
        numbers = [copy.number for copy in writes]
        assert numbers == sorted(numbers), f"{name}: {writes[0].key} was overtaken: {numbers}"
        settled = self.settled[name]
        acked = self.upstreams[name].acked
        assert not settled & acked.keys() or self.troubled or self.damaged, "delivered for good, and sent again"

    def _check_sums(self) -> None:
        """Over all lives no span appears or vanishes."""
        for name, pipeline in self.pipelines.items():
            lives = [*(books[name] for books in self.closed), pipeline.destination.ledger.snapshot()]
            fates = sum(
                count
                for books in lives
                for account, count in books.items()
                if account.startswith("dropped_") or account in ("delivered", "merged", "quarantined")
            )
            enqueued = sum(books["enqueued"] for books in lives)
            assert enqueued == len(self.accepted[name]) or self.damaged
            handed_on = sum(books[place] for books in lives for place in PLACES)
            again = sum(books["recovered"] for books in lives) - handed_on
            assert enqueued + again == fates, f"{name}: {enqueued} + {again}, and {fates} fates"


def _again(page: Any) -> list[int]:
    """Rows of which some spans may come again."""
    count = page.numbers[-2] - page.numbers[-1]
    places = ((page.numbers[-1] + at) % page.size * 2 for at in range(count))
    return [page.ring[at] for at in places if page.ring[at + 1] & 1]
