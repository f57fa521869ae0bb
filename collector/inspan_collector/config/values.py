"""Values that are written with a unit, and addresses. Each is made from what the file says, or raises ValueError."""

import math
import re
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from inspan_collector.config.secret import Secret as Secret  # one place to import every value from

KIB: Final = 1024
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)", re.ASCII | re.IGNORECASE)
_BYTES: Final = {
    "": 1,
    "b": 1,
    "kb": 1000,
    "mb": 1000**2,
    "gb": 1000**3,
    "kib": KIB,
    "mib": KIB**2,
    "gib": KIB**3,
    "ki": KIB,  # as Kubernetes writes the limit that stands beside ours
    "mi": KIB**2,
    "gi": KIB**3,
}
_TIME: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(us|ms|s|m|h|)", re.ASCII)
_PERCENT: Final = re.compile(r"(\d+(?:\.\d+)?)\s*%", re.ASCII)
_SECONDS: Final = {"us": 1e-6, "ms": 1e-3, "": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


class Size(int):
    """Bytes, at least 1. Made from a whole number or from text such as `64MiB`, `4MB`."""

    def __new__(cls, value: int | str) -> Self:
        """Errors: ValueError where it is no size."""
        size = _bytes(value) if isinstance(value, str) else value
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise ValueError(f"expected a size such as 64MiB or 4MB, got {value!r}")
        return super().__new__(cls, size)

    @property
    def shown(self) -> str:
        """The shortest exact text that reads back as this size."""
        for unit, factor in (("GiB", KIB**3), ("MiB", KIB**2), ("KiB", KIB)):
            if self and self % factor == 0:
                return f"{self // factor}{unit}"
        return str(int(self))


class Budget(Size):
    """A size, or `auto`, which is 0 here: what it comes to is known only where the process runs."""

    def __new__(cls, value: int | str = "auto") -> Self:
        """Errors: ValueError where it is neither a size nor `auto`."""
        if value == "auto":
            return int.__new__(cls, 0)
        return super().__new__(cls, value)

    @property
    def auto(self) -> bool:
        return self == 0

    @property
    def shown(self) -> str:
        """The text that reads back as this budget."""
        return "auto" if self.auto else Size(self).shown


class Seconds(float):
    """A length of time, 0 or more. Made from a number of seconds or from text such as `100ms`, `2s`, `5m`, `1h`."""

    def __new__(cls, value: float | str) -> Self:
        """Errors: ValueError where it is no length of time."""
        seconds = _seconds(value) if isinstance(value, str) else value
        number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        if seconds is None or not number or not math.isfinite(seconds) or seconds < 0:
            raise ValueError(f"expected a time such as 100ms, 2s, 5m or 1h, got {value!r}")
        return super().__new__(cls, seconds)

    @property
    def shown(self) -> str:
        """The shortest exact text that reads back as this time."""
        for unit in ("h", "m", "s", "ms", "us"):
            count = round(self / _SECONDS[unit])
            if count and count * _SECONDS[unit] == self:
                return f"{count}{unit}"
        return f"{float(self):.17f}".rstrip("0").rstrip(".") + "s"


class Percent(float):
    """A part of a whole, over 0 and at most 1. Made from text such as `25%`."""

    def __new__(cls, value: str | float) -> Self:
        """Errors: ValueError where it is no such part."""
        match = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
        part = float(match[1]) / 100 if match else value
        if not isinstance(part, float) or not 0 < part <= 1:
            raise ValueError(f"expected a percentage such as 25%, over 0% and at most 100%, got {value!r}")
        return super().__new__(cls, part)

    @property
    def shown(self) -> str:
        """The shortest exact text that reads back as this percentage."""
        return f"{float(self) * 100:.12g}%"


class Address(str):
    """`host:port`, the host of IPv6 in brackets. Port 0 asks the system for a free one."""

    __slots__ = ()

    def __new__(cls, value: str) -> Self:
        """Errors: ValueError where it is no address."""
        host, _, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
        bracketed = host.startswith("[") and host.endswith("]")
        fits = re.fullmatch(r"[0-9]{1,5}", port) and int(port) <= 0xFFFF
        if not host.strip("[]") or not fits or (":" in host and not bracketed):
            raise ValueError(f"expected host:port such as 127.0.0.1:4318, got {value!r}")
        return super().__new__(cls, value)

    @property
    def host(self) -> str:
        return self.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.rpartition(":")[2])


def decode(kind: type[Any], value: Any) -> Any:
    """The `dec_hook` of msgspec for these types; the value itself where it is one already.

    Errors: ValueError where the value does not fit.
    """
    if isinstance(value, kind):
        return value
    if issubclass(kind, Size | Seconds | Percent | Address):
        return kind(value)
    if issubclass(kind, Path) and isinstance(value, str) and value and "\0" not in value:
        return kind(value)
    raise ValueError(f"expected {'a path' if issubclass(kind, Path) else 'text'}, got {type(value).__name__}")


def size(text: str) -> Size:
    """A field whose default is this size. By factory: msgspec cannot write our types into a JSON schema as defaults."""
    return msgspec.field(default_factory=lambda: Size(text))


def seconds(text: str) -> Seconds:
    """A field whose default is this time. By factory, as for `size`."""
    return msgspec.field(default_factory=lambda: Seconds(text))


def percent(text: str) -> Percent:
    """A field whose default is this percentage. By factory, as for `size`."""
    return msgspec.field(default_factory=lambda: Percent(text))


def address(text: str) -> Address:
    """A field whose default is this address. By factory, as for `size`."""
    return msgspec.field(default_factory=lambda: Address(text))


def _bytes(text: str) -> int | None:
    match = _SIZE.fullmatch(text.strip())
    factor = _BYTES.get(match[2].lower()) if match else None
    if match is None or factor is None:
        return None
    return int(float(match[1]) * factor) if "." in match[1] else int(match[1]) * factor


def _seconds(text: str) -> float | None:
    match = _TIME.fullmatch(text.strip())
    return float(match[1]) * _SECONDS[match[2]] if match else None
