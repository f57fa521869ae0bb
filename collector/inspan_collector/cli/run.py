"""`inspan run`: the sidecar."""

import argparse
import asyncio
import ctypes
import gc
import logging
import os
import resource
import signal
import threading
from pathlib import Path
from typing import Final

import uvloop

from inspan_collector.cli.logs import log_to_stderr
from inspan_collector.config.load import Resolved, read, resolve
from inspan_collector.errors import ConfigError
from inspan_collector.service import Service
from inspan_collector.stopping import Stop

# glibc trims its heap after each large body and faults the pages in again for the next: with both thresholds raised,
# receiving 438 KB costs half. Setting one alone switches off what adapts the other, and costs five times as much.
M_TRIM_THRESHOLD: Final = -1
M_MMAP_THRESHOLD: Final = -3
TRIM_BYTES: Final = 128 << 20
MMAP_BYTES: Final = 32 << 20
# A chunk is four objects and none of them is in a cycle. At Python's own thresholds the collector looks at all that
# wait, again and again: 7 % of a one-span request.
GC_THRESHOLDS: Final = (50_000, 20, 50)

FILE: Final = "INSPAN_CONFIG"
TEXT: Final = "INSPAN_CONFIG_YAML"  # a pod's own manifest can carry it, and then no file beside it can be another's

log = logging.getLogger("inspan")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_config(parser)


def add_config(parser: argparse.ArgumentParser) -> None:
    """The option that names the configuration file."""
    parser.add_argument("-c", "--config", type=Path, metavar="FILE", help=f"default: ${FILE}, else the text in ${TEXT}")


def read_config(arguments: argparse.Namespace) -> Resolved:
    """The configuration that a command was given: by its option, else by a variable. Raises ConfigError."""
    file, text = os.environ.get(FILE), os.environ.get(TEXT)
    if arguments.config is not None:
        return read(arguments.config, os.environ)
    if file and text:
        raise ConfigError(f"{FILE} and {TEXT} are both set, and each would be the whole configuration; take one out")
    if text:
        return resolve(text, TEXT, os.environ)
    return read(Path(file) if file else None, os.environ)


def execute(arguments: argparse.Namespace) -> int:
    """Run the command. Returns the exit code."""
    resolved = read_config(arguments)
    tune_process()
    log_to_stderr()
    for note in resolved.notes:
        log.info(note, extra={"kind": "default"})
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(resolved))
    if any(thread is not threading.main_thread() and not thread.daemon for thread in threading.enumerate()):
        # One that hangs in a system call would be joined for ever. The books are closed and written.
        logging.shutdown()
        os._exit(0)
    return 0


def tune_process() -> None:
    """Settings of the process that the sidecar counts on."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is not None:
        mallopt(M_TRIM_THRESHOLD, TRIM_BYTES)
        mallopt(M_MMAP_THRESHOLD, MMAP_BYTES)
    gc.freeze()  # what was imported is there to stay
    gc.set_threshold(*GC_THRESHOLDS)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # 1,024 connections do not fit into the usual 1,024


async def _serve(resolved: Resolved) -> None:
    stop = Stop()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.request)
    await Service(resolved.config).run(stop)
