"""What it was measured on, as the harness finds it."""

import os
import platform
import subprocess
from importlib.metadata import version

from bench.harness.row import Machine
from bench.machine import LIBRARIES, model
from bench.process import ROOT


def machine() -> Machine:
    """This one."""
    return Machine(
        model=model(),
        cores=len(os.sched_getaffinity(0)),
        kernel=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=f"{platform.python_implementation()} {platform.python_version()}, {'-'.join(platform.libc_ver())}",
        libraries=", ".join(f"{name} {version(name)}" for name in LIBRARIES),
        commit=_commit(),
        load=os.getloadavg()[0],
    )


def _commit() -> str:
    """What is checked out, and whether it was changed since; empty where there is no git."""
    try:
        said = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--exclude=*"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return said.stdout.strip()
