"""Agents that follow a schedule, in processes of their own: ours, and one with agentex-sdk in its own Python."""

import sys
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from bench.outcome import Ran, Span
from bench.pace import CLOSING
from bench.peers.starting import inherited
from bench.process import Process
from bench.schedule import LONGEST

STARTING: Final = 120.0  # s for four agents at once to import an SDK, 5 s of CPU each, and to make their plans
WRITING: Final = 30.0  # s beyond load and closing: the records are written
# What the SDK asks of an agent's environment, and that it fetches no list of prices from the network.
ENVIRON: Final = {
    "ACP_TYPE": "async",
    "ACP_URL": "http://127.0.0.1",
    "AGENT_NAME": "bench",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
}


class Load(msgspec.Struct, frozen=True):
    """rate: requests per second of the agent. cores: of what is measured, of what measures. longest: seconds that a
    span takes. closing: seconds that the agent gives itself to hand over the rest. ticks: whether it notes how late its
    loop is. processes: that follow a part of the rate each."""

    rate: float
    seconds: float
    seed: int
    cores: tuple[int, int]
    longest: float = LONGEST
    closing: float = CLOSING
    ticks: bool = False
    processes: int = 1


class Kind(msgspec.Struct, frozen=True):
    """A program that is an agent, and the Python that it runs in."""

    module: str
    python: str = sys.executable
    environ: dict[str, str] = {}


INSPAN: Final = Kind("bench.peers.inspan_agent")


class Agent:
    """A running one, to be asked whether it is `ready`. target: where it sends, as its program takes it. Errors:
    Failed."""

    def __init__(self, kind: Kind, target: str, load: Load, core: int, scratch: Path) -> None:
        self.load = load
        self.records = scratch / f"records-{load.seed}.json"
        argv = [kind.python, "-m", kind.module, target, str(self.records)]
        argv += ["--rate", str(load.rate), "--seconds", str(load.seconds), "--seed", str(load.seed)]
        argv += ["--longest", str(load.longest), "--closing", str(load.closing), *(["--ticks"] if load.ticks else [])]
        environ = inherited() | ENVIRON | kind.environ
        self.process = Process(argv, core, scratch / f"agent-{load.seed}.log", environ, asked=True)
        self.process.tell("")

    def __repr__(self) -> str:
        return f"<Agent {self.process!r}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.__exit__()

    def ready(self) -> None:
        """When it has imported what it needs, and made its plan. So several can be at it at once."""
        self.process.hear(STARTING)

    def begin(self) -> None:
        """Follow the schedule; `finish` says how it went. So several can be busy at once."""
        self.process.tell("")

    def finish(self) -> Ran:
        """When all that was recorded is handed over."""
        timeout = self.load.seconds + self.load.closing + WRITING
        return msgspec.json.decode(self.process.hear(timeout), type=Ran)

    def spans(self) -> list[Span]:
        """What it recorded."""
        return msgspec.json.decode(self.records.read_bytes(), type=list[Span])
