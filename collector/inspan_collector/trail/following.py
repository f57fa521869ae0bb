"""One trace, out of all steps that are kept: one pass, in slices, so that who asks does not stop the loop."""

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

import msgspec

from inspan_collector.formats import Head, span_json
from inspan_collector.trail.blocks import Part
from inspan_collector.trail.packing import pattern, shown, unpack, unpack_keys
from inspan_collector.trail.statuses import ASIDE, BEGINNINGS, ENDS, INTERRUPTED, MERGED, RECOVERED, SYNTHESIZED, TRIED
from inspan_collector.trail.trail import Entry

SLICE: Final = 4000  # units of work of some 0.2 µs: a millisecond
SCANNED: Final = 1000  # bytes that are searched in one
STEPS: Final = 20  # of a span that are shown with its trace: the last of them; of one that is asked for by its id all
SPANS: Final = 5000  # of a trace that are shown: more than anybody reads, and some MB of JSON


class Step(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """number: in the order in which things happened. at: seconds since the epoch. fingerprint: in hex, or empty."""

    number: int
    at: float
    status: str
    attempt: int
    detail: str
    fingerprint: str


class Span(msgspec.Struct):
    """What is known of one span. now: the step that says where it is. left_out: steps, of the earlier ones."""

    id: str
    parent_id: str | None = None
    name: str | None = None
    start: str | None = None
    end: str | None = None
    status: str | None = None
    now: Step | None = None
    answer: str = ""  # the last one that put it off, while it is tried again
    steps: Sequence[Step] = ()
    left_out: int = 0


class _Followed:
    """A span while it is followed. waiting: copies without an end, as far as the trail shows."""

    __slots__ = ("answer", "ended", "placed", "seen", "span", "steps", "waiting")

    def __init__(self, span_id: str, most: int | None) -> None:
        self.span = Span(span_id)
        self.steps: deque[Step] = deque(maxlen=most)
        self.seen = 0
        self.waiting = 0
        self.placed: Step | None = None
        self.ended: Step | None = None
        self.answer = ""

    def learn(self, head: Head) -> None:
        """A later copy says more; one without an end does not undo it."""
        span = self.span
        if span.end is not None and head.end_timestamp is None:
            return
        span.parent_id = shown(head.parent_id) or span.parent_id
        span.name = shown(head.name) or span.name
        span.start = shown(head.start_timestamp) or span.start
        span.end = shown(head.end_timestamp)
        span.status = shown(head.status) or span.status

    def step(self, step: Step) -> None:
        self.steps.append(step)
        self.seen += 1
        if step.status in ASIDE:
            return
        if step.status in ENDS:
            self.waiting = max(0, self.waiting - 1)
            if step.status != MERGED or self.ended is None or self.ended.status == MERGED:
                self.ended = step
            self.answer = ""
            return
        if step.status == SYNTHESIZED:
            self.span.status = INTERRUPTED
        if step.status in BEGINNINGS:
            self.waiting += 1
        elif step.status == RECOVERED or not self.waiting:  # what came before is not kept any more
            self.waiting = max(1, self.waiting)
        if step.status in TRIED:
            self.answer = step.detail
        self.placed = step

    def told(self) -> Span:
        span = self.span
        span.now = self.placed if self.waiting or self.ended is None else self.ended
        span.answer = self.answer if span.now is self.placed else ""
        span.steps = list(self.steps)
        span.left_out = self.seen - len(self.steps)
        return span


class Search:
    """Follows the spans of a trace, or one of them, through entries.

    epoch: seconds since the epoch at loop time 0. `for _ in search.slices()` runs it: others may have a turn at each.
    """

    def __init__(self, entries: Sequence[Entry], trace_id: str, span_id: str | None, epoch: float) -> None:
        self.entries = entries
        self.trace_id = trace_id
        self.span_id = span_id
        self.epoch = epoch
        self.pattern = pattern(trace_id, span_id)
        self.text = trace_id.encode()
        self.found: dict[str, _Followed] = {}
        self.left_out: set[str] = set()
        self.prints: dict[bytes, str] = {}  # ids, by the fingerprints of their keys; as far as they were needed
        self.here: dict[int, list[tuple[int, str]]] = {}  # by the identity of a part: which of its keys are ours

    def slices(self) -> Iterator[None]:
        """Go through the entries, a little at a time."""
        work = 0
        for entry in self.entries:
            work += 1 + (self._begun(entry) if entry.begins else self._stepped(entry))
            if work >= SLICE:
                work = 0
                yield

    def spans(self) -> Iterator[Span]:
        """What was found, in the order in which it was seen first."""
        return (followed.told() for followed in self.found.values())

    def _begun(self, entry: Entry) -> int:
        (part,) = entry.parts
        work = (part.end - part.begin) // SCANNED
        if not part.holds(self.pattern):
            return work
        heads = unpack(part.packed())
        for index, head in enumerate(heads):
            if head.trace_id == self.trace_id and self.span_id in (None, head.id):
                followed = self._of(head.id)
                if followed is not None:
                    followed.learn(head)
                    followed.step(self._step(entry, index, said="open" if head.end_timestamp is None else "ended"))
        return work + 5 * len(heads)  # to unpack one costs as much as to look at so many keys

    def _stepped(self, entry: Entry) -> int:
        offset = work = 0
        for number, part in enumerate(entry.parts):
            ours = self.here.get(id(part))
            if ours is None:
                ours = self.here[id(part)] = self._ours(part)
                work += (part.end - part.begin) // SCANNED
            for index, name in ours:
                followed = self._of(name)
                if followed is not None:
                    fingerprint = f"{entry.prints[number][index]:015x}" if entry.prints else ""
                    followed.step(self._step(entry, offset + index, fingerprint))
            work += 1 + 5 * len(ours)
            offset += part.count
        return work

    def _ours(self, part: Part) -> list[tuple[int, str]]:
        """(index, id) of the keys that are of the trace."""
        if part.prints:
            return self._by_print(unpack_keys(part.packed()))
        if not part.holds(self.text):
            return []
        told = ((index, _pair(key)) for index, key in enumerate(unpack_keys(part.packed())))
        ours = [(index, pair[1]) for index, pair in told if pair[0] == self.trace_id]
        return ours if self.span_id is None else [each for each in ours if each[1] == self.span_id]

    def _by_print(self, keys: Sequence[bytes]) -> list[tuple[int, str]]:
        """The same, where no more is known than a fingerprint: of a key that was seen before, or that is asked for."""
        names = self.found if self.span_id is None else {self.span_id: None}
        for name in islice(names, len(self.prints), None):
            (key,) = span_json.keys_of([Head(name, self.trace_id)])
            self.prints[span_json.fingerprint(key)] = name
        return [(index, self.prints[key]) for index, key in enumerate(keys) if key in self.prints]

    def _of(self, span_id: str) -> _Followed | None:
        followed = self.found.get(span_id)
        if followed is None:
            if len(self.found) >= SPANS:
                self.left_out.add(span_id)
                return None
            followed = self.found[span_id] = _Followed(span_id, STEPS if self.span_id is None else None)
        return followed

    def _step(self, entry: Entry, index: int, fingerprint: str = "", *, said: str = "") -> Step:
        """said: where the entry has no words of its own."""
        at = round(self.epoch + entry.at, 6)
        return Step(entry.number + index, at, entry.status, entry.attempt, entry.detail or said, fingerprint)


def _pair(key: Any) -> tuple[str, str]:
    """(trace_id, id) of a key."""
    trace_id, span_id = key.split("\0") if isinstance(key, str) else key
    return trace_id, span_id
