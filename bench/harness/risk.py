"""What may spoil a run, named before it, each with what detects it."""

from collections.abc import Callable
from typing import Final

import msgspec

from bench.harness.row import Measures
from bench.harness.settings import Case

STOLEN: Final = 0.01  # of the cores' time; runs differ by more without it
FOREIGN: Final = 0.05  # of the cores' time: one of two cores for a tenth of the run
BUSY: Final = 0.95  # of its core: a generator that does nothing but post
IDLE: Final = 0.85  # of its core: a system that is not at its limit
TURNED: Final = 0.01  # of the posts


class Risk(msgspec.Struct, frozen=True):
    """detect: what was seen of it in a run, in words, empty where nothing was. repeat: another try may be spared it."""

    name: str
    why: str
    detect: Callable[[Case, Measures], str]
    repeat: bool = True


def _stolen(_: Case, found: Measures) -> str:
    return _share(found.steal, STOLEN, "of the cores' time was stolen by the hypervisor")


def _foreign(_: Case, found: Measures) -> str:
    return _share(found.others, FOREIGN, "of the cores' time went to processes that are none of ours")


def _share(value: float | None, most: float, words: str) -> str:
    return f"{value:.1%} {words}" if value is not None and value > most else ""


def _ceiling(_: Case, found: Measures) -> str:
    if not found.load_wall or not found.wall or found.generator_cpu is None or found.cpu is None:
        return ""
    generator, system = found.generator_cpu / found.load_wall, found.cpu / found.wall
    if generator < BUSY or system > IDLE:
        return ""
    return f"the generator took {generator:.0%} of its core, the system only {system:.0%} of its own"


def _books(_: Case, found: Measures) -> str:
    if not found.lost:
        return ""
    kind = "never came" if found.lost > 0 else "came twice"
    return f"{abs(found.lost):,} of {found.spans:,} acknowledged spans {kind}"


def _encoding(case: Case, found: Measures) -> str:
    wanted = {"none": "identity"}.get(case.settings.compression, case.settings.compression)
    return f"it sent {found.encodings}, not {wanted}" if found.encodings and found.encodings != wanted else ""


def _batches(case: Case, found: Measures) -> str:
    seen, asked = found.most_spans, case.settings.batch_spans
    if seen is None or asked is None or seen <= asked:
        return ""
    return f"it sent {seen:,} spans in one request, over the {asked:,} asked for"


def _turned(_: Case, found: Measures) -> str:
    if not found.refused or found.refused < TURNED * (found.refused + (found.posts or 0)):
        return ""
    return f"{found.refused:,} posts were refused, beside {found.posts:,} taken"


def _late(_: Case, found: Measures) -> str:
    if not found.missed or found.missed < TURNED * (found.missed + (found.posts or 0)):
        return ""
    return f"{found.missed:,} posts found no connection free in their time, beside {found.posts:,} made"


STEAL = Risk("stolen time", "another guest of the same host takes our cores", _stolen)
OTHERS = Risk("neighbours", "another program on this machine takes our cores", _foreign)
CEILING = Risk("ceiling", "the generator is what was measured", _ceiling)
BOOKS = Risk("books", "a system is fast because it drops what it acknowledged", _books, repeat=False)
ENCODING = Risk("compression", "two systems send with different compression", _encoding, repeat=False)
BATCHES = Risk("batches", "a system sends larger batches than it was told", _batches, repeat=False)
REFUSALS = Risk("refusals", "a system is cheap because it turns posts away", _turned, repeat=False)

SCHEDULE = Risk("schedule", "the load was less than was asked for", _late, repeat=False)

MACHINE: Final = (STEAL, OTHERS)
RELAYING: Final = (*MACHINE, CEILING, BOOKS, ENCODING, BATCHES, REFUSALS)
PACED: Final = (*MACHINE, BOOKS, ENCODING, BATCHES, REFUSALS, SCHEDULE)


def disturbances(risks: tuple[Risk, ...], case: Case, found: Measures) -> str:
    """What asks for another try, in words."""
    return "; ".join(seen for risk in risks if risk.repeat and (seen := risk.detect(case, found)))


def oddities(risks: tuple[Risk, ...], case: Case, found: Measures) -> list[tuple[Risk, str]]:
    """What was seen that no other try would change."""
    return [(risk, seen) for risk in risks if not risk.repeat and (seen := risk.detect(case, found))]
