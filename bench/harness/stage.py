"""Where runs take place: the sink, the bodies, the cores, and a folder of its own for each run."""

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.bodies import Shape, write
from bench.harness import cores
from bench.harness.row import Measures
from bench.harness.settings import Load
from bench.place import Place
from bench.process import Process
from bench.upstream import Upstream


class Stage:
    """core: of what is measured; beside: of generator and sink. seconds: of load in a run."""

    def __init__(self, core: int, beside: int, seconds: float) -> None:
        self.core = core
        self.beside = beside
        self.seconds = seconds
        self.written: dict[Shape, Path] = {}
        self.stack = ExitStack()

    def __repr__(self) -> str:
        return f"<Stage on {self.core} and {self.beside}>"

    def __enter__(self) -> Self:
        self.scratch = Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="bench")))
        self.upstream = self.stack.enter_context(Upstream(self.beside, self.scratch))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stack.__exit__(kind, error, trace)

    def place(self, path: str = "") -> Place:
        """For one run. path: below the sink's URL."""
        return Place(Path(tempfile.mkdtemp(dir=self.scratch)), self.core, self.upstream.url + path)

    def bodies(self, load: Load) -> Path:
        """The requests that a generator posts, written when they are first asked for."""
        shape = Shape(f"{load.spans}x{load.span_bytes}", load.spans, load.span_bytes)
        if shape not in self.written:
            self.written[shape] = self.scratch / shape.name
            write(shape, self.written[shape])
        return self.written[shape]

    def watch(self, *ours: Process) -> "Watch":
        """From now on. ours: the processes that take part; this one and the sink do as well."""
        return Watch([self.core, self.beside], [self.upstream.process, *ours])


class Watch:
    """Looks at the cores from its making until it is asked."""

    def __init__(self, watched: list[int], ours: list[Process]) -> None:
        self.watched = watched
        self.ours = ours
        self.cpu = self._taken()
        self.before = cores.now(watched)

    def __repr__(self) -> str:
        return f"<Watch {self.watched}>"

    def note(self, found: Measures) -> Measures:
        """Write down who else had the cores."""
        found.steal, found.others = cores.shares(self.before, cores.now(self.watched), self._taken() - self.cpu)
        return found

    def _taken(self) -> float:
        return time.process_time() + sum(process.cpu() for process in self.ours)
