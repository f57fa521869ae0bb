"""Forks and exits: every client of a process starts anew in a child, and ends with its process, within one budget."""

import atexit
import os
import sys
import time
import weakref
from typing import Final, Protocol

BUDGET: Final = 2.0  # s that an exit may take for all clients together


class Leaver(Protocol):
    """What is told of forks and exits."""

    def begin_anew(self) -> None:
        """We are the child of a fork."""

    def end(self, deadline: float) -> None:
        """The process ends at `deadline` (monotonic seconds). Does not wait."""

    def wait(self, deadline: float) -> None:
        """Until that is done."""


_leavers: "weakref.WeakSet[Leaver]" = weakref.WeakSet()
_armed_in = 0  # the process whose exit we are told of


def join(leaver: Leaver) -> None:
    """Tell this one too."""
    _leavers.add(leaver)


def arm() -> None:
    """See to it that the exit of this process is heard of. Cheap where it is already."""
    global _armed_in
    if _armed_in == os.getpid():
        return
    _armed_in = os.getpid()
    atexit.unregister(_leave)
    atexit.register(_leave)
    util = sys.modules.get("multiprocessing.util")
    process = sys.modules.get("multiprocessing.process")
    if util is not None and process is not None and process.parent_process() is not None:
        # A forked child of multiprocessing ends by os._exit; before Python 3.13 it runs these alone.
        util.Finalize(None, _leave, exitpriority=-100)


def _leave() -> None:
    deadline = time.monotonic() + BUDGET
    leavers = list(_leavers)
    for leaver in leavers:
        leaver.end(deadline)
    for leaver in leavers:
        leaver.wait(deadline)


def _begin_anew() -> None:
    for leaver in list(_leavers):
        leaver.begin_anew()


os.register_at_fork(after_in_child=_begin_anew)
