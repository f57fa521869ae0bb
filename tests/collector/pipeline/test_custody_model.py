"""Whatever happens, in whatever order: the books close, and what was promised to be on disk is not lost."""

import asyncio
import os
import random
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.collector.pipeline.custody import NAMES, World

NUMBER = st.integers(0, 7)
names = st.sampled_from(NAMES)
choices = st.lists(
    st.tuples(NUMBER, st.sampled_from(["new", "open", "open", "end", "end", "late"])), min_size=1, max_size=4
)


class Custody(RuleBasedStateMachine):
    """Each rule is a step of World."""

    troubles = True

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="custody")

    @initialize(
        spool=st.fixed_dictionaries(
            {
                "mode": st.sampled_from(["overflow", "always"]),
                "threshold": st.sampled_from(["1%", "30%", "100%"]),
                "spill_after": st.sampled_from(["0s", "1s", "1h"]),
                "max_bytes": st.sampled_from(["1GiB", "3KiB"]),
                "max_age": st.sampled_from([None, None, "40s"]),
                "recovery_share": st.sampled_from(["1%", "100%"]),
            }
        ),
        destination=st.fixed_dictionaries(
            {
                "concurrency": st.sampled_from([1, 3]),
                "upsert": st.fixed_dictionaries({"hold_open": st.sampled_from([0.0, 2.0])}),
                "batch": st.fixed_dictionaries(
                    {"max_spans": st.sampled_from([1, 2, 12]), "linger": st.sampled_from([0.0, 0.05])}
                ),
                "queue": st.fixed_dictionaries(
                    {"max_spans": st.sampled_from([12, 1000]), "when_full": st.sampled_from(["refuse", "drop_oldest"])}
                ),
                "retry": st.fixed_dictionaries({"initial": st.just(0.1), "max": st.sampled_from([0.5, 5.0])}),
            }
        ),
        ring=st.sampled_from([64, 64, 3]),
    )
    def build(self, spool: dict[str, Any], destination: dict[str, Any], ring: int) -> None:
        self.world = World(Path(self.folder.name), spool, destination, ring)

    # Posts

    @rule(spans=st.integers(1, 5), durable=st.booleans(), die=st.integers(0, 15))
    def post_plain(self, spans: int, durable: bool, die: int) -> None:
        self.world.run(lambda: self.world.post_plain(spans, durable=durable), die=not die)

    @rule(chosen=choices, durable=st.booleans(), die=st.integers(0, 15))
    def post_copies(self, chosen: list[tuple[int, str]], durable: bool, die: int) -> None:
        self.world.run(lambda: self.world.post_copies(chosen, durable=durable), die=not die)

    # Upstreams

    @rule(
        name=names,
        at=NUMBER,
        verdict=st.sampled_from(["ok", "ok", "later", "lost", "refuse", "partial", "pause", "large"]),
    )
    def answer(self, name: str, at: int, verdict: str) -> None:
        verdict = "ok" if name == "sgp" and verdict == "partial" else verdict
        self.world.upstreams[name].answer(at, verdict)
        self.world.run(self.world.turns)

    @rule(name=names, verdict=st.sampled_from(["", "", "ok", "later"]))
    def behave(self, name: str, verdict: str) -> None:
        self.world.upstreams[name].verdict = verdict

    @rule(at=NUMBER, name=names)
    def poison(self, at: int, name: str) -> None:
        upstream = self.world.upstreams[name]
        keys = sorted({copy.key for attempt in upstream.parked for copy in attempt.copies})
        if keys:
            upstream.poison.add(keys[at % len(keys)])

    # Time, disk

    @rule(seconds=st.sampled_from([0.0, 0.01, 0.1, 1.5, 5.0, 35.0]))
    def wait(self, seconds: float) -> None:
        self.world.run(lambda: asyncio.sleep(seconds))

    @rule()
    def pump(self) -> None:
        self.world.run(self.world.pump)

    @rule(steps=st.integers(1, 3))
    def work(self, steps: int) -> None:
        def step() -> None:
            for _ in range(steps):
                self.world.scribe.step()

        self.world.run(step)

    @rule(count=st.integers(1, 4))
    def tell(self, count: int) -> None:
        self.world.run(lambda: self.world.tell(count))

    @rule(swift=st.booleans(), most=st.sampled_from([1, 2, 512]))
    def pace(self, swift: bool, most: int) -> None:
        self.world.scribe.swift, self.world.scribe.most = swift, most

    @rule(ahead=st.sampled_from([-1e6, -50.0, 50.0, 1e6]))
    def jump(self, ahead: float) -> None:
        self.world.ahead += ahead

    # Ends

    @rule(arrive=st.booleans())
    def kill(self, arrive: bool) -> None:
        self.world.kill(arrive=arrive)

    @rule(commits=st.integers(1, 4))
    def light_the_fuse(self, commits: int) -> None:
        self.world.scribe.fuse, self.world.scribe.swift = commits, True

    @rule()
    def write_all(self) -> None:
        self.world.run(self.world.keeping.write_all)

    @rule(deadline=st.sampled_from([0.0, 2.0]))
    def shut_down(self, deadline: float) -> None:
        self.world.shut_down(deadline)

    # What it takes several steps to come to, in one

    @rule(name=names, chosen=choices, spans=st.integers(1, 3))
    def outage(self, name: str, chosen: list[tuple[int, str]], spans: int) -> None:
        """Spans wait for longer than they may in memory."""
        world = self.world
        world.upstreams[name].verdict = "later"
        for at in range(8):
            world.upstreams[name].answer(at, "later")
        world.run(lambda: world.post_copies(chosen, durable=False))
        world.run(lambda: world.post_plain(spans, durable=False))
        for _ in range(3):
            world.run(lambda: asyncio.sleep(1.1))
            world.run(world.pump)
        world.upstreams[name].verdict = ""
        world.run(lambda: asyncio.sleep(1.0))

    @rule(seconds=st.sampled_from([0.1, 3.0]), durable=st.booleans())
    def overtake(self, seconds: float, durable: bool) -> None:
        """A copy follows one that is on disk, goes out while the disk is slow, and we are killed."""
        world = self.world
        world.run(lambda: world.post_copies([(0, "new")], durable=True))
        world.run(world.pump)
        world.run(lambda: world.post_copies([(3, "end")], durable=durable))
        world.scribe.swift = False
        world.run(lambda: asyncio.sleep(seconds))
        world.kill(arrive=True)

    # Trouble

    @precondition(lambda self: self.troubles)
    @rule(kind=st.sampled_from(["io", "full", "torn", "late", "unread"]))
    def fail(self, kind: str) -> None:
        self.world.troubled = True
        self.world.faults.kind = kind

    @precondition(lambda self: self.troubles)
    @rule()
    def heal(self) -> None:
        self.world.heal()
        self.world.run(self.world.pump)

    @precondition(lambda self: self.troubles)
    @rule(number=st.integers(0, 1 << 16), how=st.sampled_from(["flip", "page", "gone"]))
    def damage(self, number: int, how: str) -> None:
        world = self.world
        world.damaged = True
        if how == "flip":
            world.flip(number)
        elif how == "page":
            world.scribe.spoil(number)
        else:
            world.scribe.disk.path.unlink(missing_ok=True)

    @invariant()
    def holds(self) -> None:
        if hasattr(self, "world"):
            self.world.check()

    def teardown(self) -> None:
        try:
            if hasattr(self, "world"):
                self.world.finish()
        finally:
            self.folder.cleanup()


class Sound(Custody):
    """On a disk that works."""

    troubles = False


LONG = os.environ.get("INSPAN_SOAK") == "1"
SEED = int(os.environ.get("INSPAN_SEED") or random.SystemRandom().randrange(1 << 32))


def play(machine: type[Custody], examples: int) -> None:
    print(f"INSPAN_SEED={SEED}")
    wanted = settings(
        max_examples=examples * (100 if LONG else 1),
        stateful_step_count=60,
        deadline=None,
        print_blob=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        # A life takes milliseconds, and to shrink takes thousands of lives: at length alone.
        phases=[Phase.generate, Phase.shrink] if LONG else [Phase.generate],
    )
    run_state_machine_as_test(seed(SEED)(machine), settings=wanted)


def test_custody_on_a_disk_that_works() -> None:
    play(Sound, 12)


def test_custody_on_a_disk_in_trouble() -> None:
    play(Custody, 12)
