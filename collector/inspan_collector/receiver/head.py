"""What a request head must be beyond what the parser checks. Pure: from parsed bytes to a `Head`, or `BadRequest`."""

from typing import Final

from inspan.wire import ACK, AGENT, SEQUENCE
from inspan_collector.agents import Agent
from inspan_collector.errors import InspanError
from inspan_collector.receiver.seam import Head

MAX_HEADERS: Final = 100
MAX_HEAD_BYTES: Final = 16 << 10  # URL, names and values; twice what nginx and Node.js allow one line

_METHODS: Final = {name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}

# Two of these leave open which one holds; of any other a repetition is one list (RFC 9110, 5.3).
_SINGLE: Final = frozenset(
    (
        *(
            b"host",
            b"content-length",
            b"transfer-encoding",
            b"content-type",
            b"content-encoding",
            b"expect",
            b"upgrade",
        ),
        *(name.lower().encode() for name in (ACK, AGENT, SEQUENCE)),
    )
)


class BadRequest(InspanError):
    """A request that is not HTTP, or not HTTP that we understand. The connection cannot go on."""


def repeat(headers: dict[bytes, bytes], name: bytes, value: bytes) -> None:
    """Take the second and later headers of one name."""
    if name in _SINGLE:
        raise BadRequest(f"two {name.decode('latin-1')} headers: send one")
    headers[name] += b", " + value


def weigh(url: bytes, headers: dict[bytes, bytes], repeats: int) -> None:
    """Raise BadRequest for a head over its limits. repeats: headers that `repeat` folded into another."""
    if len(headers) + repeats > MAX_HEADERS:
        raise BadRequest(f"over {MAX_HEADERS} headers")
    if len(url) + sum(map(len, headers)) + sum(map(len, headers.values())) > MAX_HEAD_BYTES:
        raise BadRequest(f"the head is over {MAX_HEAD_BYTES} bytes")


def read_head(method: bytes, url: bytes, headers: dict[bytes, bytes], version: str, agent: Agent) -> Head:
    """The head as its reader wants it. version: "1.1", "1.0", or what else the client claims to speak."""
    if version != "1.1":
        _check_version(version, headers)
    elif b"host" not in headers:
        raise BadRequest("no host header: HTTP/1.1 asks for one, and it may be empty")
    if len(headers) > MAX_HEADERS:
        raise BadRequest(f"over {MAX_HEADERS} headers")
    path = url.decode("latin-1")
    if path[0] != "/":
        raise BadRequest("the target must be a path, as in POST /v1/traces; this is no proxy")
    if "?" in path:
        path = path.partition("?")[0]
    size: int | None = int(headers.get(b"content-length", 0))
    if b"transfer-encoding" in headers:
        _check_coding(headers[b"transfer-encoding"])
        size = None
    expect = b"expect" in headers and version == "1.1" and headers[b"expect"].lower() == b"100-continue"
    return Head(_METHODS.get(method) or _rare(method), path, headers, size, expect, agent)


def _rare(method: bytes) -> str:
    if method == b"CONNECT":
        raise BadRequest("this is no proxy: nothing to connect to")
    return method.decode("latin-1")


def _check_version(version: str, headers: dict[bytes, bytes]) -> None:
    if version != "1.0":
        raise BadRequest(f"HTTP/{version} is not spoken here: use HTTP/1.1")
    if b"transfer-encoding" in headers:
        # RFC 9112, 6.1: a proxy that does not know the header would see another end of this message.
        raise BadRequest("HTTP/1.0 has no transfer-encoding")


def _check_coding(value: bytes) -> None:
    coding = value.strip().lower()
    if coding != b"chunked":
        raise BadRequest(f"transfer-encoding {coding[:40].decode('latin-1')}: only chunked is understood")
