"""What an upstream of upserts holds: a row a span, written to by each of its copies."""

import msgspec


class Copy(msgspec.Struct):
    """What a row is told by one copy. No end: the span was still open."""

    trace_id: str
    id: str
    end_timestamp: str | None = None


class Row(msgspec.Struct, array_like=True):
    """Times of the first copy and of the first with an end, 0 while there is none: CLOCK_MONOTONIC, ns."""

    first: int
    ended: int = 0
    writes: int = 0


class Post(msgspec.Struct, array_like=True):
    """One request: when it was received, how many copies and bytes it had."""

    at: int
    copies: int
    size: int


class Tally(msgspec.Struct):
    """How far it is. copies: received. keys: of spans seen. ended: of those, with an end. first, last: of the posts, 0
    before the first; CLOCK_MONOTONIC, ns. connections: that had posts. encodings: of the posts."""

    posts: int = 0
    copies: int = 0
    keys: int = 0
    ended: int = 0
    overtaken: int = 0
    first: int = 0
    last: int = 0
    connections: int = 0
    encodings: dict[str, int] = {}


class Account(msgspec.Struct):
    """All that was received. rows: [trace_id, id, row]. overtaken: open copies that came after an end of their key."""

    posts: list[Post]
    rows: list[tuple[str, str, Row]]
    overtaken: int


class Rows:
    """Rows by key. Nothing is ever removed."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], Row] = {}
        self.posts: list[Post] = []
        self.tally = Tally()

    def __repr__(self) -> str:
        return f"<Rows {self.tally}>"

    def enter(self, copies: list[Copy], size: int, now: int) -> None:
        """Write the copies of one request, received at `now` in ns.

        An end and an open copy in one request are in no order: the contract lets the end win.
        """
        rows, tally = self.rows, self.tally
        self.posts.append(Post(now, len(copies), size))
        tally.first, tally.last = tally.first or now, now
        for copy in copies:
            key = (copy.trace_id, copy.id)
            row = rows.get(key)
            if row is None:
                row = rows[key] = Row(now)
            row.writes += 1
            if copy.end_timestamp is None:
                tally.overtaken += 0 < row.ended < now
            elif not row.ended:
                row.ended = now
                tally.ended += 1
        tally.posts, tally.copies, tally.keys = len(self.posts), tally.copies + len(copies), len(rows)

    def account(self) -> Account:
        """All of it."""
        return Account(self.posts, [(*key, row) for key, row in self.rows.items()], self.tally.overtaken)
