"""Whether a spool is sound, row by row."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from inspan_collector.spool.checksum import refused_crc
from inspan_collector.spool.pages import Pages
from inspan_collector.spool.row import Total, Trouble
from inspan_collector.spool.store import Store
from inspan_collector.spool.trouble import told

# A read holds the log: in between a sidecar may begin it anew.
STEP: Final = 256  # refused spans in one read
BYTES: Final = 4 << 20  # of rows in one read
EVERY: Final = 1 << 62  # spans: no bound


class Verdict(msgspec.Struct):
    """What was found. problems: of the file, in words. faults: (seq, why) of rows that cannot be sent as they are.

    refused_faults: ids in quarantine whose checksum does not match. Totals are empty where the file cannot be counted.
    """

    totals: dict[str, Total] = msgspec.field(default_factory=dict)
    refused: dict[str, Total] = msgspec.field(default_factory=dict)
    problems: list[str] = msgspec.field(default_factory=list)
    faults: list[tuple[int, str]] = msgspec.field(default_factory=list)
    refused_faults: list[int] = msgspec.field(default_factory=list)

    @property
    def sound(self) -> bool:
        return not (self.problems or self.faults or self.refused_faults)


def nobody(done: int, of: int) -> None:
    """Progress that nobody watches."""
    del done, of


def verify(path: Path, progress: Callable[[int, int], None] = nobody) -> Verdict:
    """Read all of it, also while a sidecar writes. progress: rows that were read, and rows there are.

    Raises Trouble where it cannot be looked at; damage is in the verdict.
    """
    verdict = Verdict()
    verdict.problems.extend(log_problems(path))
    try:
        store = Store.read_only(path)
    except Trouble as trouble:
        if trouble.kind != "corrupt":
            raise
        verdict.problems.append(str(trouble))
        return verdict
    try:
        with told(path):
            examine(store, verdict, progress)
    except Trouble as trouble:
        if trouble.kind != "corrupt":
            raise
        verdict.problems.append(str(trouble))
    finally:
        store.close()
    return verdict


def examine(store: Store, verdict: Verdict, progress: Callable[[int, int], None]) -> None:
    for (line,) in store.database.execute("pragma quick_check"):
        if line != "ok":
            verdict.problems.append(line)
    verdict.totals, verdict.refused = store.totals(), store.refused_totals()
    of = sum(total.rows for total in (*verdict.totals.values(), *verdict.refused.values()))
    done = 0
    progress(done, of)
    for destination in verdict.totals:
        done = examine_rows(store, destination, verdict, lambda now: progress(now, of), done)
    examine_refused(store, verdict, lambda now: progress(now, of), done)


def examine_rows(store: Store, destination: str, verdict: Verdict, progress: Callable[[int], None], done: int) -> int:
    """Each row of a destination. How many rows are done now."""
    after, more = 0, True
    while more:
        page = store.page(destination, after, max_spans=EVERY, max_bytes=BYTES)
        verdict.faults.extend((row.seq, row.fault) for row in page.rows if row.fault)
        after, more = page.last, page.more
        progress(done := done + len(page.rows))
    return done


def examine_refused(store: Store, verdict: Verdict, progress: Callable[[int], None], done: int) -> None:
    after = 0
    while entries := store.refused(None, after, STEP):
        after = entries[-1].id
        for entry in entries:
            sql = "select crc from refused where id = ?"
            found = store.database.execute(sql, (entry.id,)).fetchone()  # none: released in the meantime
            if found and found[0] != refused_crc(entry):
                verdict.refused_faults.append(entry.id)
        progress(done := done + len(entries))


def log_problems(path: Path) -> list[str]:
    """Damage in the middle of the log, which SQLite takes for its end. None where a sidecar began it anew just now."""
    with Pages(path) as pages:
        if not pages.skipped or pages.outdated():
            return []
        return [f"{pages.skipped} frames of the log are damaged: SQLite does not see what was written after them"]
