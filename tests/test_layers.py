"""Arrows point down. Walks the imports of both packages and names each one that points up, sideways or outside.

The rule: a module imports its own unit (the top-level module or package it lives in) and units of lower rows, nothing
else of ours. An import inside a function or under TYPE_CHECKING counts as well: what is known by type is known.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

ROOT: Final = Path(__file__).parent.parent
COLLECTOR: Final = "inspan_collector"
CLIENT: Final = "inspan"

# Lowest first. Units of one row do not know each other. The picture is in docs/layers.md; the two change together.
ROWS: Final = (
    ("0 words", {"agents", "chunk", "errors", "events", "histogram", "ledger", "memory", "pledge", "receipt"}),
    ("0 row", {"row"}),
    ("1 pure", {"batch", "config", "formats", "gate", "hosts", "inflate", "liveness"}),
    ("1 translate", {"trail", "translate"}),
    ("2 sockets", {"sockets"}),
    ("2 stages", {"exporters", "mirror", "queue", "receiver", "sink", "spool"}),
    ("2 quarantine", {"quarantine"}),
    ("3 join", {"pipeline"}),
    ("4 figures", {"figures", "readonly"}),
    ("4 view", {"view"}),
    ("4 metrics", {"live", "metrics", "page", "readers", "tap", "tracing"}),
    ("4 admin", {"admin", "control"}),
    ("5 spool_door", {"spool_door"}),
    ("5 keeping", {"keeping", "orphans", "stopping", "termination", "trim"}),
    ("5 root", {"service"}),
    ("6 screen", {"screen"}),
    ("6 demo", {"demo"}),
    ("7 door", {"cli"}),
    ("8 python -m", {"__main__"}),
)
RANK: Final = {unit: rank for rank, (_, units) in enumerate(ROWS) for unit in units}
PURE: Final = {"row"} | ROWS[2][1] | ROWS[3][1]

# Time, bytes and chance are arguments of the pure layer: it is told, and never asks.
OUTSIDE: Final = {
    "aiohttp", "asyncio", "io", "multiprocessing", "os", "pathlib", "random", "secrets", "select", "selectors",
    "shutil", "signal", "socket", "ssl", "subprocess", "tempfile", "threading", "time", "uvloop",
}  # fmt: skip
PATHS: Final = {"os", "pathlib"}  # config may speak of paths, since paths are among its values
READERS: Final = {"config.cgroup", "config.load", "config.secret"}  # and these alone open what a path names
OPENS: Final = {"exists", "is_dir", "is_file", "iterdir", "open", "os.environ", "os.getenv", "read_bytes", "read_text"}

CLIENT_MAY_IMPORT: Final = sys.stdlib_module_names | {"msgspec", CLIENT}
# What an agent has who wants that way in, of a room or of one module. No other module imports a way in.
EXTRAS: Final = {
    "agentex": {"agentex"},
    "otel": {"google", "opentelemetry", "requests"},
    "sgp.tracing": {"scale_gp_beta"},
    "sgp.transport": {"httpx"},
}
WAYS_IN: Final = {f"{CLIENT}.{name.partition('.')[0]}" for name in EXTRAS}
OF_THE_CLIENT: Final = ("inspan.wire", "inspan.__version__")  # what the collector may know


class Module(NamedTuple):
    """name: dotted, without the package, `` for the package itself. imports: (dotted name, line)."""

    path: Path
    name: str
    tree: ast.Module
    imports: list[tuple[str, int]]

    @property
    def unit(self) -> str:
        return self.name.partition(".")[0]


def imported(tree: ast.Module, package: list[str]) -> Iterator[tuple[str, int]]:
    """Every imported name, absolute: `from a import b` is a.b. package: the parts of the importing module's package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) + 1 - node.level] if node.level else []
            source = [*start, *([node.module] if node.module else [])]
            yield from ((".".join([*source, alias.name]), node.lineno) for alias in node.names)


def modules(root: Path, package: str) -> Iterator[Module]:
    """Each module of root/package, in the order of their paths."""
    for path in sorted((root / package).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        own = parts[1:-1] if parts[-1] == "__init__" else parts[1:]
        yield Module(path, ".".join(own), tree, list(imported(tree, list(parts[:-1]))))


def crossings(module: Module) -> Iterator[tuple[int, str]]:
    """(line, what is wrong) for each import that this module's row does not allow."""
    rank = RANK.get(module.unit, -1)
    for target, line in module.imports:
        package, _, rest = target.partition(".")
        unit = rest.partition(".")[0]
        if package == CLIENT and not any(target == name or target.startswith(f"{name}.") for name in OF_THE_CLIENT):
            yield line, f"imports {target}: of the client only {' and '.join(OF_THE_CLIENT)} are shared"
        if package == COLLECTOR and unit != module.unit and RANK.get(unit, -1) >= rank:
            way = "sideways" if RANK.get(unit) == rank else "up"
            yield line, f"imports {target}, which points {way}: {label(module.unit)} to {label(unit)}"


def impurities(module: Module) -> Iterator[tuple[int, str]]:
    """(line, what is wrong) for each way in which a module of the pure layer asks the outside."""
    allowed = PATHS if module.unit == "config" else set()
    for target, line in module.imports:
        if target.partition(".")[0] in OUTSIDE - allowed:
            yield line, f"is pure and imports {target}: hand it in as an argument"
    if module.name in READERS:
        return
    uses = [(asked(node), node.lineno) for node in ast.walk(module.tree) if isinstance(node, ast.expr)]
    for what, line in [*uses, *module.imports]:
        if what in OPENS:
            yield line, f"is pure and uses {what}: only {', '.join(sorted(READERS))} look outside"


def asked(node: ast.expr) -> str:
    """What an expression names, as OPENS writes it: a bare name, the last part of a dotted one, or os.something."""
    if isinstance(node, ast.Attribute):
        return f"os.{node.attr}" if isinstance(node.value, ast.Name) and node.value.id == "os" else node.attr
    return node.id if isinstance(node, ast.Name) else ""


def label(unit: str) -> str:
    return ROWS[RANK[unit]][0] if unit in RANK else "the package itself"


def collector_faults(root: Path) -> list[str]:
    """root: the folder that holds inspan_collector. Each fault begins with file:line."""
    faults = []
    for module in modules(root, COLLECTOR):
        where = module.path.relative_to(root)
        if module.unit and module.unit not in RANK:
            faults.append(f"{where}:1 {module.unit} has no layer: give it one in ROWS of tests/test_layers.py")
            continue
        wrong = [*crossings(module), *(impurities(module) if module.unit in PURE else ())]
        faults += [f"{where}:{line} {what}" for line, what in wrong]
    return faults


def foreign(module: Module, target: str) -> bool:
    """Whether an agent would have to install more than msgspec for what a module of the client imports."""
    unit = ".".join(target.split(".")[:2])
    if unit in WAYS_IN:
        return unit != f"{CLIENT}.{module.unit}"
    return target.partition(".")[0] not in CLIENT_MAY_IMPORT | EXTRAS.get(module.unit, EXTRAS.get(module.name, set()))


def client_faults(root: Path) -> list[str]:
    """root: the folder that holds inspan. Each fault begins with file:line."""
    return [
        f"{module.path.relative_to(root)}:{line} imports {target}: an agent installs msgspec alone"
        for module in modules(root, CLIENT)
        for target, line in module.imports
        if foreign(module, target)
    ]


def test_every_arrow_in_the_collector_points_down() -> None:
    faults = collector_faults(ROOT / "collector")
    assert not faults, "\n".join(faults)


def test_the_client_needs_nothing_but_msgspec() -> None:
    faults = client_faults(ROOT / "client")
    assert not faults, "\n".join(faults)


def test_the_walk_finds_the_modules_it_is_meant_to_judge() -> None:
    assert {"errors", "formats.otlp_protobuf"} <= {module.name for module in modules(ROOT / "collector", COLLECTOR)}
    assert {"", "wire"} <= {module.name for module in modules(ROOT / "client", CLIENT)}


def plant(root: Path, name: str, source: str) -> Path:
    path = root / f"{name}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source, encoding="utf-8")
    return root


@pytest.mark.parametrize(
    ("name", "source", "why"),
    [
        ("ledger", "from inspan_collector.service import Service", "points up: 0 words to 5 root"),
        ("ledger", "import inspan_collector.chunk", "points sideways"),
        ("ledger", "def late():\n    from inspan_collector import queue", "ledger.py:2 imports inspan_collector.queue"),
        ("formats/cut", "from inspan_collector.pipeline.room import Room", "points up: 1 pure to 3 join"),
        ("formats/cut", "from ..service import Service", "points up: 1 pure to 5 root"),
        ("receiver/dialects/otlp", "from ...exporters.otlp import post", "points sideways: 2 stages to 2 stages"),
        ("queue", "if TYPE_CHECKING:\n    from inspan_collector.spool import Spool", "points sideways"),
        ("pipeline/room", "from inspan_collector.metrics import registry", "points up: 3 join to 4 metrics"),
        ("__init__", "from inspan_collector.cli import main", "points up: the package itself to 7 door"),
        ("gate", "import time", "is pure and imports time"),
        ("gate", "from pathlib import Path", "is pure and imports pathlib.Path"),
        ("config/model", "import asyncio", "is pure and imports asyncio"),
        ("config/model", "found = path.read_text()", "is pure and uses read_text"),
        ("config/model", "import os\nfound = os.environ['x']", "is pure and uses os.environ"),
        ("config/model", "from os import environ", "is pure and uses os.environ"),
        ("batch", "found = open('x')", "is pure and uses open"),
        ("service", "import inspan", "imports inspan: of the client only"),
        ("service", "from inspan.client import Client", "imports inspan.client.Client: of the client only"),
        ("surprise", "", "surprise has no layer: give it one"),
        ("surprise/inner", "", "surprise has no layer: give it one"),
    ],
)
def test_a_wrong_arrow_is_named_with_its_reason(tmp_path: Path, name: str, source: str, why: str) -> None:
    (fault,) = collector_faults(plant(tmp_path, f"{COLLECTOR}/{name}", source).resolve())
    assert why in fault


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("service", "from inspan import __version__\nfrom inspan.wire import TRACES\nimport time"),
        ("service", "from inspan_collector import __version__, queue\nfrom .pipeline.room import Room"),
        (
            "receiver/dialects/otlp",
            "from .dialect import Dialect\nfrom ..head import Head\nfrom ...errors import TooLarge",
        ),
        ("config/tree", "import os\ndef size(environ): return len(os.fsencode(environ['x']))"),
        ("config/load", "from pathlib import Path\nfound = Path('x').read_text()"),
        ("__init__", "from inspan import __version__"),
        ("__main__", "from inspan_collector.cli import main"),
    ],
)
def test_a_right_arrow_passes(tmp_path: Path, name: str, source: str) -> None:
    assert collector_faults(plant(tmp_path, f"{COLLECTOR}/{name}", source)) == []


def test_a_client_that_imports_more_than_msgspec_is_refused(tmp_path: Path) -> None:
    plant(tmp_path, f"{CLIENT}/span", "import json, msgspec\nfrom inspan.wire import SPANS\nfrom . import wire")
    assert client_faults(tmp_path) == []
    plant(tmp_path, f"{CLIENT}/post", "import aiohttp")
    plant(tmp_path, f"{CLIENT}/tie", "from inspan_collector.errors import TooLarge")
    assert [fault.split(" ")[0] for fault in client_faults(tmp_path)] == ["inspan/post.py:1", "inspan/tie.py:1"]


def test_what_an_extra_needs_is_imported_by_that_extra_alone(tmp_path: Path) -> None:
    plant(tmp_path, f"{CLIENT}/otel/processor", "from opentelemetry.sdk import trace\nfrom inspan.client import Client")
    assert client_faults(tmp_path) == []
    plant(tmp_path, f"{CLIENT}/otel/post", "import aiohttp")
    plant(tmp_path, f"{CLIENT}/post", "from opentelemetry.sdk import trace")
    plant(tmp_path, f"{CLIENT}/tie", "from inspan.otel import SpanProcessor")
    where = ["inspan/otel/post.py:1", "inspan/post.py:1", "inspan/tie.py:1"]
    assert [fault.split(" ")[0] for fault in client_faults(tmp_path)] == where


def test_what_an_extra_brings_is_imported_by_its_own_way_in_alone(tmp_path: Path) -> None:
    plant(tmp_path, f"{CLIENT}/sgp/transport", "import httpx\nfrom inspan.sgp import export")
    assert client_faults(tmp_path) == []
    plant(tmp_path, f"{CLIENT}/sgp/export", "import httpx")
    plant(tmp_path, f"{CLIENT}/span", "import inspan.sgp.transport")
    plant(tmp_path, f"{CLIENT}/wire", "from inspan import agentex")
    found = [fault.split(" ")[0] for fault in client_faults(tmp_path)]
    assert found == ["inspan/sgp/export.py:1", "inspan/span.py:1", "inspan/wire.py:1"]
