"""The configuration as plain dicts and lists, on its way to the Structs.

Checked against the Structs' own types, so that a mistake is answered with its path and the nearest key that exists.
"""

import difflib
import types
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

from msgspec import Struct
from msgspec.structs import FieldInfo, fields

from inspan_collector.config.model import KINDS_NOT_YET
from inspan_collector.config.unfit import Unfit, join
from inspan_collector.config.values import Address, Percent, Seconds, Secret, Size

Tree: TypeAlias = dict[str, Any]
TEXT = (str, Path, Secret, Address)
QUOTABLE = (int, float, bool)  # what YAML makes of text that looks like a number, a date aside


def options(kind: Any) -> tuple[Any, ...]:
    """The alternatives of a type, `X | None` being two, without annotations."""
    if get_origin(kind) is Annotated:
        return options(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        return tuple(option for part in get_args(kind) for option in options(part))
    return (kind,)


def struct_of(kind: Any) -> type[Struct] | None:
    """The Struct among the alternatives, if there is one."""
    return next((option for option in options(kind) if isinstance(option, type) and issubclass(option, Struct)), None)


def takes_text(kind: Any) -> bool:
    """Whether text is what this type is made from, so that `0660` means those four characters."""
    found = [option for option in options(kind) if option is not types.NoneType]
    return all(
        get_origin(option) is Literal or option in (*TEXT, Seconds, Percent) or _is_size(option) for option in found
    )


def keys_of(struct: type[Struct]) -> dict[str, FieldInfo]:
    """The keys of a Struct by name."""
    return {info.name: info for info in fields(struct)}


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of an error message: the key that was probably meant, else all there are."""
    names = list(known)
    found = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {found[0]}?" if found else f"known are {', '.join(names)}"


def check(node: Any, kind: Any, environ: Mapping[str, str], path: str = "") -> Any:
    """The same tree with its secrets resolved.

    Errors: Unfit for a key that does not exist or comes later, a word that is not offered, a secret with no variable.
    Numbers, sizes and what is missing are left to msgspec.
    """
    struct = struct_of(kind)
    if struct is not None and isinstance(node, dict):
        return _check_struct(node, struct, environ, path)
    for option in options(kind):
        if get_origin(option) is tuple and isinstance(node, list):
            inner = get_args(option)[0]
            return [check(part, inner, environ, join(path, index)) for index, part in enumerate(node)]
        if get_origin(option) is dict and isinstance(node, dict):
            inner = get_args(option)[1]
            if inner is Secret and None in node.values():
                raise Unfit(path, "expected a name and a value, got one alone")  # which is not shown: it may be a token
            return {str(key): check(part, inner, environ, join(path, str(key))) for key, part in node.items()}
        if option is Secret and not isinstance(node, Secret):
            return _secret(node, environ, path)
    return _check_leaf(node, kind, path)


def _check_struct(node: Tree, struct: type[Struct], environ: Mapping[str, str], path: str) -> Tree:
    known = keys_of(struct)
    for key in node:
        if key not in known:
            raise Unfit(join(path, str(key)), f"unknown key; {nearest(str(key), known)}")
    return {key: check(part, known[key].type, environ, join(path, key)) for key, part in node.items()}


def _check_leaf(node: Any, kind: Any, path: str) -> Any:
    words = [word for option in options(kind) if get_origin(option) is Literal for word in get_args(option)]
    if words and node not in words and isinstance(node, str):
        if node in KINDS_NOT_YET:
            raise Unfit(path, f"{node} is not available in this version; use {', '.join(words)}")
        raise Unfit(path, f"expected {', '.join(words)}, got {node!r}")
    if isinstance(node, QUOTABLE) and all(option in (str, types.NoneType) for option in options(kind)):
        raise Unfit(path, f"expected text, got {type(node).__name__}; write it in quotes")
    return node


def _secret(node: Any, environ: Mapping[str, str], path: str) -> Secret:
    if not isinstance(node, str):
        raise Unfit(path, f"expected text, got {type(node).__name__}; write it in quotes")
    try:
        return Secret.resolve(node, environ)
    except ValueError as error:
        raise Unfit(path, str(error)) from None


def _is_size(option: Any) -> bool:
    return isinstance(option, type) and issubclass(option, Size)


def put(tree: Tree, path: tuple[str | int, ...], value: Any) -> None:
    """Set one key. What lies on the way is copied, since YAML aliases let two places share one dict; where the file
    says null, there is nothing yet.

    Errors: Unfit where something else than keys lies on the way.
    """
    node: Any = tree
    at = ""
    for step, after in pairwise(path):
        at = join(at, step)
        below = node[step] if isinstance(step, int) else node.get(step)
        below = {} if below is None and isinstance(after, str) else below
        if not isinstance(below, list if isinstance(after, int) else dict):
            raise Unfit(at, f"expected keys below it, got {type(below).__name__}")
        node[step] = below.copy()
        node = node[step]
    node[path[-1]] = value


def under(tree: Tree, defaults: Tree) -> Tree:
    """The tree, with the defaults where it says nothing."""
    merged = defaults | tree
    for key, default in defaults.items():
        if isinstance(default, dict) and isinstance(merged[key], dict):
            merged[key] = under(merged[key], default)
    return merged
