"""Which spans of a refused batch are to blame, and whether any are."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

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


class Isolation:
    """The refused pieces of one delivery, until something shows who is to blame.

    With a witness (something of the same format was delivered since) pieces are cut until the refused spans stand
    alone, and those are condemned. Without one, a few requests look for a witness, and then the destination is paused:
    a wrong header or a proxy's 400 must not empty the stream into quarantine.
    """

    def __init__(self, destination: Destination, condemn: Condemn) -> None:
        self.destination = destination
        self.condemn = condemn
        self.refused: deque[tuple[Batch, Isolate]] = deque()
        self.mark: Mark | None = None  # where the tally stood when the first piece was refused
        self.steps = 0  # of the search for a witness
        self.acquitted = False  # all was blamed on the destination: what was refused until then is to be tried again

    def __repr__(self) -> str:
        return f"<Isolation {len(self.refused)} refused, {self.steps} steps>"

    def pieces(self) -> list[Batch]:
        """What is held here."""
        return [piece for piece, _ in self.refused]

    def refuse(self, piece: Batch, error: Isolate) -> list[Batch]:
        """Take a refused piece. Returns what can be tried at once: the rest, where some spans do not even parse."""
        if self.mark is not None:
            self.refused.append((piece, error))
            return []
        sound = self._sound(piece, error)
        if sound is None:
            self.mark = Mark.of(self.destination.tally, piece.format)
            self.refused.append((piece, error))
            return []
        return [Batch(sound)] if sound else []

    def judge(self) -> list[Batch]:
        """With a witness: condemn what stands alone, and return the rest cut smaller, to be tried."""
        if not self.refused or self.mark is None or not self.mark.witnessed(self.destination.tally):
            return []
        work: list[Batch] = []
        for piece, error in self.refused:
            if self.acquitted:
                work.append(piece)
            elif piece.spans == 1:
                self.condemn(piece, error.status, error.words)
            else:
                work.extend(halve(self.destination.queue, piece))
        self.refused.clear()
        self.steps = 0
        self.acquitted = False
        return work

    async def search(self) -> list[Batch]:
        """No witness: what to try, smaller each time. Empty where another delivery has looked meanwhile."""
        destination = self.destination
        if self.steps == 0 and destination.searching is not None and not destination.line.closed:
            # A systemic refusal must not cost a search for each slot.
            await asyncio.wait({destination.searching})
            return []
        self.steps += 1
        piece, error = self.refused.popleft()
        if self.steps > SEARCH or destination.gate.state == "paused":
            self.acquitted = True
            destination.pause(f"refuses_everything: {error}", piece.spans, error.words, wait=SECOND_LOOK)
        else:
            destination.begin_search()
        if piece.spans == 1:
            return [piece]
        if self.steps == 1:
            return halve(destination.queue, piece)
        first, rest = first_and_rest(destination.queue, piece)
        self.refused.append((rest, error))
        return [first]

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
        sound: list[Chunk] = []
        broken = False
        for chunk in piece.chunks:
            faults = dict(self.destination.exporter.faults(FORMATS[chunk.format], chunk.body))
            kept, bad = sort_out(self.destination.queue, chunk, faults)
            sound += kept
            for part, why in bad:
                broken = True
                verdict = "does not parse" if error.status != UNSENT else "cannot be sent in the upstream's format"
                self.condemn(Batch([part]), error.status, f"{verdict}: {why}")
        return sound if broken else None
