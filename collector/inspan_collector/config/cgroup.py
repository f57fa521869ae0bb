"""How much memory spans may take: from the configuration, else from what the container is given."""

from pathlib import Path
from typing import Final

from inspan_collector.config.model import Config

SHARE: Final = 0.4  # of the cgroup's limit: joined and compressed bodies, buffers and the interpreter need the rest
WITHOUT_LIMIT: Final = 256 * 1024 * 1024  # bytes, where nobody limits us: a sidecar is a guest on its machine
UNLIMITED: Final = 1 << 60  # cgroup v1 writes "no limit" as the largest multiple of a page, 2^63 - 4096
ROOT: Final = Path("/sys/fs/cgroup")
FILES: Final = ("memory.max", "memory/memory.limit_in_bytes")  # cgroup v2, then v1, as a container sees its own


def memory_limit(config: Config, cgroup_limit: int | None) -> int:
    """Bytes of spans that the process may hold. cgroup_limit: bytes, None where there is no limit."""
    if not config.memory.max_bytes.auto:
        return int(config.memory.max_bytes)
    return WITHOUT_LIMIT if cgroup_limit is None else int(cgroup_limit * SHARE)


def read_cgroup_limit(root: Path = ROOT) -> int | None:
    """Bytes that the cgroup allows; None where it does not say, or says there is no limit."""
    for name in FILES:
        try:
            text = (root / name).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            continue  # the other version, or no cgroups: "does not say" is an answer
        if text.isdigit():
            limit = int(text)
            return limit if 0 < limit < UNLIMITED else None
    return None
