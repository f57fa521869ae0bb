"""A life to be killed: moves and publishes in a tight loop. What its books say after any step follows from the step."""

import os
import sys
from itertools import count
from pathlib import Path
from typing import Any

from inspan_collector.ledger import DELIVERED, ENQUEUED, QUEUED, Ledger, Reception
from inspan_collector.mirror import Former, Mirror, Page

EACH = 100  # steps between two reports
RING = 64
FORGETS = 40  # rows at once, as a group commit does


def spans(step: int) -> int:
    return step * 7919 % 97 + 1 if step else 0


def take_step(step: int, ledger: Ledger, page: Page, reception: Reception) -> None:
    """Enqueue some spans, and deliver those of the step before."""
    reception.accept(spans(step))
    reception.refuse(1, "too_large")
    ledger.move(ENQUEUED, QUEUED, spans(step))
    ledger.move(QUEUED, DELIVERED, spans(step - 1))
    page.settled(step, spans(step), again=step % 3 == 0)
    if step % FORGETS == 0:
        page.forget(FORGETS)
    ledger.publish()


def expected(step: int) -> dict[str, Any]:
    """What a former life's page says after this step."""
    total = sum(map(spans, range(step + 1)))
    counts = {"enqueued": total, "queued": spans(step), "delivered": total - spans(step)}
    rows = [(row, spans(row), row % 3 == 0) for row in range(step // FORGETS * FORGETS + 1, step + 1)]
    return {name: count for name, count in counts.items() if count} | {"rows": rows}


def found(former: Former, name: str = "up") -> dict[str, Any]:
    """The same of a former life, to be compared."""
    return {name: count for name, count in former.books[name].items() if count} | {"rows": former.rows[name]}


def steps_of(former: Former) -> int:
    return former.dialects["otlp"]["refused"]["too_large"]


def build(path: Path, ring: int = RING) -> tuple[Ledger, Page, Reception]:
    """One destination and one dialect that have begun."""
    mirror, _ = Mirror.open(path, ["other", "up"], ["spans", "otlp"], ring=ring)
    ledger, reception = Ledger("up"), Reception("otlp")
    page = mirror.ledger(ledger)
    mirror.reception(reception)
    mirror.begin()
    assert mirror.trouble == ""
    return ledger, page, reception


def begin_for_ever(path: Path) -> None:
    """Life after life, each with one span more than the one before, and with its rows."""
    for spans in count(1):
        mirror, former = Mirror.open(path, ["up"], [], ring=RING)
        assert former is None or former.held("up") == spans - 1
        ledger = Ledger("up")
        page = mirror.ledger(ledger)
        ledger.move(ENQUEUED, QUEUED, spans)
        page.forget(1)
        page.settled(spans, 1)
        mirror.begin()
        os.write(1, spans.to_bytes(8, "little"))


def main() -> None:
    if "begin" in sys.argv:
        begin_for_ever(Path(sys.argv[1]))
    books = build(Path(sys.argv[1]))
    for step in count(1):
        take_step(step, *books)
        if step % EACH == 0:
            os.write(1, step.to_bytes(8, "little"))


if __name__ == "__main__":
    main()
