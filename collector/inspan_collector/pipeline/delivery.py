"""One taken batch, from take to fate.

A delivery owns its spans and is never cancelled; only its attempt in hand is. It holds pieces of the batch: `work` is
to be tried, `isolation` keeps what was refused while nothing shows yet that the spans are to blame.
"""

import asyncio
import time
from collections import Counter, deque

from inspan_collector.batch import Batch
from inspan_collector.chunk import Chunk
from inspan_collector.errors import UNSENT, Isolate, Later, Pause
from inspan_collector.formats import FORMATS, span_patch
from inspan_collector.ledger import (
    DELIVERED,
    DROPPED_BUG,
    DROPPED_EXPIRED,
    DROPPED_MAX_ATTEMPTS,
    DROPPED_SHUTDOWN,
    IN_FLIGHT,
    QUARANTINED,
)
from inspan_collector.pipeline.cutting import halve
from inspan_collector.pipeline.destination import Destination
from inspan_collector.pipeline.evidence import Suspicion
from inspan_collector.pipeline.isolation import Isolation
from inspan_collector.receipt import Receipt
from inspan_collector.row import Refused
from inspan_collector.trail import statuses


class Delivery:
    """Brings every span of one batch to a fate. read_back: it was on disk."""

    def __init__(self, destination: Destination, batch: Batch, *, read_back: bool = False) -> None:
        self.destination = destination
        self.read_back = read_back
        self.work = deque([batch])
        self.isolation = Isolation(destination, self._quarantine)
        self.suspicion = Suspicion(destination.tally)
        self.in_hand: Batch | None = None
        self.attempt: asyncio.Task[Receipt] | None = None
        self.taken_bytes = 0  # of the largest piece that was delivered

    def __repr__(self) -> str:
        return f"<Delivery {self.destination.name} {self.held()} spans in {len(self.pieces())} pieces>"

    def pieces(self) -> list[Batch]:
        """Everything without a fate."""
        in_hand = [] if self.in_hand is None else [self.in_hand]
        return [*self.work, *self.isolation.pieces(), *in_hand]

    def held(self) -> int:
        """Spans without a fate: the independent count of what the ledger calls in flight."""
        return sum(chunk.spans for piece in self.pieces() for chunk in piece.chunks)

    def abandon(self) -> None:
        """The deadline has come: stop the attempt in hand. `run` books the spans."""
        if self.attempt is not None:
            self.attempt.cancel()
        self.destination.end_search()

    async def run(self) -> None:
        """Try until nothing is held, or the line is closed."""
        isolation = self.isolation
        while self.work or isolation.refused:
            self.work.extend(isolation.judge())
            if not self.work and isolation.refused:
                self.work.extend(await isolation.search())
            if not self.work:
                continue
            piece = self.in_hand = self.work.popleft()
            if self._expired(piece):
                continue
            probe = await self.destination.line.enter(self, doubted=self.isolation.acquitted)
            if probe is None or self.destination.line.closed:
                self._leave()
                break
            await self._try(piece, probe=probe)
        isolation.close()

    # One attempt

    async def _try(self, piece: Batch, *, probe: bool) -> None:
        destination = self.destination
        started = time.perf_counter()
        if destination.trail is not None:
            destination.trail.chunks(statuses.IN_FLIGHT, piece.chunks, attempt=piece.failures + 1)
        self.attempt = asyncio.create_task(self._send(piece))
        await asyncio.wait({self.attempt})
        decision = self._settle(self.attempt, piece, probe=probe)
        self.in_hand = self.attempt = None
        destination.attempt_seconds[decision].observe(time.perf_counter() - started)
        destination.line.settled(self, delivered=decision == "delivered")

    async def _send(self, piece: Batch) -> Receipt:
        destination = self.destination
        form = FORMATS[piece.format]
        working = destination.exporter.room(form, piece.size, piece.spans)
        async with destination.attempts, destination.room.hold(working) as grant:
            async with destination.encoding:
                payload = await destination.exporter.encode(form, form.join([chunk.body for chunk in piece.chunks]))
            grant.shrink(len(payload))
            sent = True
            try:
                return await destination.exporter.send(form, payload, piece.spans)
            except (Later, Pause) as error:
                sent = error.sent
                raise
            finally:
                if sent:
                    destination.sent(piece.spans, len(payload))

    def _settle(self, attempt: "asyncio.Task[Receipt]", piece: Batch, *, probe: bool) -> str:
        """Turn what became of an attempt into fates, or into more work. Returns the decision's name."""
        if attempt.cancelled():
            self._withdraw(probe=probe)
            self.work.append(piece)
            return "abandoned"
        match attempt.exception():
            case None:
                self._delivered(piece, attempt.result(), probe=probe)
                return "delivered"
            case Later() as error:
                self._later(piece, error, probe=probe)
                return "later"
            case Isolate() as error:
                self._isolate(piece, error, probe=probe)
                return "isolate"
            case Pause() as error:
                self._pause(piece, error, probe=probe)
                return "pause"
            case error:
                self._withdraw(probe=probe)
                self._drop(piece, DROPPED_BUG, _defect(error))
                return "abandoned"

    def _withdraw(self, *, probe: bool) -> None:
        if probe:
            self.destination.gate.withdrawn()

    # The four decisions

    def _delivered(self, piece: Batch, receipt: Receipt, *, probe: bool) -> None:
        destination = self.destination
        now = destination.clock()
        self.suspicion.relieved()
        destination.tally.succeeded(piece.format)
        destination.end_search()
        destination.unlearn(piece.size)
        self.taken_bytes = max(self.taken_bytes, piece.size)
        destination.joined += len(piece.chunks) - 1
        if destination.gate.succeeded(now, probe=probe):
            destination.events.record("recovered", destination.name, "delivering again", spans=piece.spans)
        rejected = min(receipt.rejected, piece.spans)
        if rejected:
            message = "partial success: the upstream took note of spans and threw them away"
            if piece.format == span_patch.name:
                message = "ends for dead agents cannot be written: the spans stay open"
            destination.events.record("rejected", destination.name, message, spans=rejected, words=receipt.message)
        for arrived, chunks in Counter([chunk.arrived for chunk in piece.chunks]).items():
            destination.delivery_seconds.observe(now - arrived, chunks)
        needless = min(receipt.needless, piece.spans - rejected)
        destination.queue.settle(
            piece.chunks, DELIVERED, now, rejected=rejected, needless=needless, why=receipt.message
        )

    def _later(self, piece: Batch, error: Later, *, probe: bool) -> None:
        destination = self.destination
        now = destination.clock()
        if destination.gate.failed(now, str(error), retry_after=error.retry_after, probe=probe):
            message = f"upstream put us off: {error}"
            destination.events.record("gate_shut", destination.name, message, spans=piece.spans, words=error.words)
        destination.end_search()  # whoever waits for what this delivery finds can probe meanwhile
        self._put_off(piece, error)

    def _put_off(self, piece: Batch, error: Later | Pause) -> None:
        """Nobody blamed the spans; but where others fared better for long enough, they are to blame all the same."""
        destination = self.destination
        self.suspicion.failed(piece.format, refused=False)
        self._failed(piece, statuses.PUT_OFF if isinstance(error, Later) else statuses.PAUSED, error)
        max_attempts = destination.config.retry.max_attempts
        if max_attempts is not None and piece.failures >= max_attempts:
            self._drop(piece, DROPPED_MAX_ATTEMPTS, f"given up after {piece.failures} attempts: {error}")
        elif piece.spans == 1 and self.suspicion.condemn(piece.failures):
            message = f"failed {piece.failures} times while others were delivered: {error} {error.words}"
            self._quarantine(piece, 0, message)
        elif piece.spans > 1 and (self.suspicion.cut(piece.failures) or self._stuck_alone(piece)):
            self.suspicion.relieved()
            self.work.extend(halve(destination.queue, piece))
        else:
            self.work.append(piece)

    def _isolate(self, piece: Batch, error: Isolate, *, probe: bool) -> None:
        if error.status == UNSENT:  # nobody was asked: it says nothing of the upstream
            self._withdraw(probe=probe)
            self.work.extend(self.isolation.refuse(piece, error))
            return
        destination = self.destination
        gate = destination.gate
        self.suspicion.failed(piece.format, refused=True)
        self._failed(piece, statuses.ISOLATED, error)
        if gate.state == "paused":
            gate.pause(destination.clock(), gate.reason, probe=probe)
        else:
            gate.succeeded(destination.clock(), probe=probe)  # it answers: what is wrong is in the request
        if error.status == 413 and piece.spans > 1:
            # Where a piece as large was taken, it is a span and not the size that the upstream minds.
            destination.learn(max(piece.size // 2, self.taken_bytes))
        self.work.extend(self.isolation.refuse(piece, error))

    def _pause(self, piece: Batch, error: Pause, *, probe: bool) -> None:
        self.destination.pause(str(error), piece.spans, error.words, probe=probe)
        self._put_off(piece, error)

    def _failed(self, piece: Batch, status: str, error: Later | Pause | Isolate) -> None:
        piece.failures += 1
        if self.destination.trail is not None:
            self.destination.trail.chunks(status, piece.chunks, attempt=piece.failures, detail=str(error))

    def _stuck_alone(self, piece: Batch) -> bool:
        """Nothing else can probe: half of it goes next, so that no batch can hold the gate shut.

        Only the smallest piece is cut: a long outage makes a dozen pieces of a batch, not one for each span.
        """
        alone = self.destination.line.lone(self) and not self.destination.more_to_come()
        return alone and piece.failures >= 2 and all(piece.spans <= other.spans for other in self.work)

    # Fates

    def _quarantine(self, piece: Batch, status: int, message: str) -> None:
        destination = self.destination
        at = destination.events.wall()
        journal = destination.journal
        for chunk in piece.chunks:
            refused = Refused(
                destination.name, at, status, message, chunk.format, chunk.spans, chunk.body, str(chunk.agent)
            )
            # Were we killed before it is in quarantine on disk, its row is sent again.
            rows = journal.surrender(chunk.seqs, again=True) if journal is not None else ()
            destination.quarantine.put(refused, rows)
        why = f"{status or ''} {message}".strip()
        destination.queue.settle(piece.chunks, QUARANTINED, destination.clock(), why=why)
        unasked = "cannot be sent, or failed each time while others were delivered: the log has the words"
        reason = f"refused for good with {status}" if status else unasked
        destination.events.record("quarantined", destination.name, reason, spans=piece.spans, words=message)

    def _expired(self, piece: Batch) -> bool:
        max_age = self.destination.config.queue.max_age
        if max_age is None or self.destination.clock() - piece.arrived <= max_age:
            return False
        now = self.destination.clock()
        young = [chunk for chunk in piece.chunks if now - chunk.arrived <= max_age]
        old = [chunk for chunk in piece.chunks if now - chunk.arrived > max_age]
        self.in_hand = None
        if young:  # what was read from disk together may have come hours apart
            self.work.appendleft(Batch(young, piece.failures))
        self._drop(Batch(old), DROPPED_EXPIRED, f"older than max_age ({max_age})")
        return True

    def fail(self, error: BaseException) -> None:
        """`run` itself broke: whatever it holds is booked, so that the laws still hold."""
        self._drop_all(DROPPED_BUG, _defect(error))
        self.isolation.close()
        self.destination.gate.withdrawn()
        self.destination.line.rearm()

    def _leave(self) -> None:
        """The end: what is safe on disk is there in the next life, the rest is lost."""
        lost = self.destination.queue.abandon(self._take_all(), IN_FLIGHT, DROPPED_SHUTDOWN)
        if lost:
            message = "not delivered before the drain deadline"
            self.destination.events.record("dropped", self.destination.name, message, spans=lost)

    def _take_all(self) -> list[Chunk]:
        """Every chunk without a fate, which nothing here holds any more."""
        # By identity: where a decision broke half way, its piece may be in hand and in the work at once.
        chunks = list({id(chunk): chunk for piece in self.pieces() for chunk in piece.chunks}.values())
        self.in_hand = None
        self.work.clear()
        self.isolation.refused.clear()
        return chunks

    def _drop_all(self, fate: int, message: str) -> None:
        chunks = self._take_all()
        if chunks:
            self._drop(Batch(chunks), fate, message)

    def _drop(self, piece: Batch, fate: int, message: str) -> None:
        self.destination.queue.settle(piece.chunks, fate, self.destination.clock(), why=message)
        self.destination.events.record("dropped", self.destination.name, message, spans=piece.spans)


def _defect(error: BaseException) -> str:
    return f"a defect of inspan, please report it: {type(error).__name__}: {error}"
