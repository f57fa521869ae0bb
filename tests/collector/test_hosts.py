"""Names that are ours, and names that somebody led here."""

import pytest

from inspan_collector.hosts import Hosts, is_loopback


@pytest.mark.parametrize(
    "said",
    [
        *("127.0.0.1:19464", "127.0.0.1", "10.1.2.3:80", "0.0.0.0:1", "[::1]:19464", "[2001:db8::7]", "[fe80::1%eth0]"),
        *("localhost", "LocalHost:4318", "localhost.", "localhost.:1", "app.localhost:9", ""),
        *("inspan.example", "INSPAN.example:19464", "inspan.example."),
    ],
)
def test_addresses_localhost_and_what_was_allowed_are_ours(said: str) -> None:
    assert Hosts(["Inspan.Example"]).know(said)


@pytest.mark.parametrize(
    "said",
    [
        *("evil.example", "evil.example:19464", "x.inspan.example", "inspan.example.evil.example", "inspan"),
        *("localhost.evil.example", "evillocalhost", "127.0.0.1.evil.example", "127.0.0.1@evil.example", "127.1"),
        *(
            "[evil.example]",
            "[::1]evil.example",
            "[::1",
            "::1",
            ":evil.example",
            "evil.example:127.0.0.1",
            "2130706433",
        ),
        *(
            "localhost, evil.example",
            "localhost evil.example",
            "localhost/evil",
            ".",
            "[]",
            "2130706433",
            "\u0661\u0662\u0667.0.0.1",
        ),
    ],
)
def test_any_other_name_is_not(said: str) -> None:
    assert not Hosts(["Inspan.Example"]).know(said)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LOCALHOST."])
def test_loopback_is_reached_from_this_machine_alone(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "pod.example", "localhost.evil.example"])
def test_and_everything_else_from_elsewhere(host: str) -> None:
    assert not is_loopback(host)
