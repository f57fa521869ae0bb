"""The sinks as the measurements see them: one process for a whole run, asked over HTTP."""

import http.client
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from bench.peers.noop import MALLOC
from bench.peers.starting import inherited
from bench.process import Failed, Process
from bench.rows import Account, Tally
from bench.rows_sink import ANSWER
from bench.sink import Seen

PATIENCE: Final = 10.0  # s for an answer
STALL: Final = 6.0  # s without a new span, after which the rest is taken for lost; over rotel's first backoff of 5
LOOK: Final = 0.02  # s
DRAINED: Final = 0.3  # s without a span: over any linger that is measured


class Server:
    """A process of ours that is an upstream, on a core of its own, or the generator's."""

    def __init__(self, module: str, core: int, scratch: Path, *options: str) -> None:
        argv = [sys.executable, "-m", module, *options]
        self.process = Process(argv, core, scratch / f"{module}.log", inherited() | MALLOC, asked=True)
        self.port = int(self.process.ask("", PATIENCE))
        self.url = f"http://127.0.0.1:{self.port}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.url}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.__exit__()

    def forget(self) -> None:
        """Count from zero."""
        self._ask("POST", "/forget")

    def _ask(self, method: str, path: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path)
            return connection.getresponse().read()
        except (OSError, http.client.HTTPException) as error:
            raise Failed(f"{self!r}: {error}: {self.process.last_words()}") from None
        finally:
            connection.close()


class Upstream(Server):
    """The sink of OTLP."""

    def __init__(self, core: int, scratch: Path) -> None:
        super().__init__("bench.sink", core, scratch)

    def seen(self) -> Seen:
        """The counts."""
        return msgspec.json.decode(self._ask("GET", "/seen"), type=Seen)

    def wait_for(self, spans: int) -> Seen:
        """Until so many spans have come, or none comes any more."""
        seen = self.seen()
        moved = time.monotonic()
        while seen.spans < spans and time.monotonic() < moved + STALL:
            time.sleep(LOOK)
            before, seen = seen, self.seen()
            if seen.spans > before.spans:
                moved = time.monotonic()
        return seen

    def drained(self) -> None:
        """Until nothing comes any more, from whoever is sending."""
        before, seen = -1, self.seen().spans
        while seen > before:
            time.sleep(DRAINED)
            before, seen = seen, self.seen().spans

    def answer(self, how: str) -> None:
        """From now on: `kept`, 200 on connections that stay; `closed`, 200 and no connection stays; `down`, 503."""
        self._ask("POST", f"/answer/{how}")


class UpsertsUpstream(Server):
    """The sink of upserts. answer: seconds that each batch takes."""

    def __init__(self, core: int, scratch: Path, answer: float = ANSWER) -> None:
        super().__init__("bench.rows_sink", core, scratch, "--answer", str(answer))

    def account(self) -> Account:
        """All that it received."""
        return msgspec.msgpack.decode(self._ask("GET", "/account"), type=Account)

    def wait_for(self, keys: int, ended: int, patience: float) -> None:
        """Until so many spans were seen, and so many ended, or nothing has come for `patience` seconds."""
        tally, moved = self.tally(), time.monotonic()
        while (tally.keys < keys or tally.ended < ended) and time.monotonic() < moved + patience:
            time.sleep(LOOK)
            before, tally = tally, self.tally()
            if tally.copies > before.copies:
                moved = time.monotonic()

    def tally(self) -> Tally:
        """How far it is."""
        return msgspec.json.decode(self._ask("GET", "/tally"), type=Tally)
