from inspan_collector.quarantine import MAX_MESSAGE, Quarantine


def test_refused_spans_are_kept_with_status_and_words():
    quarantine = Quarantine(lambda: 17.0)
    quarantine.put("otlp_json", b"body", 1, 400, "name is too long")
    (kept,) = quarantine.entries
    assert (kept.at, kept.body, kept.spans, kept.status, kept.message) == (17.0, b"body", 1, 400, "name is too long")
    assert (quarantine.spans, quarantine.bytes, quarantine.evicted) == (1, 4, 0)


def test_the_oldest_make_room_and_are_counted():
    quarantine = Quarantine(lambda: 0.0, max_bytes=10)
    for number in range(5):
        quarantine.put("otlp_json", bytes([number]) * 4, 2, 400, "")
    assert [entry.body[0] for entry in quarantine.entries] == [3, 4]
    assert (quarantine.spans, quarantine.bytes, quarantine.evicted) == (4, 8, 6)


def test_one_that_is_larger_than_everything_is_counted_and_not_kept():
    quarantine = Quarantine(lambda: 0.0, max_bytes=10)
    quarantine.put("otlp_json", bytes(11), 3, 413, "")
    assert (len(quarantine.entries), quarantine.spans, quarantine.bytes, quarantine.evicted) == (0, 0, 0, 3)


def test_words_are_bounded():
    quarantine = Quarantine(lambda: 0.0)
    quarantine.put("otlp_json", b"", 1, 400, "x" * 100_000)
    assert len(quarantine.entries[0].message) == MAX_MESSAGE
