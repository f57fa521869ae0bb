"""How an upstream shows that it is the one that is meant, and how we show who we are."""

import ssl
from pathlib import Path
from urllib.parse import urlsplit

from inspan_collector.config.destination import DestinationConfig
from inspan_collector.errors import ConfigError

Stamp = tuple[int, int, int] | None


class Tls:
    """One destination's certificates and key, read again when their files have changed: they are renewed while we run.

    context: for aiohttp; True for an upstream without TLS. trouble: why changed files are not used, "" where they are.
    """

    def __init__(self, config: DestinationConfig) -> None:
        """Errors: ConfigError where a certificate or key cannot be used."""
        self.config = config
        self.context: ssl.SSLContext | bool = True
        self.trouble = ""
        tls = config.tls
        self._files = [path for path in (tls.ca_file, tls.cert_file, tls.key_file) if path is not None]
        if urlsplit(config.url or "").scheme != "https":
            self._files = []  # and reading the system's authorities costs 10 ms and 2 MB
            return
        self._stamps = self._stamped()
        self.context = self._read()

    def __repr__(self) -> str:
        return f"<Tls {self.config.name} {'off' if self.context is True else self.trouble or 'on'}>"

    def renewed(self) -> bool:
        """Whether the files have changed, and `context` with them. Files that cannot be used, as while they are being
        written, leave it as it was."""
        if not self._files:
            return False
        stamps = self._stamped()
        if stamps == self._stamps:
            return False
        self._stamps = stamps
        try:
            self.context, self.trouble = self._read(), ""
        except ConfigError as error:
            self.trouble = f"files were changed and cannot be used: {error}"
            return False
        return True

    def _stamped(self) -> list[Stamp]:
        return [_stamp(path) for path in self._files]

    def _read(self) -> ssl.SSLContext:
        tls = self.config.tls
        files = f"{tls.ca_file}"
        try:
            context = ssl.create_default_context(cafile=tls.ca_file)
            if tls.cert_file is not None:
                files = f"{tls.cert_file} with {tls.key_file}"
                context.load_cert_chain(tls.cert_file, tls.key_file, password=_nobody)
        except (OSError, ValueError) as error:
            raise ConfigError(f"destinations.{self.config.name}.tls: {files}: {error}") from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996: those below are not to be used
        context.hostname_checks_common_name = False  # RFC 9525, 6.3: a subject's name is for people
        if tls.insecure_skip_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def _nobody() -> str:
    """Else OpenSSL would ask the terminal for the password of an encrypted key, and wait."""
    raise ValueError("the key is encrypted; write it without a password")


def _stamp(path: Path) -> Stamp:
    """What changes with a file, also where a link is turned to another, as in a volume of Kubernetes."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
