"""Fingerprints of what an upstream has: an identical re-post is not sent again.

A *print* is taken when a copy was delivered, and believed for a window from then. A changed copy of its span
invalidates it in the moment that it is taken in, so what is here is what the upstream has: nothing that waits, is in
flight, or was dropped has a print. Two numbers of 60 bits stand for one:

    of the key   xxh3 of its text
    the print    43 bits of xxh3 of the copy's bytes, 16 bits of time, 1 bit: whether the copy has ended

60 bits are two digits of an int, in 32 bytes. A changed copy passes for identical once in 2^43.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import groupby
from math import floor
from operator import itemgetter
from typing import Final, NamedTuple, Protocol

import msgspec
from xxhash import xxh3_64_intdigest

TICKS: Final = 1024  # of a window: it is over up to a thousandth too early
# Keys of one dict. A key takes 64 bytes for its two ints, and 27 to 54 of a dict of this size; a larger one has indices
# of 4 bytes, and takes up to 60: with them more than config.KEY_BYTES.
MOST: Final = (1 << 15) * 2 // 3

_KEY: Final = (1 << 60) - 1
_PRINT: Final = (1 << 43) - 1 << 17
_TIME: Final = (1 << 16) - 1  # ticks that are told apart, 64 windows: what is looked at is never older than 4
_ENDED: Final = 1
FORGOTTEN: Final = 0


class Notebook(Protocol):
    """What survives of prints. Times are loop times in seconds.

    count: numbers noted so far.
    """

    count: int

    def note(self, numbers: Sequence[int], prints: Sequence[int], times: Sequence[float] | float) -> None:
        """These were delivered, at these times, or all at one; or they are FORGOTTEN."""
        ...

    def skip(self, count: int) -> None:
        """The first so many are not known any more."""
        ...


class Said(NamedTuple):
    """What copies say that are offered, by their keys.

    known: they say nothing new. over: those of them that are open, and the upstream has the end. changed: they
    invalidated a print.
    """

    known: list[Hashable]
    changed: list[Hashable]
    over: list[Hashable]


NOTHING: Final = Said([], [], [])


class Generation(msgspec.Struct):
    """Prints of one time, which are let go of together, so that nobody sweeps them and no dict outgrows its part.

    since, until: loop times of its first and last. noted: what was noted before its first. filled: prints ever put
    here, forgotten ones included.
    """

    since: float
    until: float
    noted: int = 0
    prints: dict[int, int] = {}
    filled: int = 0


class Prints:
    """At most `max_keys` prints of a window's time. Pure: told the time, as loop times in seconds.

    seed: of the hashes, 63 bits by chance. notebook: told of all that is remembered or forgotten, before anything
    follows from it; None where nothing survives us.
    """

    def __init__(self, window: float, max_keys: int, seed: int) -> None:
        self.window = window
        self.seed = seed
        self.count = min(max_keys, max(2, -(-max_keys // MOST)))
        self.room = max_keys // self.count  # of a generation
        self.generations: list[Generation] = []  # the youngest first
        self.prints: list[dict[int, int]] = []  # of each
        self.notebook: Notebook | None = None
        self.deduplicated = 0  # copies
        self.invalidated = 0  # prints

    def __repr__(self) -> str:
        return f"<Prints of {len(self)} keys in {len(self.generations)} generations>"

    def __len__(self) -> int:
        """Keys that are remembered, some of them perhaps for longer than they are believed."""
        return sum(map(len, self.prints))

    # What copies say

    def judge(self, copies: Mapping[Hashable, bytes], now: float, *, ended: bool) -> Said:
        """Compare copies with what the upstream has; the prints of those that differ are forgotten.

        Nothing new says a copy with the same bytes, and an open one of a span whose end the upstream has.
        """
        # For a single copy a comprehension and a set operation cost twice as much as this, and for a dozen no less.
        seed, generations = self.seed, self.prints
        for key in copies:
            number = xxh3_64_intdigest(key.encode() if isinstance(key, str) else _text(key), seed) & _KEY
            for prints in generations:
                if number in prints:
                    return self._judge(copies, now, ended=ended)
        return NOTHING

    def _judge(self, copies: Mapping[Hashable, bytes], now: float, *, ended: bool) -> Said:
        said = Said([], [], [])
        forgotten: list[int] = []
        seed, tick, fresh = self.seed, self._tick(now), self._fresh(now)
        for (key, body), number in zip(copies.items(), self._numbers(copies), strict=True):
            there = self._found(number)
            if there is None:
                continue
            if fresh and (tick - (there >> 1) & _TIME) < TICKS:
                over = there & _ENDED > ended
                if over or not (there ^ xxh3_64_intdigest(body, seed)) & _PRINT:
                    said.known.append(key)
                    if over:
                        said.over.append(key)
                    continue
                said.changed.append(key)
            forgotten.append(number)
        self._forget(forgotten)
        self.deduplicated += len(said.known)
        self.invalidated += len(said.changed)
        return said

    def _found(self, number: int) -> int | None:
        for prints in self.prints:
            if (there := prints.get(number)) is not None:
                return there
        return None

    def _fresh(self, now: float) -> bool:
        """Whether anything here can be believed still, so that ticks mean what they say."""
        return bool(self.generations) and now - self.generations[0].until < self.window

    # What the upstream has

    def of(self, bodies: Iterable[bytes], *, ended: bool) -> list[int]:
        """The prints of copies, to be remembered when they were delivered."""
        seed = self.seed
        marks: list[int] = []
        for body in bodies:  # nearly always one or a few; see judge
            marks.append(xxh3_64_intdigest(body, seed) & _PRINT | ended)  # noqa: PERF401
        return marks

    def remember(self, keys: Sequence[Hashable], prints: Sequence[int], now: float) -> None:
        """Copies with these prints, of these keys, were delivered."""
        self._put(self._numbers(keys), prints, now)

    def forget(self, keys: Iterable[Hashable]) -> None:
        """What the upstream has of these is not known any more."""
        if self.generations:
            self._forget([number for number in self._numbers(keys) if self._found(number) is not None])

    def _forget(self, numbers: Sequence[int]) -> None:
        if numbers:
            if self.notebook is not None:
                self.notebook.note(numbers, [FORGOTTEN] * len(numbers), 0.0)
            for prints in self.prints:
                for number in prints.keys() & numbers:
                    del prints[number]

    def _numbers(self, keys: Iterable[Hashable]) -> list[int]:
        seed = self.seed
        texts = [key.encode() if isinstance(key, str) else _text(key) for key in keys]
        return [xxh3_64_intdigest(text, seed) & _KEY for text in texts]

    # Generations

    def _tick(self, now: float) -> int:
        return floor(now / self.window * TICKS)

    def _put(self, numbers: Sequence[int], prints: Sequence[int], now: float) -> None:
        stamp = (self._tick(now) & _TIME) << 1
        at = 0
        while at < len(numbers):
            young = self._youngest(now)
            end = at + self.room - young.filled
            some, marks = numbers[at:end], prints[at:end]
            if self.notebook is not None:
                self.notebook.note(some, marks, now)
            young.prints.update(zip(some, map(stamp.__or__, marks), strict=True))
            young.filled += len(some)
            young.until = now
            at = end

    def _youngest(self, now: float) -> Generation:
        """One with room, begun less than a window ago. What is too old or too much is let go of."""
        generations = self.generations
        if not generations or generations[0].filled >= self.room or now - generations[0].since >= self.window:
            kept = [each for each in generations if now - each.until < self.window]
            young = Generation(now, now)
            self.generations = generations = [young, *kept[: self.count - 1]]
            self.prints = [each.prints for each in generations]
            if self.notebook is not None:
                young.noted = self.notebook.count
                self.notebook.skip(generations[-1].noted)  # else it knew what we do not, and heard of no change
        return generations[0]

    # From one life to the next

    def tell(self, notebook: Notebook, now: float) -> None:
        """Note all that is believed, the oldest first, and whatever happens from now on."""
        tick, fresh = self._tick(now), self._fresh(now)
        for each in reversed(self.generations):
            each.noted = notebook.count
            ages = {number: tick - (there >> 1) & _TIME for number, there in each.prints.items() if fresh}
            # A tick less than they may be: what is told and restored is not believed for longer.
            times = [now - (age + 1) * self.window / TICKS for age in ages.values() if age < TICKS]
            numbers = [number for number, age in ages.items() if age < TICKS]
            notebook.note(numbers, [each.prints[number] & ~(_TIME << 1) for number in numbers], times)
        self.notebook = notebook

    def restore(
        self, seed: int, numbers: Sequence[int], prints: Sequence[int], times: Sequence[float], now: float
    ) -> None:
        """Begin with what a former life noted, in its order, at these loop times. Only where nothing is here."""
        self.seed = seed
        latest = dict(zip(numbers, zip(times, prints, strict=True), strict=True))
        believed = [
            (at, number, mark & ~(_TIME << 1))
            for number, (at, mark) in latest.items()
            if mark != FORGOTTEN and 0 <= now - at < self.window
        ]
        for at, group in groupby(sorted(believed, key=itemgetter(0)), key=itemgetter(0)):
            same = list(group)
            self._put([number for _, number, _ in same], [mark for _, _, mark in same], at)


def _text(key: Hashable) -> bytes:
    """Of a pair; see span_json.keys_of. No text of the usual kind is like it."""
    return repr(key).encode()
