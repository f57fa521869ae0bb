"""Copies that wait by key, for an upstream where a later copy of a span replaces the earlier one.

An agent posts a span when it starts and again when it ends. Here the two become one write where they can, and never
pass each other where they cannot. Three rules:

* One key waits at most once. Of two copies the ended one stays, else the later; the other one is *merged*.
* An open copy is *held* for its end, `hold_open` seconds from its arrival at most: it starts no batch and delays none.
* A key is in one attempt at a time. Its next copy waits *behind* the one in flight until that has its fate.

What came in one post stays in a bundle as far as it can: a turn of a Python loop for each copy costs as much as all the
rest, so there is one only for a copy that meets another of its key.
"""

from collections import deque
from collections.abc import Hashable, Sequence
from itertools import chain
from typing import cast

from inspan_collector.chunk import Chunk
from inspan_collector.formats import Head, span_json, span_patch
from inspan_collector.ledger import DELIVERED, QUARANTINED
from inspan_collector.pledge import Pledge
from inspan_collector.queue.bundle import BEHIND, COMMA, KEY, READY, Bundle, Copies, weight
from inspan_collector.queue.ending import Ending
from inspan_collector.queue.journal import put_fitting
from inspan_collector.queue.posting import Posting, rows_of
from inspan_collector.queue.prints import Prints
from inspan_collector.queue.waiting import Added, Cut
from inspan_collector.row import Row
from inspan_collector.trail import statuses


class Upserts(Ending):
    """See Waiting. hold_open: seconds. memory: charged for the copies, their keys and their bytes."""

    overhead = KEY

    def __repr__(self) -> str:
        return f"<Upserts {self.ready_spans} ready, {self.held()} held, {len(self.behind)} behind>"

    def add(self, chunk: Chunk, heads: Sequence[Head], pledge: Pledge | None = None) -> Added:
        """Take the chunk apart: from here on its copies are on their own, each with bytes of its own."""
        was_ready, was_holding = bool(self.ready), bool(self.holding)
        opened, ended, posted = span_json.copies(chunk.body, heads)
        merged = chunk.spans - len(opened) - len(ended)
        if self.journal is not None:  # a row on disk may be all that is left of a start, and knows no agent
            self._watch(chunk.agent, opened, chunk.arrived)
        if merged and self.trail is not None:
            self.trail.lost(span_json.keys_of(heads))
        merged += self._say_nothing(ended, chunk.agent, chunk.arrived, ended=True)
        merged += self._say_nothing(opened, chunk.agent, chunk.arrived, ended=False)
        posting = (
            Posting(self.journal, self.by_key, self.seqs, opened, ended)
            if self.journal is not None and (opened or ended)
            else None
        )
        grown = {chunk.agent: 0}
        merged += self._meet(ended, chunk, grown, ended=True) + self._meet(opened, chunk, grown, ended=False)
        for copies in (ended, opened):
            if copies:
                bundle = Bundle(chunk.agent, chunk.arrived, copies, ended=copies is ended)
                grown[chunk.agent] += weight(bundle)
                self._enter(bundle, chunk.arrived)
        held = sum(grown.values())
        size = held - KEY * (chunk.spans - merged)
        self.spans += chunk.spans - merged
        self.size += size
        self.merged_bytes += posted + COMMA * chunk.spans - size
        self.keeper.memory.charge(held)
        self._tidy()
        if posting is not None:
            posting.write(pledge)
        chunk.keeper.let_go(chunk)
        wake = self._full() or bool(self.ready) > was_ready or bool(self.holding) > was_holding
        return Added(grown, merged, wake)

    def _meet(self, copies: dict[Hashable, bytes], chunk: Chunk, grown: dict[Hashable, int], *, ended: bool) -> int:
        """Take out the copies whose key is here: they follow what is in flight, or replace or lose to what waits.

        A copy that makes one of another kind pointless stays. Returns how many copies were merged.
        """
        met = self.by_key.keys() & copies.keys()
        merged = len(met)
        if met and self.trail is not None:  # where nothing waits behind what is in flight, it follows
            self.trail.note(statuses.MERGED, [key for key in met if self.by_key[key] is not None])
        for key in met:
            there = self.by_key[key]
            if there is None:
                merged -= 1
                self._follow(Bundle(chunk.agent, chunk.arrived, {key: copies.pop(key)}, ended=ended), key, grown)
            elif there.ended and not ended:
                del copies[key]
            else:
                change = -len(there.copies[key])
                if there.ended == ended or there.place == BEHIND:
                    body = there.copies[key] = copies.pop(key)
                    there.ended = ended
                    change += len(body)
                    grown[there.agent] = grown.get(there.agent, 0) + change
                else:
                    del there.copies[key]
                    change -= COMMA
                    self.ready_spans -= there.place == READY
                    self.merged_bundles += not there.copies
                    grown[there.agent] = grown.get(there.agent, 0) + change - KEY
                there.size += change
                self.ready_size += change if there.place == READY else 0
        return merged

    def oldest(self) -> float | None:
        return min((bundle.arrived for bundle in self._all() if bundle.copies), default=None)

    def time_left(self, now: float) -> float | None:
        if self._full() or self._end_is_free():
            return 0.0
        since = [self.ready[0].since] if self.ready else []
        since += [self.holding[0].since + self.hold_open] if self.holding else []
        return max(0.0, min(since) + self.limits.linger - now) if since else None

    def take(self, max_bytes: int, now: float, cut: Cut) -> list[Chunk]:
        """Every copy that is ready, or held for long enough, as many as go into one body."""
        del cut  # a bundle is split before it is a chunk
        while self.holding and self.holding[0].since + self.hold_open <= now:
            self._let_go(self.holding[0].since + self.hold_open)
        if not self._full() and self._end_is_free():
            return self._take_ends(now)
        chunks: list[Chunk] = []
        spans = self.limits.max_spans
        while self.ready and spans:
            bundle = self._first(spans, max_bytes, alone=not chunks)
            if bundle is None:
                break
            if not bundle.ended:
                self._watch(bundle.agent, bundle.copies, now)
            chunks.append(self.chunk(bundle))
            self.by_key.update(dict.fromkeys(bundle.copies))
            spans -= len(bundle.copies)
            max_bytes -= bundle.size
            self._leave(bundle)
            self._tidy()
        return chunks

    def _first(self, spans: int, size: int, *, alone: bool) -> Bundle | None:
        """The first bundle that is ready, or what of it fits; None where nothing does. alone: at least one copy."""
        bundle = self.ready[0]
        if len(bundle.copies) <= spans and bundle.size <= size:
            self.ready.popleft()
            return bundle
        part = bundle.split(spans, size)
        if not part.copies and alone:
            part = bundle.split(1, bundle.size)
        part.place = READY
        return part if part.copies else None

    def stop_holding(self) -> None:
        self.hold_open = 0.0

    def relieve(self, spans: float, size: float, now: float) -> bool:
        """Held copies are let go, oldest first, until enough can leave: what waits for its end must not fill us up."""
        before = bool(self.ready)
        while self.holding and (self.ready_spans < spans or self.ready_size + KEY * self.ready_spans < size):
            self._let_go(now)
        return bool(self.ready) > before or self._full()

    def gone(self, chunks: Sequence[Chunk], *, fate: int, took_all: bool, now: float) -> list[Chunk]:
        """What waited behind these is next. An open copy that comes after its own end says less and is merged, unless
        the upstream refused the end: if not delivered, it may have been written all the same. Where they were, copies
        that tell nothing new are merged too."""
        late: list[Chunk] = []
        held = len(self.holding)
        gone = cast(Sequence[Copies], chunks)  # of no other kind are those that `take` returned
        if self.prints is not None and took_all:
            self._remember(self.prints, gone, now)
        for copies in gone:
            if copies.format == span_patch.name:
                self._ends_are_through(copies, fate)
            elif copies.ended and fate == DELIVERED:  # until then a span is open upstream, whatever was posted
                self.openings.ended(copies.keys)
            for key in copies.keys:
                following = self.by_key.pop(key)
                if following is None:
                    continue
                del self.behind[key]
                less = copies.ended and not following.ended and fate != QUARANTINED
                if less or self._says_nothing(following, now):
                    self.merged_bytes += following.size
                    late.append(self.chunk(following))
                    self._leave(following)
                else:
                    self._enter(following, now)
        if len(self.holding) > held:  # they have waited already
            self.holding = deque(sorted(self.holding, key=lambda bundle: bundle.since))
        return late

    def _remember(self, prints: Prints, delivered: Sequence[Copies], now: float) -> None:
        told = [copies for copies in delivered if copies.prints]
        keys = [key for copies in told for key in copies.keys]
        prints.remember(keys, [mark for copies in told for mark in copies.prints], now)

    def _says_nothing(self, following: Bundle, now: float) -> bool:
        """Whether the upstream has what a copy says that waited behind another of its span."""
        if self.prints is None or self.spooled():
            return False
        return bool(self.prints.judge(following.copies, now, ended=following.ended).known)

    # Between memory and disk

    def write(self, spans: float, size: float, pledge: Pledge | None = None) -> bool:
        """Also what waits behind another copy, last."""
        journal = self.journal
        if journal is None:
            return False
        rows: list[Row] = []
        for bundle in chain(self.ready, self.holding, self.behind.values()):
            if spans <= 0 and size <= 0:
                break
            spans -= len(bundle.copies)
            size -= weight(bundle)
            rows += rows_of(
                bundle, [key for key in bundle.copies if not journal.has_row(self.seqs[key])], self.seqs, journal
            )
        return put_fitting(rows, journal, pledge)

    def let_go(self, spans: float, size: float) -> list[Chunk]:
        """See Waiting. Where some copies of a bundle are durable and others are not yet, only those leave."""
        journal = self.journal
        if journal is None:
            return []
        parts: list[Bundle] = []
        for bundle in chain(self.ready, self.holding):
            durable = [key for key in bundle.copies if journal.is_durable(self.seqs[key])]
            if (spans <= 0 and size <= 0) or (bundle.copies and not durable):
                break
            part = bundle.part(durable)
            part.place = bundle.place
            parts.append(part)
            spans -= len(part.copies)
            size -= weight(part)
        return self._forget([part for part in parts if part.copies])

    def evict(self) -> Chunk:
        """A bundle: what came together is dropped together, as in a queue where nothing is taken apart."""
        return self._forget([min(self._fronts(), key=lambda bundle: bundle.arrived)])[0]

    def expire(self, before: float) -> list[Chunk]:
        return self._forget([bundle for bundle in self._all() if bundle.copies and bundle.arrived < before])

    def empty(self) -> list[Chunk]:
        return self._forget([bundle for bundle in self._all() if bundle.copies])
