"""Where agents connect: the unix socket with its rules, and a TCP address."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from inspan_collector.config.model import SocketConfig
from inspan_collector.config.values import Address
from inspan_collector.errors import StartError
from inspan_collector.sockets import BACKLOG, bound

Factory = Callable[[], asyncio.Protocol]


@contextlib.asynccontextmanager
async def listen_unix(config: SocketConfig, factory: Factory) -> AsyncIterator[Path]:
    """Listen on a unix socket while the context is open, and yield its path.

    Errors: StartError where the path is too long, taken by a live server or by what is no socket, or not ours to use.
    The socket is bound here and handed to the loop: given a path, uvloop unlinks whatever socket it finds there.
    """
    with bound(config.path, int(config.mode, 8), config.group) as sock:
        server = await asyncio.get_running_loop().create_unix_server(factory, sock=sock, backlog=BACKLOG)
        try:
            yield config.path
        finally:
            server.close()  # and not wait_closed: from 3.12 on that waits for the connections, which outlive this


@contextlib.asynccontextmanager
async def listen_tcp(address: Address, factory: Factory) -> AsyncIterator[tuple[str, int]]:
    """Listen on host:port while the context is open, and yield where: port 0 has become a real one.

    Errors: StartError where the address is in use or not ours.
    """
    try:
        server = await asyncio.get_running_loop().create_server(factory, address.host, address.port, backlog=BACKLOG)
    except OSError as error:
        raise StartError(f"cannot listen on {address}: {error.strerror or error}; set `listen` to another") from error
    try:
        host, port = server.sockets[0].getsockname()[:2]
        yield host, port
    finally:
        server.close()
