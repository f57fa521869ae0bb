"""Durable acknowledgements and re-posts, with a disk that keeps, breaks or never says. Virtual time."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable

import pytest
from google.rpc.status_pb2 import Status
from tests import virtual_time
from tests.collector.receiver.scripted import BOTH, DURABLE, Client, Scripted, of_each_dialect, request
from tests.collector.sink.posts import otlp

from inspan_collector.ledger import QueueRefusal

DIALECT = {"/v1/traces": "otlp", "/v1/spans": "spans", "/v5/spans/batch": "sgp", "/spans": "agentex"}
EACH = of_each_dialect()
KEPT = b"inspan-custody: durable\r\n"
HELD = b"inspan-custody: accepted\r\n"


def in_virtual_time(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    def run() -> None:
        virtual_time.run(test())  # type: ignore[arg-type]

    run.__name__ = test.__name__
    return run


# Kept


@pytest.mark.parametrize(("path", "content_type", "body"), EACH.values(), ids=EACH.keys())
def test_a_durable_success_is_todays_in_each_dialect_and_says_so(path: str, content_type: str, body: bytes) -> None:
    async def run() -> None:
        scripted = Scripted()
        spoken = {"content-type": content_type}
        plain = scripted.post(spoken, body=body, path=path)
        asked = scripted.post(spoken, {"inspan-ack": "accepted"}, body=body, path=path)
        durable = scripted.post(spoken, DURABLE, body=body, path=path)
        assert asked.answer == plain.answer and b"custody" not in plain.answer
        assert durable.answers == []
        book = scripted.door.receptions[DIALECT[path]]
        assert (book.received, book.accepted) == (2, 2)
        scripted.disk.settle(True)
        assert durable.answer.replace(KEPT, b"") == plain.answer and KEPT in durable.answer
        assert (book.received, book.accepted) == (3, 3)
        assert book.requests == {plain.status: 3}
        assert scripted.notes == []

    virtual_time.run(run())


@in_virtual_time
async def test_what_the_disk_keeps_at_once_is_answered_at_once() -> None:
    scripted = Scripted()
    scripted.disk.keeps = True
    assert KEPT in scripted.post(DURABLE).answer
    assert len(scripted.door.waits) == 0


@in_virtual_time
async def test_a_post_without_spans_is_durable_as_it_is() -> None:
    scripted = Scripted()
    assert KEPT in scripted.post(DURABLE, BOTH, body=b"").answer
    assert scripted.disk.pledges == [] and len(scripted.door.posts) == 0


@in_virtual_time
async def test_every_write_of_a_post_must_be_kept() -> None:
    scripted = Scripted()
    client = scripted.post(DURABLE)
    pledge = scripted.disk.pledges[0]
    assert pledge is not None
    pledge.expect()
    pledge.settle(kept=True)
    assert client.answers == []
    pledge.settle(kept=True)
    assert KEPT in client.answer


@in_virtual_time
async def test_the_ack_is_not_read_as_another_word() -> None:
    scripted = Scripted()
    client = scripted.client()
    for headers in ({"inspan-ack": "fsync"}, {"inspan-agent": "a"}, {"inspan-agent": "a", "inspan-sequence": "x"}):
        client.send(request(headers))
    assert [answer[9:12] for answer in client.answers] == [b"400"] * 3
    assert b"accepted or durable" in client.answers[0] and b"digits" in client.answers[2]
    assert scripted.door.receptions["otlp"].requests_refused["malformed"] == 3 and scripted.disk.pledges == []


# Not kept


@pytest.mark.parametrize(("path", "content_type", "body"), EACH.values(), ids=EACH.keys())
def test_a_broken_pledge_is_503_in_each_dialect_and_the_spans_are_ours(
    path: str, content_type: str, body: bytes
) -> None:
    async def run() -> None:
        scripted = Scripted()
        client = scripted.post({"content-type": content_type}, DURABLE, body=body, path=path)
        scripted.disk.settle(False)
        head, _, said = client.answer.partition(b"\r\n\r\n")
        assert client.status == 503 and HELD.strip() in head and b"retry-after: 1" in head
        dialect = DIALECT[path]
        message = {
            "otlp": lambda: Status.FromString(said).message if b"protobuf" in head else json.loads(said)["message"],
            "spans": lambda: json.loads(said)["error"]["message"],
            "sgp": lambda: json.loads(said)["message"],
            "agentex": lambda: json.loads(said)["message"],
        }[dialect]()
        assert "not on disk" in message and "Inspan-Sequence" in message
        assert scripted.books(dialect) == (1, 1, 0)
        assert scripted.requests(dialect) == {503: 1}
        assert scripted.door.receptions[dialect].requests_refused["not_durable"] == 1
        assert scripted.notes == ["refused_not_durable"]

    virtual_time.run(run())


@in_virtual_time
async def test_what_is_not_known_in_time_is_503_and_what_comes_later_changes_nothing() -> None:
    scripted = Scripted(ack_timeout=5.0)
    client = scripted.post(DURABLE)
    await asyncio.sleep(4.9)
    assert client.answers == []
    await asyncio.sleep(0.2)
    assert client.status == 503 and HELD in client.answer and b"after 5 s" in client.answer
    assert (scripted.books(), scripted.requests()) == ((2, 2, 0), {503: 1})
    scripted.disk.settle(True)
    assert client.status == 503 and (scripted.books(), scripted.requests()) == ((2, 2, 0), {503: 1})


@in_virtual_time
async def test_a_pledge_that_is_told_leaves_no_timer() -> None:
    scripted = Scripted(ack_timeout=5.0)
    client = scripted.post(DURABLE)
    scripted.disk.settle(True)
    await asyncio.sleep(6)
    assert KEPT in client.answer and scripted.requests() == {200: 1}


@pytest.mark.parametrize(("refusal", "status"), [("queue_full", 429), ("fair_share", 429), ("too_large", 413)])
def test_an_offer_that_is_refused_is_refused_as_ever(refusal: QueueRefusal, status: int) -> None:
    async def run() -> None:
        scripted = Scripted()
        scripted.disk.refusal = refusal
        client = scripted.post(DURABLE, BOTH)
        assert client.status == status and b"custody" not in client.answer
        assert scripted.books() == (2, 0, 2)
        scripted.disk.refusal = None
        scripted.disk.keeps = True
        assert KEPT in scripted.post(DURABLE, BOTH).answer  # what was refused is no re-post
        assert (scripted.memory.custody, scripted.door.posts.reposted) == (0, 0)

    virtual_time.run(run())


@in_virtual_time
async def test_a_disk_in_trouble_is_503_before_the_body_is_read() -> None:
    scripted = Scripted()
    scripted.disk.trouble = "the spool's disk is full: make room"
    client = scripted.client()
    client.send(request(DURABLE, body=b"")[:-2].replace(b"length: 0", b"length: 9") + b"\r\n")
    assert client.status == 503 and b"make room" in client.answer and b"custody" not in client.answer
    assert scripted.memory.custody == 0 and scripted.books() == (0, 0, 0)
    assert scripted.door.receptions["otlp"].requests_refused["not_durable"] == 1
    assert scripted.post().status == 200


@in_virtual_time
async def test_spans_too_large_are_refused_when_the_rest_is_durable() -> None:
    scripted = Scripted(max_span_bytes=1000)
    client = scripted.post(DURABLE, BOTH, body=otlp("a", "x" * 2000))
    assert scripted.books() == (0, 0, 0)
    scripted.disk.settle(True)
    assert KEPT in client.answer and b"limits.max_span_bytes" in client.answer
    assert scripted.books() == (2, 1, 1)
    again = scripted.post(DURABLE, BOTH, body=otlp("a", "x" * 2000))
    assert again.answer == client.answer and scripted.books() == (2, 1, 1)


@in_virtual_time
async def test_who_gives_up_answers_everybody_and_books_it() -> None:
    scripted = Scripted()
    clients = [scripted.post(DURABLE) for _ in range(3)]
    clients[0].leave()
    scripted.door.waits.give_up()
    assert clients[0].answers == [] and [client.status for client in clients[1:]] == [503, 503]
    assert scripted.books() == (6, 6, 0) and scripted.requests() == {503: 3} and len(scripted.door.waits) == 0
    scripted.disk.settle(True, 0)


@in_virtual_time
async def test_a_client_that_is_gone_is_booked_all_the_same() -> None:
    scripted = Scripted()
    client = scripted.post(DURABLE, BOTH)
    client.leave()
    scripted.disk.settle(True)
    assert client.answers == [] and (scripted.books(), scripted.requests()) == ((2, 2, 0), {200: 1})
    assert KEPT in scripted.post(DURABLE, BOTH).answer and scripted.books() == (2, 2, 0)


@in_virtual_time
async def test_a_bug_in_a_late_answer_is_answered() -> None:
    scripted = Scripted()
    client = scripted.post(DURABLE)

    def broken(kind: str, dialect: str, message: str) -> None:
        scripted.door.note = lambda *_: None
        raise ZeroDivisionError("a bug")

    scripted.door.note = broken
    scripted.disk.settle(False)
    assert client.status == 503 and b"inspan failed" in client.answer


# Re-posts


@pytest.mark.parametrize(("path", "content_type", "body"), EACH.values(), ids=EACH.keys())
def test_a_re_post_is_answered_again_and_not_taken_again(path: str, content_type: str, body: bytes) -> None:
    async def run() -> None:
        scripted = Scripted()
        spoken = {"content-type": content_type}
        first = scripted.post(spoken, BOTH, body=body, path=path)
        again = scripted.post(spoken, BOTH, body=body, path=path)
        assert again.answer == first.answer and first.status < 300
        assert len(scripted.disk.pledges) == 1 and scripted.door.posts.reposted == 1
        assert scripted.books(DIALECT[path]) == (1, 1, 0)
        assert scripted.requests(DIALECT[path]) == {first.status: 2}
        assert scripted.memory.custody == 0

    virtual_time.run(run())


@in_virtual_time
async def test_another_agent_or_another_sequence_is_no_re_post() -> None:
    scripted = Scripted()
    for headers in (BOTH, BOTH | {"inspan-sequence": "8"}, BOTH | {"inspan-agent": "other"}):
        scripted.post(headers)
    assert len(scripted.disk.pledges) == 3 and scripted.door.posts.reposted == 0


@in_virtual_time
async def test_a_re_post_of_what_is_durable_is_durable_also_while_the_disk_is_in_trouble() -> None:
    scripted = Scripted()
    scripted.disk.keeps = True
    first = scripted.post(DURABLE, BOTH)
    scripted.disk.trouble = "full"
    assert scripted.post(DURABLE, BOTH).answer == first.answer
    assert scripted.post(BOTH).status == 200 and b"custody" not in scripted.post(BOTH).answer
    assert scripted.post(DURABLE).status == 503


@in_virtual_time
async def test_a_re_post_waits_for_the_same_pledge_with_a_time_of_its_own() -> None:
    scripted = Scripted(ack_timeout=5.0)
    first = scripted.post(DURABLE, BOTH)
    await asyncio.sleep(3)
    second = scripted.post(DURABLE, BOTH)
    accepted = scripted.post(BOTH)
    assert accepted.status == 200 and b"custody" not in accepted.answer
    await asyncio.sleep(3)
    assert first.status == 503 and second.answers == []
    scripted.disk.settle(True)
    assert KEPT in second.answer and len(scripted.disk.pledges) == 1
    assert KEPT in scripted.post(DURABLE, BOTH).answer  # what came too late for the first is true now
    assert scripted.books() == (2, 2, 0)


@in_virtual_time
async def test_a_re_post_of_what_was_only_accepted_is_told_so() -> None:
    scripted = Scripted()
    scripted.post(BOTH)
    again = scripted.post(DURABLE, BOTH)
    assert again.status == 503 and HELD in again.answer and b"new Inspan-Sequence" in again.answer
    broken = scripted.post(DURABLE, BOTH | {"inspan-sequence": "8"})
    scripted.disk.settle(False)
    assert scripted.post(DURABLE, BOTH | {"inspan-sequence": "8"}).answer == broken.answer
    assert len(scripted.disk.pledges) == 2 and scripted.books() == (4, 4, 0)


@in_virtual_time
async def test_a_re_post_that_cannot_be_read_is_malformed() -> None:
    scripted = Scripted()
    scripted.post(BOTH)
    assert scripted.post(BOTH, body=b"\xff").status == 400
    assert scripted.door.posts.reposted == 0


@in_virtual_time
async def test_who_writes_a_durable_post_finds_its_pair_on_the_pledge() -> None:
    scripted = Scripted()
    scripted.post(DURABLE, BOTH)
    scripted.post(DURABLE)
    scripted.post(BOTH | {"inspan-sequence": "8"})
    assert [pledge and pledge.post for pledge in scripted.disk.pledges] == [(b"an-agent", b"7"), None, None]
    assert scripted.disk.pledges[2] is None


@in_virtual_time
async def test_what_was_durable_before_a_restart_is_not_taken_again() -> None:
    scripted = Scripted()
    scripted.door.posts.remember([(b"an-agent", b"7")])
    assert KEPT in scripted.post(DURABLE, BOTH).answer
    assert scripted.disk.pledges == [] and scripted.books() == (0, 0, 0)


# Random


@in_virtual_time
async def test_random_pledges_and_requests_get_one_answer_each_in_order() -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    for _ in range(150):
        scripted = Scripted(ack_timeout=1.0)
        clients = [Run(scripted, rng) for _ in range(rng.randint(1, 4))]
        open_numbers: list[int] = []
        seen = 0
        while any(client.busy for client in clients) or open_numbers:
            open_numbers += [n for n in range(seen, len(scripted.disk.pledges)) if scripted.disk.pledges[n] is not None]
            seen = len(scripted.disk.pledges)
            rng.choice(clients).feed()
            if open_numbers and rng.random() < 0.6:
                scripted.disk.settle(rng.random() < 0.7, open_numbers.pop(rng.randrange(len(open_numbers))))
            await asyncio.sleep(rng.choice((0, 0.1, 0.4)))
        await asyncio.sleep(2)
        for client in clients:
            client.check()
        received, accepted, refused = scripted.books()
        taken = 2 * len(scripted.disk.pledges)
        assert (received, accepted, refused) == (taken, taken, 0)
        assert sum(scripted.requests().values()) == sum(len(client.kinds) for client in clients)
        assert len(scripted.door.waits) == 0 and scripted.memory.custody == 0


class Run:
    """One client with some pipelined requests, fed by turns."""

    def __init__(self, scripted: Scripted, rng: random.Random) -> None:
        self.rng = rng
        self.client: Client = scripted.client()
        self.kinds = [rng.choice(("plain", "durable", "pair", "both", "word")) for _ in range(rng.randint(1, 10))]
        raw = b"".join(map(self.request, self.kinds))
        size = rng.choice((50, 500, 5000))
        self.pieces = [raw[at : at + size] for at in range(0, len(raw), size)]

    def request(self, kind: str) -> bytes:
        pair = {"inspan-agent": self.rng.choice("abc"), "inspan-sequence": str(self.rng.randint(1, 4))}
        extra = {"plain": {}, "durable": DURABLE, "pair": pair, "both": DURABLE | pair, "word": {"inspan-ack": "x"}}
        return request(extra[kind])

    @property
    def busy(self) -> bool:
        return bool(self.pieces)

    def feed(self) -> None:
        if self.pieces and self.client.sunk.reading:
            self.client.send(self.pieces.pop(0))

    def check(self) -> None:
        assert len(self.client.answers) == len(self.kinds)
        for kind, answer in zip(self.kinds, self.client.answers, strict=True):
            status, custody = int(answer[9:12]), KEPT in answer
            assert status in {"plain": (200,), "pair": (200,), "word": (400,)}.get(kind, (200, 503)), (kind, answer)
            assert custody == (status == 200 and kind in ("durable", "both")), (kind, answer)
            assert (HELD in answer) == (status == 503)
