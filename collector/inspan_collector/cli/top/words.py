"""What a sidecar's numbers mean, in sentences: is anything lost, and what should be done? Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from inspan_collector.cli.terminal import age, plural, safe
from inspan_collector.cli.top.told import Destination
from inspan_collector.cli.top.watch import Watch
from inspan_collector.screen.line import Piece
from inspan_collector.screen.paint import BAD, DIM, GOOD, WARN

OK: Final = "✓ "
SIGN: Final = "! "  # a sign beside each colour: not everybody sees colours, and not every terminal has them
LOST: Final = "✗ "
BRIEF: Final = 3.0  # s: a gate that is shut for less is no news, and what comes and goes each second cannot be read
ONCE: Final = "otlp"  # the dialect in which a span comes once; in the others its start and its end are a copy each
GATES: Final = 3  # lines about them; of more there is but a sum
NEARLY_FULL: Final = 0.9  # of a queue: what comes will be refused soon


def verdict(watch: Watch, address: str, now: float) -> list[Piece]:
    """Whether anything is lost, and then whatever else one should know first. now: seconds since the epoch."""
    away = list(_away(watch, address, now))
    trouble = sorted(_trouble(watch), key=lambda piece: piece.code != BAD)  # what asks for somebody goes first
    loss = _loss(watch)
    if away:  # what is not known any more is in no colour
        loss = Piece(f"At {clock(watch.now.at)}: {loss.text}", DIM)
    return [*away, loss, *_before_us(watch), *trouble]


def _away(watch: Watch, address: str, now: float) -> Iterator[Piece]:
    if watch.since is not None:
        since = f"since {clock(watch.since)}, {age(now - watch.since)}"
        yield Piece(f"{SIGN}{address} is away {since} ({safe(watch.why)}). Below is how it stood then.", WARN)


def _loss(watch: Watch) -> Piece:
    status = watch.status
    taken = sum(book.accepted for book in status.ledger.dialects.values())
    lost = sum(watch.lost(each) for each in status.destinations)
    if not lost:
        merging = any(book.accepted for name, book in status.ledger.dialects.items() if name != ONCE)
        what = "copies of spans" if merging else "spans"
        return Piece(f"{OK}Nothing is lost: of {taken:,} {what} each is delivered, kept or on its way.", GOOD)
    whose = "; ".join(f"{safe(each.name)}: {_why(watch, each)}" for each in status.destinations if watch.lost(each))
    at = watch.last_drop()
    when = "" if at is None else f", last at {clock(at)}"
    return Piece(f"{LOST}{plural(lost, 'span')} {'is' if lost == 1 else 'are'} lost{when}. {whose}", BAD)


def _why(watch: Watch, destination: Destination) -> str:
    reasons = dict(watch.reasons(destination.name))
    if destination.quarantine.evicted:
        reasons["evicted from quarantine"] = destination.quarantine.evicted
    return counted(reasons)


def _before_us(watch: Watch) -> Iterator[Piece]:
    """What agents dropped: no book of the sidecar has it."""
    services = {name: each.dropped for name, each in watch.status.agents.services.items() if any(each.dropped.values())}
    if services:
        total = sum(sum(dropped.values()) for dropped in services.values())
        whose = "; ".join(f"{safe(name)}: {counted(dropped)}" for name, dropped in services.items())
        yield Piece(f"{LOST}{total:,} spans were lost by agents, before they came. {whose}", BAD)


def _trouble(watch: Watch) -> Iterator[Piece]:
    status = watch.status
    if status.ledger.imbalance:
        yield Piece(f"{LOST}The books differ by {status.ledger.imbalance:,} spans: a defect, please report it.", BAD)
    gates = [piece for each in status.destinations for piece in _gate(each)]
    yield from gates if len(gates) <= GATES else [_gates(status.destinations)]
    for each in status.destinations:
        if each.filled() >= NEARLY_FULL:
            yield Piece(f"{SIGN}{safe(each.name)} is nearly full: its upstream is slower than the agents.", WARN)
        if each.quarantine.spans:
            are = "is" if each.quarantine.spans == 1 else "are"
            kept = f"{plural(each.quarantine.spans, 'span')} of {safe(each.name)} {are} in quarantine"
            yield Piece(f"{SIGN}{kept}: inspan quarantine ls", WARN)
    if not status.life.ready:
        yield Piece(f"{SIGN}It is starting or draining, and not ready.", WARN)


def _gate(destination: Destination) -> Iterator[Piece]:
    gate, name = destination.gate, safe(destination.name)
    if gate.state == "paused":
        words = f"{name} is paused: {safe(gate.reason)}. The upstream refuses us: repair that; all is kept meanwhile."
        yield Piece(SIGN + words, BAD)
    elif gate.state == "shut" and (gate.seconds or 0) >= BRIEF:
        yield Piece(f"{SIGN}{name} is shut: {safe(gate.reason)}. The upstream needs time; it is tried again.", WARN)


def _gates(destinations: Sequence[Destination]) -> Piece:
    """A line for each of fifty destinations would hide all others."""
    states = Counter(each.gate.state for each in destinations for _ in _gate(each))
    counts = ", ".join(f"{states[state]:,} are {state}" for state in ("paused", "shut") if states[state])
    return Piece(
        f"{SIGN}Of {len(destinations):,} destinations, {counts}: see below.", BAD if states["paused"] else WARN
    )


def counted(reasons: Mapping[str, int]) -> str:
    """Numbers by reason."""
    return ", ".join(f"{safe(reason)} {count:,}" for reason, count in reasons.items() if count)


def clock(at: float) -> str:
    """The time of day here. at: seconds since the epoch."""
    return datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S")


def number(rate: float) -> str:
    """A rate, with as many digits as one reads."""
    if rate >= 100_000:
        return f"{rate / 1000:,.0f}k"
    return f"{rate:,.0f}" if rate >= 10 or rate == 0 else f"{rate:.1f}"
