"""A page as its reader lives it: its blocks, one after the other, in one shell.

Python is run as it stands there. A process that stays runs beside the rest, and is ended as Ctrl-C would at the end.
The page's own addresses and folders become free ones, so that nothing else on the machine is in the way.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import Any, Final, NamedTuple

from tests.e2e.process import INHERITED, free_ports
from tests.pages.blocks import ROOT, Block

PATIENCE: Final = 60.0  # s for a page in `make test`; the longest takes five on an idle machine
PORTS: Final = ("4318", "4319", "19464")  # as the pages write them
# An answer of 400 or more fails. The place of a block is known when it fails; what it started is ended however it went.
HEAD: Final = """set -euo pipefail
curl() { command curl --fail-with-body "$@"; }
place=start
pids=
finish() {
  code=$?
  trap - EXIT
  [ "$code" = 0 ] || printf '%s failed\\n' "$place" >&2
  for pid in $pids; do
    kill -INT "$pid" 2>/dev/null || true
    wait "$pid" || { code=1; printf '%s: bad end\\n' "$pid" >&2; }
  done
  exit "$code"
}
trap finish EXIT
trap 'printf "%s took too long\\n" "$place" >&2; exit 124' TERM
"""
STAYS: Final = """set -m
{command} >{log} 2>&1 &
set +m
pids="$! $pids"
until grep -qF -- {text} {log}; do kill -0 $! || {{ cat {log} >&2; exit 1; }}; sleep 0.05; done
"""
SHOWS: Final = """tries=0
until {{
{text}}} >{log} 2>&1 && grep -qF -- {shown} {log}; do
  tries=$((tries + 1))
  [ "$tries" -lt 100 ] || {{ cat {log} >&2; exit 1; }}
  sleep 0.1
done
"""


class Told(NamedTuple):
    """code: 0 where each block did, and each process that stayed. logs: what those said, in their order."""

    code: int
    said: str
    logs: list[str]

    def ledgers(self) -> list[dict[str, Any]]:
        """The closing ledger of each sidecar of the page."""
        lines = [line for log in self.logs for line in log.splitlines() if '"kind":"closed"' in line]
        return [json.loads(line)["ledger"] for line in lines]


def tell(blocks: Sequence[Block], home: Path, patience: float = PATIENCE) -> Told:
    """Run the blocks in `home`, an empty folder that looks like a checkout to them."""
    for entry in ROOT.iterdir():
        if not entry.name.startswith("."):
            (home / entry.name).symlink_to(entry)
    (home / "run").mkdir()
    logs = [home / "run" / f"{number}.log" for number in range(len(blocks))]
    ports = dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True))
    script = HEAD + "".join(_step(block, log) for block, log in zip(blocks, logs, strict=True))
    for old, new in [*((f":{port}", f":{free}") for port, free in ports.items()), ("/tmp/inspan", f"{home}/run")]:
        script = script.replace(old, new)
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    own = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "INSPAN_SOCKET": f"{home}/run/inspan.sock",
        "INSPAN_ADMIN__LISTEN": f"127.0.0.1:{ports['19464']}",
        "HOME": str(home),
        "TMPDIR": str(home),
    }
    code, said = _bash(script, home, inherited | own, patience)
    return Told(code, said, [log.read_text(errors="replace") for log in logs if log.exists()])


def _bash(script: str, home: Path, environ: Mapping[str, str], patience: float) -> tuple[int, str]:
    (home / "run" / "story.sh").write_text(script)
    with (home / "run" / "said").open("w+") as said:
        bash = subprocess.Popen(
            ["bash", "run/story.sh"],
            cwd=home,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        try:
            code = bash.wait(patience)
        except subprocess.TimeoutExpired:
            os.killpg(bash.pid, signal.SIGTERM)  # the shell and what it waits for; its trap ends what stays
            code = bash.wait(patience)
    return code, (home / "run" / "said").read_text(errors="replace")


def _step(block: Block, log: Path) -> str:
    text = f"place={block}\n"
    if block.language == "python":
        return f"{text}python3 -W error - <<'A BLOCK OF PYTHON'\n{block.text}A BLOCK OF PYTHON\n"
    if block.mark == "stays until":
        *before, last = block.text.rstrip().splitlines()
        stays = STAYS.format(command=last.partition("  #")[0], log=log, text=quote(block.detail))
        return "\n".join([text, *before, stays])
    if block.mark == "shows":
        return text + SHOWS.format(text=block.text, log=log, shown=quote(block.detail))
    return text + block.text
