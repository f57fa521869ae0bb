"""A flame graph has a frame for what was seen, as wide as it was seen often, and rooms add up to all."""

import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import pytest
from bench.pages.flame import LOOP, flame, read, rooms, tree

RECEIVE = "data_received (inspan_collector/receiver/http1)"
MAIN = "execute (inspan_collector/cli/run)"
STACKS = Counter({(MAIN, RECEIVE, "malloc (libc)"): 3, (MAIN, RECEIVE): 1, (MAIN, "epoll <wait> (libc)"): 4})


def test_what_is_called_outside_is_of_the_room_that_called_it() -> None:
    assert rooms(STACKS) == [("receiver", 0.5), (LOOP, 0.5)]


def test_frames_hold_those_that_they_called() -> None:
    root = tree(STACKS)
    assert root.samples == 8
    assert root.below[MAIN].below[RECEIVE].samples == 4
    assert root.below[MAIN].below[RECEIVE].below["malloc (libc)"].samples == 3


def test_a_frame_is_as_wide_as_its_share() -> None:
    root = ET.fromstring(flame("title", STACKS))
    widths = [float(each.get("width", "0")) for each in root.iter("{http://www.w3.org/2000/svg}rect")][1:]
    assert widths == pytest.approx([819.5, 819.5, 409.5, 307, 409.5], abs=0.6)


def test_stacks_are_read_as_they_were_written(tmp_path: Path) -> None:
    (tmp_path / "a.folded").write_text("".join(f"{';'.join(stack)} {count}\n" for stack, count in STACKS.items()))
    assert read(tmp_path / "a.folded") == STACKS
