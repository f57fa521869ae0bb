"""What a request asks beyond being taken, from its headers."""

import pytest

from inspan_collector.receiver.asks import Asks, MalformedAsk, read_asks

PAIR = {b"inspan-agent": b"host/12 a", b"inspan-sequence": b"007"}


def test_what_everybody_asks_is_nothing() -> None:
    assert read_asks({}) is None
    assert read_asks({b"inspan-ack": b" Accepted "}) is None


def test_an_ack_and_a_pair_are_read_each_by_itself() -> None:
    assert read_asks({b"inspan-ack": b"DURABLE"}) == Asks(durable=True, post=None)
    assert read_asks(PAIR) == Asks(durable=False, post=(b"host/12 a", b"007"))
    assert read_asks(PAIR | {b"inspan-ack": b"durable"}) == Asks(durable=True, post=(b"host/12 a", b"007"))


@pytest.mark.parametrize("word", [b"", b"yes", b"durable, durable", b"fsync\xff"])
def test_another_word_is_malformed_and_both_are_named(word: bytes) -> None:
    with pytest.raises(MalformedAsk, match="accepted or durable"):
        read_asks({b"inspan-ack": word})


@pytest.mark.parametrize("name", [b"inspan-agent", b"inspan-sequence"])
def test_half_a_pair_is_malformed(name: bytes) -> None:
    with pytest.raises(MalformedAsk, match="belong together"):
        read_asks({name: b"1"})


def test_the_longest_pair_is_read() -> None:
    asks = read_asks({b"inspan-agent": b"a" * 128, b"inspan-sequence": b"9" * 128})
    assert asks is not None and asks.post == (b"a" * 128, b"9" * 128)


@pytest.mark.parametrize("agent", [b"", b" ", b"a" * 129, b"caf\xc3\xa9", b"a\tb", b"a\x7f"])
def test_an_agent_that_cannot_be_read_is_malformed(agent: bytes) -> None:
    with pytest.raises(MalformedAsk, match=r"Inspan-Agent .*printable"):
        read_asks(PAIR | {b"inspan-agent": agent})


@pytest.mark.parametrize("sequence", [b"", b"1" * 129, b"-1", b"1.0", b"0x1", b"1 2", b"\xb2"])
def test_a_sequence_that_is_no_number_is_malformed(sequence: bytes) -> None:
    with pytest.raises(MalformedAsk, match=r"Inspan-Sequence .*digits"):
        read_asks(PAIR | {b"inspan-sequence": sequence})
