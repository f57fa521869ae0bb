"""What compression costs, on the way in and on the way out."""

from bench.harness.relayed import relayed
from bench.harness.risk import RELAYING
from bench.harness.scenario import COST, SPEED, Goal, Scenario
from bench.harness.settings import Case, Load, given
from bench.harness.systems import COLLECTOR, LIMIT, OURS

SMALL = Load(spans=100, span_bytes=360)
LARGE = Load(spans=100, span_bytes=10_000)
HUGE = Load(spans=10, span_bytes=100_000)
OUT = ("none", "zstd")  # gzip to the upstream is what every other scenario has

SCENARIO = Scenario(
    name="compression",
    asks="What does compression cost?",
    how="A closed loop over 16 connections. What is sent is compressed, in three sizes, then what is posted. rotel "
    "sends gzip whatever it is told, and is not here. The Collector presses gzip harder than inspan unless it is told "
    "a level; inspan has one.",
    cases=(
        *(
            Case(name=f"{label}, out {how}", x=number, load=load, settings=given(compression=how))
            for label, load in (("100 x 360 B", SMALL), ("100 x 10 KB", LARGE), ("10 x 100 KB", HUGE))
            for number, how in enumerate(OUT)
        ),
        Case(name="100 x 360 B, out gzip, level 1", x=2, load=SMALL, settings=given(level=1)),
        *(
            Case(name=f"100 x 360 B, in {how}", x=number, load=Load(encoding=how), settings=given(compression="none"))
            for number, how in enumerate(("gzip", "zstd"))
        ),
    ),
    quick=("100 x 10 KB, out none",),
    systems=(OURS, COLLECTOR, LIMIT),
    run=relayed,
    figures=(SPEED, COST),
    risks=RELAYING,
    goals=(
        Goal("100 x 10 KB, out none", COLLECTOR, 3),
        Goal("10 x 100 KB, out none", COLLECTOR, 3),
        Goal("100 x 10 KB, out zstd", COLLECTOR, 2),
        Goal("10 x 100 KB, out zstd", COLLECTOR, 2),
    ),
    tried=(
        "Without compression a span of 10 KB is copied, and hardly anything else: of inspan's time 29 % is the "
        "kernel's, which reads it, 17 % writes to the upstream, 5 % puts the pieces of a body together, 4 % the "
        "bodies of a batch. The limit loop copies it nearly as often. Three times the Collector would be nine "
        "tenths of that loop.",
        "Not kept: walking to the spans of a large body, in place of the copies that upb makes of them. In Python "
        "that takes 1.1 µs a span of 10 KB, and the copies 0.4.",
        "Not done: reading into the body's own memory (BufferedProtocol), which a probe found to save a tenth of "
        "the receiving, and sending batches without joining them, which saves the 4 %.",
    ),
)
