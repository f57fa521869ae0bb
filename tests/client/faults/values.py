"""Values that agents put into spans, odd ones above all; made by chance, from a seed."""

import collections
import dataclasses
import datetime
import decimal
import enum
import pathlib
import random
import types
import uuid
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec


class Raising:
    """Nothing of it can be asked."""

    def __iter__(self) -> Iterator[int]:
        raise RuntimeError("no")

    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__
    __len__ = __bool__ = __hash__ = __eq__ = __index__ = __float__ = __fspath__ = __str__  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        raise KeyError(name)


class Disguised:
    """Even its class cannot be asked."""

    @property
    def __class__(self) -> Any:
        raise RuntimeError("no")


class _Meta(type):
    @property
    def __module__(cls) -> str:  # type: ignore[override]
        raise RuntimeError("no")


class Nameless(metaclass=_Meta):
    pass


class Text(str):
    def __str__(self) -> str:
        raise RuntimeError("no")

    def encode(self, *_: Any) -> bytes:
        raise RuntimeError("no")


class Whole(int):
    def __int__(self) -> int:
        raise RuntimeError("no")

    __str__ = __repr__ = __index__ = __int__  # type: ignore[assignment]


class Real(float):
    def __float__(self) -> float:
        raise RuntimeError("no")


class Members(dict[Any, Any]):
    def items(self) -> Any:
        raise RuntimeError("no")

    __iter__ = keys = values = items


class Words(list[Any]):
    def __iter__(self) -> Any:
        raise RuntimeError("no")


class Colour(enum.Enum):
    RED = "red"
    ODD = object()


class Level(enum.IntEnum):
    LOW = 1


@dataclasses.dataclass
class Record:
    a: Any = 1
    b: Any = dataclasses.field(default_factory=Disguised)


class Shape(msgspec.Struct):
    a: Any = 1
    b: Any = b"\xff"


class Array:
    """As NumPy's: iterable, with a length, and of no truth."""

    def __array__(self) -> Any:
        raise RuntimeError("no")

    def __bool__(self) -> bool:
        raise ValueError("ambiguous")

    def __iter__(self) -> Iterator[int]:
        return iter([1, 2])


class Model:
    """As pydantic's."""

    def model_dump(self) -> Any:
        raise RuntimeError("no")


class Zone(datetime.tzinfo):
    def utcoffset(self, when: Any) -> Any:
        raise RuntimeError("no")


def circle() -> list[Any]:
    made: list[Any] = [1]
    made.append({"again": made})
    return made


def deep(levels: int) -> Any:
    made: Any = "core"
    for level in range(levels):
        made = [made] if level % 2 else {"d": made}
    return made


SIMPLE: Final[tuple[Callable[[], Any], ...]] = (
    lambda: None,
    lambda: True,
    lambda: 17,
    lambda: 0.25,
    lambda: "text",
    lambda: 'ünï\u2028 \U0001f600 \x00\x1f"\\',
    dict,
    list,
)
ODD: Final[tuple[Callable[[], Any], ...]] = (
    object,
    Raising,
    Disguised,
    Nameless,
    lambda: Text("text"),
    lambda: Whole(3),
    lambda: Real(0.5),
    lambda: Members(a=1),
    lambda: Words([1]),
    lambda: Colour.RED,
    lambda: Colour.ODD,
    lambda: Level.LOW,
    lambda: Colour,
    Record,
    Shape,
    Array,
    Model,
    circle,
    lambda: deep(90),
    lambda: deep(300),
    lambda: deep(10_000),
    lambda: float("nan"),
    lambda: float("-inf"),
    lambda: -0.0,
    lambda: 2**63,
    lambda: -(2**64),
    lambda: 10**400,
    lambda: 10**5000,
    lambda: b"\xff\x00",
    lambda: bytearray(b"x"),
    lambda: memoryview(b"x"),
    lambda: {1, "a"},
    lambda: frozenset({1}),
    lambda: (1, (2,)),
    lambda: range(3),
    lambda: (each for each in [1]),
    lambda: iter([1]),
    lambda: "half \ud800",
    lambda: "\udfff" * 3,
    lambda: {"\ud800": 1, 1: 2, 1.5: 3, None: 4, (1,): 6, b"k": 7, Colour.RED: 8},
    lambda: {True: 5},
    lambda: {Whole(1): 1, Text("k"): 2, Real(1.5): 3},
    lambda: {float("nan"): 1, float("inf"): 2, 10**400: 3, 10**5000: 4},
    lambda: decimal.Decimal("NaN"),
    lambda: decimal.Decimal("1E+999999"),
    lambda: uuid.UUID(int=5),
    lambda: pathlib.Path("/x\udcff"),
    lambda: datetime.datetime(2025, 1, 1),  # noqa: DTZ001  naive, as agents have them
    lambda: datetime.datetime(2025, 1, 1, tzinfo=Zone()),
    lambda: datetime.date(1, 1, 1),
    lambda: datetime.time(1, 2),
    lambda: datetime.timedelta(days=-1),
    lambda: types.MappingProxyType({"a": object()}),
    lambda: collections.OrderedDict(a=1),
    lambda: collections.defaultdict(list, a=[1]),
    lambda: collections.Counter("aab"),
    lambda: collections.deque([1]),
    lambda: collections.ChainMap({"a": 1}),
    lambda: collections.namedtuple("Pair", "a b")(1, 2),
    lambda: types.SimpleNamespace(a=1),
    lambda: ValueError("no"),
    lambda: ValueError,
    lambda: len,
    lambda: lambda: 0,
    lambda: Ellipsis,
    lambda: msgspec.UNSET,
    lambda: msgspec.Raw(b'{"raw": 1}'),
    lambda: 3 + 4j,
)


def value(rng: random.Random, depth: int = 3) -> Any:
    """Any value, with odd ones in it here and there."""
    kind = rng.random()
    if depth == 0 or kind < 0.3:
        return rng.choice(SIMPLE)()
    if kind < 0.6:
        return rng.choice(ODD)()
    if kind < 0.8:
        return [value(rng, depth - 1) for _ in range(rng.randrange(4))]
    return {f"k{n}": value(rng, depth - 1) for n in range(rng.randrange(4))}
