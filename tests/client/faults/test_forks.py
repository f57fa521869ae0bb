"""Processes that come of an agent: each has an empty client and a name of its own, and none loses or repeats a span."""

import os
import signal
from pathlib import Path

import pytest
from tests.client.faults.agent_process import ended, run, started
from tests.client.faults.raw import Raw, Request, taken
from tests.client.faults.upstream import ids, keeping, kept

from inspan.leaving import BUDGET

# `child(what)` runs it in a fork that ends as a program does; its exit code must be 0.
CHILD = """
import os, traceback
def child(what):
    pid = os.fork()
    if pid:
        return pid
    try:
        what()
    except SystemExit:
        raise
    except BaseException:
        traceback.print_exc()
        os._exit(9)
    sys.exit(0)

def ok(pid):
    status = os.waitpid(pid, 0)[1]
    assert status == 0, f"the child ended with {status}"
"""


def check(tmp_path: Path, lines: str, *expected: str) -> None:
    """The agent's spans are all there, once, and it was in no wait for what is not to come."""
    with keeping(tmp_path) as sidecar:
        end = run(CHILD + lines, sidecar.socket, tmp_path)
        assert (end.code, end.errors) == (0, "")
        assert ids(kept(sidecar, tmp_path)) == dict.fromkeys(expected, 1)


def test_a_fork_sends_its_own_and_leaves_what_was_queued_to_its_parent(tmp_path: Path) -> None:
    lines = """
client = inspan.Client(linger=0.3)
for n in range(10): client.record(span(n, "parent"))
def inside():
    assert law(client).recorded == 0
    for n in range(10): client.record(span(n, "child"))
    assert client.flush()
    assert law(client).accepted == 10
ok(child(inside))
client.record(span(10, "parent"))
assert client.flush() and law(client).accepted == 11
"""
    check(tmp_path, lines, *(f"parent{n}" for n in range(11)), *(f"child{n}" for n in range(10)))


def test_a_fork_of_a_fork_ends_as_a_program_does_and_sends_what_it_has(tmp_path: Path) -> None:
    lines = """
client = inspan.Client(linger=60)
def grandchild():
    client.record(span(1, "grandchild"))
def inside():
    client.record(span(1, "child"))
    ok(child(grandchild))
client.record(span(1, "parent"))
ok(child(inside))
"""
    check(tmp_path, lines, "parent1", "child1", "grandchild1")


def test_a_fork_from_a_thread_while_others_record_deadlocks_nobody(tmp_path: Path) -> None:
    lines = """
import threading
client = inspan.Client(linger=0.001)
over = threading.Event()
def record(name):
    n = 0
    while not over.is_set():
        assert client.record(span(n, name))
        n += 1
        time.sleep(0.0002)
def inside(name):
    for n in range(5): assert client.record(span(n, name))
    assert client.flush(10)
    os._exit(0)
def fork(name):
    for n in range(10):
        ok(child(lambda: inside(f"{name}-{n}-")))
recorders = [threading.Thread(target=record, args=(f"r{n}-",)) for n in range(4)]
forkers = [threading.Thread(target=fork, args=(f"f{n}",)) for n in range(2)]
for each in recorders + forkers: each.start()
for each in forkers: each.join()
over.set()
for each in recorders: each.join()
assert client.flush(10)
stats = law(client)
assert stats.recorded == stats.accepted
say(recorded=stats.recorded)
"""
    with keeping(tmp_path) as sidecar:
        process = started(CHILD + lines, sidecar.socket, tmp_path)
        end = ended(process)
        assert (end.code, end.errors) == (0, "")
        found = ids(kept(sidecar, tmp_path))
        assert set(found.values()) == {1}
        assert sum(each.startswith("r") for each in found) == end.said[0]["recorded"]
        assert sum(each.startswith("f") for each in found) == 2 * 10 * 5


def test_a_fork_in_the_midst_of_a_post_takes_nothing_from_its_parents_connection(tmp_path: Path) -> None:
    import threading

    forked = threading.Event()

    def slow(request: Request) -> bytes:
        if request.path == "/v1/spans" and b'"parent' in request.body:
            assert forked.wait(10)
        if request.path == "/v1/spans" and b'"child' in request.body:
            forked.set()
        return taken(request)

    lines = """
client = inspan.Client()
client.record(span(1, "parent"))
until(lambda: client.stats().in_flight == 1)
def inside():
    client.record(span(1, "child"))
    assert client.flush(5)
ok(child(inside))
assert client.flush(5)
assert law(client).accepted == 1 and client.stats().reposts == 0
"""
    with Raw(tmp_path / "s", slow) as sidecar:
        end = run(CHILD + lines, tmp_path / "s", tmp_path)
        assert (end.code, end.errors) == (0, "")
        assert sorted(sidecar.spans) == ["child1", "parent1"]
        names = {request.headers["inspan-agent"] for request in sidecar.at(path="/v1/spans")}
        assert len(names) == 2, "a child goes by a name of its own"


def test_a_span_that_is_open_at_a_fork_is_ended_by_the_parent_alone(tmp_path: Path) -> None:
    lines = """
client = inspan.Client(starts=False)
def inside():
    with client.span("below") as below:
        below.id = "below"
with client.span("above") as above:
    above.id = "above"
    pid = os.fork()
    if not pid:
        inside()
if not pid:
    sys.exit(0)
ok(pid)
"""
    check(tmp_path, lines, "above", "below")


def test_a_fork_that_ends_at_once_sends_nothing_of_its_parents(tmp_path: Path) -> None:
    lines = """
client = inspan.Client(linger=0.2)
for n in range(20):
    client.record(span(n))
    pid = os.fork()
    if not pid: os._exit(0)
    ok(pid)
"""
    check(tmp_path, lines, *(f"s{n}" for n in range(20)))


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing_send_what_they_have_though_they_end_by_os_exit(
    tmp_path: Path, method: str
) -> None:
    lines = """
import multiprocessing
client = inspan.Client(linger=60)
def inside(n):
    client.record(span(n, "child"))
if __name__ == "__main__":
    context = multiprocessing.get_context(METHOD)
    client.record(span(0, "parent"))
    children = [context.Process(target=inside, args=(n,)) for n in range(3)]
    for each in children: each.start()
    for each in children: each.join(); assert each.exitcode == 0
"""
    check(tmp_path, f"METHOD = {method!r}\n{lines}", "parent0", "child0", "child1", "child2")


def test_a_child_of_spawn_that_records_while_it_is_imported_is_heard(tmp_path: Path) -> None:
    lines = """
import multiprocessing
client = inspan.Client(linger=60)
client.record(span(0, __name__))
def inside(): pass
if __name__ == "__main__":
    each = multiprocessing.get_context("spawn").Process(target=inside)
    each.start(); each.join(); assert each.exitcode == 0
"""
    check(tmp_path, lines, "__main__0", "__mp_main__0")


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_what_a_pool_of_processes_records_arrives(tmp_path: Path, method: str) -> None:
    lines = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
client = inspan.Client(linger=60)
def inside(n):
    client.record(span(n))
    return os.getpid()
if __name__ == "__main__":
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(METHOD)) as pool:
        list(pool.map(inside, range(20)))
"""
    check(tmp_path, f"METHOD = {method!r}\n{lines}", *(f"s{n}" for n in range(20)))


def test_a_subprocess_is_an_agent_of_its_own(tmp_path: Path) -> None:
    lines = """
import subprocess
client = inspan.Client()
client.record(span(1, "parent"))
if len(sys.argv) == 1:
    ok = subprocess.run([sys.executable, "-c", "import inspan; inspan.Client().record("
        "{'id': 'child1', 'trace_id': 't', 'start_timestamp': '2025-01-01T00:00:00Z',"
        " 'end_timestamp': '2025-01-01T00:00:01Z'})"], check=True)
"""
    check(tmp_path, lines, "parent1", "child1")


# A master that forks workers, tells them to end, and forks others, as gunicorn does.
PREFORK = """
import signal
client = inspan.Client(linger=60)
client.record(span(0, "master"))

def work(number):
    if HANDLED:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    client.record(span(number, "worker"))
    if not HANDLED:
        assert client.flush(5)
    os.write(ready[1], b"x")
    while True: time.sleep(1)

for number in range(4):
    ready = os.pipe()
    pid = child(lambda: work(number))
    os.read(ready[0], 1)
    os.kill(pid, signal.SIGTERM)
    status = os.waitpid(pid, 0)[1]
    assert status == (0 if HANDLED else signal.SIGTERM), status
"""


@pytest.mark.parametrize("handled", [True, False])
def test_workers_of_a_master_are_recycled_by_sigterm(tmp_path: Path, handled: bool) -> None:
    check(tmp_path, f"HANDLED = {handled}\n{PREFORK}", "master0", *(f"worker{n}" for n in range(4)))


def test_an_agent_that_sigterm_kills_has_sent_what_is_older_than_its_linger(tmp_path: Path) -> None:
    lines = (
        "client = inspan.Client()\nclient.record(span(1))\nuntil(lambda: client.stats().accepted == 1)\nsay(ready=1)\n"
    )
    with keeping(tmp_path) as sidecar:
        process = started(lines + "time.sleep(60)", sidecar.socket, tmp_path)
        assert process.stdout is not None
        assert process.stdout.readline()
        os.kill(process.pid, signal.SIGTERM)
        end = ended(process)
        assert end.code == -signal.SIGTERM
        assert end.seconds < BUDGET
        assert ids(kept(sidecar, tmp_path)) == {"s1": 1}


def test_a_child_may_import_logging_whenever_it_was_forked(tmp_path: Path) -> None:
    """The sender imports nothing, so no fork meets it in the midst of an import."""
    lines = """
client = inspan.Client()
client.record(span(1))
assert client.flush(5)
assert "logging" not in sys.modules
"""
    check(tmp_path, lines, "s1")
