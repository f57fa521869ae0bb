"""Which spans of a refused batch are to blame, and whether any are."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from inspan_collector.batch import Batch
from inspan_collector.chunk import Chunk
from inspan_collector.errors import UNSENT, Isolate
from inspan_collector.formats import FORMATS
from inspan_collector.gate import SECOND_LOOK
from inspan_collector.pipeline.cutting import first_and_rest, halve, sort_out
from inspan_collector.pipeline.destination import Destination
from inspan_collector.pipeline.evidence import Mark

SEARCH: Final = 3  # steps without a witness before all is blamed on the destination: both halves, then two single spans

Condemn = Callable[[Batch, int, str], None]  # a piece, the status, and why


class Held(NamedTuple):
    """A refused piece. tried: as it is; else it is what was left of one. doubted: everything was refused then."""

    piece: Batch
    error: Isolate
    tried: bool = True
    doubted: bool = False

    @property
    def new(self) -> bool:
        """Whether there is something in it that was not sent as it is yet."""
        return self.piece.spans > 1 or not self.tried


class Isolation:
    """The refused pieces of one delivery, until something shows who is to blame.

    With a witness (something of the same format was delivered since) pieces are cut until the refused spans stand
    alone, and those are condemned. Without one, a few requests look for a witness, and then the destination is paused:
    a wrong header or a proxy's 400 must not empty the stream into quarantine.
    """

    def __init__(self, destination: Destination, condemn: Condemn) -> None:
        self.destination = destination
        self.condemn = condemn
        self.refused: deque[Held] = deque()
        self.mark: Mark | None = None  # where the tally stood when the first piece was refused
        self.steps = 0  # of the search for a witness
        self.patience: float | None = None  # loop time until which spans that stand alone wait for what others find
        self.acquitted = False  # all was blamed on the destination: what was refused until then is to be tried again

    def __repr__(self) -> str:
        return f"<Isolation {len(self.refused)} refused, {self.steps} steps>"

    def pieces(self) -> list[Batch]:
        """What is held here."""
        return [held.piece for held in self.refused]

    def refuse(self, piece: Batch, error: Isolate) -> list[Batch]:
        """Take a refused piece. Returns what can be tried at once: the rest, where some spans do not even parse."""
        if self.mark is not None:
            witnessed = self.mark.witnessed(self.destination.tally)
            self.refused.append(Held(piece, error, doubted=self.acquitted and not witnessed))
            return []
        sound = self._sound(piece, error)
        if sound is None:
            self.mark = Mark.of(self.destination.tally, piece.format)
            self.refused.append(Held(piece, error))
            return []
        return [Batch(sound)] if sound else []

    def judge(self) -> list[Batch]:
        """With a witness: condemn what stands alone, and return the rest cut smaller, to be tried."""
        if not self.refused or self.mark is None or not self.mark.witnessed(self.destination.tally):
            return []
        work: list[Batch] = []
        for piece, error, tried, doubted in self.refused:
            if doubted or not tried:
                work.append(piece)
            elif piece.spans == 1:
                self.condemn(piece, error.status, error.words)
            else:
                work.extend(halve(self.destination.queue, piece))
        self.refused.clear()
        self.steps = 0
        self.patience = None
        self.acquitted = False
        return work

    async def search(self) -> list[Batch]:
        """No witness: what to try, smaller each time. Empty where another delivery has looked meanwhile."""
        destination = self.destination
        if not destination.line.closed and await self._others_look():
            return []
        self.steps += 1
        piece, error, tried, _ = self._next()
        alone = piece.spans == 1 and tried and destination.gate.state == "open"
        if self.steps > SEARCH or alone or destination.gate.state == "paused":
            self._acquit()
            destination.pause(f"refuses_everything: {error}", piece.spans, error.words, wait=SECOND_LOOK)
        else:
            destination.begin_search()
        if piece.spans == 1:
            return [piece]
        if self.steps == 1:
            return halve(destination.queue, piece)
        first, rest = first_and_rest(destination.queue, piece)
        self.refused.append(Held(rest, error, tried=False, doubted=self.acquitted))
        return [first]

    async def _others_look(self) -> bool:
        """Wait while others may find a witness. False where it is for us to look."""
        destination = self.destination
        if self.steps == 0 and destination.searching is not None:
            # A systemic refusal must not cost a search for each slot.
            await asyncio.wait({destination.searching})
            return True
        gate = destination.gate
        if gate.state == "paused" or any(held.new for held in self.refused):
            return False
        others = gate.probing or destination.line.waiting or destination.more_to_come()
        if gate.state == "shut" and not others:
            return False  # nobody else can probe
        # Each stands alone, and would be refused again. What comes now tells more.
        now = destination.clock()
        if self.patience is None or gate.state == "shut":
            self.patience = now + SECOND_LOOK
        if now >= self.patience:
            return False
        destination.poke()
        await asyncio.wait({destination.hope()}, timeout=self.patience - now)
        return True

    def _next(self) -> Held:
        """What tells something new, else the first."""
        self.refused.rotate(-next((index for index, held in enumerate(self.refused) if held.new), 0))
        return self.refused.popleft()

    def _acquit(self) -> None:
        self.acquitted = True
        self.refused = deque(held._replace(doubted=True) for held in self.refused)

    def close(self) -> None:
        """The delivery is over: nobody waits for its search any more."""
        if self.steps:
            self.destination.end_search()

    def _sound(self, piece: Batch, error: Isolate) -> list[Chunk] | None:
        """The chunks without the spans that do not parse, which are condemned: that needs no request and no witness.

        None where all parse. What does not is for the exporter to say: it may write the format anew.
        """
        if error.status == 413:
            return None
        faults = [dict(self.destination.exporter.faults(FORMATS[chunk.format], chunk.body)) for chunk in piece.chunks]
        if not any(faults):
            return None
        verdict = "does not parse" if error.status != UNSENT else "cannot be sent in the upstream's format"
        sound: list[Chunk] = []
        for chunk, found in zip(piece.chunks, faults, strict=True):
            kept, bad = sort_out(self.destination.queue, chunk, found)
            sound += kept
            for part, why in bad:
                self.condemn(Batch([part]), error.status, f"{verdict}: {why}")
        return sound
