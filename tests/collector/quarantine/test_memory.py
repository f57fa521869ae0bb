from itertools import count

from inspan_collector.quarantine import Entry, MemoryQuarantine, read_id, shown_id
from inspan_collector.quarantine.kept import MAX_MESSAGE, MEMORY
from inspan_collector.quarantine.memory import MAX_BYTES
from inspan_collector.row import Refused


def refused(body: bytes = b"body", spans: int = 1, message: str = "", status: int = 400) -> Refused:
    return Refused("up", 17.0, status, message, "otlp_json", spans, body, "pid 7")


def quarantine(max_bytes: int = MAX_BYTES, room: int = 1000) -> MemoryQuarantine:
    """room: entries that the destination takes again, each time."""
    return MemoryQuarantine(lambda given: [each.id for each in given[:room]], max_bytes, count(MEMORY + 1))


def test_refused_spans_are_kept_with_status_and_words() -> None:
    kept = quarantine()
    kept.put(refused(message="name is too long"))
    (one,) = kept.kept.values()
    assert (one.at, one.body, one.spans, one.status, one.message) == (17.0, b"body", 1, 400, "name is too long")
    assert (kept.spans, kept.bytes, kept.evicted) == (1, 4, 0)


def test_the_oldest_make_room_and_are_counted() -> None:
    kept = quarantine(max_bytes=10)
    for number in range(5):
        kept.put(refused(bytes([number]) * 4, 2))
    assert [entry.body[0] for entry in kept.kept.values()] == [3, 4]
    assert (kept.spans, kept.bytes, kept.evicted) == (4, 8, 6)


def test_one_that_is_larger_than_everything_is_counted_and_not_kept() -> None:
    kept = quarantine(max_bytes=10)
    kept.put(refused(bytes(11), 3))
    assert (len(kept.kept), kept.spans, kept.bytes, kept.evicted) == (0, 0, 0, 3)


def test_words_are_bounded() -> None:
    kept = quarantine()
    kept.put(refused(message="x" * 100_000))
    assert [len(one.message) for one in kept.kept.values()] == [MAX_MESSAGE]


async def test_entries_are_listed_without_their_bodies_from_an_id_on() -> None:
    kept = quarantine()
    for number in range(5):
        kept.put(refused(bytes(number)))
    listed = await kept.entries(MEMORY + 2, 2)
    assert [(entry.id, entry.bytes) for entry in listed] == [(MEMORY + 3, 2), (MEMORY + 4, 3)]
    assert listed[0] == Entry(MEMORY + 3, "up", 17.0, 400, "", "otlp_json", 1, 2, "pid 7")
    found = await kept.one(MEMORY + 4)
    assert found is not None
    assert found.body == bytes(3)
    assert await kept.one(4) is None


async def test_what_is_dropped_is_gone_and_what_was_never_there_is_passed_over() -> None:
    kept = quarantine()
    for _ in range(3):
        kept.put(refused(spans=2))
    assert await kept.drop([MEMORY + 2, MEMORY + 2, MEMORY + 9, 1]) == [MEMORY + 2]
    assert (kept.spans, kept.bytes, kept.evicted, list(kept.kept)) == (4, 8, 0, [MEMORY + 1, MEMORY + 3])


async def test_what_the_destination_takes_again_leaves_and_the_rest_stays() -> None:
    kept = quarantine(room=2)
    for _ in range(3):
        kept.put(refused())
    assert await kept.replay([MEMORY + 1, MEMORY + 2, MEMORY + 3]) == [MEMORY + 1, MEMORY + 2]
    assert (kept.spans, list(kept.kept)) == (1, [MEMORY + 3])


def test_an_id_is_read_as_it_is_shown() -> None:
    for number in (1, 7, 10**17, MEMORY + 1, MEMORY + 12345):
        assert read_id(shown_id(number)) == number
    assert shown_id(MEMORY + 3) == "m3"
    for text in ("", "m", "mm3", "-1", "1.0", "٣", "x", "9" * 19, "1 "):
        assert read_id(text) is None
