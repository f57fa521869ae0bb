import random

import pytest

from inspan_collector.ledger import (
    ACCOUNTS,
    COUNTS,
    DELIVERED,
    DROPPED,
    DROPPED_EXPIRED,
    ENQUEUED,
    FATES,
    IN_FLIGHT,
    PLACES,
    QUEUED,
    REFUSALS,
    SOURCES,
    Ledger,
    Reception,
)


def test_every_account_has_a_number_of_its_own():
    numbers = [*SOURCES.values(), *PLACES.values(), *FATES.values(), *DROPPED.values()]
    assert sorted(numbers) == list(range(len(numbers)))
    assert len(Ledger("up").balances) == len(numbers)


def test_a_span_is_in_one_place_at_a_time():
    ledger = Ledger("up")
    for source, target in ((ENQUEUED, QUEUED), (QUEUED, IN_FLIGHT), (IN_FLIGHT, DELIVERED)):
        ledger.move(source, target, 5)
        assert sum(ledger.balances) == 0
    assert {name: count for name, count in ledger.snapshot().items() if count} == {"enqueued": 5, "delivered": 5}
    assert (ledger.held(), ledger.dropped()) == (0, 0)


def test_whatever_moves_the_law_holds():
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    rng, ledger = random.Random(seed), Ledger("up")
    accounts = range(len(ledger.balances))
    for _ in range(1000):
        ledger.move(rng.choice(accounts), rng.choice(accounts), rng.randrange(100))
        counts = ledger.snapshot()
        places = ledger.held()
        fates = sum(counts[name] for name in FATES) + ledger.dropped()
        assert sum(counts[name] for name in SOURCES) == places + fates


@pytest.mark.parametrize(("queued", "in_flight", "off"), [(3, 2, 0), (2, 2, 1), (3, 4, 2), (5, 0, 4)])
def test_a_recount_that_differs_shows(queued: int, in_flight: int, off: int):
    ledger = Ledger("up")
    ledger.move(ENQUEUED, QUEUED, 5)
    ledger.move(QUEUED, IN_FLIGHT, 2)
    assert ledger.imbalance(queued, in_flight) == off


def test_a_move_that_is_not_one_shows():
    ledger = Ledger("up")
    ledger.balances[DROPPED_EXPIRED] += 1
    assert ledger.imbalance(0, 0) == 1


def test_a_reception_accounts_for_every_span_it_counted():
    book = Reception("otlp")
    book.accept(10)
    book.refuse(2, "too_large")
    book.refuse_request(429, "queue_full", 3)
    book.refuse_request(400, "malformed", 0)
    assert (book.received, book.accepted, book.imbalance()) == (15, 10, 0)
    assert {reason: count for reason, count in book.refused.items() if count} == {"too_large": 2, "queue_full": 3}
    assert {reason: count for reason, count in book.requests_refused.items() if count} == {
        "queue_full": 1,
        "malformed": 1,
    }
    assert book.requests == {429: 1, 400: 1}
    book.counts[COUNTS.index("accepted")] += 1
    assert book.imbalance() == 1


def test_a_reception_publishes_when_both_sides_of_its_law_are_booked():
    book, seen = Reception("otlp"), list[tuple[int, int]]()
    book.publish = lambda: seen.append((book.received, book.imbalance()))
    book.accept(10)
    book.refuse(2, "too_large")
    book.refuse_request(429, "queue_full", 3)
    assert seen == [(10, 0), (12, 0), (15, 0)]


def test_a_ledger_publishes_when_it_is_told_and_not_at_each_move():
    ledger, seen = Ledger("up"), list[int]()
    ledger.publish()
    ledger.publish = lambda: seen.append(ledger.held())
    ledger.move(ENQUEUED, QUEUED, 5)
    ledger.move(QUEUED, IN_FLIGHT, 2)
    assert seen == []
    ledger.publish()
    assert seen == [5]


def test_accounts_are_named_in_the_order_of_their_numbers():
    named = SOURCES | PLACES | FATES | {f"dropped_{reason}": account for reason, account in DROPPED.items()}
    assert {name: number for number, name in enumerate(ACCOUNTS)} == named
    assert tuple(Ledger("up").snapshot()) == ACCOUNTS


def test_reasons_have_an_account_each_from_the_start():
    assert tuple(Reception("otlp").refused) == tuple(Reception("otlp").requests_refused) == REFUSALS


def test_what_is_empty_says_so():
    assert repr(Ledger("up")) == "<Ledger up empty>"
