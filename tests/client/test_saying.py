"""The first of a kind is said at once, repeats each minute."""

import logging

import pytest

from inspan.saying import QUIET, Saying


def test_repeats_are_counted_and_said_after_a_while(caplog: pytest.LogCaptureFixture) -> None:
    now = 100.0
    saying = Saying(lambda: now)
    for _ in range(3):
        saying.say("broken", "it broke")
    saying.say("refused", "a span")
    assert caplog.messages == ["it broke", "a span"]
    now += QUIET
    saying.say("broken", "it broke")
    assert caplog.messages[2:] == ["it broke (2 more of this kind lately)"]


def test_what_is_no_trouble_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    saying = Saying(lambda: 0.0)
    saying.say("connected", "a")
    saying.say("exit", "b")
    assert [(record.name, record.levelname) for record in caplog.records] == [("inspan", "INFO"), ("inspan", "WARNING")]
