"""A disk in trouble, and a sidecar that goes on: it says so, promises nothing, relays, and heals by itself."""

import contextlib
import errno
import itertools
import os
import random
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from tests.collector.spool.damage import frame, garbage, log_of
from tests.e2e.process import wait_until
from tests.e2e.sink_process import SinkProcess
from tests.faults.disk import Disk, needs_shim
from tests.faults.rig import LONG, Agents, Count, add_up, behave, given_up
from tests.faults.trouble import FLAGS, MODES, SPOOLED, TEXT, Trouble, down, sections, together
from tests.sidecar import PATIENCE, Sidecar

from inspan_collector.spool.database import PAGE

ENOUGH: Final = 20  # frames of a log that is to be damaged in its middle, of the 125 at which it is begun anew

at_length = pytest.mark.skipif(not LONG, reason="a short run shows one of each kind; `make soak` all")


def cases(*named: tuple[str, str]) -> list[tuple[str, str]]:
    """Each in both modes in a long run, else in the one that is named; none: in no short run."""
    return [(name, mode) for name, usual in named for mode in MODES if LONG or mode == usual]


@contextmanager
def agents(folder: Path, sidecar: Sidecar, seed: int, *, first: int = 1) -> Iterator[list[Count]]:
    """Two agents that post, one of each kind. Yields a list that is filled with their counts at the end."""
    counts: list[Count] = []
    with (
        Agents(folder, sidecar.socket, seed, *FLAGS, "--kinds", "otlp", number=first) as otlp,
        Agents(folder, sidecar.socket, seed, *FLAGS, "--kinds", "json", number=first + 1) as plain,
    ):
        yield counts
        for each in (otlp, plain):
            each.enough()
        counts += [otlp.count(), plain.count()]


def finish(sidecar: Sidecar, sink: SinkProcess, trouble: Trouble, counts: list[Count], *before: Count) -> Count:
    """Deliver the rest, stop, and compare all counts. Returns the ledger of all lives."""
    trouble.watch.until_delivered()
    lives = [*before, sidecar.stop()]
    print("lives", [life["destinations"] for life in lives])
    whole = together(*lives)
    add_up([*counts, trouble.count()], whole, sink.count())
    return whole


def nothing_lost(whole: Count, sink: SinkProcess) -> None:
    """Every span was delivered, once."""
    for account in whole["destinations"].values():
        assert account.keys() <= {"enqueued", "delivered"}, whole
    assert sink.count()["spans"] == sink.count()["unique"]


# A disk that refuses, for as long as it is told to


class Refusal(NamedTuple):
    """begin: what is done to the disk. word: of the message."""

    begin: Callable[[Disk], None]
    kind: str
    word: str


REFUSALS: Final = {
    "full": Refusal(lambda disk: disk.full(), "full", "make room"),
    "broken writes": Refusal(lambda disk: disk.fail(errno.EIO, writes=True), "io", "the disk fails"),
    "broken syncs": Refusal(lambda disk: disk.fail(errno.EIO), "io", "the disk fails"),
    # As a file system is that met an error of its own and takes no more writes, also not to open files.
    "read-only": Refusal(lambda disk: disk.fail(errno.EROFS, writes=True), "readonly", "mount the volume for writing"),
}


@needs_shim
@pytest.mark.parametrize(
    ("name", "mode"),
    cases(("full", "overflow"), ("broken writes", ""), ("broken syncs", "always"), ("read-only", "")),
)
def test_a_disk_that_refuses_while_it_is_used(tmp_path: Path, seed: int, name: str, mode: str) -> None:
    refusal = REFUSALS[name]
    with (
        Disk(tmp_path) as disk,
        down(tmp_path) as sink,
        Sidecar(sections(sink.url, disk.root / "spool.db", mode), env=disk.env) as sidecar,
    ):
        trouble = Trouble(sidecar)
        with agents(tmp_path, sidecar, seed) as counts:
            trouble.until_backlog()
            assert trouble.post(durable=True)[0] == 200
            refusal.begin(disk)
            trouble.until_troubled(refusal.kind)
            behave(sink)
            trouble.lasts(refusal.kind, refusal.word)
            disk.heal()
            trouble.until_durable()
        whole = finish(sidecar, sink, trouble, counts)
        nothing_lost(whole, sink)


@needs_shim
@pytest.mark.parametrize(("name", "mode"), cases(("full", ""), ("broken writes", "overflow"), ("broken syncs", "")))
def test_a_disk_that_refuses_from_the_start(tmp_path: Path, seed: int, name: str, mode: str) -> None:
    refusal = REFUSALS[name]
    with Disk(tmp_path) as disk, down(tmp_path) as sink:
        settings = sections(sink.url, disk.root / "spool.db", mode)
        counts, first = left_behind(tmp_path, settings, seed)
        refusal.begin(disk)
        with Sidecar(settings, env=disk.env) as sidecar:
            trouble = Trouble(sidecar)
            with agents(tmp_path, sidecar, seed, first=3) as more:
                trouble.until_troubled(refusal.kind)
                behave(sink)
                trouble.lasts(refusal.kind, refusal.word)
                disk.heal()
                trouble.until_durable()
            whole = finish(sidecar, sink, trouble, [*counts, *more], first)
            nothing_lost(whole, sink)


def left_behind(folder: Path, settings: dict[str, object], seed: int) -> tuple[list[Count], Count]:
    """A life that leaves a backlog: the counts of its agents, and its ledger."""
    with Sidecar(settings) as sidecar:
        trouble = Trouble(sidecar)
        with agents(folder, sidecar, seed) as counts:
            trouble.until_backlog()
        return counts, sidecar.stop()


def killed(folder: Path, settings: dict[str, object], seed: int) -> list[Count]:
    """A life that leaves a backlog, and its log as it was: the counts of its agents. The next one tells its ledger."""
    with Sidecar(settings) as sidecar:
        trouble = Trouble(sidecar)
        with agents(folder, sidecar, seed) as counts:
            trouble.until_backlog()
            log = log_of(Path(str(settings["spool"]["path"])))  # type: ignore[index]
            wait_until(lambda: frames(log) >= ENOUGH, PATIENCE, lambda: f"{frames(log)} frames in the log")
            sidecar.signal(signal.SIGKILL)
        return counts


def lost(whole: Count, *fates: str) -> int:
    """Spans that were given up. None for another reason than these."""
    accounts = whole["destinations"].values()
    assert all(account.keys() <= {"enqueued", "delivered", "merged", *fates} for account in accounts), whole
    return given_up(whole)


# A volume of its own, which fills up and is mounted anew


VOLUME: Final = "64m"  # the ballast, as much again for the rows, and the room to spare that healing asks for


class Volume:
    """A tmpfs that one sidecar sees. Outside it is found through the process."""

    def __init__(self, home: Path, option: str = "rw") -> None:
        self.root = home / "volume"
        self.root.mkdir()
        unshare, mount = shutil.which("unshare"), f"mount -t tmpfs -o size={VOLUME},{option} spool {self.root}"
        if unshare is None or not shutil.which("nsenter"):
            pytest.skip("there is no unshare or nsenter here to make a volume with")
        probe = subprocess.run([unshare, "-Urm", "sh", "-c", mount], capture_output=True, text=True, check=False)
        if probe.returncode:
            pytest.skip(f"no volume can be mounted here: {probe.stderr.strip()}")
        self.prefix = [unshare, "-Urm", "--fork", "--kill-child", "sh", "-c", f'{mount} && exec "$@"', "sh"]

    def let_write(self, sidecar: Sidecar) -> None:
        entering = ["nsenter", f"--target={sidecar.pid}", "--user", "--mount", "--preserve-credentials"]
        subprocess.run([*entering, "mount", "-o", "remount,rw", str(self.root)], check=True)

    def seen(self, sidecar: Sidecar) -> Path:
        return Path(f"/proc/{sidecar.pid}/root{self.root}")


def fill(file: Path) -> None:
    with file.open("ab", buffering=0) as written:
        for size in (1 << 20, 1 << 12):
            with contextlib.suppress(OSError):
                while True:
                    written.write(bytes(size))


@at_length
@pytest.mark.parametrize("mode", MODES)
def test_a_volume_that_fills_up(tmp_path: Path, seed: int, mode: str) -> None:
    volume = Volume(tmp_path)
    with (
        down(tmp_path) as sink,
        Sidecar(sections(sink.url, volume.root / "spool.db", mode), prefix=volume.prefix) as sidecar,
    ):
        trouble, neighbour = Trouble(sidecar), volume.seen(sidecar) / "neighbour"
        with agents(tmp_path, sidecar, seed) as counts:
            trouble.until_backlog()
            fill(neighbour)
            trouble.until_troubled("full")
            fill(neighbour)  # what was given up to make room as well
            behave(sink)
            trouble.lasts("full", "make room")
            neighbour.unlink()
            trouble.until_durable()
        nothing_lost(finish(sidecar, sink, trouble, counts), sink)


@at_length
def test_a_volume_that_is_mounted_for_reading_and_then_for_writing(tmp_path: Path, seed: int) -> None:
    volume = Volume(tmp_path, "ro")
    with (
        SinkProcess(tmp_path, "--api-key", "K") as sink,
        Sidecar(sections(sink.url, volume.root / "spool.db", "always"), prefix=volume.prefix) as sidecar,
    ):
        trouble = Trouble(sidecar)
        with agents(tmp_path, sidecar, seed) as counts:
            trouble.until_troubled("readonly")
            trouble.lasts("readonly", "mount the volume for writing")
            volume.let_write(sidecar)
            trouble.until_durable()
        nothing_lost(finish(sidecar, sink, trouble, counts), sink)


# A directory without rights


MORTAL: Final = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")  # root may write anywhere


@at_length
@pytest.mark.parametrize(("when", "mode"), cases(("used", "always"), ("start", "overflow")))
def test_a_directory_that_may_not_be_written(tmp_path: Path, seed: int, when: str, mode: str) -> None:
    if os.geteuid() == 0 and not (shutil.which("setpriv") and shutil.which("unshare")):
        pytest.skip("there is no setpriv here, and root may write anywhere")
    prefix = ["unshare", "--fork", "--kill-child", *MORTAL] if os.geteuid() == 0 else []
    folder = tmp_path / "spool"
    folder.mkdir()
    with down(tmp_path) as sink:
        settings = sections(sink.url, folder / "spool.db", mode)
        counts, before = [], []
        if when == "start":
            counts, ledger = left_behind(tmp_path, settings, seed)
            before = [ledger]
            forbid(folder)
        with Sidecar(settings, prefix=prefix) as sidecar:
            trouble = Trouble(sidecar)
            with agents(tmp_path, sidecar, seed, first=3) as more:
                if when == "used":
                    trouble.until_backlog()
                    forbid(folder)
                    sidecar.until_status("events", 1)
                    trouble.is_alive()
                    # What is open can still be written: only a file that must be made anew shows it.
                    for each in folder.glob("spool.db-*"):
                        each.unlink() if allow(folder) else None
                    forbid(folder)
                trouble.until_troubled("readonly")
                behave(sink)
                trouble.lasts("readonly", "let it belong to the user")
                allow(folder)
                trouble.until_durable()
            nothing_lost(finish(sidecar, sink, trouble, [*counts, *more], *before), sink)


def forbid(folder: Path) -> None:
    for each in folder.iterdir():
        each.chmod(0o400)
    folder.chmod(0o500)


def allow(folder: Path) -> bool:
    folder.chmod(0o700)
    for each in folder.iterdir():
        each.chmod(0o600)
    return True


# What cannot be at all


@pytest.mark.parametrize("mode", MODES if LONG else ["always"])
def test_a_path_that_cannot_be_made(tmp_path: Path, seed: int, mode: str) -> None:
    folder = tmp_path / "folder"
    folder.write_text("in the way")
    with (
        SinkProcess(tmp_path, "--api-key", "K") as sink,
        Sidecar(sections(sink.url, folder / "below" / "spool.db", mode)) as sidecar,
    ):
        trouble = Trouble(sidecar)
        with agents(tmp_path, sidecar, seed) as counts:
            trouble.until_troubled("readonly")
            trouble.lasts("readonly", str(folder))
            folder.unlink()
            trouble.until_durable()
        nothing_lost(finish(sidecar, sink, trouble, counts), sink)


@at_length
@pytest.mark.parametrize("mode", MODES)
def test_a_spool_of_a_newer_version_waits_for_who_can_read_it(tmp_path: Path, seed: int, mode: str) -> None:
    path = tmp_path / "spool.db"
    with down(tmp_path) as sink:
        settings = sections(sink.url, path, mode)
        counts, before = left_behind(tmp_path, settings, seed)
        known = version(path, 99)
        with Sidecar(settings) as sidecar:
            trouble = Trouble(sidecar)
            with agents(tmp_path, sidecar, seed, first=3) as more:
                trouble.until_troubled("newer")
                behave(sink)
                trouble.lasts("newer", "upgrade")
                version(path, known)
                trouble.until_durable()
            nothing_lost(finish(sidecar, sink, trouble, [*counts, *more], before), sink)


def version(path: Path, new: int) -> int:
    """Set it, and return the one before."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        ((before,),) = connection.execute("pragma user_version").fetchall()
        connection.execute(f"pragma user_version = {new}")
    return int(before)


@at_length
@pytest.mark.parametrize("mode", MODES)
def test_of_two_on_one_spool_the_second_waits_until_the_first_ends(tmp_path: Path, seed: int, mode: str) -> None:
    with down(tmp_path) as sink:
        settings = sections(sink.url, tmp_path / "spool.db", mode)
        with Sidecar(settings) as first, Sidecar(settings) as second:
            before, trouble = Trouble(first), Trouble(second)
            with agents(tmp_path, second, seed, first=3) as more:
                with agents(tmp_path, first, seed) as counts:
                    before.until_backlog()
                    trouble.until_troubled("locked")
                    before.until_durable()
                    behave(sink)
                    trouble.lasts("locked", "another process")
                    behave(sink, status=503)
                    before.until_backlog()
                left = first.stop()
                trouble.until_durable()
                behave(sink)
            posted = [*counts, *more, before.count()]
            whole = finish(second, sink, trouble, posted, left)
        nothing_lost(whole, sink)


# Damage, which is there once and for all


@pytest.mark.parametrize(("what", "mode"), cases(("file", ""), ("directory", "overflow")))
def test_what_is_removed_under_its_hands_is_made_again(tmp_path: Path, seed: int, what: str, mode: str) -> None:
    folder = tmp_path / "spool"
    folder.mkdir()
    with down(tmp_path) as sink, Sidecar(sections(sink.url, folder / "spool.db", mode)) as sidecar:
        trouble = Trouble(sidecar)
        with agents(tmp_path, sidecar, seed) as counts:
            trouble.until_backlog()
            if what == "file":
                (folder / "spool.db").unlink()
            else:
                shutil.rmtree(folder.rename(tmp_path / "gone"))  # at once: it is made anew meanwhile
            trouble.passes("corrupt")
            assert (folder / "spool.db").exists()
            behave(sink)
        nothing_lost(finish(sidecar, sink, trouble, counts), sink)


def cut(path: Path) -> None:
    log = log_of(path)
    os.truncate(log, frame(frames(log) // 4) + 1000)


def spoil(path: Path) -> None:
    log = log_of(path)
    garbage(log, frame(frames(log) // 2), 24 + PAGE)


def frames(log: Path) -> int:
    """Those that count: behind the last of them may stand others, of before the log was begun anew."""
    written = log.read_bytes()
    salts, size = written[16:24], frame(1) - frame(0)
    heads = (written[at + 8 : at + 16] for at in range(frame(0), len(written) - size + 1, size))
    return sum(1 for _ in itertools.takewhile(lambda found: found == salts, heads))


@at_length
@pytest.mark.parametrize("mode", MODES)
def test_a_log_that_was_cut_costs_what_was_in_it(tmp_path: Path, seed: int, mode: str) -> None:
    path = tmp_path / "spool.db"
    with down(tmp_path) as sink:
        settings = sections(sink.url, path, mode)
        counts = killed(tmp_path, settings, seed)
        cut(path)
        with Sidecar(settings) as sidecar:
            trouble = Trouble(sidecar)
            trouble.until_durable()
            behave(sink)
            before = former(sidecar)
            whole = finish(sidecar, sink, trouble, counts, before)
        lost(whole, "dropped_spool_corrupt", "dropped_crash")
        for name, account in before["destinations"].items():  # no more of it can have died with the process
            in_memory = account.get("queued", 0) + account.get("in_flight", 0)
            assert whole["destinations"][name].get("dropped_crash", 0) <= in_memory


@pytest.mark.parametrize("mode", MODES if LONG else ["always"])
def test_a_log_that_is_spoilt_in_its_middle_costs_no_more_than_that(tmp_path: Path, seed: int, mode: str) -> None:
    path = tmp_path / "spool.db"
    with down(tmp_path) as sink:
        settings = sections(sink.url, path, mode)
        counts = killed(tmp_path, settings, seed)
        spoil(path)
        with Sidecar(settings) as sidecar:
            trouble = Trouble(sidecar)
            trouble.passes("corrupt")
            behave(sink)
            whole = finish(sidecar, sink, trouble, counts, former(sidecar))
        reasons = ("dropped_spool_corrupt", "dropped_crash", "quarantined")
        assert lost(whole, *reasons) < 0.5 * sum(each["enqueued"] for each in whole["destinations"].values())


def former(sidecar: Sidecar) -> Count:
    """The books of the life before, as this one found them."""
    found: Count = sidecar.wait_for("former")["ledger"]
    return found


# Bodies that are too large to be remembered by SQLite, so that damage is met


LARGE: Final = 150_000  # bytes; 200 of them are twice the 16 MiB that SQLite keeps in memory
MANY: Final = 200


def fill_spool(trouble: Trouble) -> None:
    for _ in range(MANY):
        assert trouble.post(durable=False, size=LARGE)[0] == 200
    trouble.watch.until(lambda metrics: metrics[SPOOLED[0]] >= MANY / 2, 20)


def damage(path: Path, rng: random.Random, what: str) -> None:
    """Of bodies: in the middle of the text of some spans. Of pages: whole ones, of any kind."""
    if what == "pages":
        pages = path.stat().st_size // PAGE
        for page in rng.sample(range(2, pages), 5):
            garbage(path, page * PAGE, PAGE)
        return
    content = path.read_bytes()
    at = content.find(TEXT * 1000)
    for _ in range(5):
        garbage(path, at + 5000, 100)
        at = content.find(TEXT * 1000, at + 2 * LARGE)
        assert at > 0


@at_length
@pytest.mark.parametrize("what", ["pages", "bodies"])
@pytest.mark.parametrize(("when", "mode"), [("used", "overflow"), ("start", "overflow"), ("start", "always")])
def test_what_is_damaged_is_found_when_it_is_read(
    tmp_path: Path, seed: int, rng: random.Random, what: str, when: str, mode: str
) -> None:
    path = tmp_path / "spool.db"
    with contextlib.ExitStack() as stack:
        sink = stack.enter_context(down(tmp_path))
        settings = sections(sink.url, path, mode)
        sidecar = stack.enter_context(Sidecar(settings))
        trouble = Trouble(sidecar)
        counts, before = [], []
        fill_spool(trouble)
        if when == "start":
            counts, before = [trouble.count()], [sidecar.stop()]
        damage(path, rng, what)
        if when == "start":
            sidecar = stack.enter_context(Sidecar(settings))
            trouble = Trouble(sidecar)
        behave(sink)
        if what == "pages":
            trouble.until_troubled("corrupt")
        trouble.until_durable()
        whole = finish(sidecar, sink, trouble, counts, *before)
        if what == "bodies":
            assert lost(whole, "quarantined") == 5
            assert not trouble.lines("corrupt")
        else:
            assert lost(whole, "quarantined", "dropped_spool_corrupt") < MANY / 2
