"""The tables of docs/configuration.md: a row for each key of the Structs."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml
from docs.pages.regions import table
from msgspec import NODEFAULT, Struct
from msgspec.structs import FieldInfo, fields

from inspan_collector.config.destination import KIND_DEFAULTS, DestinationConfig, default_of
from inspan_collector.config.environment import PREFIX, SHORT
from inspan_collector.config.meanings import DESTINATION, PROCESS
from inspan_collector.config.model import Config
from inspan_collector.config.tree import struct_of

# Where the Struct's own default is not what a reader wants to know: it depends on the environment, or on the kind.
DEFAULTS: Final = {"socket.path": "see below", "url": "required", "path": "required"}
VARIABLES: Final = {"name": "the `<NAME>` itself", "headers": "`D__HEADERS__<HEADER>`"}


def tables() -> dict[str, str]:
    """Of the regions `process`, `destinations` and `spool`."""
    process = rows(Config, PROCESS, PREFIX)
    spool = [row for row in process if row[0].startswith("`spool.")]
    return {
        "process": _table([row for row in process if row not in spool]),
        "destinations": _table(rows(DestinationConfig, DESTINATION, "D__")),
        "spool": _table(spool),
    }


def rows(struct: type[Struct], meanings: Mapping[str, str], prefix: str) -> list[list[str]]:
    """Key, default, variable and meaning.

    Errors: LookupError where a key has no meaning, or a meaning no key.
    """
    infos = dict(keys(struct))
    if infos.keys() != meanings.keys():
        odd = sorted(infos.keys() ^ meanings.keys())
        raise LookupError(f"{struct.__name__} and config/meanings.py do not agree about {', '.join(odd)}")
    return [[f"`{key}`", default(key, infos[key]), _variable(key, prefix), meanings[key]] for key in infos]


def keys(struct: type[Struct], above: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every key below a Struct, dotted, in the order of the Structs."""
    for info in fields(struct):
        below = struct_of(info.type)
        if below is not None:
            yield from keys(below, f"{above}{info.name}.")
        elif info.name != "destinations":
            yield above + info.name, info


def default(key: str, info: FieldInfo) -> str:
    """As one would write it in the file; behind it what it is for kinds that have another."""
    value = default_of(info)
    if key in DEFAULTS or value is NODEFAULT:
        return DEFAULTS.get(key, "required")
    kinds: dict[str, list[str]] = {}
    for kind, found in KIND_DEFAULTS.items():
        other = _at(found, key)
        if other not in (None, value):
            kinds.setdefault(f"`{other}`", []).append(kind)
    return "; ".join([written(value), *(f"{', '.join(names)}: {shown}" for shown, names in kinds.items())])


def written(value: Any) -> str:
    """A value as YAML, in quotes where YAML would read something else than text without them."""
    shown = getattr(value, "shown", value)
    if value is None or value is False:
        shown = {None: "null", False: "false"}[value]
    elif value == ():
        shown = "[]"
    elif type(value) is str and yaml.safe_load(value) != value:
        shown = f'"{value}"'
    return f"`{shown}`"


def _at(tree: Mapping[str, Any], key: str) -> Any:
    found: Any = tree
    for step in key.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _variable(key: str, prefix: str) -> str:
    if prefix != PREFIX and key in VARIABLES:
        return VARIABLES[key]
    name = prefix + key.upper().replace(".", "__")
    short = [f"`{other}`" for other, target in SHORT.items() if target == name != other]
    return ", or ".join([f"`{name}`", *short])


def _table(found: list[list[str]]) -> str:
    return table(["key", "default", "variable", "meaning"], found)
