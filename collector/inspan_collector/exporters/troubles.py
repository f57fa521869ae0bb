"""What kept an answer from us, as a reason in our own words: it is shown to whoever may look at numbers.

An upstream's words may quote a span, also those before its headers' end and those of a library that repeats them.
"""

import os
import ssl

import aiohttp
from yarl import URL

from inspan_collector.errors import Later


def later(error: BaseException, url: URL, timeout: float, words: str) -> Later:
    """The decision for an attempt without an answer. url: that was asked. timeout: seconds that it had.

    words: what the error says, for logs and quarantine where it repeats the upstream.
    """
    if isinstance(error, TimeoutError):
        return Later(f"no answer within {timeout:g} s")
    if isinstance(error, aiohttp.ClientConnectorError):
        return Later(f"no connection to {url.host}:{url.port}: {_why(error)}")
    if isinstance(error, aiohttp.ClientResponseError | aiohttp.ClientPayloadError) or _is_unread(error):
        return Later("the answer cannot be read", words)
    if isinstance(error, aiohttp.ServerDisconnectedError | ConnectionError | aiohttp.ClientOSError):
        return Later("the connection was closed before an answer")
    return Later("no answer could be had")


def tls_refusal(error: BaseException) -> str | None:
    """How one side refuses the other's certificate or protocol, in OpenSSL's words; None for any other error.

    In TLS 1.3 a server judges our certificate after the handshake: its alert comes in place of an answer.
    """
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return _told(error.certificate_error)
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return _told(error.os_error)
    cause = error.__cause__
    return _told(cause) if isinstance(cause, ssl.SSLError) and "ALERT" in (cause.reason or "") else None


def _is_unread(error: BaseException) -> bool:
    """It closed within the head: the part that was parsed is held in place of a message."""
    return isinstance(error, aiohttp.ServerDisconnectedError) and not isinstance(error.message, str)


def _why(error: aiohttp.ClientConnectorError) -> str:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name is not found"
    number = error.os_error.errno
    return os.strerror(number).lower() if number is not None and number > 0 else "it cannot be made"


def _told(error: BaseException) -> str:
    """OpenSSL's own words; none of them is from the other side but the number of an alert."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {error.verify_message}"
    return (getattr(error, "reason", None) or "the handshake failed").lower().replace("_", " ")
