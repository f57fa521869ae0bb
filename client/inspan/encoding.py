"""A span becomes bytes on the thread that records it: its memory is exact then, and what changes later does not matter.

What cannot be encoded is replaced by the name of its type in angle brackets, and costs nothing beside it.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from inspan.interruption import is_from_a_signal
from inspan.span import Span

MAX_DEPTH: Final = 100  # nested values; no trace viewer shows more, and it is far from the interpreter's limit
SHORTEST: Final = 1024  # characters that are left of a text in a span that is too large: enough to know it again

MAX_BITS: Final = 1024  # of an integer: as large as a double; nobody reads more, and Python refuses to print 15,000

_SCALARS: Final = (str, float, int)


class Unencodable(Exception):
    """Not a span: the message says what is missing. reason: of its loss, one of wire.DROPPED."""

    reason = "unencodable"


class TooLarge(Unencodable):
    """Too large, and not by its texts."""

    reason = "too_large"


class _Key(msgspec.Struct):
    id: str
    trace_id: str


class Encoder:
    """Spans to JSON. max_bytes: of one span; the texts of a larger one are shortened. note: told of every span of which
    something was `replaced` or `shortened`."""

    def __init__(self, max_bytes: int, note: Callable[[str], None]) -> None:
        self.max_bytes = max_bytes
        self._note = note
        self._encode = msgspec.json.Encoder(enc_hook=self._replace).encode

    def __repr__(self) -> str:
        return f"<Encoder of spans up to {self.max_bytes} bytes>"

    def encode(self, span: Any) -> bytes:
        """One span, as compact JSON. Raises Unencodable where it has no key, or is too large with short texts too; and
        what a signal handler of the agent raises meanwhile."""
        kind = type(span)
        if kind is dict:  # what there is for every span is looked at in the cheapest way
            own, trace = span.get("id"), span.get("trace_id")
        elif kind is Span:
            own, trace = span.id, span.trace_id
        else:
            own = trace = None
        if type(own) is not str or type(trace) is not str or not own or not trace:
            _look_for_key(span)
        try:
            encoded = self._encode(span)
        except Exception as error:  # any code of the agent's may run in here, and its error is not the agent's concern
            if is_from_a_signal(error):
                raise
            encoded = self._mended(span)
        if len(encoded) > self.max_bytes:
            encoded = self._shortened(encoded)
        if own is None:
            _check_written(encoded, span)
        return encoded

    def _replace(self, value: object) -> object:
        for kind in _SCALARS:
            if issubclass(type(value), kind):  # one that a library made its own: a template's text, a NumPy number
                return _exactly(kind, value)
        self._note("replaced")
        return name_of(value)

    def _mended(self, span: object) -> bytes:
        self._note("replaced")
        try:
            plain = _plain(span, MAX_DEPTH, frozenset())
            _check(plain)
            return self._encode(plain)
        except Unencodable:
            raise
        except Exception as error:  # noqa: BLE001  the same
            raise Unencodable(f"{type(error).__name__} where it was mended") from None

    def _shortened(self, encoded: bytes) -> bytes:
        """With texts as long as fits, of those that are too long."""
        self._note("shortened")
        try:
            span = _plain(msgspec.json.decode(encoded), MAX_DEPTH, frozenset())
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:  # msgspec.Raw is written as it is, whatever it is
            raise Unencodable(f"{type(error).__name__} where it was shortened") from None
        longest = self.max_bytes // 4
        while longest >= SHORTEST:
            shorter: bytes = self._encode(_short(span, longest))
            if len(shorter) <= self.max_bytes:
                return shorter
            longest //= 8
        raise TooLarge(f"{len(encoded)} bytes, more than {self.max_bytes}, and not in its texts")


def name_of(value: object) -> str:
    """What stands for a value that cannot be encoded."""
    kind = type(value)
    try:
        module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
        return f"<{module}{kind.__qualname__}>"
    except Exception:  # noqa: BLE001  of a class that somebody else's code makes up
        return "<object>"


def _look_for_key(span: object) -> None:
    """Of one that is not plainly there. Raises Unencodable."""
    try:
        _check(span)
    except Unencodable:
        raise
    except Exception as error:  # noqa: BLE001  the same
        raise Unencodable(f"{type(error).__name__} where its key was looked for") from None


def _check_written(encoded: bytes, span: object) -> None:
    """How a type that is not ours looks from outside is not how it is written, perhaps. Raises Unencodable."""
    try:
        key = msgspec.json.decode(encoded, type=_Key)
    except msgspec.MsgspecError as error:
        raise Unencodable(f"{name_of(span)} is not written as a span: {error}") from None
    if not key.id or not key.trace_id:
        raise Unencodable(f"{name_of(span)} is written without its key")


def _check(span: object) -> None:
    """A span without a key would be refused, and its neighbours in the same post with it."""
    for name in ("id", "trace_id"):
        value: Any = span.get(name) if isinstance(span, Mapping) else getattr(span, name, None)
        if not issubclass(type(value), str) or not str.__len__(value):
            raise Unencodable(f"a span needs {name!r}, a text; found {name_of(value)} in {name_of(span)}")


def _plain(value: Any, depth: int, above: frozenset[int]) -> Any:
    """What JSON can say of a value, in new objects. above: of those that contain it, so that no circle is followed."""
    if value is None or value is True or value is False:
        return value
    try:
        for kind in _SCALARS:
            if issubclass(type(value), kind):
                return _exactly(kind, value)
        if depth == 0 or id(value) in above:
            return name_of(value)
        return _contents(value, depth - 1, above | {id(value)})
    except Exception:  # noqa: BLE001  a value that cannot be looked at
        return name_of(value)


def _exactly(kind: type, value: Any) -> Any:
    """The same, of no class of somebody else's, and such that JSON can say it."""
    if kind is str:
        return str.encode(value, "utf-8", "replace").decode()  # half of a surrogate pair is no text
    if kind is float:
        return float.__float__(value)
    return int.__int__(value) if int.bit_length(value) <= MAX_BITS else name_of(value)


def _contents(value: Any, depth: int, above: frozenset[int]) -> Any:
    if isinstance(value, Mapping):  # listed at once, since another thread may go on with it
        return {_key(key): _plain(each, depth, above) for key, each in list(value.items())}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each, depth, above) for each in list(value)]
    if isinstance(value, msgspec.Struct):
        return {name: _plain(getattr(value, name), depth, above) for name in value.__struct_fields__}
    try:
        return _plain(msgspec.to_builtins(value, builtin_types=()), depth, above)
    except Exception:  # noqa: BLE001  one that only looks as if it could be encoded
        return name_of(value)


def _key(key: Any) -> str:
    for kind in _SCALARS:
        if issubclass(type(key), kind) and type(key) is not bool:
            return str(_exactly(kind, key))
    return name_of(key)


def _short(value: Any, longest: int) -> Any:
    """With no text over `longest` characters."""
    if isinstance(value, str):
        return value if len(value) <= longest else f"{value[:longest]}… [shortened from {len(value)} characters]"
    if isinstance(value, dict):
        return {key: _short(each, longest) for key, each in value.items()}
    if isinstance(value, list):
        return [_short(each, longest) for each in value]
    return value
