"""What each peer really sends, by the sink's count: two seconds of real processes each. One that is not here is skipped
with its reason."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.agents import Agent, Load
from bench.bodies import Shape, bodies
from bench.load import post
from bench.peers.in_process import HTTPX, IN_PROCESS, OTEL_SDK, STARTED, InProcess
from bench.peers.known import PEERS
from bench.peers.peer import Peer
from bench.peers.settings import SHORTEST, Settings
from bench.peers.starting import address
from bench.process import Failed
from bench.rows import Tally
from bench.sink import Seen
from bench.steady import run
from bench.upstream import UpsertsUpstream, Upstream

pytestmark = pytest.mark.e2e

SPANS = 100  # a request
RATE, SECONDS = 80, 1.0  # requests: what the slowest relays with ease beside other loads
TOLD = Settings(batch_spans=500, linger=0.2, concurrency=4)
SMALL = Settings(batch_spans=40, linger=1.0, concurrency=2)  # of an agent's spans
PATIENCE = 3.0  # s without a copy, after which no more come
CORE = min(os.sched_getaffinity(0))
BOTH = (CORE, max(os.sched_getaffinity(0)))

RELAYS = [
    pytest.param(peer, transport, id=f"{peer.name}-{transport}")
    for peer in PEERS
    for transport in sorted(peer.transports)
    if peer.delivers
]
REQUESTS = [post(body) for body in bodies(Shape("100x360", SPANS, 360))[:20]]


@pytest.fixture
def workdir() -> Iterator[Path]:
    """With a name so short that a unix socket in it has a path that the kernel takes."""
    with tempfile.TemporaryDirectory(prefix="sent") as made:
        yield Path(made)


@pytest.fixture
def otlp(workdir: Path) -> Iterator[Upstream]:
    with Upstream(CORE, workdir) as upstream:
        yield upstream


@pytest.fixture
def sgp(workdir: Path) -> Iterator[UpsertsUpstream]:
    with UpsertsUpstream(CORE, workdir, answer=0.01) as upstream:
        yield upstream


def here(peer: Peer | InProcess) -> None:
    if missing := peer.available():
        pytest.skip(f"{peer.name}: {missing}")


def relayed(peer: Peer, transport: str, upstream: Upstream, workdir: Path, settings: Settings) -> Seen:
    """What came of a second of load, all of which the peer took."""
    here(peer)
    running = peer.start(workdir, address(workdir, transport), upstream.url, settings)
    with running.process:
        assert running.pid in running.process.tree()
        load = run(running.target, REQUESTS, RATE, SECONDS)
        assert not load.refused
        seen = upstream.wait_for(load.posts * SPANS)
    assert seen.spans == load.posts * SPANS
    print(f"{peer.version()}, {transport}, {settings}: {seen}")
    return seen


def recorded(peer: InProcess, url: str, workdir: Path, settings: Settings) -> tuple[int, int]:
    """(copies, ended spans) of a second of an agent."""
    here(peer)
    load = Load(20, SECONDS, seed=20, cores=BOTH, longest=0.4, closing=5)
    with Agent(peer.kind(settings), url, load, CORE, workdir) as agent:
        agent.ready()
        agent.begin()
        ran = agent.finish()
        assert not ran.dropped
        return ran.copies, sum(span.ended > 0 for span in agent.spans())


def upserted(peer: InProcess, upstream: UpsertsUpstream, workdir: Path, settings: Settings) -> tuple[Tally, int, int]:
    """What the upstream saw, copies, and ended spans."""
    copies, ended = recorded(peer, upstream.url, workdir, settings)
    upstream.wait_for(ended, ended, PATIENCE)
    tally = upstream.tally()
    print(f"{peer.version()}, {settings}: {tally}")
    return tally, copies, ended


@pytest.mark.parametrize(("peer", "transport"), RELAYS)
def test_a_relay_sends_what_it_is_told(peer: Peer, transport: str, otlp: Upstream, workdir: Path) -> None:
    seen = relayed(peer, transport, otlp, workdir, TOLD)
    assert seen.encodings == {"gzip": seen.posts}
    assert seen.sent_bytes < seen.plain_bytes / 2
    assert seen.most_spans < 500 + SPANS  # the Collector goes by what it has at least
    assert seen.posts < RATE * SECONDS / 2  # a batch is of several requests, although five fill it
    if "concurrency" not in peer.deaf:
        assert seen.connections <= 4


@pytest.mark.parametrize(("peer", "transport"), RELAYS)
def test_a_relay_at_its_own_defaults_compresses_and_batches(
    peer: Peer, transport: str, otlp: Upstream, workdir: Path
) -> None:
    seen = relayed(peer, transport, otlp, workdir, Settings())
    assert seen.encodings == {"gzip": seen.posts}
    assert seen.posts < RATE * SECONDS / 2


@pytest.mark.parametrize("compression", ["none", "zstd"])
@pytest.mark.parametrize("peer", [peer for peer in PEERS if peer.delivers], ids=lambda peer: peer.name)
def test_a_relay_compresses_as_it_is_told_or_says_that_it_cannot(
    peer: Peer, compression: str, otlp: Upstream, workdir: Path
) -> None:
    told = Settings(compression, batch_spans=500)
    if peer.name == "rotel":
        with pytest.raises(Failed, match=f"rotel sends gzip, whatever it is told, and not {compression}"):
            relayed(peer, "tcp", otlp, workdir, told)
    else:
        seen = relayed(peer, "tcp", otlp, workdir, told)
        assert set(seen.encodings) == {"identity" if compression == "none" else compression}


@pytest.mark.parametrize("peer", [peer for peer in PEERS if "keepalive" not in peer.deaf], ids=lambda peer: peer.name)
def test_a_relay_that_keeps_no_connections_makes_one_a_request(peer: Peer, otlp: Upstream, workdir: Path) -> None:
    seen = relayed(peer, "tcp", otlp, workdir, Settings(batch_spans=500, keepalive=SHORTEST))
    assert seen.connections == seen.posts > 4


def test_the_sdks_processor_sends_batches_of_ended_spans(otlp: Upstream, workdir: Path) -> None:
    _, ended = recorded(OTEL_SDK, otlp.url, workdir, SMALL)
    seen = otlp.wait_for(ended)
    print(f"{OTEL_SDK.version()}, {SMALL}: {seen}")
    assert seen.spans == ended
    assert seen.encodings == {"gzip": seen.posts}
    assert seen.most_spans == 40
    assert seen.connections == 1


@pytest.mark.parametrize("peer", [peer for peer in IN_PROCESS if peer.name.startswith("agentex")], ids=str)
def test_the_queue_of_agentex_sends_batches_of_ends_and_of_starts_where_asked(
    peer: InProcess, sgp: UpsertsUpstream, workdir: Path
) -> None:
    tally, copies, ended = upserted(peer, sgp, workdir, SMALL)
    assert tally.ended == ended
    assert tally.copies == (copies if peer is STARTED else ended)
    assert tally.encodings == {"identity": tally.posts}
    assert tally.copies / 40 <= tally.posts < tally.copies / 2
    assert tally.connections < tally.posts


def test_direct_posts_are_one_request_and_one_connection_a_copy(sgp: UpsertsUpstream, workdir: Path) -> None:
    tally, copies, ended = upserted(HTTPX, sgp, workdir, Settings())
    assert tally.ended == ended
    assert tally.copies == tally.posts == tally.connections == copies
    assert tally.encodings == {"identity": tally.posts}
    assert not tally.overtaken
