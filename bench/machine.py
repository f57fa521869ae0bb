"""What the figures were measured on."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("aiohttp", "httptools", "isal", "msgspec", "protobuf", "uvloop")


def describe() -> list[str]:
    """Lines about cores, kernel, Python and libraries."""
    cores = sorted(os.sched_getaffinity(0))
    load = " ".join(f"{value:.2f}" for value in os.getloadavg())
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return [
        f"machine   {model()}, cores {cores}, load {load}",
        f"kernel    {platform.system()} {platform.release()} {platform.machine()}, {'-'.join(platform.libc_ver())}",
        f"python    {platform.python_implementation()} {platform.python_version()}; {libraries}",
        f"inspan    {version('inspan')}",
    ]


def model() -> str:
    """The name of the processor."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
