"""A requests session that speaks to a unix socket: what an agent hands to the unmodified OTLPSpanExporter."""

import socket
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection

ENDPOINT = "http://localhost/v1/traces"


class _Connection(HTTPConnection):
    def __init__(self, path: Path, **options: Any) -> None:
        super().__init__("localhost", **options)
        self._path = path

    def _new_conn(self) -> socket.socket:
        made = socket.socket(socket.AF_UNIX)
        made.connect(str(self._path))
        return made


class _Pool(HTTPConnectionPool):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", maxsize=2)
        self._path = path

    def _new_conn(self) -> Any:
        return _Connection(self._path, timeout=self.timeout.connect_timeout)


class UnixAdapter(HTTPAdapter):
    """Carries requests for any host over one unix socket, and keeps the (headers, body) of each answered 2xx."""

    def __init__(self, path: Path) -> None:
        self.pool = _Pool(path)
        self.taken: list[tuple[dict[str, str], bytes]] = []
        super().__init__()

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> HTTPConnectionPool:
        return self.pool

    def request_url(self, request: requests.PreparedRequest, _: Any) -> str:
        return request.path_url

    def send(self, request: requests.PreparedRequest, *rest: Any, **options: Any) -> requests.Response:
        answer = super().send(request, *rest, **options)
        if answer.ok:
            assert isinstance(request.body, bytes)
            self.taken.append(({name: str(value) for name, value in request.headers.items()}, request.body))
        return answer

    def close(self) -> None:
        self.pool.close()
        super().close()


def unix_session(adapter: UnixAdapter) -> requests.Session:
    """A session that goes through the adapter, and asks no environment about proxies."""
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", adapter)
    return session
