"""The headers of a request, with its secrets read at the last moment."""

from inspan import __version__
from inspan_collector.config.model import DestinationConfig
from inspan_collector.errors import ConfigError, Pause

USER_AGENT = f"inspan/{__version__}"


def request_headers(config: DestinationConfig, content_type: str | None) -> dict[str, str]:
    """What every request of this destination carries.

    A `file:` secret is read at each request, so that one which was renewed works at the next. Raises Pause where it
    cannot be read: that is configuration, and waiting or probing may heal it. content_type: None without a body.
    """
    headers = {"user-agent": USER_AGENT} | ({} if content_type is None else {"content-type": content_type})
    if content_type is not None and config.compression != "none":
        headers["content-encoding"] = config.compression
    for name, secret in config.headers.items():
        try:
            headers[name] = secret.reveal()
        except ConfigError as error:
            raise Pause(f"header {name}: {error}") from None
    return headers
