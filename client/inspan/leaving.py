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


class Departing(Protocol):
    """What is left of a Leaver that nobody holds any more."""

    @property
    def is_over(self) -> bool: ...

    def wait(self) -> None:
        """Until it is."""


is_here = True  # None when the interpreter ends and has taken this module down: too late for anything

_leavers: "weakref.WeakSet[Leaver]" = weakref.WeakSet()
_departing: set[Departing] = set()
_armed_in = os.getpid()  # the process whose exit we are told of


def join(leaver: Leaver) -> None:
    """Tell this one too."""
    _leavers.add(leaver)


def depart(departing: Departing) -> None:
    """Let it end, though nobody holds it: a program of three lines has let go of its client when it exits."""
    _departing.difference_update([each for each in list(_departing) if each.is_over])
    _departing.add(departing)


def arm() -> None:
    """See to it that the exit of this process is heard of. Cheap where it is already."""
    global _armed_in
    if _armed_in != os.getpid():
        _armed_in = os.getpid()
        _arm_child()


def _arm_child(*_: object) -> None:
    """A child of os.fork has its parent's atexit. One of multiprocessing has lost it, and ends by os._exit after these
    finalizers: the lowest priority is the last to run."""
    util = sys.modules.get("multiprocessing.util")
    process = sys.modules.get("multiprocessing.process")
    if util is not None and process is not None and process.parent_process() is not None:
        util.Finalize(None, _leave, exitpriority=-100)


def _leave() -> None:
    deadline = time.monotonic() + BUDGET
    leavers = list(_leavers)
    for leaver in leavers:
        leaver.end(deadline)
    for leaver in leavers:
        leaver.wait(deadline)
    for departing in list(_departing):
        departing.wait()


def _begin_anew() -> None:
    _departing.clear()  # they are the parent's
    for leaver in list(_leavers):
        leaver.begin_anew()


def _listen() -> None:
    """From the import on, so that what others do at exit, who registered later, comes before our end."""
    os.register_at_fork(after_in_child=_begin_anew)
    atexit.register(_leave)
    util = sys.modules.get("multiprocessing.util")
    if util is not None:  # a child of `spawn` imports its main module before it forgets all finalizers, and says so
        util.register_after_fork(_arm_child, _arm_child)


_listen()
