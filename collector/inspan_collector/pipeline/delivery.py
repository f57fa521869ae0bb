"""One taken batch, from take to fate.

A delivery owns its spans and is never cancelled; only its attempt in hand is. It holds pieces of the batch: `work` is
to be tried, `refused` was refused by the upstream while nothing shows yet that the spans are to blame.
"""

import asyncio
import time
from collections import deque
from typing import Final

from inspan_collector.batch import Batch, Receipt
from inspan_collector.chunk import Chunk
from inspan_collector.errors import Isolate, Later, Pause
from inspan_collector.formats import FORMATS
from inspan_collector.ledger import (
    DELIVERED,
    DROPPED_BUG,
    DROPPED_EXPIRED,
    DROPPED_MAX_ATTEMPTS,
    DROPPED_REJECTED,
    DROPPED_SHUTDOWN,
    IN_FLIGHT,
    QUARANTINED,
)
from inspan_collector.pipeline.cutting import first_and_rest, halve, singles
from inspan_collector.pipeline.destination import WORKING, Destination
from inspan_collector.pipeline.evidence import CONDEMN, SUSPECT, Mark

SEARCH: Final = 3  # steps without a witness before all is blamed on the destination: both halves, then two single spans


class Delivery:
    """Brings every span of one batch to a fate."""

    def __init__(self, destination: Destination, batch: Batch) -> None:
        self.destination = destination
        self.work = deque([batch])
        self.refused: deque[tuple[Batch, Isolate]] = deque()
        self.in_hand: Batch | None = None
        self.attempt: asyncio.Task[Receipt] | None = None
        self.trouble: Mark | None = None  # where the tally stood when the first attempt failed
        self.isolation: Mark | None = None  # the same when the first piece was refused
        self.own_failures = 0  # since the trouble began
        self.fresh = 0  # failures since a piece was last delivered or cut
        self.steps = 0  # of the search for a witness
        self.acquitted = False  # all was blamed on the destination: what was refused until then is to be tried again

    def __repr__(self) -> str:
        return f"<Delivery {self.destination.name} {self.held()} spans in {len(self.pieces())} pieces>"

    def pieces(self) -> list[Batch]:
        """Everything without a fate."""
        in_hand = [] if self.in_hand is None else [self.in_hand]
        return [*self.work, *(piece for piece, _ in self.refused), *in_hand]

    def held(self) -> int:
        """Spans without a fate: the independent count of what the ledger calls in flight."""
        return sum(chunk.spans for piece in self.pieces() for chunk in piece.chunks)

    def abandon(self) -> None:
        """The deadline has come: stop the attempt in hand. `run` books the spans."""
        if self.attempt is not None:
            self.attempt.cancel()

    async def run(self) -> None:
        """Try until nothing is held, or the line is closed."""
        destination = self.destination
        while self.work or self.refused:
            self._judge()
            if not self.work and self.refused and await self._search() is None:
                continue
            if not self.work:
                continue
            piece = self.in_hand = self.work.popleft()
            if self._expired(piece):
                continue
            probe = await destination.line.enter(self)
            if probe is None:
                self._drop_all(DROPPED_SHUTDOWN, "not delivered before the drain deadline")
                break
            await self._try(piece, probe=probe)
        if self.steps:
            destination.end_search()

    # One attempt

    async def _try(self, piece: Batch, *, probe: bool) -> None:
        destination = self.destination
        started = time.perf_counter()
        self.attempt = asyncio.create_task(self._send(piece))
        await asyncio.wait({self.attempt})
        decision = self._settle(self.attempt, piece, probe=probe)
        self.attempt = None
        destination.attempt_seconds[decision].observe(time.perf_counter() - started)
        destination.line.rearm()

    async def _send(self, piece: Batch) -> Receipt:
        destination = self.destination
        form = FORMATS[piece.format]
        async with destination.room.hold(piece.size * WORKING) as grant:
            payload = await destination.exporter.encode(form, form.join([chunk.body for chunk in piece.chunks]))
            grant.shrink(len(payload))
            destination.batch_spans.observe(piece.spans)
            destination.batch_bytes.observe(len(payload))
            destination.sent_bytes += len(payload)
            return await destination.exporter.send(form, payload, piece.spans)

    def _settle(self, attempt: "asyncio.Task[Receipt]", piece: Batch, *, probe: bool) -> str:
        """Turn what became of an attempt into fates, or into more work. Returns the decision's name."""
        self.in_hand = None
        if attempt.cancelled():
            self.destination.gate.withdrawn()
            self.work.append(piece)
            return "abandoned"
        match attempt.exception():
            case None:
                self._delivered(piece, attempt.result())
                return "delivered"
            case Later() as error:
                self._later(piece, error, probe=probe)
                return "later"
            case Isolate() as error:
                self._isolate(piece, error)
                return "isolate"
            case Pause() as error:
                self._pause(piece, str(error))
                return "pause"
            case error:
                self.destination.gate.withdrawn()
                self._drop(piece, DROPPED_BUG, _defect(error))
                return "abandoned"

    # The four decisions

    def _delivered(self, piece: Batch, receipt: Receipt) -> None:
        destination = self.destination
        now = destination.clock()
        self.fresh = 0
        destination.tally.succeeded(piece.format)
        destination.end_search()
        destination.unlearn(piece.size)
        if destination.gate.succeeded(now):
            destination.events.record("recovered", destination.name, "delivering again", spans=piece.spans)
        rejected = min(receipt.rejected, piece.spans)
        if rejected:
            message = f"partial success: the upstream rejected spans: {receipt.message}"
            destination.events.record("rejected", destination.name, message, spans=rejected)
        destination.ledger.move(IN_FLIGHT, DROPPED_REJECTED, rejected)
        destination.ledger.move(IN_FLIGHT, DELIVERED, piece.spans - rejected)
        for chunk in piece.chunks:
            destination.delivery_seconds.observe(now - chunk.arrived)
            destination.queue.release(chunk)

    def _later(self, piece: Batch, error: Later, *, probe: bool) -> None:
        destination = self.destination
        now = destination.clock()
        if destination.gate.failed(now, str(error), retry_after=error.retry_after, probe=probe):
            destination.events.record("gate_shut", destination.name, f"upstream put us off: {error}", spans=piece.spans)
        self._failed(piece, refused=False)
        max_attempts = destination.config.retry.max_attempts
        if max_attempts is not None and piece.failures >= max_attempts:
            self._drop(piece, DROPPED_MAX_ATTEMPTS, f"given up after {piece.failures} attempts: {error}")
        elif piece.spans == 1 and self._luck(piece.failures) < CONDEMN:
            self._quarantine(piece, 0, f"failed {piece.failures} times while others were delivered: {error}")
        elif piece.spans > 1 and (self._suspicious(piece) or self._stuck_alone(piece)):
            self.fresh = 0
            self.work.extend(halve(destination.queue, piece))
        else:
            self.work.append(piece)

    def _isolate(self, piece: Batch, error: Isolate) -> None:
        destination = self.destination
        gate = destination.gate
        self._failed(piece, refused=True)
        if gate.state == "paused":
            gate.pause(destination.clock(), gate.reason)
        else:
            gate.succeeded(destination.clock())  # it answers: what is wrong is in the request
        if error.status == 413:
            destination.learn(piece.size)
        if self.isolation is None:
            self.isolation = Mark.of(destination.tally, piece.format)
            self._part_with_broken(piece, error)
        else:
            self.refused.append((piece, error))

    def _pause(self, piece: Batch, reason: str) -> None:
        self._failed(piece, refused=False)
        self.work.append(piece)
        self.destination.pause(reason, piece.spans)

    # Refused pieces

    def _judge(self) -> None:
        """With a witness, refused pieces are cut further, and the spans that stand alone are condemned."""
        if not self.refused or self.isolation is None or not self.isolation.witnessed(self.destination.tally):
            return
        self.steps = 0
        for piece, error in self.refused:
            if self.acquitted:
                self.work.append(piece)
            elif piece.spans == 1:
                self._quarantine(piece, error.status, error.message)
            else:
                self.work.extend(halve(self.destination.queue, piece))
        self.refused.clear()
        self.acquitted = False

    async def _search(self) -> Batch | None:
        """Nothing but refused pieces, and no witness: choose what to try. None where another delivery searches."""
        destination = self.destination
        if self.steps == 0 and destination.searching is not None and not destination.line.closed:
            # A systemic refusal must not cost a search for each slot.
            await asyncio.wait({destination.searching})
            return None
        self.steps += 1
        if self.steps > SEARCH or destination.gate.state == "paused":
            self.acquitted = True
            destination.pause(f"refuses_everything: {self.refused[0][1]}", self.held())
        else:
            destination.begin_search()
        piece, error = self.refused.popleft()
        if piece.spans == 1:
            self.work.append(piece)
        elif self.steps == 1:
            self.work.extend(halve(destination.queue, piece))
        else:
            first, rest = first_and_rest(destination.queue, piece)
            self.work.append(first)
            self.refused.append((rest, error))
        return self.work[0]

    def _part_with_broken(self, piece: Batch, error: Isolate) -> None:
        """Quarantine the spans that do not even parse: that needs no request and no witness.

        Without them the rest may be fine as it is, so it is tried whole.
        """
        sound: list[Chunk] = []
        broken = False
        for chunk in piece.chunks:
            faults = {} if error.status == 413 else dict(FORMATS[chunk.format].faults(chunk.body))
            for index, part in enumerate(singles(self.destination.queue, chunk) if faults else [chunk]):
                if index in faults:
                    broken = True
                    self._quarantine(Batch([part]), error.status, f"does not parse: {faults[index]}")
                else:
                    sound.append(part)
        if not broken:
            self.refused.append((piece, error))
        elif sound:
            self.isolation = None
            self.work.append(Batch(sound))

    # Suspicion

    def _failed(self, piece: Batch, *, refused: bool) -> None:
        tally = self.destination.tally
        if self.trouble is None:
            self.trouble = Mark.of(tally, piece.format)
        tally.failed(refused=refused)
        self.own_failures += 1
        self.fresh += 1
        piece.failures += 1

    def _luck(self, run: int) -> float:
        return 1.0 if self.trouble is None else self.trouble.luck(self.destination.tally, self.own_failures, run)

    def _suspicious(self, piece: Batch) -> bool:
        """A batch that failed twice while others succeeded is cut in two, and a piece of it likewise."""
        return piece.failures >= 2 and self._luck(self.fresh) < SUSPECT

    def _stuck_alone(self, piece: Batch) -> bool:
        """Nothing else can probe: half of it goes next, so that no batch can hold the gate shut.

        Only the smallest piece is cut: a long outage makes a dozen pieces of a batch, not one for each span.
        """
        alone = self.destination.line.lone(self) and self.destination.queue.oldest() is None
        return alone and piece.failures >= 2 and all(piece.spans <= other.spans for other in self.work)

    # Fates

    def _quarantine(self, piece: Batch, status: int, message: str) -> None:
        destination = self.destination
        for chunk in piece.chunks:
            destination.quarantine.put(chunk.format, chunk.body, chunk.spans, status, message)
            destination.queue.settle(chunk, IN_FLIGHT, QUARANTINED)
        destination.events.record("quarantined", destination.name, f"{status} {message}"[:300], spans=piece.spans)

    def _expired(self, piece: Batch) -> bool:
        max_age = self.destination.config.queue.max_age
        if max_age is None or self.destination.clock() - piece.arrived <= max_age:
            return False
        self.in_hand = None
        self._drop(piece, DROPPED_EXPIRED, f"older than max_age ({max_age})")
        return True

    def fail(self, error: BaseException) -> None:
        """`run` itself broke: whatever it holds is booked, so that the laws still hold."""
        self._drop_all(DROPPED_BUG, _defect(error))
        self.destination.end_search()

    def _drop_all(self, fate: int, message: str) -> None:
        pieces = self.pieces()
        self.in_hand = None
        self.work.clear()
        self.refused.clear()
        for piece in pieces:
            self._drop(piece, fate, message)

    def _drop(self, piece: Batch, fate: int, message: str) -> None:
        for chunk in piece.chunks:
            self.destination.queue.settle(chunk, IN_FLIGHT, fate)
        self.destination.events.record("dropped", self.destination.name, message, spans=piece.spans)


def _defect(error: BaseException) -> str:
    return f"a defect of inspan, please report it: {type(error).__name__}: {error}"
