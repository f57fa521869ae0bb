"""From the buffer to posts and back; time is told."""

import random

import msgspec
import pytest

from inspan.answer import Answer
from inspan.backoff import FIRST, Backoff
from inspan.buffer import Buffer
from inspan.delivery import UNWELCOME_REST, Delivery, Post
from inspan.dialects import JSON


class Rig:
    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []
        self.buffer = Buffer(1 << 24, 1 << 20, lambda: None)
        self.delivery = Delivery(
            self.buffer, Backoff(lambda: 1.0), lambda kind, message: self.said.append((kind, message))
        )

    def put(self, *spans: str) -> None:
        for span in spans:
            self.buffer.put((JSON, span.encode(), len(span)))

    def post(self) -> Post:
        found = self.delivery.next()
        assert found is not None
        return found

    def answer(self, status: int, body: bytes = b"{}", now: float = 0.0, **headers: str) -> None:
        self.delivery.answered(
            Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body), now
        )


def test_what_waits_becomes_one_post() -> None:
    rig = Rig()
    rig.put("{}", '{"a":1}')
    post = rig.post()
    assert (post.number, post.body) == (1, b'[{},{"a":1}]')
    rig.answer(202, b'{"accepted":2}')
    assert rig.delivery.next() is None
    assert rig.buffer.counts().accepted == 2


def test_posts_are_numbered_without_gaps() -> None:
    rig = Rig()
    for number in (1, 2, 3):
        rig.put("{}")
        assert rig.post().number == number
        rig.answer(202)


def test_a_post_without_an_answer_comes_again_as_it_was() -> None:
    rig = Rig()
    rig.put("1")
    first = rig.post()
    rig.delivery.failed(10.0)
    assert rig.delivery.not_before == 10.0 + FIRST
    rig.put("2")
    again = rig.post()
    assert again is first
    assert (rig.delivery.posts, rig.delivery.reposts) == (2, 1)


def test_a_connection_that_was_closed_while_idle_costs_no_rest() -> None:
    rig = Rig()
    rig.put("1")
    rig.post()
    rig.delivery.failed(10.0, stale=True)
    assert rig.delivery.not_before == 0.0


def test_a_full_sidecar_is_asked_again_when_it_says_with_the_same_number() -> None:
    rig = Rig()
    rig.put("1")
    assert rig.post().number == 1
    rig.answer(429, now=5.0, retry_after="1")
    assert rig.delivery.not_before == 6.0
    assert rig.post().number == 1
    rig.answer(202)
    assert sum(rig.buffer.counts().dropped.values()) == 0


def test_a_sidecar_that_does_not_want_us_keeps_the_spans_waiting_and_is_said() -> None:
    rig = Rig()
    rig.put("1")
    rig.post()
    rig.answer(403, b"another account", now=5.0)
    assert rig.delivery.not_before == 5.0 + UNWELCOME_REST
    assert rig.said == [("unwelcome", "the sidecar does not take our spans, which wait: 403: another account")]
    assert rig.buffer.counts().in_flight == 1


@pytest.mark.parametrize("status", [400, 413, 422])
def test_one_bad_span_costs_itself_alone(status: int) -> None:
    rig = Rig()
    rig.put(*"abcdefgXhijklmnop")
    taken = []
    numbers = []
    while (post := rig.delivery.next()) is not None:
        numbers.append(post.number)
        if b"X" in post.body:
            rig.answer(status)
        else:
            taken.append(post.body.strip(b"[]").replace(b",", b"").decode())
            rig.answer(202)
    assert "".join(taken) == "abcdefghijklmnop", "in order"
    assert numbers == list(range(1, len(numbers) + 1)), "what is halved is new to the sidecar"
    counts = rig.buffer.counts()
    assert (counts.accepted, counts.dropped["refused"]) == (16, 1)
    assert [kind for kind, _ in rig.said] == ["refused"]


def test_the_rest_after_a_refusal_is_nothing() -> None:
    rig = Rig()
    rig.put("a", "b")
    rig.post()
    rig.answer(400, now=3.0)
    assert rig.delivery.not_before == 3.0
    assert rig.delivery.pending


def test_a_span_that_the_sidecar_leaves_out_is_counted() -> None:
    rig = Rig()
    rig.put("a", "b", "c")
    rig.post()
    rig.answer(202, msgspec.json.encode({"accepted": 2, "refused": 1, "message": "over 4 MiB"}))
    assert (rig.buffer.counts().accepted, rig.buffer.counts().dropped["refused"]) == (2, 1)
    assert rig.said == [("refused", "the sidecar refused 1 of 3 spans: over 4 MiB")]


@pytest.mark.parametrize("body", [b"", b"taken!", b"[]", b'{"refused":"x"}', b'{"refused":-5}'])
def test_a_success_in_other_words_is_a_success(body: bytes) -> None:
    rig = Rig()
    rig.put("a")
    rig.post()
    rig.answer(200, body)
    assert rig.buffer.counts().accepted == 1


def test_no_more_than_was_posted_can_be_refused() -> None:
    rig = Rig()
    rig.put("a")
    rig.post()
    rig.answer(200, b'{"refused":1000}')
    assert rig.buffer.counts().dropped["refused"] == 1


def test_giving_up_counts_everything() -> None:
    rig = Rig()
    rig.put("a", "b", "c", "d")
    rig.post()
    rig.answer(400)
    rig.post()  # a half is in flight, another waits
    rig.put("e")
    rig.delivery.abandon("exit")
    counts = rig.buffer.counts()
    assert (counts.dropped["exit"], counts.queued, counts.in_flight, counts.held_bytes) == (5, 0, 0, 0)
    assert not rig.delivery.pending


def test_every_span_has_one_fate_whatever_is_answered(rng: random.Random) -> None:
    rig = Rig()
    now = 0.0
    for _ in range(2_000):
        now += rng.random()
        if rng.random() < 0.5:
            rig.put(*["{}"] * rng.randrange(20))
        if rig.delivery.next() is not None:
            match rng.choice(["fail", "stale", "answer"]):
                case "fail":
                    rig.delivery.failed(now)
                case "stale":
                    rig.delivery.failed(now, stale=True)
                case _:
                    rig.answer(rng.choice([200, 202, 202, 400, 413, 422, 429, 500, 503, 403]), now=now)
        counts = rig.buffer.counts()
        assert counts.recorded == counts.accepted + counts.queued + counts.in_flight + sum(counts.dropped.values())
    while rig.delivery.next() is not None:
        rig.answer(202)
    assert rig.buffer.counts().held_bytes == 0
