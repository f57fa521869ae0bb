"""The termination message is written into a file of its own."""

import os
from pathlib import Path

from inspan_collector.events import Events
from inspan_collector.termination import Termination


def test_a_file_with_another_name_is_left_alone_and_said(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("theirs")
    os.link(other, tmp_path / "message")
    events = Events()
    Termination(tmp_path / "message", dict, events).write()
    assert other.read_text() == "theirs"
    assert [event.kind for event in events.kept] == ["receipt"] and "another name" in events.kept[0].message


def test_a_file_of_our_own_is_written_over(tmp_path: Path) -> None:
    events = Events()
    termination = Termination(tmp_path / "message", lambda: {"delivered": 1}, events)
    for _ in range(2):
        termination.write()
    assert (tmp_path / "message").read_text() == '{"delivered":1}' and not events.kept
