"""Agents that re-post, crash, come back late and hand over, and a sidecar that is killed between: in the end the
upstream has of each span what a simple model says, nothing is open, and the books add up.
"""

import json
import os
import random
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from tests.e2e.process import get
from tests.e2e.sink_process import SinkProcess
from tests.faults.keys import Agent, Copy, Key, disagreements
from tests.faults.lives import Lives
from tests.faults.rig import LONG, behave, config
from tests.sidecar import Sidecar

ACTING: Final = 6.0  # s in which agents act, and the sidecar is killed
ORPHAN_AFTER: Final = 11.0  # s; more than a beat, and no less is allowed
AWAY: Final = 14.0  # s of silence of an agent that comes back
QUIET: Final = 60.0  # s until all is settled: an agent that left late is waited for, and the sidecar is a new one
MANNERS: Final = ("completes", "leaves", "crashes", "returns")
MOODS: Final = (
    {},
    {"delay": "0ms-60ms"},
    {"chance": "503=0.3,reset=0.1,swallow=0.1", "delay": "0ms-20ms"},
    {"status": 503},
)
STORIES: Final = 12 if LONG else 4  # at once, of each kind as many; they wait most of the time


class Story:
    """One sidecar, an upstream of both kinds, and a handful of agents. spool: without one, it is killed when it holds
    nothing, as nobody promised that it could be."""

    def __init__(self, folder: Path, seed: int, *, spool: bool, dedupe: bool) -> None:
        folder.mkdir()
        self.folder = folder
        self.chance = random.Random(seed)
        self.seed = seed
        self.spool = spool
        self.dedupe = dedupe
        self.agents: list[Agent] = []
        self.said = f"seed {seed} {'with' if spool else 'without'} a spool"
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            with SinkProcess(self.folder, "--texts") as sink:
                self._tell(sink)
        except BaseException as error:  # noqa: BLE001  raised by whoever joins it
            self.error = error

    def _tell(self, sink: SinkProcess) -> None:
        self.lives = lives = Lives(self.folder, self._config(sink.url))
        kills = self.chance.randrange(1, 4)
        for number in range(kills):
            with lives.life() as sidecar, ExitStack() as paused:
                if number == 0:
                    self._begin(sidecar.socket)
                self._live(sink, sidecar.socket, ACTING / kills)
                if not self.spool:
                    self._come_to_rest(sink, sidecar, paused)
                sidecar.process.kill()
                sidecar.process.wait()
                lives.kills += 1
        behave(sink)
        with lives.life() as sidecar:
            for agent in self.agents:
                agent.join(QUIET)
                assert not agent.is_alive() and agent.error is None, (agent.name, agent.error)
            self._settle(sidecar)
            sidecar.stop()
        self._check(sink)

    def _config(self, url: str) -> dict[str, Any]:
        upsert = {"hold_open": self.chance.choice(["0s", "200ms"]), "orphan_after": f"{ORPHAN_AFTER}s"}
        shared = {
            "url": url,
            "retry": {"initial": "20ms", "max": "200ms"},
            "timeout": "2s",
            "upsert": upsert | ({"dedupe": {"window": "1m", "max_keys": 1000}} if self.dedupe else {}),
        }
        sgp = {"name": "sgp", "kind": "sgp", "batch": {"linger": "20ms"}} | shared
        spool = {"path": str(self.folder / "spool" / "spool.db"), "threshold": "1%", "spill_after": "100ms"}
        sections = {"spool": spool} if self.spool else {}
        return config(sgp, {"name": "agentex", "kind": "agentex"} | shared, **sections)

    # Acting

    def _begin(self, socket: Path) -> None:
        for number in range(6):
            manner = MANNERS[number] if number < len(MANNERS) else self.chance.choice(MANNERS)
            self._agent(socket, manner, [])

    def _agent(self, socket: Path, manner: str, keys: list[Key]) -> None:
        agent = Agent(
            socket,
            f"{self.seed}-{len(self.agents)}",
            self.chance.randrange(1 << 32),
            until=time.monotonic() + ACTING * self.chance.uniform(0.3, 1.1),
            manner=manner,
            away=AWAY,
            durable=self.spool,
            pausing=threading.Lock(),
            keys=keys,
        )
        self.agents.append(agent)
        agent.start()

    def _live(self, sink: SinkProcess, socket: Path, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            behave(sink, **self.chance.choice(MOODS), seed=self.seed)
            for agent in [each for each in self.agents if each.manner == "crashes" and not each.is_alive()]:
                agent.manner = "crashed"  # its spans are another's now
                self._agent(socket, self.chance.choice(MANNERS), list(agent.keys))
            time.sleep(self.chance.uniform(0.1, 0.6))

    def _come_to_rest(self, sink: SinkProcess, sidecar: Sidecar, paused: ExitStack) -> None:
        """Nobody posts until it has been killed, and it holds nothing."""
        behave(sink)
        for agent in self.agents:
            paused.enter_context(agent.pausing)
        end = time.monotonic() + QUIET
        while any(_held(account) for account in _books(sidecar).values()):
            assert time.monotonic() < end, sidecar.status()
            time.sleep(0.02)

    # The end

    def _settle(self, sidecar: Sidecar) -> None:
        """Nothing is held, and nothing is open."""
        end = time.monotonic() + QUIET
        while True:
            status = sidecar.status()
            open_ones = [each["upserts"]["open"]["spans"] for each in status["destinations"]]
            if not any(open_ones) and not any(map(_held, status["ledger"]["destinations"].values())):
                return
            assert status["ledger"]["imbalance"] == 0
            assert time.monotonic() < end, f"{open_ones} are open still: {status}"
            time.sleep(0.1)

    def _check(self, sink: SinkProcess) -> None:
        lives = self.lives
        keys = list({key.id: key for agent in self.agents for key in agent.keys}.values())
        rows = json.loads(get(sink.url + "/rows"))
        found = {"sgp": rows["sgp"], "agentex": [_in_sgp_names(row) for row in rows["agentex"]]}
        for name, there in found.items():
            lives.add_up(name)
            wrong = list(disagreements(keys, {row["id"]: row for row in there}))
            assert not wrong, f"{name}: {len(wrong)} of {len(keys)} spans\n" + "\n".join(wrong[:5])
        posted = sum(agent.posted for agent in self.agents)
        unsure = sum(not sure for key in keys for _, sure in key.copies)
        assert all(lives.sum(name, "enqueued") >= posted for name in found), "less was taken than acked"
        ended = lives.sum("sgp", "synthesized")
        merged = lives.sum("sgp", "merged")
        self.said += (
            f"{', dedupe' if self.dedupe else ''}: {len(keys)} spans of {len(self.agents)} agents, {posted} copies"
        )
        self.said += f" acked, {unsure} in doubt, {lives.kills} kills, {merged} merged, {ended} ends written"


def _books(sidecar: Sidecar) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = sidecar.status()["ledger"]["destinations"]
    return found


def _held(account: dict[str, int]) -> int:
    return sum(account.get(place, 0) for place in ("queued", "in_flight", "spooled"))


def _in_sgp_names(row: Copy) -> Copy:
    names = {"start_time": "start_timestamp", "end_time": "end_timestamp", "data": "metadata"}
    found = {names.get(name, name): value for name, value in row.items() if value is not None}
    interrupted = (found.get("output") or {}).get("error") == "interrupted"
    return found | ({"status": "ERROR" if interrupted else "SUCCESS"} if "end_timestamp" in found else {})


def test_in_the_end_the_upstream_has_of_each_span_what_a_simple_model_says(tmp_path: Path) -> None:
    seed = int(os.environ.get("INSPAN_SEED", random.randrange(1 << 32)))
    print(f"INSPAN_SEED={seed}")
    stories = [
        Story(tmp_path / str(number), seed + number, spool=number % 2 == 0, dedupe=number % 4 < 2)
        for number in range(STORIES)
    ]
    threads = [threading.Thread(target=story.run) for story in stories]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for story in stories:
        print(story.said)
        if story.error is not None:
            raise AssertionError(story.said) from story.error
