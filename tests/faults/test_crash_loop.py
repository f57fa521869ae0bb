"""kill -9, again and again, under load: what was acked durable is upstream, and the books of all lives add up."""

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from tests.e2e.sink_process import SinkProcess
from tests.faults.lives import Lives, check_upstream
from tests.faults.rig import LONG, Agents, Count, Watch, behave, config, missing

KILLS: Final = 500 if LONG else 10
FEWER: Final = 200 if LONG else 4
LIVES: Final = (0.02, 0.5)  # s that a life lasts once it is ready
BIRTHS: Final = (0.1, 0.4)  # s from the start to a kill that comes before it is ready, or just then
# Of the upstream, in one life: it takes everything, slowly; it is down; it comes and goes; it has rows cut in parts.
MOODS: Final = (
    {"delay": "0ms-60ms"},
    {"status": 503},
    {"chance": "503=0.4", "delay": "0ms-20ms"},
    {"max_bytes": 3000, "delay": "0ms-20ms"},
)
# Where the upstream is down spans go to disk within a life, and come back in many batches.
DURABLE: Final = ("--header", "inspan-ack: durable")
SPOOL: Final = {"threshold": "5%", "spill_after": "100ms"}


def destination(name: str, url: str) -> dict[str, Any]:
    """name: its kind as well."""
    sgp = {"headers": {"x-api-key": "K"}, "account_id": "A", "url": url}
    return {
        "name": name,
        "kind": name,
        "url": url + "/v1/traces",
        "queue": {"max_spans": 5000},
        "batch": {"max_spans": 150, "linger": "20ms"},
        "retry": {"initial": "20ms", "max": "100ms"},
        "timeout": "2s",
        "concurrency": 3,
    } | (sgp if name == "sgp" else {})


class Loop:
    """Two upstreams, two processes of agents, and a sidecar that is killed between them."""

    def __init__(self, folder: Path, seed: int, spool: dict[str, Any] | None, *flags: str) -> None:
        self.folder = folder
        self.seed = seed
        self.rng = random.Random(seed)
        self.flags = flags
        self.spool = {} if spool is None else {"spool": {"path": str(folder / "spool" / "spool.db"), **SPOOL, **spool}}
        self.counts: dict[int, Count] = {}
        self.scrapes = 0

    @contextmanager
    def upstreams(self) -> Iterator[None]:
        """Both run inside, and the lives are those of a sidecar that sends to them."""
        self.sinks: dict[str, SinkProcess] = {}
        with ExitStack() as stack:
            for name in ("otlp", "sgp"):
                home = self.folder / name
                home.mkdir()
                self.sinks[name] = stack.enter_context(SinkProcess(home, "--api-key", "K"))
            destinations = [destination(name, sink.url) for name, sink in self.sinks.items()]
            self.lives = Lives(self.folder, config(*destinations, **self.spool))
            yield

    def behave(self, **mood: Any) -> None:
        for sink in self.sinks.values():
            behave(sink, **mood, seed=self.seed)

    def run(self, kills: int, moods: tuple[dict[str, Any], ...] = MOODS) -> None:
        """So many kills under load."""
        rng, lives = self.rng, self.lives
        with ExitStack() as stack:
            both = []
            for number, kind in ((1, "otlp"), (2, "json")):
                flags = ("--connections", "6", "--rate", "150", "--spans", "30", "--kinds", kind, "--ranges", "--retry")
                both.append(
                    stack.enter_context(
                        Agents(self.folder, lives.socket, self.seed, *flags, *self.flags, number=number)
                    )
                )
            while lives.kills < kills:
                self.behave(**rng.choice(moods))
                if rng.random() < 0.15:
                    lives.stillborn(rng.uniform(*BIRTHS))
                else:
                    self._live(rng.uniform(*LIVES))
            with lives.life() as sidecar:
                watch = Watch(sidecar)
                watch.during(0.2)
                for agents in both:
                    agents.enough()
                self.counts = {number: agents.count() for number, agents in enumerate(both, 1)}
                lives.reposted += sidecar.status()["reposted"]
                self.behave()
                watch.until_delivered()
                ledger = sidecar.stop()
                assert ledger["imbalance"] == 0
            self.scrapes += watch.scrapes
        assert lives.left[-1].former.clean

    def _live(self, seconds: float) -> None:
        with self.lives.life() as sidecar:
            end = time.monotonic() + seconds
            watch = Watch(sidecar)
            while time.monotonic() < end - 0.1:
                watch.look()
                time.sleep(0.05)
            self.lives.reposted += sidecar.status()["reposted"]
            time.sleep(max(0.0, end - time.monotonic()))
        self.scrapes += watch.scrapes

    def check(self) -> None:
        """What holds of every loop: the books of all lives, what agents were told, and what upstreams have."""
        lives, counts = self.lives, self.counts.values()
        short = [{name: value for name, value in count.items() if name != "ranges"} for count in counts]
        print(f"{lives}, {self.scrapes} scrapes, {lives.reposted} posts known again, agents {short}")
        for name, sink in self.sinks.items():
            lives.add_up(name)
            print(check_upstream(lives, name, sink))
        acked, doubted, kept = (sum(count[name] for count in counts) for name in ("acked", "doubted", "kept"))
        print(f"acked {acked}, accepted {lives.accepted()}, doubted {doubted}, kept {kept}")
        assert acked > 20 * lives.kills, "nearly nothing came through"
        # Of a durable post the acceptance is booked with its answer, and a kill may come before that. Where it is known
        # again in the next life, it is not booked there either.
        assert lives.accepted() <= lives.sum("otlp", "enqueued") <= acked + doubted + kept
        assert acked <= (lives.sum("otlp", "enqueued") if lives.reposted else lives.accepted())

    def missing(self) -> dict[str, int]:
        """Acked spans that are not upstream, by destination."""
        plain = {2: self.counts[2]}
        agents = {"otlp": self.counts, "sgp": plain}
        return {name: len(missing(agents[name], sink)) for name, sink in self.sinks.items()}


def test_every_span_that_was_acked_durable_is_upstream_however_often_we_are_killed(tmp_path: Path, seed: int) -> None:
    loop = Loop(tmp_path, seed, {"mode": "always"}, *DURABLE)
    with loop.upstreams():
        loop.run(KILLS)
        loop.check()
        assert loop.missing() == {"otlp": 0, "sgp": 0}


@pytest.mark.parametrize("mode", ["always", "overflow", None])
def test_what_a_kill_costs_of_accepted_spans_is_in_the_books(tmp_path: Path, seed: int, mode: str | None) -> None:
    loop = Loop(tmp_path, seed, None if mode is None else {"mode": mode})
    with loop.upstreams():
        loop.run(FEWER)
        loop.check()
        for name, gone in loop.missing().items():
            print(f"{gone} of {name} acked and not upstream")
            assert gone <= loop.lives.sum(name, "dropped_", "quarantined")


def test_a_post_that_is_sent_again_to_the_next_life_is_not_taken_again(tmp_path: Path, seed: int) -> None:
    loop = Loop(tmp_path, seed, {"mode": "always"}, *DURABLE, "--repost", f"agents-{seed}")
    with loop.upstreams():
        loop.run(FEWER, ({"status": 503},))  # nothing is taken before the last kill
        loop.check()
        assert loop.missing() == {"otlp": 0, "sgp": 0}
        for name, sink in loop.sinks.items():
            count = sink.count()
            assert count["spans"] == count["unique"] == loop.lives.sum(name, "delivered")
