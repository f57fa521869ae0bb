"""`inspan sink`: the sink as a process."""

import argparse
import asyncio
import contextlib
import signal
import sys
from pathlib import Path
from typing import Final, TextIO

import msgspec
import uvloop

from inspan_collector.config.values import Address, Size
from inspan_collector.errors import ConfigError
from inspan_collector.sink.behaviour import Behaviour
from inspan_collector.sink.chances import WORDS
from inspan_collector.sink.server import Sink

DEFAULT_LISTEN: Final = "127.0.0.1:4319"  # next to OTLP's own 4317 and 4318, which a sidecar may have
PROGRESS: Final = 1.0  # s between lines; a person watches


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `inspan sink`, named as in Behaviour, where their meaning is."""
    where = parser.add_argument_group("where")
    where.add_argument("--listen", default=DEFAULT_LISTEN, metavar="HOST:PORT", help="default %(default)s; port 0: any")
    where.add_argument("--unix", type=Path, metavar="PATH", help="listen on a unix socket instead")
    where.add_argument("--api-key", metavar="KEY", help="SGP posts need it as x-api-key")
    where.add_argument("--no-unique", action="store_true", help="do not tell spans apart: less CPU, no memory a span")
    where.add_argument("--texts", action="store_true", help="keep all that SGP spans say, for GET /rows")
    where.add_argument("--json", action="store_true", help="the first line as JSON too")
    wrong = parser.add_argument_group("misbehaviour (also while it runs: POST /behave with the same names as JSON)")
    wrong.add_argument("--delay", metavar="TIME", help="before each answer: 50ms, or 10ms-80ms for an even spread")
    wrong.add_argument("--status", type=int, help="answer this status; to each request, or to each --every Nth")
    wrong.add_argument("--every", type=int, metavar="N", help="how often --status is answered")
    wrong.add_argument("--reset", type=int, metavar="N", dest="reset_every", help="each Nth answer breaks off half way")
    wrong.add_argument("--hang", type=int, metavar="N", dest="hang_every", help="each Nth request is never answered")
    wrong.add_argument("--garbage", type=int, metavar="N", dest="garbage_every", help="each Nth answer is 200 nonsense")
    wrong.add_argument("--max-bytes", type=_size, metavar="SIZE", help="inflated bodies over it are answered 413")
    wrong.add_argument("--reject-span", metavar="REGEX", help="refuse a request with a span whose bytes contain it")
    wrong.add_argument("--reject-status", type=_status, default=400, help='default %(default)s; or "reset"')
    wrong.add_argument("--retry-after", metavar="TEXT", help="sent with each refusal; 250ms goes as retry-after-ms")
    wrong.add_argument("--partial", type=int, metavar="N", help="reject N spans of each OTLP request")
    wrong.add_argument("--close-idle", metavar="TIME", help="close connections that idle so long")
    wrong.add_argument("--chance", metavar="WHAT=SHARE,...", help="by chance: 503=0.1,reset=0.05, " + ", ".join(WORDS))
    wrong.add_argument("--seed", type=int, default=0, help="of delays and chances, default %(default)s")


def execute(arguments: argparse.Namespace) -> int:
    """Run a sink until SIGTERM or SIGINT; the last line on standard output is its count, as JSON.

    Returns the exit code. Errors: ConfigError for flags that contradict, StartError for an address that is taken.
    """
    sink = build(arguments)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(sink, as_json=arguments.json))
    return 0


def build(arguments: argparse.Namespace) -> Sink:
    """The sink that the flags describe.

    Errors: ConfigError, which names the flag.
    """
    wishes = {name: getattr(arguments, name) for name in Behaviour.__struct_fields__}
    try:
        behaviour = Behaviour(**wishes)
        listen = Address(arguments.listen)
    except ValueError as why:
        raise ConfigError(f"inspan sink: {why}") from None
    unique, texts = not arguments.no_unique, arguments.texts
    key = arguments.api_key
    return Sink(behaviour, listen.host, listen.port, arguments.unix, api_key=key, unique=unique, texts=texts)


async def _serve(sink: Sink, *, as_json: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with sink:
        _say(sys.stdout, first_line(sink, as_json=as_json))
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):  # which is the tick of the progress line
                await asyncio.wait_for(stop.wait(), PROGRESS)
            if sys.stderr.isatty():
                sys.stderr.write("\r" + progress_line(sink) + "\x1b[K")  # to the end of the line: the last was longer
                sys.stderr.flush()
        if sys.stderr.isatty():
            _say(sys.stderr, "")
        final = sink.count()
    _say(sys.stdout, msgspec.json.encode(final).decode())


def first_line(sink: Sink, *, as_json: bool) -> str:
    """Where the sink is, for people, or for a script that started it on port 0."""
    if as_json:
        return msgspec.json.encode({"url": sink.url, "unix": sink.unix and str(sink.unix)}).decode()
    return f"inspan sink on {f'unix socket {sink.unix}' if sink.unix else sink.url}: numbers at GET /count"


def progress_line(sink: Sink) -> str:
    """The counts that a person watches, on one line."""
    count = sink.count()
    refused = count.requests - sum(n for status, n in count.answered.items() if status < 300)
    return (
        f"{count.spans} spans in {count.requests} requests, {refused} not taken, largest {count.largest_batch}, "
        f"{count.connections_open} of {count.connections} connections open"
    )


def _size(text: str) -> int:
    return int(Size(text))


def _status(text: str) -> int | str:
    return text if text == "reset" else int(text)


def _say(stream: TextIO, line: str) -> None:
    stream.write(line + "\n")
    stream.flush()
