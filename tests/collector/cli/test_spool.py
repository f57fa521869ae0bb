"""`inspan spool` as it is typed: on a file at rest, a file in use, and a damaged one."""

import fcntl
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.collector.cli.typed import PATIENCE, at_a_terminal, inspan
from tests.collector.sink.posts import otlp, otlp_json
from tests.sidecar import Sidecar

from inspan_collector.row import Refused, Row, Write
from inspan_collector.spool.store import Store

PLAIN = b'[{"id":"s%d","trace_id":"t","start_timestamp":"2026-01-01T00:00:00Z","end_timestamp":"2026-01-01T00:00:01Z"}]'


def row(seq: int, destination: str = "up", format: str = "span_json", body: bytes = b"", spans: int = 1) -> Row:
    return Row(seq, destination, format, spans, 1_767_225_600.0 + seq, "pid 7", body or PLAIN % seq)


def make(path: Path, *rows: Row, refused: int = 0) -> Path:
    """A spool at rest."""
    store = Store.open(path)
    entries = [Refused("up", 1.0, 400, "no", "otlp_json", 3, b"{}") for _ in range(refused)]
    store.apply([Write(put=rows, refuse=entries)])
    store.close()
    return path


def damage(path: Path, body: bytes) -> None:
    """Change one byte of a body where it lies in the file."""
    content = bytearray(path.read_bytes())
    at = content.index(body)
    content[at + len(body) // 2] ^= 1
    path.write_bytes(content)


def config(home: Path, spool: Path, *names: str) -> Path:
    destinations = [{"name": name, "kind": "file", "path": str(home / name)} for name in names]
    file = home / "inspan.yaml"
    file.write_text(json.dumps({"destinations": destinations, "spool": {"path": str(spool)}}))
    return file


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


# ls


def test_what_is_in_a_spool_is_listed_by_destination(tmp_path: Path) -> None:
    path = make(tmp_path / "spool.db", row(1), row(2, spans=4), row(3, "gone"), refused=2)
    said = inspan("spool", "ls", path)
    assert (said.code, said.err) == (0, "")
    heading, gone, up = said.out.splitlines()
    assert heading.split() == ["destination", "rows", "spans", "size", "oldest", "refused"]
    assert (gone.split()[:3], up.split()[:3]) == (["gone", "1", "1"], ["up", "2", "5"])
    assert up.split()[-1] == "6"
    found = inspan("spool", "ls", "--path", path, "--json").json
    assert found["destinations"]["up"]["spans"] == 5
    assert found["destinations"]["up"]["oldest"] == "2026-01-01T00:00:01+00:00"
    assert found["quarantine"]["up"]["rows"] == 2


def test_the_configuration_names_the_file_and_who_is_not_configured_any_more(tmp_path: Path) -> None:
    file = config(tmp_path, make(tmp_path / "spool.db", row(1), row(2, "gone")), "up")
    said = inspan("spool", "ls", "-c", file)
    assert said.code == 0
    assert "gone is not configured: inspan spool replay --from gone --to NAME" in said.err
    assert inspan("spool", "ls", "--json", "-c", file).json["not_configured"] == ["gone"]


def test_it_is_listed_while_somebody_writes_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    store = Store.open(path)
    store.apply([Write(put=[row(1)])])
    assert inspan("spool", "ls", path).out.splitlines()[1].split()[:2] == ["up", "1"]
    store.apply([Write(put=[row(2)])])
    assert inspan("spool", "ls", path).out.splitlines()[1].split()[:2] == ["up", "2"]
    store.close()
    before = path.read_bytes()
    inspan("spool", "ls", path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["spool.db"]


def test_what_is_no_spool_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    missing = inspan("spool", "ls", tmp_path / "none.db")
    assert (missing.code, "there is no such file" in missing.err) == (1, True)
    unset = tmp_path / "inspan.yaml"
    unset.write_text("destinations: [{name: up, kind: file, path: /tmp/inspan-nowhere}]")
    said = inspan("spool", "ls", "-c", unset)
    assert (said.code, "no spool is configured" in said.err) == (2, True)


@pytest.mark.parametrize("verb", ["ls", "export"])
def test_a_file_with_nothing_of_a_spool_in_it_is_an_error(tmp_path: Path, verb: str) -> None:
    path = tmp_path / "passwd"
    path.write_text("root:x:0:0:root:/root:/bin/bash\n" * 100)
    said = inspan("spool", verb, path)
    assert (said.code, said.out) == (1, "")
    assert f"{path}: nothing of a spool can be read in it; is it one?" in said.err


def test_a_list_of_what_could_be_read_of_a_damaged_spool_is_not_called_a_success(tmp_path: Path) -> None:
    path = make(tmp_path / "spool.db", *(row(seq) for seq in range(1, 10)))
    content = bytearray(path.read_bytes())
    content[:100] = bytes(100)
    path.write_bytes(content)
    said = inspan("spool", "ls", path)
    assert (said.code, "is damaged: 9 rows can be read" in said.err) == (1, True)
    assert said.out.splitlines()[1].split()[:2] == ["up", "9"]


def test_a_hostile_name_does_not_reach_the_terminal_raw(tmp_path: Path) -> None:
    path = make(tmp_path / "spool.db", row(1, "up\x1b]0;owned\x07"))
    for verb in ("ls", "verify", "export"):
        said = at_a_terminal("spool", verb, path)
        assert {char for char in said.out if not char.isprintable()} <= {"\r", "\n"}


# verify


def test_a_sound_spool_is_sound(tmp_path: Path) -> None:
    said = inspan("spool", "verify", make(tmp_path / "spool.db", *(row(seq) for seq in range(1, 700)), refused=1))
    assert (said.code, said.out.endswith("700 rows, 0 of them damaged: sound\n")) == (0, True)


def test_a_changed_byte_is_found_and_counted(tmp_path: Path) -> None:
    path = make(tmp_path / "spool.db", *(row(seq) for seq in range(1, 10)))
    damage(path, PLAIN % 5)
    said = inspan("spool", "verify", path)
    assert said.code == 1
    assert "row 5: crc32 does not match" in said.out
    assert "9 rows, 1 of them damaged: NOT sound" in said.out
    found = inspan("spool", "verify", "--json", path).json
    assert (found["sound"], found["faults"][0][0]) == (False, 5)


def test_what_is_no_database_is_not_sound(tmp_path: Path) -> None:
    (tmp_path / "spool.db").write_bytes(os.urandom(100_000))
    assert inspan("spool", "verify", tmp_path / "spool.db").code == 1


def test_progress_is_shown_at_a_terminal_alone(tmp_path: Path) -> None:
    path = make(tmp_path / "spool.db", *(row(seq) for seq in range(1, 10)))
    assert "9 of 9 rows" in at_a_terminal("spool", "verify", path).out
    assert "of 9 rows" not in inspan("spool", "verify", path).err


# export


def test_rows_are_exported_as_lines_of_json(tmp_path: Path) -> None:
    path = make(
        tmp_path / "spool.db",
        row(1),
        row(2, format="otlp_protobuf", body=otlp("a")),
        row(3, "other", body=b'[{"id":"\xff"}]'),
    )
    said = inspan("spool", "export", path)
    assert (said.code, "exported 3 rows, 3 spans" in said.err) == (0, True)
    other, first, second = lines(said.out)
    assert first == {
        "seq": 1,
        "destination": "up",
        "format": "span_json",
        "spans": 1,
        "arrived": "2026-01-01T00:00:01.000+00:00",
        "agent": "pid 7",
        "encoding": "text",
        "body": (PLAIN % 1).decode(),
        "fault": "",
    }
    assert (second["encoding"], other["encoding"]) == ("base64", "base64")
    assert len(lines(inspan("spool", "export", path, "--destination", "other").out)) == 1
    assert inspan("spool", "export", path, "--destination", "none").code == 1


def test_an_export_to_a_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path, out = make(tmp_path / "spool.db", row(1)), tmp_path / "out.jsonl"
    assert inspan("spool", "export", path, "-o", out).code == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert len(lines(out.read_text())) == 1
    assert inspan("spool", "export", path, "-o", tmp_path / "none" / "out").code == 1


def test_many_rows_are_exported_without_being_in_memory_together(tmp_path: Path) -> None:
    path = make(tmp_path / "spool.db", *(row(seq, body=b'["%b"]' % (b"x" * 1_000_000)) for seq in range(1, 300)))
    program = """
import resource, sys
from inspan_collector.cli.main import main
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
code = main(sys.argv[1:])
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
sys.exit(code)
"""
    out = tmp_path / "out.jsonl"
    said = subprocess.run(
        [sys.executable, "-c", program, "spool", "export", str(path), "-o", str(out)],
        capture_output=True,
        check=True,
        timeout=PATIENCE,
    )
    with out.open() as written:
        assert sum(1 for _ in written) == 299
    assert int(said.stdout) < 120  # MiB, of 300: a page of 4 in three forms, and what the command imports


def test_a_damaged_spool_is_exported_as_far_as_it_can_be_read(tmp_path: Path) -> None:
    path = make(tmp_path / "spool.db", *(row(seq) for seq in range(1, 10)))
    content = bytearray(path.read_bytes())
    content[:100] = bytes(100)
    path.write_bytes(content)
    said = inspan("spool", "export", path)
    assert said.code == 1
    assert len(lines(said.out)) == 9
    assert "is damaged: 9 rows can be read" in said.err
    assert bytes(content) == path.read_bytes()


# replay


def books(sidecar: Sidecar) -> dict[str, int]:
    found: dict[str, int] = sidecar.stop()["destinations"]["file"]
    return found


@pytest.fixture
def sidecar() -> Any:
    with Sidecar(None) as sidecar:
        yield sidecar


def test_a_spool_that_was_set_aside_is_given_to_a_sidecar(tmp_path: Path, sidecar: Sidecar) -> None:
    path = make(
        tmp_path / "spool.db",
        row(1),
        row(2, format="otlp_protobuf", body=otlp("a", "b"), spans=2),
        row(3, format="otlp_json", body=otlp_json("c")),
    )
    said = inspan("spool", "replay", path, "--socket", sidecar.socket)
    assert (said.code, "given: 3 rows, 4 spans" in said.out) == (0, True)
    assert "3 rows are accepted, and not known to be on the sidecar's disk" in said.out
    assert books(sidecar) == {"enqueued": 4, "delivered": 4}


def test_an_export_is_given_as_the_spool_itself_would_be(tmp_path: Path, sidecar: Sidecar) -> None:
    path = make(tmp_path / "spool.db", *(row(seq) for seq in range(1, 301)))
    exported = inspan("spool", "export", path).out
    said = inspan("spool", "replay", "-", "--socket", sidecar.socket, "--json", stdin=exported)
    assert (said.code, said.json["rows"], said.json["last"]) == (0, 300, 300)
    assert books(sidecar)["delivered"] == 300


def test_rows_of_one_destination_are_given_at_a_time(tmp_path: Path, sidecar: Sidecar) -> None:
    path = make(tmp_path / "spool.db", row(1), row(2, "gone"), row(3))
    unsaid = inspan("spool", "replay", path, "--socket", sidecar.socket)
    assert (unsaid.code, "--from" in unsaid.err) == (2, True)
    exported = inspan("spool", "export", path).out
    unsaid = inspan("spool", "replay", "-", "--socket", sidecar.socket, stdin=exported)
    assert (unsaid.code, "--from" in unsaid.err) == (1, True)
    said = inspan("spool", "replay", path, "--from", "up", "--socket", sidecar.socket, "--json")
    assert (said.code, said.json["rows"]) == (0, 2)
    assert inspan("spool", "replay", path, "--from", "none", "--socket", sidecar.socket).code == 1


def test_a_replay_that_stopped_goes_on_behind_its_last_row(tmp_path: Path, sidecar: Sidecar) -> None:
    path = make(tmp_path / "spool.db", *(row(seq) for seq in range(1, 10)))
    exported = inspan("spool", "export", path).out.splitlines()
    broken = "\n".join([*exported[:4], '{"seq": 5', *exported[5:]])
    said = inspan("spool", "replay", "-", "--socket", sidecar.socket, stdin=broken)
    assert said.code == 1
    assert "given: 4 rows" in said.out
    assert "go on with --after 4" in said.err
    assert "line 5" in said.err
    said = inspan("spool", "replay", path, "--after", "4", "--socket", sidecar.socket, "--json")
    assert (said.code, said.json["rows"], said.json["last"]) == (0, 5, 9)
    assert books(sidecar)["delivered"] == 9


def test_rows_that_cannot_be_given_are_named_and_counted(tmp_path: Path, sidecar: Sidecar) -> None:
    path = make(tmp_path / "spool.db", row(1), row(2, body=b"[broken"), row(3, format="newer", body=b"x"), row(4))
    damage(path, PLAIN % 4)
    said = inspan("spool", "replay", path, "--socket", sidecar.socket)
    assert said.code == 1
    assert "given: 1 rows, 1 spans" in said.out
    assert "not given: 1 rows refused, 2 rows damaged" in said.out
    assert "row 2 with 1 spans was not given: 400" in said.err


def test_a_spool_that_a_sidecar_uses_is_not_replayed_behind_its_back(tmp_path: Path, sidecar: Sidecar) -> None:
    path = make(tmp_path / "spool.db", row(1))
    with (tmp_path / "spool.db.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = inspan("spool", "replay", path, "--socket", sidecar.socket)
        assert (said.code, "a sidecar uses it" in said.err) == (1, True)
    assert inspan("spool", "replay", path, "--socket", sidecar.socket).code == 0


def test_where_no_sidecar_is_a_replay_says_where_it_looked(tmp_path: Path) -> None:
    path = make(tmp_path / "spool.db", row(1))
    said = inspan("spool", "replay", path, "--socket", tmp_path / "none.sock")
    assert (said.code, str(tmp_path / "none.sock") in said.err) == (1, True)
    assert "go on with --after 0" in said.err


def test_rows_of_a_destination_that_is_gone_are_asked_for_over_the_control_socket(sidecar: Sidecar) -> None:
    control = ("--control", sidecar.socket.parent / "control.sock")
    said = inspan("spool", "replay", "--from", "old", "--to", "file", *control)
    assert (said.code, "has no spool" in said.err) == (1, True)
    assert inspan("spool", "replay", *control).code == 2
    assert inspan("spool", "replay", "--from", "old", *control).code == 2
    assert inspan("spool", "replay", "some.db", "--to", "file", *control).code == 2
