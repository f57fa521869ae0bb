"""How the Collector is told what every peer is told."""

from typing import Any

from bench.peers.otelcol import configuration, queue
from bench.peers.settings import Settings

ALL = Settings("zstd", 2000, 4 << 20, 0.1, 64 << 20, 8, 15.0)


def exporter(settings: Settings) -> Any:
    return configuration("127.0.0.1:4318", "http://127.0.0.1:1", settings)["exporters"]["otlp_http"]


def test_without_settings_it_batches_as_it_does_by_default_and_in_the_exporters_queue() -> None:
    assert exporter(Settings()) == {
        "endpoint": "http://127.0.0.1:1",
        "compression": "gzip",
        "sending_queue": {"batch": {"sizer": "items"}},
    }


def test_every_setting_has_its_place() -> None:
    told = exporter(ALL)
    assert (told["compression"], told["keepalive"]) == ("zstd", {"idle_conn_timeout": "15000ms"})
    assert told["sending_queue"] == {
        "sizer": "bytes",
        "queue_size": 64 << 20,
        "num_consumers": 8,
        "batch": {"sizer": "items", "flush_timeout": "100ms", "min_size": 2000},
    }


def test_a_batch_is_measured_in_bytes_where_nobody_says_how_many_spans() -> None:
    assert queue(Settings(batch_bytes=4096))["batch"] == {"sizer": "bytes", "min_size": 4096}


def test_it_listens_on_a_unix_socket_too() -> None:
    found = configuration("unix:/tmp/a.sock", "http://127.0.0.1:1", Settings())["receivers"]["otlp"]["protocols"]
    assert found == {"http": {"endpoint": "/tmp/a.sock", "transport": "unix"}}
