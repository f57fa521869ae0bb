"""From a file's text and an environment to a Config, or to one error that says what to change and where."""

import re
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import yaml

from inspan.wire import default_socket
from inspan_collector.config import environment, foreign
from inspan_collector.config.destination import KIND_DEFAULTS
from inspan_collector.config.model import Config
from inspan_collector.config.tree import Tree, check, under
from inspan_collector.config.unfit import Unfit, join
from inspan_collector.config.values import decode
from inspan_collector.errors import ConfigError

LONG_TIMEOUT: Final = 600.0  # s; OpenTelemetry's specification counts in ms, and 10000 would be hours
_PLACE: Final = re.compile(r"(?P<why>.*) - at `\$(?P<path>.*)`", re.DOTALL)
_MISSING: Final = re.compile(r"Object missing required field `(?P<key>.*)`")
_QUOTED: Final = re.compile(r"""(['"])[^'"<]{2,}\1""")


class Resolved(NamedTuple):
    """notes: a sentence for each thing that was decided because nobody said, or that was taken from elsewhere."""

    config: Config
    notes: tuple[str, ...]


def read(path: Path | None, environ: Mapping[str, str]) -> Resolved:
    """The configuration from a file, or from the environment alone where there is no path.

    Errors: ConfigError, which names the file or the variable, and the key.
    """
    if path is None:
        return resolve(None, "", environ)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"{path}: cannot be read: {why}") from None
    return resolve(text, str(path), environ)


def load(text: str | None, source: str, environ: Mapping[str, str]) -> Config:
    """The configuration alone; see `resolve`."""
    return resolve(text, source, environ).config


def resolve(text: str | None, source: str, environ: Mapping[str, str]) -> Resolved:
    """The configuration of a YAML text, of the environment above it, and of the defaults below both.

    source: how errors call the text. Errors: ConfigError, which names the source or the variable, and the key.
    """
    tree = _parse(text or "", source)
    origins = environment.Origins()
    try:
        notes = _complete(tree, environ, origins)
        checked = check(tree, Config, environ)
        return Resolved(_convert(checked), notes)
    except Unfit as error:
        where = origins.of(error.key) or source or "defaults"
        raise ConfigError(f"{where}: {error.key}: {error.why}") from None


def _complete(tree: Tree, environ: Mapping[str, str], origins: environment.Origins) -> tuple[str, ...]:
    """Put everything into the tree that the file does not say itself."""
    environment.apply_sections(tree, environ, origins)
    notes = [*_give_socket(tree, environ), *_give_destinations(tree, environ, origins)]
    environment.apply_destinations(tree, environ, origins)
    tree["destinations"] = [_with_kind_defaults(destination) for destination in tree["destinations"]]
    return tuple(notes)


def _give_socket(tree: Tree, environ: Mapping[str, str]) -> list[str]:
    socket = tree.setdefault("socket", {})
    if not isinstance(socket, dict) or "path" in socket:
        return []
    path = str(default_socket(environ))
    tree["socket"] = {**socket, "path": path}
    return [f"no socket is configured: listening on {path}"]


def _give_destinations(tree: Tree, environ: Mapping[str, str], origins: environment.Origins) -> list[str]:
    """Where neither the file nor our variables name one: from the variables of others, else files beside the socket."""
    destinations = tree.setdefault("destinations", [])
    if not isinstance(destinations, list):
        raise Unfit("destinations", f"expected a list, got {type(destinations).__name__}")
    if destinations or environment.makes_destination(environ):
        return []
    notes = []
    for index, found in enumerate(foreign.find(environ)):
        place = join("destinations", index)
        destinations.append(found.destination)
        origins.update({join(place, key) if key else place: name for key, name in found.variables.items()})
        notes.append(f"destination {found.destination['name']} is taken from {found.variables['']}")
        if found.destination.get("timeout", 0) > LONG_TIMEOUT:
            notes.append(f"{found.variables['timeout']} is read in seconds, as OpenTelemetry Python does")
    if not destinations and isinstance(tree["socket"], dict):
        directory = str(Path(str(tree["socket"]["path"])).parent / "spans")
        destinations.append({"name": "file", "kind": "file", "path": directory})
        notes.append(f"no destination is configured: spans are written to files in {directory}")
    return notes


def _with_kind_defaults(destination: Any) -> Any:
    if not isinstance(destination, dict) or not isinstance(destination.get("kind"), str):
        return destination
    return under(destination, KIND_DEFAULTS.get(destination["kind"], {}))


def _convert(tree: Tree) -> Config:
    """Errors: Unfit, with the path from the top."""
    try:
        return msgspec.convert(tree, Config, dec_hook=decode)
    except msgspec.ValidationError as error:
        match = _PLACE.fullmatch(str(error))
        why, path = (match["why"], match["path"].removeprefix(".")) if match else (str(error), "")
        if isinstance(error.__cause__, Unfit):
            path, why = join(path, error.__cause__.key), error.__cause__.why
        missing = _MISSING.fullmatch(why)
        if missing:
            path, why = join(path, missing["key"]), "is missing"
        raise Unfit(path, why[:1].lower() + why[1:].replace("`", "")) from None


def _parse(text: str, source: str) -> Tree:
    try:
        tree = yaml.load(text, Loader=_Loader)  # noqa: S506  # a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        # YAML quotes what it stumbled over, and that may be a password that should have been in quotes.
        why = _QUOTED.sub("'...'", error.problem or "not YAML")
        raise ConfigError(f"{source}: {place}{why}") from None
    except yaml.reader.ReaderError as error:
        raise ConfigError(f"{source}: character {error.position + 1} is not allowed in YAML") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(f"{source}: expected keys such as destinations, got {type(tree).__name__}")
    return tree


class _Loader(yaml.SafeLoader):
    """YAML's safe types; a key that is written twice is an error, not a silent change of mind."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise yaml.MarkedYAMLError(problem="the key is written twice", problem_mark=key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)
