"""Copies that were taken meet those of their spans that are on disk, before they are sent."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Final, cast

from inspan_collector.chunk import Chunk
from inspan_collector.formats import span_json
from inspan_collector.ledger import MERGED, SPOOLED
from inspan_collector.pipeline.bequest import Bequest
from inspan_collector.pipeline.destination import Destination
from inspan_collector.pipeline.questions import Spooled
from inspan_collector.queue.bundle import Bundle, Copies
from inspan_collector.queue.posting import rows_of, rows_of_copies
from inspan_collector.queue.rejoin import beats, claim
from inspan_collector.queue.upserts import Upserts
from inspan_collector.row import Row, Trouble
from inspan_collector.spool.share import Share
from inspan_collector.trail import statuses

REMEMBERED: Final = 100_000  # keys; 10 MB. Past it a row may be sent after a later copy of its span


class Claims(Bequest):
    """Looks up what is taken, and remembers what could not be."""

    def __init__(self, destination: Destination, share: Share, disk: Spooled) -> None:
        super().__init__(destination, share, disk)
        # By key, (whether it has ended, seq) of the copy that counts of those sent while the disk was in trouble.
        self.unclaimed: dict[bytes, tuple[bool, int]] = {}
        self.unsettled: dict[bytes, tuple[bool, int]] = {}  # of these, what has been looked up since, and has no fate

    def must_look_up(self) -> bool:
        """Whether what is taken may have an older copy on disk, and the disk can say so."""
        return self.open and isinstance(self.destination.waiting, Upserts) and self.spans() > 0

    def pass_by(self, chunks: Sequence[Chunk]) -> None:
        """These are sent although the disk cannot be read: nobody waits for one that is opened for minutes."""
        if not self.open and isinstance(self.destination.waiting, Upserts) and self.spans() > 0:
            self._remember(cast(Sequence[Copies], chunks))

    def must_wait(self, chunks: Sequence[Chunk]) -> bool:
        """Whether taken copies have to be claimed before they are sent."""
        if self.must_look_up():
            return True
        replacing = self.share.replacing
        return bool(replacing) and any(seq in replacing for chunk in chunks for seq in chunk.seqs)

    async def claim(self, chunks: list[Chunk]) -> list[Chunk]:
        """What is left to send of taken copies, when those that are on disk have met them. After `begin`. Cancelled
        while the disk is asked, it has changed nothing."""
        copies = cast(list[Copies], chunks)
        keys = {span_json.fingerprint(key): key for chunk in copies for key in chunk.keys}
        name = self.destination.name
        try:
            found = await self._ask(lambda store: store.look_up(name, list(keys)))
        except Trouble:
            self.share.answered(())
            self._remember(copies)
            return chunks  # live relay goes on; what is on disk is judged when it can be read
        finally:
            self.asking = False
        noticed = self.share.noticed or set()
        self.share.answered(())
        if not self.spans():
            self.unclaimed.clear()
        spooled = sorted(
            (seq, keys[key], ended) for key, seq, ended in found if seq not in noticed and self.share.is_spooled(seq)
        )
        if not spooled:
            return chunks
        made = claim(copies, [(key, seq, ended) for seq, key, ended in spooled])
        self.destination.ledger.move(SPOOLED, MERGED, len(made.lost))
        if self.destination.trail is not None:
            lost = [key for row, key, _ in spooled if row in made.lost]
            self.destination.trail.note(statuses.MERGED, lost)
        for row, winner in made.lost.items():
            self.share.take_over(winner, row)
        winners = set(made.lost.values())
        left = [row for chunk in made.chunks for row in rows_of_copies(cast(Copies, chunk), self.share)]
        if rows := [row for row in left if row.seq in winners]:
            self.share.put(rows, {})
        if made.late:
            self.destination.queue.settle(made.late, MERGED, self.destination.clock())
        self.destination.ledger.publish()
        return made.chunks

    def _remember(self, chunks: Sequence[Copies]) -> None:
        """These are sent without having been looked up: rows that say less have lost to them."""
        if len(self.unclaimed) >= REMEMBERED:
            return
        for chunk in chunks:
            self.share.unseen.update(chunk.seqs)
            for key, seq in zip(map(span_json.fingerprint, chunk.keys), chunk.seqs, strict=True):
                self.unclaimed[key] = max((chunk.ended, seq), self.unclaimed.get(key, (False, -1)))

    def _says_less(self, key: bytes | None, seq: int, ended: bool) -> bool:
        """Whether a row has lost to a copy of its span that was sent: an open one never beats an ended row."""
        sent = self._sent(key) if key is not None else None
        return sent is not None and beats(sent[1], sent[0], seq, ended)

    def _sent(self, key: bytes) -> tuple[bool, int] | None:
        """What was sent of this span without a look: until it has its fate, a row that comes back may be older."""
        unsettled = self.unsettled.get(key)
        if unsettled is not None and unsettled[1] not in self.share.unseen:
            unsettled = None
        return max(filter(None, (self.unclaimed.get(key), unsettled)), default=None)

    async def _catch_up(self) -> None:
        """The disk can be read again: what is older than what was sent meanwhile is not sent any more."""
        if self.asking or not self.open:
            return  # a question was put since this was found to be due
        name, sent = self.destination.name, list(self.unclaimed)
        self.begin()
        try:
            found = await self._ask(lambda store: store.look_up(name, sent))
        except Trouble:
            self.share.answered(())
            return
        finally:
            self.asking = False
            self.destination.poke()
        noticed = self.share.noticed or set()
        self.share.answered(())
        late = {
            seq: key
            for key, seq, ended in found
            if self._says_less(key, seq, ended) and seq not in noticed and self.share.is_spooled(seq)
        }
        self._lost_to_sent(late)
        sent_ones = {**self.unsettled, **self.unclaimed}
        self.unsettled = {key: sent for key, sent in sent_ones.items() if sent[1] in self.share.unseen}
        self.unclaimed = {}

    def _overtaken(self, rows: Sequence[Row]) -> list[Row]:
        """The rows without those whose span was sent again since, while the disk could not be read."""
        late = {row.seq: cast(bytes, row.key) for row in rows if self._says_less(row.key, row.seq, row.ended)}
        self._lost_to_sent(late)
        return [row for row in rows if row.seq not in late]

    def _lost_to_sent(self, late: Mapping[int, bytes]) -> None:
        """Rows, each with its key, lost to copies that were sent meanwhile. Where such a copy has no fate yet, the row
        stands for it: were we killed, nothing else would be there of the span."""
        if self.destination.trail is not None:
            self.destination.trail.note(statuses.MERGED, late.values())  # of these no more is known than fingerprints
        self.destination.ledger.move(SPOOLED, MERGED, len(late))
        for row, key in late.items():
            _, seq = cast(tuple[bool, int], self._sent(key))
            self.share.take_over(seq if seq in self.share.unseen else None, row)
        self.destination.ledger.publish()

    def _lost(self, lost: Mapping[int, Hashable | None]) -> None:
        """Rows lost to what waits, which is written in their place: they must not come back after it was sent."""
        upserts, share = cast(Upserts, self.destination.waiting), self.share
        self.destination.ledger.move(SPOOLED, MERGED, len(lost))
        for row, key in lost.items():
            share.take_over(None if key is None else upserts.seqs[key], row)
        rows = [
            row
            for key in {key for key in lost.values() if key is not None and not share.has_row(upserts.seqs[key])}
            for row in rows_of(cast(Bundle, upserts.by_key[key]), [key], upserts.seqs, share)
        ]
        if rows:
            share.put(rows, {})
        self.destination.ledger.publish()
