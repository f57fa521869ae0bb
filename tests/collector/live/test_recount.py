from inspan_collector.live.recount import RESTS, Recount


class Books:
    """Books that take a time to count, on a clock of their own."""

    def __init__(self, *seconds: float) -> None:
        self.now = 100.0
        self.off = [0] * len(seconds)
        self.counted: list[int] = []
        self.recount = Recount([lambda i=i: self.count(i, seconds[i]) for i in range(len(seconds))], lambda: self.now)

    def count(self, book: int, seconds: float) -> int:
        self.now += seconds
        self.counted.append(book)
        return self.off[book]


def test_books_take_turns_and_what_is_wrong_is_found_within_a_round() -> None:
    books = Books(0, 0, 0)
    books.off[1] = 7
    totals = []
    for _ in range(4):
        books.recount.step()
        totals.append(books.recount.total())
    assert (books.counted, totals) == ([0, 1, 2, 0], [0, 7, 7, 7])
    books.off[1] = 0
    books.recount.step()
    assert books.recount.total() == 0


def test_a_long_recount_is_followed_by_a_long_rest() -> None:
    books = Books(0.005)
    for _ in range(600):
        books.recount.step()
        books.now += 0.1
    assert 60 / (0.005 * RESTS) * 0.8 < len(books.counted) < 60 / (0.005 * RESTS) * 1.2


def test_without_books_there_is_nothing_to_count() -> None:
    books = Books()
    books.recount.step()
    assert books.recount.total() == 0
