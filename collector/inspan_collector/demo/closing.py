"""The books at the end, as tables, and whether everybody's numbers agree. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from inspan_collector.demo.agents.report import Report
from inspan_collector.demo.observed import Books
from inspan_collector.demo.scene import DIALECTS, OTLP, SGP
from inspan_collector.ledger import DROPPED, FATES, PLACES, SOURCES
from inspan_collector.screen.paint import BAD, BOLD, DIM, GOOD, Paint
from inspan_collector.sink.tally import Count

NAME: Final = 26
CELL: Final = 12
SHOWN: Final = {"enqueued", "queued", "in_flight", "delivered", "merged", "quarantined"}  # also where all are 0


class Claim(msgspec.Struct, frozen=True):
    """Two parties' numbers of the same spans or copies."""

    words: str
    here: int
    there: int

    @property
    def agrees(self) -> bool:
        return self.here == self.there


class Outcome(msgspec.Struct, frozen=True):
    """What every party said last. agents: by destination. exit_code: of the sidecar."""

    agents: Mapping[str, Report]
    books: Books
    count: Count
    exit_code: int

    def claims(self) -> list[Claim]:
        """Everything that has to agree."""
        delivered = {name: self.books.of(name, "delivered") for name in DIALECTS}
        return [
            *self._agents(),
            *self._laws(),
            Claim("sink: copies taken = delivered", self.count.spans, sum(delivered.values())),
            Claim("sink: distinct OTLP spans = otlp delivered", self._otlp_spans(), delivered[OTLP]),
            *self._rows(),
            Claim("sidecar: imbalance of its own recount = 0", self.books.imbalance, 0),
            Claim("sidecar: exit code = 0", self.exit_code, 0),
        ]

    def _agents(self) -> Iterator[Claim]:
        for name, report in self.agents.items():
            dialect = self.books.dialects[DIALECTS[name]]
            yield Claim(f"{report.name}: copies = accepted + lost", report.copies, report.accepted + report.lost)
            yield Claim(f"{report.name}: copies accepted = dialect's", report.accepted, dialect.accepted)
        ended = sum(report.ended for report in self.agents.values())
        yield Claim("both agents: spans that ended = otlp enqueued", ended, self.books.of(OTLP, "enqueued"))
        accepted = self.books.dialects[DIALECTS[SGP]].accepted
        yield Claim("copies accepted over spans = sgp enqueued", accepted, self.books.of(SGP, "enqueued"))

    def _laws(self) -> Iterator[Claim]:
        for name, book in self.books.dialects.items():
            if name in DIALECTS.values() or book.received:
                told = book.accepted + sum(book.refused.values())
                yield Claim(f"dialect {name}: received = accepted + refused", book.received, told)
        for name in self.books.destinations:
            came = sum(self.books.of(name, account) for account in SOURCES)
            went = sum(self.books.of(name, account) for account in (*PLACES, *FATES)) + self.books.dropped(name)
            yield Claim(f"destination {name}: enqueued = places + fates", came, went)
            yield Claim(
                f"destination {name}: copies still held = 0", sum(self.books.of(name, place) for place in PLACES), 0
            )

    def _rows(self) -> Iterator[Claim]:
        """What the SGP store holds. Nothing follows of it where copies were lost: nobody says of which spans."""
        if self.books.lost(SGP):
            return
        agent = self.agents[SGP]
        written = self.books.of(SGP, "delivered") + self.books.of(SGP, "merged")
        yield Claim("sgp: delivered + merged = copies accepted", written, agent.accepted)
        ended = self.count.rows - self.count.running
        yield Claim("sink: distinct SGP rows with an end = spans that the agent ended", ended, agent.ended)
        yield Claim("sink: SGP rows left running = spans that the agent left so", self.count.running, agent.running)

    def _otlp_spans(self) -> int:
        """Distinct: the sink counts the keys of both destinations, and those of rows are in no OTLP."""
        return (self.count.unique or 0) - self.count.rows

    def ending(self) -> list[str]:
        """The sentences under the tables."""
        spans = sum(report.spans for report in self.agents.values())
        gone = sum(report.spans - report.ended for report in self.agents.values()) + self.books.lost(OTLP)
        rows, copies, writes = self.count.rows, self.agents[SGP].accepted, self.books.of(SGP, "delivered")
        return [
            f"{spans:,} spans made, {self._otlp_spans():,} upstream as OTLP, {gone:,} lost on the way.",
            f"{writes:,} writes to SGP for {rows:,} of them, {writes / max(1, rows):.2f} each, in place of {copies:,}; "
            f"{self.count.running:,} left running.",
        ]


def tables(outcome: Outcome, paint: Paint) -> list[str]:
    """Both laws with their sums, and the comparison."""
    return [
        "",
        *_dialects(outcome.books, paint),
        "",
        *_destinations(outcome.books, paint),
        "",
        *_agreement(outcome, paint),
    ]


def _dialects(books: Books, paint: Paint) -> list[str]:
    found = [name for name, book in books.dialects.items() if name in DIALECTS.values() or book.received]
    reasons = sorted({reason for book in books.dialects.values() for reason in book.refused})
    lines = [paint(_line("over the socket, by dialect", [*found, "sum"]), BOLD)]
    lines.append(_counts("received", [books.dialects[name].received for name in found]))
    lines.append(_counts("= accepted", [books.dialects[name].accepted for name in found]))
    refused = [
        _counts(f"+ refused: {reason}", [books.dialects[name].refused.get(reason, 0) for name in found])
        for reason in reasons
    ]
    return [*lines, *(refused or [_counts("+ refused", [0 for _ in found])])]


def _destinations(books: Books, paint: Paint) -> list[str]:
    names = list(books.destinations)

    def counts(account: str) -> list[int]:
        return [books.of(name, account) for name in names]

    lines = [paint(_line("the closing ledger", [*names, "sum"]), BOLD)]
    lines += [_counts(account, counts(account)) for account in SOURCES if account in SHOWN or any(counts(account))]
    sign = "="
    for account in (*PLACES, *FATES):
        if account in SHOWN or any(counts(account)):
            lines.append(_counts(f"{sign} {account.replace('_', ' ')}", counts(account)))
            sign = "+"
    reasons = [reason for reason in DROPPED if any(counts(f"dropped_{reason}"))]
    lines += [_counts(f"+ dropped: {reason}", counts(f"dropped_{reason}")) for reason in reasons]
    return lines if reasons else [*lines, _counts("+ dropped", [0 for _ in names])]


def _agreement(outcome: Outcome, paint: Paint) -> list[str]:
    lines = [paint("do they agree?", BOLD)]
    for claim in outcome.claims():
        mark = paint("✓", GOOD) if claim.agrees else paint("✗", BAD)
        numbers = f"{claim.here:,}" if claim.agrees else paint(f"{claim.here:,} is not {claim.there:,}", BAD)
        lines.append(f"  {mark} {claim.words}: {numbers}")
    return [*lines, "", *(paint(line, DIM) for line in outcome.ending())]


def _counts(title: str, numbers: Sequence[int]) -> str:
    return _line(title, [f"{number:,}" for number in (*numbers, sum(numbers))])


def _line(title: str, cells: Sequence[str]) -> str:
    return f"  {title}".ljust(NAME + 2) + "".join(cell.rjust(CELL) for cell in cells)
