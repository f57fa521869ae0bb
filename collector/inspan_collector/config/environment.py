"""Our own environment variables: every key as `INSPAN_<SECTION>__<KEY>`, a destination's by its name."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, get_args, get_origin

import yaml
from msgspec import Struct

from inspan_collector.config.model import Config, DestinationConfig
from inspan_collector.config.tree import Tree, keys_of, nearest, options, put, struct_of, takes_text
from inspan_collector.config.unfit import Unfit, join
from inspan_collector.errors import ConfigError

PREFIX: Final = "INSPAN_"
DESTINATIONS: Final = "INSPAN_DESTINATIONS__"
# Without `__`, and so the only ones that Kubernetes could set by mistake: it writes INSPAN_PORT, INSPAN_SERVICE_HOST,
# INSPAN_PORT_4318_TCP_ADDR and the like for a Service called inspan, never these.
SHORT: Final = {"INSPAN_SOCKET": "INSPAN_SOCKET__PATH", "INSPAN_LISTEN": "INSPAN_LISTEN"}
NULLS: Final = ("", "~", "null")


class Key(NamedTuple):
    """Where a variable leads. A mapping's own keys are named by the variable's end."""

    path: tuple[str | int, ...]
    kind: Any


class Origins(dict[str, str]):
    """Which variable wrote which path, for error messages."""

    def of(self, path: str) -> str | None:
        """The variable that wrote the path, or what the path lies in."""
        return next((self[place] for place in _outwards(path) if place in self), None)


def apply_sections(tree: Tree, environ: Mapping[str, str], origins: Origins) -> None:
    """Put every variable but those of destinations into the tree.

    Errors: ConfigError, which names a variable that leads nowhere.
    """
    known = dict(_variables(Config, PREFIX, ()))
    for name, text in _ours(environ):
        if name in SHORT and text:
            _put(tree, known[SHORT[name]], name, text, origins)
        elif "__" in name and not name.startswith(DESTINATIONS):
            if name not in known:
                raise _unknown(name, [*known, DESTINATIONS + "<NAME>__<KEY>"])
            _put(tree, known[name], name, text, origins)


def makes_destination(environ: Mapping[str, str]) -> bool:
    """Whether a variable gives a destination its kind."""
    return any(name.startswith(DESTINATIONS) and name.endswith("__KIND") for name, _ in _ours(environ))


def apply_destinations(tree: Tree, environ: Mapping[str, str], origins: Origins) -> None:
    """Put the destinations' variables into the tree; one with a kind and a new name makes a destination.

    Errors: ConfigError, which names a variable that leads nowhere.
    """
    ours = [(name, text) for name, text in _ours(environ) if name.startswith(DESTINATIONS)]
    for name, _ in ours:
        label = name.removeprefix(DESTINATIONS).removesuffix("__KIND")
        if name.endswith("__KIND") and label and "__" not in label and label not in _labels(tree):
            origins[join("destinations", len(tree["destinations"]))] = name
            tree["destinations"] = [*tree["destinations"], {"name": label.lower()}]
    for name, text in ours:
        label, index = _addressed(name, tree)
        prefix = f"{DESTINATIONS}{label}__"
        known = dict(_variables(DestinationConfig, prefix, ("destinations", index)))
        _put(tree, _destination_key(name, prefix, known), name, text, origins)


def _ours(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """Our variables in capitals, in an order that does not depend on the environment's."""
    return sorted((name.upper(), text) for name, text in environ.items() if name.upper().startswith(PREFIX))


def _variables(struct: type[Struct], prefix: str, path: tuple[str | int, ...]) -> Iterator[tuple[str, Key]]:
    """Every variable that sets a key of this Struct, or of one below it."""
    for name, info in keys_of(struct).items():
        below = struct_of(info.type)
        if below is not None:
            yield from _variables(below, f"{prefix}{name.upper()}__", (*path, name))
        elif name != "destinations":
            yield prefix + name.upper(), Key((*path, name), info.type)


def _labels(tree: Tree) -> dict[str, list[int]]:
    """How variables call the destinations there are, and which those are."""
    labels: dict[str, list[int]] = {}
    for index, destination in enumerate(tree["destinations"]):
        if isinstance(destination, dict):
            label = str(destination.get("name", "")).upper().replace("-", "_")
            labels.setdefault(label, []).append(index)
    return labels


def _addressed(variable: str, tree: Tree) -> tuple[str, int]:
    rest = variable.removeprefix(DESTINATIONS)
    labels = _labels(tree)
    label = max((label for label in labels if label and rest.startswith(f"{label}__")), key=len, default=None)
    if label is None:
        wanted = rest.partition("__")[0]
        hint = f"set {DESTINATIONS}{wanted}__KIND to make one"
        raise ConfigError(f"{variable}: no destination is called {wanted}; {hint}, or {nearest(wanted, labels)}")
    if len(labels[label]) > 1:
        raise ConfigError(f"{variable}: {len(labels[label])} destinations are called {label} in variables; rename one")
    return label, labels[label][0]


def _destination_key(variable: str, prefix: str, known: dict[str, Key]) -> Key:
    """A header's name is what follows, dashes for underscores, since most shells allow no dash in a name."""
    header = variable.removeprefix(f"{prefix}HEADERS__")
    if header not in ("", variable):
        headers = known[f"{prefix}HEADERS"]
        return Key((*headers.path, header.lower().replace("_", "-")), get_args(headers.kind)[1])
    if variable not in known or get_origin(known[variable].kind) is dict:
        names = [f"{name}__<NAME>" if get_origin(key.kind) is dict else name for name, key in known.items()]
        raise _unknown(variable, names)
    return known[variable]


def _unknown(variable: str, known: list[str]) -> ConfigError:
    return ConfigError(f"{variable}: leads to no key; {nearest(variable, known)}")


def _put(tree: Tree, key: Key, variable: str, text: str, origins: Origins) -> None:
    path = ""
    for step in key.path:
        path = join(path, step)
    origins[path] = variable
    put(tree, key.path, _value(text, key.kind, path))


def _value(text: str, kind: Any, path: str) -> Any:
    """What the text means for this key: the text itself where the key takes text, else a YAML scalar or list."""
    if type(None) in options(kind) and text.strip().lower() in NULLS:
        return None
    if takes_text(kind):
        return text
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise Unfit(path, "expected a number, true, false, null, or a list in brackets") from None


def _outwards(path: str) -> Iterator[str]:
    while path:
        yield path
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
