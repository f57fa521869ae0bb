"""The resolved configuration as text that may be shown, and the schema of the file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml
from msgspec import Struct
from msgspec.structs import fields

from inspan.wire import ACCOUNT
from inspan_collector.config.destination import FOREIGN_KEYS, KIND_DEFAULTS, DestinationConfig, default_of, shown_url
from inspan_collector.config.meanings import DESTINATION, PROCESS, plain
from inspan_collector.config.model import Config, SocketConfig
from inspan_collector.config.tree import Tree, struct_of
from inspan_collector.config.values import Address, Budget, Percent, Seconds, Secret, Size

# Patterns for editors and for Helm, which see a value long before we do: what they refuse we refuse. Of the syntax that
# JSON Schema's regular expressions and Go's have in common.
SIZE: Final = r"\s*[0-9]+([.][0-9]+)?\s*([bB]|[kKmMgG]([bB]|[iI][bB]?))?\s*"
TIME: Final = r"\s*[0-9]+([.][0-9]+)?\s*(us|ms|s|m|h)?\s*"
URL: Final = r"^[hH][tT][tT][pP][sS]?://\S+$"

_TYPES: Final[dict[type, Tree]] = {
    Size: {
        "type": ["string", "integer"],
        "pattern": f"^{SIZE}$",
        "description": "bytes, or text such as 64MiB or 4MB",
    },
    Budget: {
        "type": ["string", "integer"],
        "pattern": f"^({SIZE}|auto)$",
        "description": "bytes, text such as 64MiB, or auto",
    },
    Seconds: {
        "type": ["string", "number"],
        "pattern": f"^{TIME}$",
        "description": "seconds, or text such as 100ms, 2s, 5m or 1h",
    },
    Percent: {
        "type": "string",
        "pattern": r"^\s*[0-9]+([.][0-9]+)?\s*%\s*$",
        "description": "a percentage such as 25%",
    },
    Address: {"type": "string", "pattern": "^.+:[0-9]{1,5}$", "description": "host:port"},
    Path: {"type": "string", "description": "a path"},
    Secret: {"type": "string", "description": "text, with ${VAR} of the environment, or file:/path"},
}


def render(config: Config) -> str:
    """YAML that loads as the same configuration, but for secrets, which are masked."""
    return yaml.safe_dump(shown(config), sort_keys=False, allow_unicode=True, width=120)


def shown(config: Config) -> Tree:
    """The same as objects, lists and texts."""
    found: Tree = _plain(config)
    return found


def schema() -> dict[str, Any]:
    """The JSON schema of the file, made from the Structs, with the meaning of each key."""
    made = msgspec.json.schema(Config, schema_hook=_type_schema)
    made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    _complete_schema(Config, made["$defs"])
    _describe(Config, made["$defs"], PROCESS)
    _describe(DestinationConfig, made["$defs"], DESTINATION)
    return made


def _plain(value: Any) -> Any:
    if isinstance(value, DestinationConfig):
        return _plain_destination(value)
    if isinstance(value, Struct):
        return {key: _plain(getattr(value, key)) for key in value.__struct_fields__}
    if isinstance(value, Size | Seconds | Percent | Secret):
        return value.shown
    if isinstance(value, Path | Address):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return value


def _plain_destination(destination: DestinationConfig) -> Tree:
    """Without what its kind does not know, and without the header that is made from account_id."""
    foreign = FOREIGN_KEYS[destination.kind]
    keys = (key for key in destination.__struct_fields__ if key not in foreign)
    plain = {key: _plain(getattr(destination, key)) for key in keys}
    if destination.url is not None:
        plain["url"] = shown_url(destination.url)
    if destination.kind == "sgp":
        plain["headers"].pop(ACCOUNT, None)
    return plain


def _type_schema(kind: type) -> Tree:
    if kind in _TYPES:
        return dict(_TYPES[kind])
    raise NotImplementedError(kind)


def _complete_schema(struct: type[Struct], definitions: Tree) -> None:
    """Add the defaults that msgspec cannot write, take out those that depend on the kind or the environment."""
    made = definitions[struct.__name__]
    if struct in (Config, SocketConfig):
        made["required"] = []  # the file need not say it: `load` gives it
    for info in fields(struct):
        below = struct_of(info.type) or _part_of(info.type)
        if below is not None:
            _complete_schema(below, definitions)
        default = _plain(default_of(info))
        if below is None and default is not msgspec.NODEFAULT:
            made["properties"][info.name]["default"] = default
    if struct is DestinationConfig:
        made["properties"]["url"]["pattern"] = URL
        for key in set().union(*KIND_DEFAULTS.values()):
            made["properties"][key].pop("default", None)
        definitions["BatchConfig"]["properties"]["max_spans"].pop("default", None)


def _describe(struct: type[Struct], definitions: Tree, meanings: Mapping[str, str], above: str = "") -> None:
    """Add what each key means; how it is written, where the type says so, stands behind that."""
    for info in fields(struct):
        below = struct_of(info.type)
        if below is not None:
            _describe(below, definitions, meanings, f"{above}{info.name}.")
        elif above + info.name in meanings:
            made = definitions[struct.__name__]["properties"][info.name]
            written = f" ({made['description']})" if "description" in made else ""
            made["description"] = plain(meanings[above + info.name]) + written


def _part_of(kind: Any) -> type[Struct] | None:
    """The Struct that a tuple consists of."""
    return next((struct_of(part) for part in getattr(kind, "__args__", ()) if struct_of(part)), None)
