"""The live feed of an admin address, as it comes: server-sent events (WHATWG HTML, section 9.2)."""

import os
from collections.abc import AsyncIterator
from typing import Final

import aiohttp

from inspan_collector.errors import InspanError

# s without a byte: a moment comes each second, and what is away should be said before a person wonders.
SILENCE: Final = 4.0
MAX_FRAME: Final = 64 << 20  # bytes; ten minutes of a hundred destinations are 3 MB
END: Final = b"\n\n"


class Away(InspanError):
    """It does not answer, or not any more. The message says why."""


class Unusable(InspanError):
    """It answers, and will not serve us. The message says what it answers."""


async def listen(session: aiohttp.ClientSession, url: str) -> AsyncIterator[tuple[str, bytes]]:
    """(event, data), until it is away. Raises Away and Unusable."""
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=SILENCE, sock_read=SILENCE)
    try:
        async with session.get(f"{url}/live", timeout=timeout) as answer:
            if answer.status != 200:
                words = (await answer.text())[:200].strip()
                raise Unusable(f"{answer.status} {words or answer.reason}")
            async for frame in _frames(answer):
                name, _, data = frame.partition(b"\n")
                yield name.removeprefix(b"event: ").decode(), data.removeprefix(b"data: ")
    except TimeoutError:
        raise Away("it does not answer") from None
    except aiohttp.ClientConnectorError as error:
        raise Away(os.strerror(error.errno) if error.errno else str(error)) from None
    except aiohttp.ClientPayloadError:
        raise Away("it has ended, or the connection was broken off") from None
    except (aiohttp.ClientError, OSError) as error:
        raise Away(str(error) or type(error).__name__) from None
    raise Away("it has ended")


async def _frames(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    held = bytearray()
    async for piece in answer.content.iter_any():
        begin = max(0, len(held) - 1)
        held += piece
        while (end := held.find(END, begin)) >= 0:
            yield bytes(held[:end])
            del held[: end + len(END)]
            begin = 0
        if len(held) > MAX_FRAME:
            raise Unusable("this is no live feed")
