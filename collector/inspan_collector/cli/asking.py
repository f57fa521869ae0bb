"""How a command asks the running sidecar, over its control socket."""

import argparse
import contextlib
import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from inspan.wire import default_socket
from inspan_collector.cli.send import UnixConnection
from inspan_collector.config.model import CONTROL
from inspan_collector.errors import InspanError

# s; to replay or drop everything reads and writes 64 MiB of a destination on a disk that may be slow.
TIMEOUT: Final = 600.0


class Failed(InspanError):
    """The command did not do what it was asked: exit code 1."""


class Misused(InspanError):
    """The command cannot be started so: exit code 2."""


def add_control(parser: argparse.ArgumentParser) -> None:
    """The option that names the control socket."""
    parser.add_argument("--control", type=Path, metavar="PATH", help=f"default: {CONTROL} beside the agents' socket")


def ask(arguments: argparse.Namespace, method: str, path: str, body: Any = None, **query: Any) -> Any:
    """What the sidecar answers. query: what is None is left out. Raises Failed."""
    with asked(arguments, method, path, body, **query) as (_, answer):
        return json.loads(answer.read())


@contextlib.contextmanager
def asked(
    arguments: argparse.Namespace, method: str, path: str, body: Any = None, *, timeout: float = TIMEOUT, **query: Any
) -> Iterator[tuple[UnixConnection, http.client.HTTPResponse]]:
    """The answer, to be read while the context is open; whatever breaks it off becomes Failed.

    timeout: seconds without a byte.
    """
    where = arguments.control or default_socket().parent / CONTROL
    said = urlencode({name: value for name, value in query.items() if value is not None})
    connection = UnixConnection(where, timeout)
    try:
        payload = None if body is None else json.dumps(body).encode()
        try:
            connection.request(method, f"{path}?{said}" if said else path, payload)
            answer = connection.getresponse()
        except BrokenPipeError as error:
            raise _failed(where, error) from None
        if answer.status != http.client.OK:
            words = json.loads(answer.read()).get("error", f"the sidecar answered {answer.status}")
            if not isinstance(words, str):  # as agents are answered
                words = f"{where}: this is the agents' socket; name the sidecar's {CONTROL} with --control"
            raise Failed(words)
        yield connection, answer
    except BrokenPipeError:
        raise  # of what is printed meanwhile: who reads it has gone
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _failed(where, error) from None
    finally:
        connection.close()


def _failed(where: Path, error: Exception) -> Failed:
    """What is wrong there, and what to do."""
    if isinstance(error, PermissionError):
        return Failed(f"{where}: permission denied; run it as the user that the sidecar runs as, or as root")
    if isinstance(error, FileNotFoundError):
        return Failed(
            f"{where}: no such socket; is a sidecar running (inspan run)? If its socket.path is elsewhere, "
            "name its control.sock with --control"
        )
    why = getattr(error, "strerror", None) or error or type(error).__name__
    return Failed(f"{where}: {why}; is a sidecar running (inspan run)?")
