"""What a close promises of the sending thread. No sidecar is here."""

from pathlib import Path

import pytest

from inspan import Client

NOWHERE = Path("/nonexistent/inspan.sock")
SPAN = {"id": "a", "trace_id": "b"}


class Patient:
    """A backoff for which no close can wait."""

    def rest(self, _: float | None = None) -> float:
        return 1000.0

    def reset(self) -> None:
        pass


def test_an_end_comes_in_the_midst_of_a_rest_and_what_is_left_is_counted_before_it() -> None:
    client = Client(NOWHERE)
    client.life.sender.delivery.backoff = Patient()  # type: ignore[assignment]
    client.record(SPAN)
    assert not client.close(1.0)
    stats = client.stats()
    assert (stats.dropped["exit"], stats.queued, stats.in_flight) == (1, 0, 0)


def test_an_end_that_was_waited_for_is_over_for_whoever_comes_later() -> None:
    client = Client(NOWHERE)
    client.record(SPAN)
    client.close(0.5)
    assert client.life.sender.ended.wait(0.0), "the exit of the process would wait for it in vain"


def test_a_span_for_which_there_was_no_stack_is_counted_and_said(caplog: pytest.LogCaptureFixture) -> None:
    client = Client(NOWHERE)
    client.record(SPAN)
    client.life.buffer.aside.append("unencodable")  # as Client.record does then
    client.close(0.5)
    assert client.stats().dropped["unencodable"] == 1
    assert "1 spans were dropped as unencodable" in caplog.text


@pytest.mark.parametrize("seconds", [0.05, 0.2, 2.0])
def test_a_close_leaves_some_of_its_time_for_spans_however_short_it_is(
    seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inspan.sender._now", lambda: 100.0)
    client = Client(NOWHERE)
    client.life.end(100.0 + seconds)
    assert 0.02 < client.life.sender._time_left() < seconds
