"""Recording where nothing may wait: in signal handlers, in the garbage collector, at the end of the stack, while
Ctrl-C comes and comes. The account is exact after each."""

from pathlib import Path

import pytest
from tests.client.faults.agent_process import run
from tests.client.faults.raw import Raw

# A deadlock would be told with every thread's stack.
WATCHED = "import faulthandler, gc, signal, threading\nfaulthandler.dump_traceback_later(20, exit=True)\n"


def check(tmp_path: Path, lines: str, errors: str = "") -> dict[str, int]:
    """Run an agent that must end well; each span that it says to have is there once."""
    with Raw(tmp_path / "s") as sidecar:
        end = run(WATCHED + lines, tmp_path / "s", tmp_path)
        assert (end.code, end.errors) == (0, errors)
        (said,) = end.said
        assert len(sidecar.spans) == len(set(sidecar.spans)) == said["accepted"]
        return said


@pytest.mark.parametrize("number", ["SIGALRM", "SIGUSR1"])
def test_a_handler_that_records_while_the_thread_it_interrupts_does(tmp_path: Path, number: str) -> None:
    lines = """
client = inspan.Client(max_bytes=1 << 28)
calls = 0
def handler(*_):
    global calls
    calls += 1
    client.record(span(calls, "handler"))
    if calls % 100 == 0: law(client)
signal.signal(signal.NUMBER, handler)
if signal.NUMBER == signal.SIGALRM:
    signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.0001)
else:
    over = threading.Event()
    def storm():
        while not over.wait(0.0001): signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
    thread = threading.Thread(target=storm)
    thread.start()
end, n = time.monotonic() + 1, 0
while time.monotonic() < end:
    assert client.record(span(n))
    n += 1
    if n % 1000 == 0: client.stats()
if signal.NUMBER == signal.SIGALRM:
    signal.setitimer(signal.ITIMER_REAL, 0)
else:
    over.set()
    thread.join()
assert client.flush(10)
stats = law(client)
assert stats.recorded == stats.accepted == n + calls, (stats, n, calls)
say(accepted=stats.accepted, calls=calls)
"""
    assert check(tmp_path, lines.replace("NUMBER", number))["calls"] > 100


# A handler that raises `Stop` once, wherever the thread is while it is armed.
RAISING = """
armed = False
raised = 0
def handler(*_):
    global armed, raised
    if armed:
        armed = False
        raised += 1
        raise Stop
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
client = inspan.Client(max_bytes=1 << 28)
n = seen = 0
end = time.monotonic() + 1
while time.monotonic() < end:
    n += 1
    try:
        armed = True
        client.record(span(n))
        if n % 50 == 0: client.stats()
        if n % 500 == 0: client.flush(0.01)
        armed = False
    except Stop:
        seen += 1
signal.setitimer(signal.ITIMER_REAL, 0)
assert seen == raised > 50, (seen, raised)
assert client.flush(10)
stats = law(client)
assert n - seen <= stats.recorded <= n, (n, seen, stats)
assert stats.recorded == stats.accepted and stats.held_bytes == 0 and not stats.replaced
cpu = time.process_time()
time.sleep(0.3)
assert time.process_time() - cpu < 0.1, "the sender goes round and round"
say(accepted=stats.accepted)
"""


def test_ctrl_c_comes_and_comes_and_the_account_is_exact(tmp_path: Path) -> None:
    check(tmp_path, "Stop = KeyboardInterrupt\n" + RAISING)


def test_what_a_handler_raises_is_the_agents_own(tmp_path: Path) -> None:
    check(tmp_path, "class Stop(Exception): pass\n" + RAISING)


def test_the_garbage_collector_may_record_in_the_midst_of_anything(tmp_path: Path) -> None:
    lines = """
client = inspan.Client(max_bytes=1 << 28, linger=0.001)
import itertools
numbers = itertools.count(1)
gone = []
class Node:
    def __init__(self): self.me = self
    def __del__(self):
        client.record(span(next(numbers), "gc"))
        gone.append(None)
gc.set_threshold(3, 2, 2)
def record(name):
    for n in range(3000):
        Node()
        client.record({**span(n, name), "input": [[1], {"a": []}]})
        if n % 100 == 0: law(client)
threads = [threading.Thread(target=record, args=(f"t{n}-",)) for n in range(4)]
for each in threads: each.start()
for each in threads: each.join()
gc.set_threshold(0)
until(lambda: gc.collect() >= 0 and len(gone) == 12_000)  # the sender may be collecting just then
assert client.flush(10)
stats = law(client)
assert stats.recorded == stats.accepted == 24_000
say(accepted=stats.accepted)
"""
    check(tmp_path, lines)


def test_at_the_end_of_the_stack_a_span_is_kept_or_counted(tmp_path: Path) -> None:
    lines = """
import logging
logging.disable()
client = inspan.Client()
tried = 0
def deeper(left):
    global tried
    if left: return deeper(left - 1)
    tried += 1
    client.record(span(tried))
failed = 0
for left in range(sys.getrecursionlimit() - 60, sys.getrecursionlimit() + 5):
    before = tried
    try: deeper(left)
    except RecursionError:
        failed += tried > before
client.flush(5)
stats = law(client)
assert stats.held_bytes == 0
assert tried - failed <= stats.recorded <= tried, (tried, failed, stats)
assert failed <= 2, failed
say(accepted=stats.accepted, lost=stats.dropped["unencodable"])
"""
    check(tmp_path, lines)


def test_a_log_handler_may_record_and_may_fail(tmp_path: Path) -> None:
    lines = """
import logging
client = inspan.Client(sys.argv[0] + "-nowhere")
lines = []
class Recording(logging.Handler):
    def emit(self, record):
        lines.append(record.getMessage())
        client.record(span(len(lines), "log"))
        raise RuntimeError("of the agent's handler")
logging.getLogger().addHandler(Recording())
client.record(span(1))
until(lambda: lines)
client.terms.places[:] = inspan.wire.places()
assert client.flush(5)
stats = law(client)
assert stats.recorded == stats.accepted == 1 + len(lines), (stats, lines)
assert "no sidecar at " in lines[0] and "-nowhere" in lines[0]
say(accepted=stats.accepted)
"""
    check(tmp_path, lines)


def test_two_loops_sixteen_threads_and_many_tasks_share_a_client(tmp_path: Path) -> None:
    lines = """
import asyncio
client = inspan.Client(max_bytes=1 << 28, linger=0.001)
async def task(name):
    for n in range(20):
        client.record(span(n, name))
        await asyncio.sleep(0)
async def main(name):
    await asyncio.gather(*(task(f"{name}-{n}-") for n in range(20)))
def thread(name):
    for n in range(500): client.record(span(n, name))
threads = [threading.Thread(target=thread, args=(f"t{n}-",)) for n in range(16)]
for each in threads: each.start()
asyncio.run(main("one"))
asyncio.run(main("two"))
async def short(): client.record(span(1, "short"))
asyncio.run(short())
for each in threads: each.join()
async def flush(): assert await asyncio.to_thread(client.flush, 10)
asyncio.run(flush())
stats = law(client)
assert stats.recorded == stats.accepted == 2 * 400 + 16 * 500 + 1
say(accepted=stats.accepted)
"""
    check(tmp_path, lines)


def test_an_agent_with_sigpipes_default_back_outlives_its_sidecar(tmp_path: Path) -> None:
    lines = """
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
client = inspan.Client()
client.record(span(1))
assert client.flush(5)
say(accepted=1)
time.sleep(0.5)
for n in range(20):
    client.record(span(n, "after"))
    time.sleep(0.01)
"""
    from tests.client.faults.agent_process import ended, started

    process = started(WATCHED + lines, tmp_path / "s", tmp_path)
    with Raw(tmp_path / "s") as sidecar:
        assert process.stdout is not None
        process.stdout.readline()
        assert sidecar.spans == ["s1"]
    assert ended(process).code == 0
