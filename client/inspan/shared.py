"""The client of ways in that were given none: one thread and one connection are enough for all of a process."""

from functools import cache

from inspan.client import Client


@cache  # two threads that ask first, at once, may get one each: both work
def shared() -> Client:
    """A client with the defaults of `inspan.Client`, the same at each call. It is closed when the process exits."""
    return Client()
