"""The names that a request may call us by.

A page in a browser can lead a name of its own to our address once it is loaded, and then counts as being from here (DNS
rebinding). It says that name in `Host`. An address, or `localhost`, it cannot lead anywhere.
"""

import re
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final

LOCAL: Final = "localhost"  # and what ends in it: RFC 6761, section 6.3, loopback and nothing else
_HOST: Final = re.compile(r"(?:\[(?P<six>[^\[\]]*)\]|(?P<name>[^:\[\]]*))(?::[0-9]*)?")


class Hosts:
    """Addresses, localhost, and the names that were allowed, without a port and in any case."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self.allowed = frozenset(_plain(name) for name in allowed)

    def __repr__(self) -> str:
        return f"<Hosts {', '.join(sorted(self.allowed)) or 'no names'}>"

    def know(self, said: str) -> bool:
        """Whether a Host header, as it was sent, names us. None that is empty is from a browser (RFC 9110, 7.2)."""
        host = _HOST.fullmatch(said.strip())
        if host is None or host["six"] is not None:
            return host is not None and is_address(host["six"])
        name = _plain(host["name"])
        return not said or is_address(name) or name == LOCAL or name.endswith(f".{LOCAL}") or name in self.allowed


def is_loopback(host: str) -> bool:
    """Whether who listens there is reached from this machine alone, as far as the text tells."""
    return _plain(host) == LOCAL or (is_address(host) and ip_address(host).is_loopback)


def is_address(text: str) -> bool:
    """Whether it is an address of IPv4 or IPv6, without brackets."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _plain(name: str) -> str:
    """As names are compared: in small letters, without the dot of the root."""
    return name.lower().removesuffix(".")
