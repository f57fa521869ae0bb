"""How many spans a second of CPU time relays, as requests grow."""

from bench.harness.relayed import relayed
from bench.harness.risk import RELAYING
from bench.harness.scenario import COST, PEAK, SPEED, Goal, Scenario
from bench.harness.settings import Case, Load
from bench.harness.systems import COLLECTOR, LIMIT, NOTHING, OURS, ROTEL

SIZES = (1, 10, 100, 512)  # spans a request; 512 is what OpenTelemetry's batch processors post

SCENARIO = Scenario(
    name="relay",
    asks="How many spans does a second of CPU time relay, as requests hold more of them?",
    how="Spans of 360 B in a closed loop over 16 connections; rotel listens on TCP, the others on a "
    "unix socket, but where the case says TCP. The system has a core to itself, generator and sink share the other.",
    cases=(
        *(Case(name=f"{spans} x 360 B", x=spans, load=Load(spans=spans)) for spans in SIZES),
        *(Case(name=f"{spans} x 360 B, TCP", x=spans, load=Load(spans=spans, tcp=True)) for spans in (1, 100)),
    ),
    quick=("1 x 360 B", "100 x 360 B"),
    systems=(OURS, ROTEL, COLLECTOR, LIMIT, NOTHING),
    run=relayed,
    figures=(SPEED, COST, PEAK),
    risks=RELAYING,
    goals=(
        Goal("100 x 360 B", ROTEL, 7),
        Goal("100 x 360 B", COLLECTOR, 6),
        Goal("100 x 360 B", LIMIT, 0.6),
        Goal("1 x 360 B", ROTEL, 1),
        Goal("1 x 360 B", COLLECTOR, 1),
    ),
    tried=(
        "The profile is under *Where the time goes*. gzip is 0.5 µs of a span, here and in the limit loop, of which "
        "it is two thirds. Of what the loop does beside it, a fifth is counting spans, another aiohttp's client.",
        "In the hour of these runs inspan lost more than its neighbours to a machine that others use: the code of "
        "which 898,000 spans per CPU-second had been measured on a quieter day made 700,000 (547,000 to 724,000) "
        "beside today's 667,000 (531,000 to 751,000), in turns. The two cores are not each other's strangers: a loop "
        "of Python on one made 102,000 rounds a second while the other was idle, and 63,000, 72,000, 98,000 and "
        "103,000 while it was busy. inspan and the limit loop keep the other core's sink busy and rotel does not, "
        "so that their CPU-seconds are shorter than its.",
        "Taken back: bodies of up to 1 MiB compressed on the loop and not in threads made 733,000 beside 672,000, "
        "median of 11 in turns. But at 90 % of capacity posts were then answered after 51, 35, 435 and 1 ms "
        "(medians of four runs), and with threads after 0.7, 3.4, 0.4 and 1.2: the agent would wait for the upstream. "
        "In slices of 128 KiB, with a turn for others between, it was 647,000 beside 697,000 (median of 7).",
        "Not kept, for want of a difference: one thread in place of two (821,000 beside 827,000, median of 3); one "
        "arena of malloc for all threads (856,000); zstd's compressor kept from one body to the next (683,000 "
        "beside 703,000, 4).",
        "Not done: of the 9 µs in which the 100 spans of a request are counted, 7 are for seeing that each has its "
        "ids. To look at the first alone would save them, and hand broken spans to the upstream.",
        "Not done: a client of our own in aiohttp's place. It takes 190 µs of CPU for a request of 720 KB and a "
        "bare socket 89: 0.05 µs a span. TLS, redirects, timeouts and odd answers are its work as well.",
        "A closed loop is answered before its spans are sent, so that it soon has 100,000 of them waiting and is "
        "refused now and then (429); rotel and the Collector let it wait instead. *growth* has the cost below "
        "capacity.",
    ),
)
