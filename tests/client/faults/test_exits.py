"""An agent ends, in all the ways there are: what it recorded arrives where somebody takes it, is counted where nobody
does, and nobody waits longer than the budget of an exit."""

import time
from pathlib import Path

import pytest
from tests.client.faults.agent_process import ended, run, started
from tests.client.faults.raw import Hang, Raw, Request, answer, taken
from tests.client.faults.upstream import ids, keeping, kept

from inspan.leaving import BUDGET

SLACK = 0.5  # s, beyond the budget; a machine that runs other tests beside this one starts Python within it, mostly
ENDINGS = {
    "by itself": "",
    "by sys.exit": "sys.exit(3)",
    "by an exception": "raise RuntimeError('of the agent')",
    "by Ctrl-C": "raise KeyboardInterrupt",
    "in asyncio": "import asyncio\nasync def main():\n    client.record(span(7))\nasyncio.run(main())",
    "in asyncio, by sys.exit": "import asyncio\nasync def main():\n    sys.exit(3)\nasyncio.run(main())",
    "in two loops": "import asyncio\nasync def main(n):\n    client.record(span(n))\n"
    "asyncio.run(main(7))\nasyncio.run(main(8))",
    "in a pool": "from concurrent.futures import ThreadPoolExecutor\n"
    "pool = ThreadPoolExecutor(2)\nfor n in (7, 8, 9): pool.submit(client.record, span(n))",
    "in a thread that goes on": "import threading\n"
    "def later():\n    time.sleep(0.1)\n    client.record(span(7))\nthreading.Thread(target=later).start()",
    "in atexit": "import atexit\natexit.register(client.record, span(7))",
    "with nobody who holds the client": "del client",
    "after close": "assert client.close() and not client.record(span(7))\nassert law(client).dropped['closed'] == 1",
}
MORE = {"in asyncio": 1, "in two loops": 2, "in a pool": 3, "in a thread that goes on": 1, "in atexit": 1}


@pytest.mark.parametrize("how", ENDINGS)
def test_what_is_queued_at_an_exit_arrives(tmp_path: Path, how: str) -> None:
    with Raw(tmp_path / "s") as sidecar:
        lines = f"client = inspan.Client(linger=60)\nfor n in range(5): client.record(span(n))\n{ENDINGS[how]}\n"
        end = run(lines, tmp_path / "s", tmp_path)
        assert end.code in (0, 1, 3, -2), end.errors
        assert sorted(sidecar.spans) == [f"s{n}" for n in sorted([*range(5), *range(7, 7 + MORE.get(how, 0))])]
        assert end.seconds < BUDGET / 2 + SLACK, "it waited for what was not to come"
        assert [path for path, _ in sidecar.told][-1].endswith("/complete")
        assert sidecar.told[-1][1]["queued"] == 0


def test_an_agent_of_one_line_is_heard(tmp_path: Path) -> None:
    with Raw(tmp_path / "s") as sidecar:
        end = run("inspan.Client().record(span(1))\n", tmp_path / "s", tmp_path)
        assert (end.code, end.errors, sidecar.spans) == (0, "", ["s1"])
        assert end.seconds < BUDGET / 2 + SLACK


def test_a_span_that_is_recorded_first_at_exit_arrives(tmp_path: Path) -> None:
    with Raw(tmp_path / "s") as sidecar:
        lines = "client = inspan.Client()\nimport atexit\natexit.register(client.record, span(1))\n"
        assert run(lines, tmp_path / "s", tmp_path).errors == ""
        assert sidecar.spans == ["s1"]


def test_a_real_sidecar_has_all_that_was_recorded_before_an_exit(tmp_path: Path) -> None:
    with keeping(tmp_path) as sidecar:
        lines = "client = inspan.Client()\nfor n in range(5000): assert client.record(span(n))\n"
        assert run(lines, sidecar.socket, tmp_path).errors == ""
        assert ids(kept(sidecar, tmp_path)) == {f"s{n}": 1 for n in range(5000)}


# What is printed after the exit's end: registered before inspan is imported, so it runs last.
LAST = """
import atexit
def last():
    stats = law(client)
    say(queued=stats.queued + stats.in_flight, accepted=stats.accepted, **stats.dropped)
atexit.unregister(inspan.leaving._leave)
atexit.register(last)
atexit.register(inspan.leaving._leave)
client = inspan.Client()
for n in range(5): client.record(span(n))
"""


def hung(_: Request) -> bytes:
    raise Hang


def test_a_sidecar_that_hangs_costs_an_exit_its_budget_and_no_more(tmp_path: Path) -> None:
    with Raw(tmp_path / "s", hung):
        end = run(LAST, tmp_path / "s", tmp_path)
    assert end.said == [{"queued": 0, "accepted": 0, "exit": 5} | dict.fromkeys(OTHERS, 0)], end.errors
    assert end.seconds < BUDGET + SLACK


OTHERS = ("buffer_full", "too_large", "unencodable", "refused", "closed")


def test_a_sidecar_whose_backlog_is_full_costs_no_more(tmp_path: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen(0)
        with socket.socket(socket.AF_UNIX) as first:
            first.connect(str(tmp_path / "s"))  # which nobody accepts: the next one finds the backlog full
            end = run(LAST, tmp_path / "s", tmp_path)
    assert end.said == [{"queued": 0, "accepted": 0, "exit": 5} | dict.fromkeys(OTHERS, 0)], end.errors
    assert end.seconds < BUDGET + SLACK


def test_where_there_is_no_sidecar_an_exit_still_gives_it_the_time_to_come(tmp_path: Path) -> None:
    process = started(LAST, tmp_path / "s", tmp_path)
    time.sleep(0.7)
    with Raw(tmp_path / "s") as sidecar:
        end = ended(process)
        assert sidecar.spans == [f"s{n}" for n in range(5)]
    assert end.said[0]["accepted"] == 5
    assert "no sidecar at" in end.errors
    assert str(tmp_path / "s") in end.errors


def test_where_no_sidecar_comes_what_is_lost_is_counted_and_said(tmp_path: Path) -> None:
    end = run(LAST, tmp_path / "s", tmp_path)
    assert end.said[0]["exit"] == 5
    assert end.seconds < BUDGET + SLACK
    assert "5 spans were dropped as exit: the sidecar did not take them before the end" in end.errors


@pytest.mark.parametrize("status", [429, 503, 500, 401, 404])
def test_the_count_of_what_is_given_up_reaches_a_sidecar_that_takes_no_spans(tmp_path: Path, status: int) -> None:
    def full(request: Request) -> bytes:
        return answer(status, b"{}", "retry-after: 30") if request.path == "/v1/spans" else taken(request)

    with Raw(tmp_path / "s", full) as sidecar:
        end = run(LAST, tmp_path / "s", tmp_path)
        assert end.said[0]["exit"] == 5, end.errors
        path, last = sidecar.told[-1]
        assert path.endswith("/complete")
        assert last == {"recorded": 5, "queued": 0, "dropped": {"exit": 5}}
    assert end.seconds < BUDGET + SLACK


def test_closing_twice_and_exiting_waits_once(tmp_path: Path) -> None:
    with Raw(tmp_path / "s") as sidecar:
        lines = "client = inspan.Client()\nclient.record(span(1))\nassert client.close()\nassert client.close()\n"
        end = run(lines, tmp_path / "s", tmp_path)
        assert (end.code, sidecar.spans) == (0, ["s1"]), end.errors
        assert end.seconds < BUDGET / 2 + SLACK
        assert [path.rpartition("/")[2] for path, _ in sidecar.told].count("complete") == 1


def test_a_close_that_gave_up_says_so(tmp_path: Path) -> None:
    with Raw(tmp_path / "s", hung):
        lines = (
            "client = inspan.Client()\nclient.record(span(1))\nsay(closed=client.close(0.5), left=law(client).queued)"
        )
        end = run(lines, tmp_path / "s", tmp_path)
    assert end.said == [{"closed": False, "left": 0}]
    assert end.seconds < BUDGET / 2 + SLACK, "the exit waited again"
