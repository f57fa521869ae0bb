"""How the sidecar is told what every peer is told."""

import json
from pathlib import Path

from bench.peers.inspan import configure, destination
from bench.peers.settings import Settings

UPSTREAM = "http://127.0.0.1:1"


def test_without_settings_the_destination_has_its_defaults() -> None:
    told = destination(UPSTREAM, Settings())
    assert told == {"kind": "otlp", "url": "http://127.0.0.1:1/v1/traces", "compression": "gzip"}


def test_every_setting_has_its_place() -> None:
    told = destination(UPSTREAM, Settings("zstd", 2000, 4 << 20, 0.1, 64 << 20, 8, 15.0))
    assert told["batch"] == {"max_spans": 2000, "max_bytes": 4 << 20, "linger": "100ms"}
    assert told["queue"] == {"max_bytes": 64 << 20}
    assert (told["compression"], told["concurrency"], told["keepalive"]) == ("zstd", 8, "15000ms")


def test_over_tcp_the_socket_is_in_the_folder_too(tmp_path: Path) -> None:
    _, file = configure(tmp_path, "127.0.0.1:4318", destination(UPSTREAM, Settings()))
    written = json.loads(Path(file).read_text())
    assert (written["listen"], written["socket"]["path"]) == ("127.0.0.1:4318", str(tmp_path / "inspan.sock"))
    _, file = configure(tmp_path, "unix:/a/b.sock", destination(UPSTREAM, Settings()))
    written = json.loads(Path(file).read_text())
    assert ("listen" in written, written["socket"]["path"]) == (False, "/a/b.sock")
