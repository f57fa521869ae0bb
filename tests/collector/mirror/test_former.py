import os
import random
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.collector.mirror.victim import build, take_step

from inspan_collector.ledger import ACCOUNTS, REFUSALS, Ledger
from inspan_collector.mirror.former import read
from inspan_collector.mirror.layout import HEAD, MAGIC, WORD, Layout, Names

Change = Callable[[bytearray], object]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that a life left."""
    books = build(tmp_path / "m")
    for step in range(1, 50):
        take_step(step, *books)
    return tmp_path / "m"


def refused(path: Path) -> str:
    former, why = read(path)
    assert former is None
    assert why.startswith(f"{path} ")
    return why.removeprefix(f"{path} ")


def put(content: bytearray, word: int, number: int) -> None:
    memoryview(content).cast("q")[word] = number


def rewrite(path: Path, layout: Layout, length: int | None = None) -> None:
    """A file whose head is right, whatever its names say."""
    content = bytearray(layout.size if length is None else length)
    head = layout.head()
    head[2] = len(content)
    for word, number in enumerate(head):
        put(content, word, number)
    content[HEAD * WORD : HEAD * WORD + len(layout.text)] = layout.text
    path.write_bytes(content)


def names(**changes: object) -> Layout:
    return Layout(msgspec.structs.replace(Layout.of(["up"], ["otlp"], 4).names, **changes))


def test_where_there_is_no_file_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert read(tmp_path / "none") == (None, "")


def test_books_have_the_shape_of_a_ledgers_snapshot(path: Path) -> None:
    former, _ = read(path)
    assert former is not None
    assert tuple(former.books["up"]) == tuple(Ledger("up").snapshot()) == ACCOUNTS
    assert tuple(former.dialects["otlp"]["refused"]) == REFUSALS
    assert former.dialects["otlp"]["received"] == former.dialects["otlp"]["accepted"] + 49
    assert former.held("nobody") == 0


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda content: content.clear(), "is 0 bytes long, too short for a mirror"),
        (lambda content: content.__delitem__(slice(40, None)), "is 40 bytes long, too short for a mirror"),
        (lambda content: content.__delitem__(slice(-8, None)), "bytes long and should be"),
        (lambda content: content.extend(b"more"), "bytes long and should be"),
        (lambda content: content.__setitem__(slice(0, 8), b"SQLite f"), "is not a mirror of this kind of machine"),
        (
            lambda content: put(content, 0, int.from_bytes(MAGIC.to_bytes(8, "big"), "little")),
            "is not a mirror of this kind of machine",
        ),
        (lambda content: put(content, 1, 0), "is of version 0, and this one reads 1"),
        (lambda content: put(content, 1, 2), "is of version 2, and this one reads 1"),
        (lambda content: put(content, 3, -1), "has damaged names"),
        (lambda content: put(content, 3, 1 << 62), "has damaged names"),
        (lambda content: content.__setitem__(70, content[70] ^ 1), "has damaged names"),
    ],
)
def test_what_is_not_a_whole_file_of_this_version_is_refused_with_the_reason(
    path: Path, change: Change, why: str
) -> None:
    content = bytearray(path.read_bytes())
    change(content)
    path.write_bytes(content)
    assert why in refused(path)


@pytest.mark.parametrize(
    "changes",
    [{"sources": 20}, {"sources": -1}, {"counts": ()}, {"counts": ("received", "refused")}, {"ring": 0}],
)
def test_names_that_cannot_be_are_refused(path: Path, changes: dict[str, object]) -> None:
    text = msgspec.json.encode(msgspec.to_builtins(Layout.of(["up"], ["otlp"], 4).names) | changes)
    layout = names()
    layout.text = text
    rewrite(path, layout)
    assert "has names that are none" in refused(path)


def test_a_length_that_is_not_that_of_the_names_is_refused(path: Path) -> None:
    rewrite(path, names(), names().size + WORD)
    assert refused(path) == "has another length than its names ask for"
    layout = names()
    layout.text += b" "
    rewrite(path, layout)
    assert refused(path) == "has another length than its names ask for"


def test_a_ring_that_goes_nowhere_is_refused(path: Path) -> None:
    for head, tail in ((5, 6), (70, 1), (-1, -2)):
        layout = Layout.of(["other", "up"], ["spans", "otlp"], 64)
        content = bytearray(path.read_bytes())
        book = layout.pages["up"].start
        put(content, book, 0)
        put(content, book + layout.numbers - 1, head)
        put(content, book + layout.numbers, tail)
        path.write_bytes(content)
        assert refused(path) == f"has a ring that goes from {tail} to {head}, and it holds 64"


def test_books_that_do_not_add_up_are_told_as_unsound(path: Path) -> None:
    layout = Layout.of(["other", "up"], ["spans", "otlp"], 64)
    for book in (layout.pages["other"].start, layout.receptions["otlp"].start):
        whole = path.read_bytes()
        content = bytearray(whole)
        for slot in (1, 2):  # whichever holds
            put(content, book + slot, 5)
        put(content, book, 0)
        path.write_bytes(content)
        former, _ = read(path)
        assert former is not None and not former.sound
        path.write_bytes(whole)


def test_accounts_and_dialects_are_matched_by_name_where_another_version_had_others(path: Path) -> None:
    layout = names(accounts=("enqueued", "found", "queued", "lost"), sources=2, counts=("received", "accepted", "new"))
    rewrite(path, layout)
    content = bytearray(path.read_bytes())
    for word, number in enumerate((-7, -1, 5, 3)):
        put(content, layout.pages["up"].start + 1 + word, number)
    path.write_bytes(content)
    former, _ = read(path)
    assert former is not None and former.sound
    assert {name: count for name, count in former.books["up"].items() if count} == {
        "enqueued": 7,
        "found": 1,
        "queued": 5,
        "lost": 3,
    }
    assert former.books["up"]["delivered"] == 0 and former.held("up") == 5
    assert former.dialects["otlp"] == {"received": 0, "accepted": 0, "refused": {"new": 0}}


def test_whatever_is_in_the_file_reading_it_raises_nothing(path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    rng, whole = random.Random(seed), path.read_bytes()
    for _ in range(300):
        content = bytearray(whole)
        for _ in range(rng.randrange(1, 20)):
            content[rng.randrange(rng.choice((HEAD * WORD, 1000, len(content))))] = rng.randrange(256)
        path.write_bytes(content[: rng.choice((len(content), rng.randrange(len(content))))])
        former, why = read(path)
        assert (former is None) == bool(why)
    for _ in range(50):
        path.write_bytes(rng.randbytes(rng.randrange(10_000)))
        assert refused(path)


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    assert refused(tmp_path / "directory") == refused(tmp_path / "pipe") == "is not a file"
    assert refused(tmp_path / "link").startswith("cannot be read: ")


def test_a_name_that_is_damaged_with_its_checksum_right_is_still_json(path: Path) -> None:
    layout = names()
    layout.text = b"\xff" * 40
    rewrite(path, layout)
    assert "has names that are none" in refused(path)


def test_names_are_their_own_text() -> None:
    layout = Layout.of(["up", "å"], [], 4)
    assert Layout(msgspec.json.decode(layout.text, type=Names)).size == layout.size
