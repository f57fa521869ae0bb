"""The pages name what there is: every key, metric, reason and state; and nothing else leads nowhere."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import fields

from inspan_collector.config.destination import KIND_DEFAULTS, DestinationConfig, default_of
from inspan_collector.config.environment import Origins, apply_destinations, apply_sections
from inspan_collector.config.model import Config
from inspan_collector.config.tree import struct_of
from inspan_collector.gate import STATES
from inspan_collector.ledger import DROPPED, REFUSALS
from inspan_collector.liveness import REASONS
from inspan_collector.liveness import STATES as AGENT_STATES
from inspan_collector.translate.kinds import CLIENT, KINDS
from inspan_collector.translate.span import KEPT

ROOT = Path(__file__).parent.parent
CONFIGURATION = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
ROW = re.compile(
    r"^\| `(?P<key>[a-z_.]+)` \| (?P<default>.*?) \| (?P<variable>.*?) \| (?P<meaning>.+) \|$", re.MULTILINE
)
DOCUMENTED = {row["key"]: row for row in ROW.finditer(CONFIGURATION)}
TRANSLATE = (ROOT / "docs/translate.md").read_text(encoding="utf-8")
SERIES = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
METRICS = (ROOT / "collector/inspan_collector/metrics.py").read_text(encoding="utf-8")


def keys(struct: type[Struct], above: str = "") -> Iterator[tuple[str, Any]]:
    for info in fields(struct):
        below = struct_of(info.type)
        if below is not None:
            yield from keys(below, f"{above}{info.name}.")
        elif info.name != "destinations":
            yield above + info.name, default_of(info)


KEYS = {**dict(keys(Config)), **dict(keys(DestinationConfig))}


def written(default: Any) -> str:
    """A default as the pages write it."""
    if default is None or default is False:
        return "`null`" if default is None else "`false`"
    if default == ():
        return "`[]`"
    return "`{}`" if default == {} else f"`{getattr(default, 'shown', default)}`"


@pytest.mark.parametrize("key", [key for key in KEYS if key != "socket.path"])
def test_every_key_is_documented_with_its_default(key: str) -> None:
    said = DOCUMENTED[key]["default"].replace('"', "")
    assert said == "required" or written(KEYS[key]) in said


def test_no_key_is_documented_that_is_none() -> None:
    assert set(DOCUMENTED) <= set(KEYS)


@pytest.mark.parametrize("kind", KIND_DEFAULTS)
def test_what_a_kind_has_of_its_own_is_documented(kind: str) -> None:
    for key, default in KIND_DEFAULTS[kind].items():
        flat = {key: default} if not isinstance(default, dict) else {f"{key}.{k}": v for k, v in default.items()}
        for name, value in flat.items():
            assert str(value) in DOCUMENTED[name]["default"]


@pytest.mark.parametrize("key", [key for key in DOCUMENTED if key not in ("name", "kind", "headers")])
def test_the_variable_that_is_documented_sets_the_key(key: str) -> None:
    variable = re.findall(r"`([A-Z_]+)`", DOCUMENTED[key]["variable"])[0]
    tree: dict[str, Any] = {"destinations": [{"name": "traces", "kind": "otlp"}]}
    environ = {variable.replace("D__", "INSPAN_DESTINATIONS__TRACES__", 1) if variable[:3] == "D__" else variable: "1"}
    origins = Origins()
    apply_sections(tree, environ, origins)
    apply_destinations(tree, environ, origins)
    node: Any = tree["destinations"][0] if variable[:3] == "D__" else tree
    for step in key.split("."):
        node = node[step]
    assert str(node) == "1"


@pytest.mark.parametrize("word", [*REFUSALS, *DROPPED, *STATES, *REASONS, *AGENT_STATES])
def test_every_reason_and_state_says_what_to_do(word: str) -> None:
    assert f"`{word}`" in OPERATIONS


def test_every_metric_is_listed() -> None:
    names = re.findall(r"(?:_counter|_gauge|_histogram)\(\s*\"([a-z_]+)\"", METRICS)
    assert len(names) > 20
    missing = [name for name in names if f"`inspan_{name}" not in SERIES]
    assert missing == []


@pytest.mark.parametrize("named", [named for named, kind in KINDS.items() if kind.openinference != "CHAIN"])
def test_the_table_of_types_says_what_a_type_becomes(named: str) -> None:
    kind = KINDS[named]
    (row,) = [row for row in TRANSLATE.splitlines() if row[:1] == "|" and f"`{named}`" in row.split(" | ")[0]]
    operation = f"`{kind.operation}`" if kind.operation else ""
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1:] == [f"`{kind.openinference}`", operation, "CLIENT" if kind.span == CLIENT else "INTERNAL"]


@pytest.mark.parametrize("member", KEPT)
def test_every_member_that_is_kept_is_listed(member: str) -> None:
    assert f"`{member}`" in TRANSLATE


PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", page.read_text(encoding="utf-8")):
        file = page.parent / target if target else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), f"{target}#{anchor}"


def anchors(page: Path) -> set[str]:
    """What a link can end with: the headings, as they become addresses."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}
