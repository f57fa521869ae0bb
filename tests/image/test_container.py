"""The image as it is built, run by users that nobody knows, below a root that nobody can write."""

import json
import os
import signal
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.process import ENDING, START, Process, answers, being_read
from tests.e2e.sink_process import SinkProcess
from tests.image.container import Container, inner, listing, said

from image.debian import BASE
from inspan_collector.cli.send import UnixConnection

pytestmark = pytest.mark.e2e

JSON = {"content-type": "application/json"}
POSTS, EACH = 20, 50
# As Kubernetes runs it, and as OpenShift does: a user of the project's range, whom no file names, in the group of root.
USERS = ("65532:65532", "1000680000:0")
# Mounted by who runs a container, and none of the image's.
MOUNTED = ("/proc", "/sys", "/dev", "/etc/hosts", "/etc/resolv.conf", "/run/.containerenv")
RUNNING = ("run", "pod")


def spans(post: int) -> bytes:
    times = {"start_timestamp": "2026-01-01T00:00:00Z", "end_timestamp": "2026-01-01T00:00:01Z"}
    return json.dumps(
        [{"trace_id": f"t{post}", "id": f"s{post}-{n}", "name": "a", **times} for n in range(EACH)]
    ).encode()


def post(socket: Path, body: bytes) -> int:
    connection = UnixConnection(socket)
    try:
        connection.request("POST", "/v1/spans", body, JSON)
        return connection.getresponse().status
    finally:
        connection.close()


def configured(volumes: dict[str, Path], sink: SinkProcess) -> dict[str, str]:
    """Writes a configuration into its volume; returns the environment that names it."""
    config = {
        "admin": {"listen": "127.0.0.1:0"},
        "spool": {"path": "/var/lib/inspan/spool.db"},
        "destinations": [
            {"name": "up", "kind": "otlp", "url": f"{sink.url}/v1/traces"},
            {"name": "file", "kind": "file", "path": "/var/lib/inspan/spans"},
        ],
    }
    (volumes["/etc/inspan"] / "inspan.yaml").write_text(json.dumps(config))
    return {"INSPAN_CONFIG": "/etc/inspan/inspan.yaml"}


def ready(process: Process) -> dict[str, Any]:
    """The log line that says so, once it is there."""
    process.until(lambda: any(line["kind"] == "ready" for line in said(process)))
    return next(line for line in said(process) if line["kind"] == "ready")


def ended(process: Process, number: int = signal.SIGTERM) -> dict[str, Any]:
    """Signal the sidecar itself; the closing ledger."""
    os.kill(inner(process), number)
    assert process.wait(ENDING) == 0, process.said()
    last = said(process)[-1]
    assert last["kind"] == "closed", process.said()
    ledger: dict[str, Any] = last["ledger"]
    return ledger


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("how", RUNNING)
def test_spans_over_the_mounted_socket_are_delivered_and_the_books_close(
    container: Container, volumes: dict[str, Path], tmp_path: Path, how: str, user: str
) -> None:
    start: Callable[..., Process] = getattr(container, how)
    with SinkProcess(tmp_path) as sink:
        env = configured(volumes, sink)
        with start(tmp_path / "version", "inspan", "--version", volumes=volumes, user=user) as version:
            assert version.wait(START) == 0, version.said()
        before = listing(container.root, MOUNTED)
        with start(tmp_path / "log", volumes=volumes, env=env, user=user) as sidecar:
            line = ready(sidecar)
            assert answers(line["admin"] + "/readyz")
            status = Path(f"/proc/{inner(sidecar)}/status").read_text()
            assert f"\nUid:\t{user.split(':')[0]}\t" in status
            for number in range(POSTS):
                assert post(volumes["/run/inspan"] / "inspan.sock", spans(number)) == 202
            ledger = ended(sidecar)
        count = sink.count()
    total = POSTS * EACH
    assert (count["spans"], count["unique"]) == (total, total)
    assert ledger["dialects"]["spans"] == {"received": total, "accepted": total, "refused": {}}
    assert ledger["destinations"] == {name: {"enqueued": total, "delivered": total} for name in ("up", "file")}
    assert ledger["imbalance"] == 0
    written = (volumes["/var/lib/inspan"] / "spans" / "spans.jsonl").read_text().splitlines()
    assert len({json.loads(each)["id"] for each in written}) == total
    assert listing(container.root, MOUNTED) == before


@pytest.mark.parametrize("how", RUNNING)
def test_without_its_volume_it_ends_and_says_which_one_is_missing(
    container: Container, tmp_path: Path, how: str
) -> None:
    env = {"INSPAN_ADMIN__LISTEN": "null", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    with getattr(container, how)(tmp_path / "log", env=env) as sidecar:
        assert sidecar.wait(START) != 0
    assert "cannot listen on /run/inspan/inspan.sock" in sidecar.said()
    assert "Traceback" not in sidecar.said()


def test_it_needs_no_temporary_directory(container: Container, volumes: dict[str, Path], tmp_path: Path) -> None:
    for place in ("tmp", "var/tmp"):
        (container.root / place).rmdir()
    with SinkProcess(tmp_path) as sink:
        env = configured(volumes, sink)
        with container.pod(tmp_path / "log", volumes=volumes, env=env) as sidecar:
            ready(sidecar)
            assert post(volumes["/run/inspan"] / "inspan.sock", spans(0)) == 202
            ledger = ended(sidecar)
    assert ledger["destinations"]["up"] == {"enqueued": EACH, "delivered": EACH}


def test_one_that_was_killed_is_followed_by_the_next_in_the_same_volumes(
    container: Container, volumes: dict[str, Path], tmp_path: Path
) -> None:
    with SinkProcess(tmp_path) as sink:
        env = configured(volumes, sink)
        with container.pod(tmp_path / "first", volumes=volumes, env=env) as first:
            ready(first)
            os.kill(inner(first), signal.SIGKILL)
            first.wait(ENDING)
        assert (volumes["/run/inspan"] / "inspan.sock").is_socket()
        with container.pod(tmp_path / "next", volumes=volumes, env=env) as following:
            ready(following)
            assert post(volumes["/run/inspan"] / "inspan.sock", spans(0)) == 202
            ledger = ended(following)
    assert ledger["destinations"]["up"] == {"enqueued": EACH, "delivered": EACH}


def test_a_signal_while_it_starts_ends_it(container: Container, volumes: dict[str, Path], tmp_path: Path) -> None:
    configuration = volumes["/etc/inspan"] / "inspan.yaml"
    os.mkfifo(configuration)
    configuration.chmod(0o644)
    env = {"INSPAN_CONFIG": "/etc/inspan/inspan.yaml"}
    with container.pod(tmp_path / "log", volumes=volumes, env=env) as sidecar, being_read(configuration):
        os.kill(inner(sidecar), signal.SIGTERM)
        assert sidecar.wait(ENDING) == 128 + signal.SIGTERM
    assert sidecar.said() == ""


def test_check_says_in_it_what_is_wrong_with_a_configuration(
    container: Container, volumes: dict[str, Path], tmp_path: Path
) -> None:
    wrong = {"INSPAN_QUEUE": "1", "INSPAN_DRAIN__DEADLINE": "soon"}
    for env, code, word in (({}, 0, "path: /run/inspan/inspan.sock"), (wrong, 2, "INSPAN_DRAIN__DEADLINE")):
        with container.pod(tmp_path / "log", "inspan", "check", volumes=volumes, env=env) as check:
            assert check.wait(START) == code, check.said()
        assert word in check.said()


def test_an_image_is_for_a_user_by_number_and_starts_the_sidecar_without_a_shell(untouched: Container) -> None:
    assert untouched.config["User"] == "65532:65532"
    assert untouched.config["Entrypoint"] == ["/opt/inspan/bin/inspan", "run"]
    assert untouched.config["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"


def test_it_is_its_base_and_one_directory(untouched: Container, store: dict[str, str]) -> None:
    with Container(BASE, store) as base:
        below = set(listing(base.root))
    above = set(listing(untouched.root)) - below
    assert {path.split("/")[1] for path in above} == {"opt"}


def test_there_is_no_program_in_it_but_python(untouched: Container) -> None:
    programs = {
        path.name
        for place in ("usr/bin", "usr/sbin", "usr/local/bin", "opt/inspan/bin")
        for path in (untouched.root / place).glob("*")
    }
    assert programs == {"inspan", "python", "python3", "python3.13"}


def test_there_is_nothing_in_it_that_installs_or_raises_privileges(untouched: Container) -> None:
    installers = {"pip", "setuptools", "wheel", "ensurepip", "hatchling", "apt", "dpkg-deb"}
    for path, (mode, _, _) in listing(untouched.root).items():
        name = Path(path).name.partition("-")[0]
        assert name not in installers, path
        assert not mode & (stat.S_ISUID | stat.S_ISGID), path
        assert stat.S_ISLNK(mode) or not mode & stat.S_IWOTH or mode & stat.S_ISVTX, path
        assert (untouched.root / path[1:]).lstat().st_uid == 0, path


def test_every_module_is_compiled_and_trusted_without_a_look_at_its_time(untouched: Container) -> None:
    modules = [path for path in listing(untouched.root) if path.endswith(".py") and "/lib/python3.13/" in path]
    assert len(modules) > 500
    for path in modules:
        module = untouched.root / path[1:]
        compiled = module.parent / "__pycache__" / f"{module.stem}.cpython-313.pyc"
        assert compiled.read_bytes()[4:8] == (1).to_bytes(4, "little"), path  # PEP 552: by hash, unchecked


def test_nothing_of_who_built_it_is_in_it(untouched: Container) -> None:
    found = listing(untouched.root)
    assert not [path for path in found if path.startswith(("/etc/pip", "/run/secrets", "/src", "/make", "/root/."))]


def test_the_sizes_are_printed_and_within_their_bounds(built: str) -> None:
    rows = {line.split(" ")[0]: [float(word) for word in line.split()[-3:]] for line in built.splitlines()[-3:]}
    assert set(rows) == {"base", "layers", "image"}
    assert 5 < rows["layers"][1] <= 25
    assert 20 < rows["image"][1] <= 90
