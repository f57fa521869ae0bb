"""What the sidecar is told of an agent."""

import os
from typing import Any

import msgspec

from inspan.answer import Answer
from inspan.buffer import Counts
from inspan.liveness import Liveness
from inspan.wire import BEAT


def counts(recorded: int = 0, accepted: int = 0, queued: int = 0, in_flight: int = 0, **dropped: int) -> Counts:
    return Counts(
        recorded=recorded,
        accepted=accepted,
        queued=queued,
        in_flight=in_flight,
        held_bytes=0,
        dropped=dropped,
        entered=0,
        left=0,
    )


class Rig:
    def __init__(self) -> None:
        self.liveness = Liveness("agent-1", "shop", "9.9")

    def beat(self, status: int, now: float = 0.0, **numbers: int) -> tuple[str, dict[str, Any]]:
        path, body = self.liveness.beat(counts(**numbers))
        self.liveness.answered(Answer(status, {}, b""), now)
        return path, msgspec.json.decode(body)


def test_it_says_who_it_is_first_and_then_its_numbers() -> None:
    rig = Rig()
    assert rig.liveness.due == 0.0
    assert rig.beat(201, 5.0) == (
        "/v1/agents",
        {
            "registration_id": "agent-1",
            "service": "shop",
            "pid": os.getpid(),
            "version": "9.9",
            "reported": {"recorded": 0, "accepted": 0, "dropped": {}},
        },
    )
    assert rig.liveness.due == 5.0, "the numbers so far go at once"
    path, said = rig.beat(204, 5.0, recorded=9, queued=2, in_flight=3, buffer_full=4, exit=0)
    assert (path, said) == (
        "/v1/agents/agent-1/heartbeat",
        {"recorded": 9, "queued": 5, "dropped": {"buffer_full": 4}},
    )
    assert rig.liveness.due == 5.0 + BEAT


def test_a_sidecar_that_does_not_know_it_is_told_what_another_has_counted() -> None:
    rig = Rig()
    rig.beat(201)
    rig.beat(204, recorded=7, buffer_full=2)
    path, _ = rig.beat(404, 30.0, recorded=9, buffer_full=3)
    assert path == "/v1/agents/agent-1/heartbeat"
    assert rig.liveness.due == 30.0
    path, said = rig.beat(201, 30.0, recorded=9, accepted=5, buffer_full=3)
    assert path == "/v1/agents"
    assert said["reported"] == {"recorded": 7, "accepted": 5, "dropped": {"buffer_full": 2}}


def test_numbers_whose_beat_was_not_confirmed_count_as_not_told() -> None:
    rig = Rig()
    rig.beat(201)
    rig.beat(503, recorded=7)
    rig.beat(404, recorded=8)
    _, said = rig.beat(201, recorded=8)
    assert said["reported"]["recorded"] == 0


def test_a_sidecar_that_knows_no_agents_is_asked_seldom() -> None:
    rig = Rig()
    rig.beat(404, 7.0)
    assert rig.liveness.due == 7.0 + BEAT
    assert not rig.liveness.registered


def test_a_new_connection_makes_it_speak_at_once() -> None:
    rig = Rig()
    rig.beat(201)
    rig.beat(204)
    rig.liveness.connected()
    assert rig.liveness.due == 0.0


def test_the_last_words_are_numbers() -> None:
    path, body = Rig().liveness.completion(counts(recorded=3, accepted=2, exit=1))
    assert path == "/v1/agents/agent-1/complete"
    assert msgspec.json.decode(body) == {"recorded": 3, "queued": 0, "dropped": {"exit": 1}}
