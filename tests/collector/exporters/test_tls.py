"""Who is taken for the upstream, and when our own certificate is read."""

import contextlib
import datetime
import os
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self

import pytest
import trustme
from tests.collector.exporters.upstream import OK, Send, Upstream, exporting, settings
from tests.collector.sink.posts import otlp

from inspan_collector.config.destination import TlsConfig
from inspan_collector.config.unfit import Unfit
from inspan_collector.errors import ConfigError, Pause
from inspan_collector.exporters.tls import Tls

DAY: Final = datetime.timedelta(days=1)
NOW: Final = datetime.datetime.now(datetime.UTC)


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusting(ca: trustme.CA, tmp_path: Path) -> dict[str, Any]:
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    return {"ca_file": str(tmp_path / "ca.pem")}


def serving(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    return context


class Threaded:
    """A server that keeps the names of its clients, one for each request, "" of those that show none.

    In threads and blocking: asyncio's own ends a connection that it refuses without the alert that says why.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context
        self.names: list[str] = []
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.address = self.sock.getsockname()
        self.url = f"https://localhost:{self.address[1]}/v1/traces"
        self.threads = [threading.Thread(target=self._serve)]

    def __enter__(self) -> Self:
        self.threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join()
        self.sock.close()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self.sock.accept()
            except OSError:
                return
            self.threads.append(threading.Thread(target=self._converse, args=[plain]))
            self.threads[-1].start()

    def _converse(self, plain: socket.socket) -> None:
        with plain, contextlib.suppress(OSError), self.context.wrap_socket(plain, server_side=True) as connection:
            shown: Any = connection.getpeercert() or {}
            while connection.recv(65536):
                self.names.append(shown["subjectAltName"][0][1] if shown else "")
                connection.sendall(OK)


SHOWN: Final[dict[str, Callable[[trustme.CA], trustme.LeafCert]]] = {
    "of another authority": lambda _: trustme.CA().issue_cert("localhost"),
    "of another name": lambda ca: ca.issue_cert("elsewhere.example"),
    "of an address": lambda ca: ca.issue_cert("127.0.0.1"),
    "expired": lambda ca: ca.issue_cert("localhost", not_before=NOW - 9 * DAY, not_after=NOW - DAY),
    "not valid yet": lambda ca: ca.issue_cert("localhost", not_before=NOW + DAY, not_after=NOW + 9 * DAY),
}


@pytest.mark.parametrize("shown", SHOWN)
async def test_a_certificate_that_does_not_hold_pauses_and_gets_nothing(
    ca: trustme.CA, trusting: dict[str, Any], shown: str
) -> None:
    async with Upstream(tls=serving(SHOWN[shown](ca))) as upstream:
        async with exporting(upstream.url, tls=trusting, headers={"authorization": "secret"}) as (send, _):
            with pytest.raises(Pause, match=r"TLS to https://localhost.*certificate.*tls\.ca_file"):
                await send(otlp("a"))
        assert upstream.requests == []
        async with exporting(upstream.url, tls=trusting | {"insecure_skip_verify": True}) as (send, _):
            await send(otlp("a"))
        assert len(upstream.requests) == 1


async def test_a_certificate_that_signed_itself_is_not_trusted_without_being_named(
    ca: trustme.CA, tmp_path: Path
) -> None:
    """And none of ours is by default: the system's authorities do not know it."""
    made = subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "k", "-out", "c"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
        ],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"openssl makes no certificate here: {made.stderr!r}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "c", tmp_path / "k")
    async with Upstream(tls=context) as upstream:
        async with exporting(upstream.url) as (send, _):
            with pytest.raises(Pause, match="self-signed"):
                await send(otlp("a"))
        assert upstream.requests == []
        async with exporting(upstream.url, tls={"ca_file": str(tmp_path / "c")}) as (send, _):
            await send(otlp("a"))


def test_no_setting_of_the_system_lowers_what_is_spoken(trusting: dict[str, Any]) -> None:
    """OpenSSL's own file may allow 1.0, and Python leaves it at that."""
    context = Tls(settings("otlp", url="HTTPS://up.example/v1/traces", tls=trusting)).context
    assert isinstance(context, ssl.SSLContext)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED and context.check_hostname
    assert not context.hostname_checks_common_name


def test_a_key_with_a_password_is_refused_and_nobody_is_asked_for_it(tmp_path: Path, ca: trustme.CA) -> None:
    ours = ca.issue_cert("sidecar.example")
    ours.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    ours.private_key_pem.write_to_path(tmp_path / "plain.pem")
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not here to encrypt a key")
    subprocess.run(
        ["openssl", "pkey", "-in", "plain.pem", "-aes256", "-passout", "pass:abcd1234", "-out", "key.pem"],
        cwd=tmp_path,
        check=True,
    )
    tls = {"cert_file": str(tmp_path / "cert.pem"), "key_file": str(tmp_path / "key.pem")}
    with pytest.raises(ConfigError, match="the key is encrypted"):
        Tls(settings("otlp", url="https://up.example/v1/traces", tls=tls))


@pytest.mark.parametrize("key", ["ca_file", "cert_file", "key_file"])
def test_what_belongs_into_a_file_is_refused_in_place_of_its_path_and_not_shown(key: str) -> None:
    pem = Path("-----BEGIN PRIVATE KEY-----\nMIIabcdefg\n-----END PRIVATE KEY-----")
    files = {"cert_file": Path("/c"), "key_file": Path("/k")} | {key: pem}
    with pytest.raises(Unfit, match="expected the path of a file") as found:
        TlsConfig(**files)  # type: ignore[arg-type]
    assert "MII" not in str(found.value)


# Old servers


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
async def test_a_server_that_speaks_less_than_tls_1_2_gets_nothing(
    ca: trustme.CA, trusting: dict[str, Any], version: ssl.TLSVersion
) -> None:
    context = serving(ca.issue_cert("localhost"))
    aged(context).maximum_version = version
    with Threaded(context) as upstream:
        spoken = with_anything(upstream)
        if spoken is None:
            pytest.skip("this OpenSSL does not speak it in either direction, so nothing would be proved")
        async with exporting(upstream.url, tls=trusting) as (send, _):
            with pytest.raises(Pause, match=r"TLS to .*(?i:version|protocol)"):
                await send(otlp("a"))
        assert (spoken, upstream.names) == (version.name.replace("_", "."), [])


def aged(context: ssl.SSLContext) -> ssl.SSLContext:
    """As configured long ago: with the ciphers and versions of then."""
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    return context


def with_anything(upstream: Threaded) -> str | None:
    """What is spoken with a client that speaks anything; None where that fails."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection(upstream.address) as plain, aged(context).wrap_socket(plain) as connection:
            return connection.version()
    except OSError:
        return None


# Our own certificate


def demanding(ca: trustme.CA) -> Threaded:
    """Wants to know who we are. Of TLS 1.2, where a client is judged in the handshake: its refusal is no race."""
    context = serving(ca.issue_cert("localhost"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    ca.configure_trust(context)
    return Threaded(context)


def show(directory: Path, certificate: trustme.LeafCert) -> dict[str, str]:
    """Put a certificate where it is looked for, as a volume of Kubernetes is renewed: another file under the name."""
    for name, blob in (("cert.pem", certificate.cert_chain_pems[0]), ("key.pem", certificate.private_key_pem)):
        blob.write_to_path(directory / "new")
        (directory / "new").replace(directory / name)
    return {"cert_file": str(directory / "cert.pem"), "key_file": str(directory / "key.pem")}


async def refused(send: Send) -> str:
    with pytest.raises(Pause, match=r"TLS to .*(?i:alert)") as found:
        await send(otlp("a"))
    return str(found.value)


async def test_the_right_certificate_is_let_in_a_wrong_one_or_none_pauses(
    ca: trustme.CA, trusting: dict[str, Any], tmp_path: Path
) -> None:
    with demanding(ca) as upstream:
        async with exporting(upstream.url, tls=trusting) as (send, _):
            await refused(send)
        wrong = show(tmp_path, trustme.CA().issue_cert("stranger.example"))
        async with exporting(upstream.url, tls=trusting | wrong) as (send, _):
            await refused(send)
        assert upstream.names == []
        right = show(tmp_path, ca.issue_cert("sidecar.example"))
        async with exporting(upstream.url, tls=trusting | right) as (send, _):
            await send(otlp("a"))
        assert upstream.names == ["sidecar.example"]


async def test_a_certificate_that_is_renewed_while_we_run_is_shown_at_the_next_request(
    ca: trustme.CA, trusting: dict[str, Any], tmp_path: Path
) -> None:
    files = show(tmp_path, ca.issue_cert("old.example"))
    with demanding(ca) as upstream:
        async with exporting(upstream.url, tls=trusting | files, max_connection_age=None) as (send, exporter):
            for _ in range(3):
                await send(otlp("a"))
            assert exporter.connections()[1] == 1
            show(tmp_path, ca.issue_cert("new.example"))
            await send(otlp("a"))
            await send(otlp("a"))
            assert exporter.connections()[1] == 2
        assert upstream.names == ["old.example"] * 3 + ["new.example"] * 2


async def test_a_pause_for_a_certificate_ends_when_the_right_one_is_there(
    ca: trustme.CA, trusting: dict[str, Any], tmp_path: Path
) -> None:
    files = show(tmp_path, trustme.CA().issue_cert("stranger.example"))
    with demanding(ca) as upstream:
        async with exporting(upstream.url, tls=trusting | files) as (send, _):
            await refused(send)
            show(tmp_path, ca.issue_cert("sidecar.example"))
            await send(otlp("a"))


async def test_files_that_are_half_written_leave_what_was_read_before_and_a_refusal_says_so(
    ca: trustme.CA, trusting: dict[str, Any], tmp_path: Path
) -> None:
    files = show(tmp_path, ca.issue_cert("old.example"))
    with demanding(ca) as upstream:
        async with exporting(upstream.url, tls=trusting | files) as (send, _):
            (tmp_path / "key.pem").write_text("half a k")
            await send(otlp("a"))
            (tmp_path / "key.pem").unlink()
            await send(otlp("a"))
            show(tmp_path, trustme.CA().issue_cert("stranger.example"))
            await refused(send)
            (tmp_path / "cert.pem").write_text("half a c")
            assert "files were changed and cannot be used" in await refused(send)
        assert upstream.names == ["old.example"] * 2


def test_a_directory_that_is_turned_like_a_volume_is_noticed(ca: trustme.CA, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        files = show(tmp_path / name, ca.issue_cert("a.example"))
        os.utime(files["cert_file"], (1, 1))
        os.utime(files["key_file"], (1, 1))
    (tmp_path / "now").symlink_to("one")
    tls = {"cert_file": str(tmp_path / "now" / "cert.pem"), "key_file": str(tmp_path / "now" / "key.pem")}
    found = Tls(settings("otlp", url="https://up.example/v1/traces", tls=tls))
    first = found.context
    assert not found.renewed() and found.context is first
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").replace(tmp_path / "now")
    assert found.renewed() and found.context is not first
    assert not found.renewed()
