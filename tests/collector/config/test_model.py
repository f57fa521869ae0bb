from pathlib import Path
from typing import Any

import pytest

from inspan_collector.config.load import load
from inspan_collector.config.model import (
    AdminConfig,
    Config,
    DestinationConfig,
    DrainConfig,
    LimitsConfig,
    SocketConfig,
)
from inspan_collector.config.unfit import Unfit
from inspan_collector.config.values import Address, Seconds, Size
from inspan_collector.errors import ConfigError

SOCKET = SocketConfig(path=Path("/tmp/s.sock"))


def to(url: str, name: str = "a") -> DestinationConfig:
    return DestinationConfig(name=name, kind="otlp", url=url)


def refused(key: str, **keys: Any) -> str:
    complete: dict[str, Any] = {"socket": SOCKET, "destinations": (to("http://x/"),)} | keys
    with pytest.raises(Unfit) as error:
        Config(**complete)
    assert error.value.key == key
    return error.value.why


def test_a_span_may_not_be_larger_than_its_request() -> None:
    with pytest.raises(Unfit, match="max_span_bytes: 4MiB is more than max_request_bytes"):
        LimitsConfig(max_request_bytes=Size("1MiB"))


@pytest.mark.parametrize("key", ["header_timeout", "body_timeout", "idle_timeout"])
def test_a_limit_in_time_is_not_zero(key: str) -> None:
    keys: dict[str, Any] = {key: Seconds(0)}
    with pytest.raises(Unfit, match=f"{key}: must be more than 0"):
        LimitsConfig(**keys)


def test_the_drain_has_time_left_after_its_linger() -> None:
    with pytest.raises(Unfit, match=r"linger: 20s is not less than deadline \(20s\)"):
        DrainConfig(linger=Seconds("20s"))


def test_a_socket_path_that_no_socket_can_have_is_refused_with_its_length() -> None:
    assert SocketConfig(path=Path("/" + "a" * 106))
    with pytest.raises(Unfit, match="path: is 108 bytes long"):
        SocketConfig(path=Path("/" + "a" * 105 + "é"))


def test_there_is_a_destination() -> None:
    refused("destinations", destinations=())


def test_names_are_unique() -> None:
    why = refused("destinations[1].name", destinations=(to("http://x/", "same"), to("http://y/", "same")))
    assert why == "same is already destinations[0]"


@pytest.mark.parametrize("listen", ["127.0.0.1:4318", "localhost:4318", "0.0.0.0:4318", "[::1]:4318", "[::]:4318"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST.", "127.9.9.9", "[::1]", "0.0.0.0"])
def test_a_destination_that_is_our_own_listener_is_refused(listen: str, host: str) -> None:
    why = refused("destinations[0].url", listen=Address(listen), destinations=(to(f"http://{host}:4318/v1/traces"),))
    assert listen in why


def test_the_same_host_by_name_and_a_default_port_count_too() -> None:
    refused("destinations[0].url", listen=Address("10.0.0.7:80"), destinations=(to("http://10.0.0.7/v1/traces"),))
    refused("destinations[0].url", listen=Address("Gateway:443"), destinations=(to("https://gateway/v1/traces"),))


@pytest.mark.parametrize("url", ["http://localhost:4319/", "http://collector:4318/", "http://10.0.0.1:4318/"])
def test_another_port_or_another_machine_is_not_our_listener(url: str) -> None:
    assert Config(socket=SOCKET, listen=Address("127.0.0.1:4318"), destinations=(to(url),))


def test_spans_and_admin_do_not_share_a_port() -> None:
    refused("listen", listen=Address("0.0.0.0:19464"))
    free = Address("127.0.0.1:0")
    assert Config(socket=SOCKET, listen=free, admin=AdminConfig(listen=free), destinations=(to("http://x/"),))


def test_two_file_destinations_cannot_share_a_directory():
    files = "[{name: a, kind: file, path: /tmp/x}, {name: b, kind: file, path: /tmp/x}]"
    with pytest.raises(ConfigError, match=r"destinations\[1\].path: is destinations\[0\].path too"):
        load(f"destinations: {files}", "inspan.yaml", {})
