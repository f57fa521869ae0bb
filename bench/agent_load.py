"""What becomes of an agent's spans as its load grows: through inspan, and by the queue of agentex-sdk in the agent.

Requests with 12 spans each that start and end, and take a second at most; an upstream that answers after 150 ms. The
queue is measured as it was when its users met its limit (batches of 50, one at a time, starts sent), and at the
defaults of today, where only ends are sent.
"""

from collections.abc import Sequence
from typing import Final

from bench.agents import Load
from bench.outcome import NS
from bench.peers.in_process import AGENTEX, STARTED
from bench.peers.settings import Settings
from bench.schedule import SPANS
from bench.table import median, table
from bench.traced import Figure, Stretch

ONCE: Final = 42.0  # requests per second of one busy agent
# Times that, and the processes which follow it: one Python cannot record 50,000 copies a second beside the schedule.
TIMES: Final = {1: 1, 2: 1, 10: 2, 50: 4}
LONGEST: Final = 1.0  # s that a span takes; all but the last second's end within the load
CLOSING: Final = 10.0  # s for the queue to hand over what is left; its own 30 would only lengthen the run

INSPAN: Final = "inspan"
FIRST: Final = "AsyncSpanQueue, 50 × 1"
TODAY: Final = "AsyncSpanQueue, defaults"
FIRST_SETTINGS: Final = Settings(batch_spans=50, linger=0.1, concurrency=1)
HEAD: Final = (
    "", "agents", "spans/s", "delivered/s", "requests/s", "spans each", "end to upstream p50", "p99", "lost", "counted",
    "behind", "not recorded", "CPU agent", "sidecar", "upstream",
)  # fmt: skip

Loads = dict[tuple[int, str], list[Figure]]  # by times and name, in the order of the runs


def names() -> list[str]:
    """What can be measured here."""
    return [INSPAN, FIRST, TODAY] if AGENTEX.available() is None else [INSPAN]


def load(times: int, seconds: float, seed: int, cores: tuple[int, int], processes: int | None = None) -> Load:
    """So many times that of one agent. processes: that share it; None: as many as follow it with ease."""
    processes = processes or TIMES.get(times, max(TIMES.values()))
    return Load(ONCE * times, seconds, seed, cores, longest=LONGEST, closing=CLOSING, processes=processes)


def measure(name: str, stretch: Stretch) -> Figure:
    """One of them at the stretch's load. Raises Failed."""
    if name == INSPAN:
        return stretch.through_inspan()
    kind = STARTED.kind(FIRST_SETTINGS) if name == FIRST else AGENTEX.kind(Settings())
    return stretch.with_its_own_queue(kind)


def tables(loads: Loads, seconds: float) -> list[str]:
    """What was measured."""
    title = f"{ONCE:g} requests/s with {SPANS} spans, start and end, and times that, for {seconds:g} s each"
    rows = [_row(f"{times}× {name}", figures, seconds) for (times, name), figures in sorted(loads.items())]
    return [table(title, HEAD, rows), "Several agents share both cores. CPU: in cores, of the load's time."]


def delivered_share(figure: Figure) -> float:
    """Of the spans that ended while the load lasted, those that were received while it lasted."""
    seconds = (figure.ran.finished - figure.ran.began) / NS
    return figure.outcome.delivered * seconds / (figure.outcome.spans - figure.outcome.unended)


def _row(name: str, figures: Sequence[Figure], seconds: float) -> list[str]:
    def middle(values: Sequence[float], show: str = ",.0f") -> str:
        return format(median(values), show)

    found = [figure.outcome for figure in figures]
    sides = [figure.side.cpu / seconds for figure in figures if figure.side]
    return [
        name,
        f"{max(figure.ran.processes for figure in figures)}",
        middle([each.spans / seconds for each in found]),
        middle([each.delivered for each in found]),
        middle([each.requests for each in found], ",.1f"),
        middle([each.together for each in found]),
        middle([each.delay(0.5) for each in found], ",.2f") + " s",
        middle([each.delay(0.99) for each in found], ",.2f") + " s",
        f"{sum(each.lost for each in found):,}",
        f"{sum(figure.ran.dropped for figure in figures):,}",
        middle([figure.ran.behind for figure in figures], ",.2f") + " s",
        f"{sum(figure.ran.missed for figure in figures):,}",
        middle([figure.ran.cpu / seconds for figure in figures], ".0%"),
        middle(sides, ".0%") if sides else "–",
        middle([figure.sink for figure in figures], ".0%"),
    ]
