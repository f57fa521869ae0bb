"""The resolved configuration: one Struct a stage, made once, never changed. Sizes in bytes, times in seconds."""

import ipaddress
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from msgspec import Meta, Struct, field

from inspan.wire import MAX_SOCKET_PATH
from inspan_collector.config.destination import FOREIGN_KEYS
from inspan_collector.config.destination import BatchConfig as BatchConfig
from inspan_collector.config.destination import DedupeConfig as DedupeConfig
from inspan_collector.config.destination import DestinationConfig as DestinationConfig
from inspan_collector.config.destination import QueueConfig as QueueConfig
from inspan_collector.config.destination import RetryConfig as RetryConfig
from inspan_collector.config.destination import RotateConfig as RotateConfig
from inspan_collector.config.destination import TlsConfig as TlsConfig
from inspan_collector.config.destination import TrailConfig as TrailConfig
from inspan_collector.config.destination import UpsertConfig as UpsertConfig
from inspan_collector.config.spool import SpoolConfig as SpoolConfig
from inspan_collector.config.unfit import Unfit, need_positive
from inspan_collector.config.values import Address, Budget, Seconds, Size, address, seconds, size

PORTS: Final = {"http": 80, "https": 443}
REMEMBERED: Final = 1 / 2  # of the byte budget at most for what is remembered of spans: the rest is for spans
CONTROL: Final = "control.sock"  # beside the agents' socket: the door of the commands that show or change something


class SocketConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The unix socket. `path` has no default here: it depends on the environment, and `load` fills it in."""

    path: Path
    mode: Annotated[str, Meta(pattern="^0?[0-7]{3}$")] = (
        "0660"  # agents in a pod often run as another user of one group
    )
    group: str | int | None = None  # a name, or a gid where the image knows no names
    allow_uids: tuple[Annotated[int, Meta(ge=0)], ...] | None = None

    def __post_init__(self) -> None:
        length = len(os.fsencode(self.path))
        if length > MAX_SOCKET_PATH:
            raise Unfit(
                "path", f"is {length} bytes long, and a socket's path holds {MAX_SOCKET_PATH}; choose a shorter one"
            )
        if self.path.name == CONTROL:
            raise Unfit("path", f"{CONTROL} is the socket for commands in the same directory; choose another name")
        length = len(os.fsencode(self.control))
        if length > MAX_SOCKET_PATH:
            raise Unfit(
                "path",
                f"{self.control} beside it is {length} bytes long, and a socket's path holds {MAX_SOCKET_PATH}; "
                "choose a shorter directory",
            )

    @property
    def control(self) -> Path:
        """The socket for commands."""
        return self.path.parent / CONTROL


class AdminConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    listen: Address | None = address("127.0.0.1:19464")  # 9464 is every OpenTelemetry SDK's own
    # Names that its clients may call it, and a `listen` on loopback: addresses and localhost are always ours.
    allow_hosts: tuple[Annotated[str, Meta(pattern="^[A-Za-z0-9._-]+$")], ...] = ()


class MemoryConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    max_bytes: Budget = field(default_factory=Budget)  # auto: see cgroup.memory_limit


class LimitsConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    max_request_bytes: Size = size("16MiB")  # 512 spans of an LLM agent pass 1 MiB; SDKs lose what gets a 413
    max_span_bytes: Size = size("4MiB")  # a long conversation with images; more would fill a batch alone
    max_connections: Annotated[int, Meta(ge=1)] = 1024  # a pod has tens of agent processes; more is a leak
    header_timeout: Seconds = seconds("10s")  # local peers send a head at once; a dripping one is broken
    body_timeout: Seconds = seconds("30s")  # 16 MiB from a process that shares a throttled CPU
    idle_timeout: Seconds = seconds(
        "75s"
    )  # over the 60 s of common pools: the agent lets go first, never under its post

    def __post_init__(self) -> None:
        need_positive(self, "header_timeout", "body_timeout", "idle_timeout")
        if self.max_span_bytes > self.max_request_bytes:
            raise Unfit(
                "max_span_bytes",
                f"{self.max_span_bytes.shown} is more than max_request_bytes ({self.max_request_bytes.shown}); "
                "no such span could arrive: lower it, or raise the request's",
            )


class DrainConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    deadline: Seconds = seconds("20s")  # leaves 10 s of the 30 that Kubernetes gives a pod
    linger: Seconds = seconds("0s")  # a native sidecar is stopped after the agents: nobody posts any more
    termination_message: Path | None = None

    def __post_init__(self) -> None:
        need_positive(self, "deadline")
        if self.linger >= self.deadline:
            raise Unfit(
                "linger",
                f"{self.linger.shown} is not less than deadline ({self.deadline.shown}); no time would be left to send",
            )


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything a sidecar is told, with every default filled in."""

    socket: SocketConfig
    listen: Address | None = None
    admin: AdminConfig = field(default_factory=AdminConfig)
    memory: MemoryConfig = field(default_factory=MemoryConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    destinations: tuple[DestinationConfig, ...]
    spool: SpoolConfig | None = None  # a directory that outlives the process has to be given first
    drain: DrainConfig = field(default_factory=DrainConfig)

    def __post_init__(self) -> None:
        """Errors: Unfit, which names the key that does not fit another."""
        if not self.destinations:
            raise Unfit("destinations", "expected at least one")
        first: dict[str, int] = {}
        paths: dict[Path, int] = {}
        for index, destination in enumerate(self.destinations):
            taken = first.setdefault(destination.name, index)
            if taken != index:
                raise Unfit(f"destinations[{index}].name", f"{destination.name} is already destinations[{taken}]")
            if destination.path is not None and paths.setdefault(destination.path, index) != index:
                why = (
                    f"is destinations[{paths[destination.path]}].path too; two writers would rotate each other's files"
                )
                raise Unfit(f"destinations[{index}].path", why)
            if self.listen and _leads_to(destination.url, self.listen):
                why = f"is our own listener ({self.listen}); spans would go in circles: name the upstream"
                raise Unfit(f"destinations[{index}].url", why)
        self._fit_memory()
        if self.listen and self.admin.listen and self.listen.port == self.admin.listen.port != 0:
            raise Unfit("listen", f"uses port {self.listen.port}, and so does admin.listen; change one")

    def _fit_memory(self) -> None:
        remembered = sum(each.remembered for each in self.destinations)
        if not self.memory.max_bytes.auto and remembered > self.memory.max_bytes * REMEMBERED:
            raise Unfit(
                "memory.max_bytes",
                f"{self.memory.max_bytes.shown} leaves less than half to spans: upsert.dedupe and upsert.trail may "
                f"take {Size(remembered).shown}; raise it, or lower upsert.trail.max_bytes or upsert.dedupe.max_keys",
            )


def orphan_after(destinations: Sequence[DestinationConfig]) -> float:
    """Seconds of silence after which an agent is lost: the shortest that a destination names.

    Only those count that upsert: the key means nothing to the others, so theirs is a default that nobody chose.
    """
    named = [each.upsert.orphan_after for each in destinations if "upsert" not in FOREIGN_KEYS[each.kind]]
    return min(named, default=UpsertConfig().orphan_after)


# Of the design, and refused by name: ignoring one would be a false promise.
KINDS_NOT_YET: Final = frozenset({"kafka"})


def _leads_to(url: str | None, listen: Address) -> bool:
    if url is None:
        return False
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    return port == listen.port and (host == listen.host.lower() or (_is_here(host) and _is_here(listen.host)))


def _is_here(host: str) -> bool:
    """Whether connecting to this host stays on this machine, as far as its text tells."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        number = ipaddress.ip_address(host)
    except ValueError:
        return False
    return number.is_loopback or number.is_unspecified
