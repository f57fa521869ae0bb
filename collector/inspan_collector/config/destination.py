"""What one upstream is told apart by, and how spans go there. Sizes in bytes, times in seconds."""

import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from msgspec import NODEFAULT, Meta, Struct, field
from msgspec.structs import FieldInfo, fields, force_setattr

from inspan.wire import ACCOUNT, BEAT
from inspan_collector.config.unfit import Unfit, need_positive
from inspan_collector.config.values import Seconds, Secret, Size, seconds, size

Kind = Literal["otlp", "sgp", "agentex", "file"]
Compression = Literal["none", "gzip", "zstd"]

SGP_MAX_SPANS: Final = 1000  # the contract of its batch endpoint: more are a validation error for the whole batch

# What differs from the defaults below; put under what a file says. The defaults of the Structs fit every kind.
KIND_DEFAULTS: Final[dict[str, dict[str, Any]]] = {
    "otlp": {"compression": "gzip", "batch": {"max_spans": 2000}},  # the one that OTLP/HTTP names
    # As long as the SDK that posts there lingers by itself. Where a start is held for two seconds nobody misses the
    # 150 ms beside an otlp destination, and the upstream is asked less than half as often.
    "sgp": {"batch": {"max_spans": SGP_MAX_SPANS, "linger": "250ms"}},
    # It has no batches: a request is one span, and there is nothing to wait for. 150 ms an answer leave 100 spans/s.
    "agentex": {"concurrency": 16, "batch": {"max_spans": 1, "linger": "0s"}},
    "file": {"concurrency": 1, "batch": {"max_spans": 2000}},
}
# Keys that mean nothing to a kind. Refused where set, since whoever sets one expects something of it.
FOREIGN_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "otlp": ("path", "rotate", "account_id", "upsert"),
    "sgp": ("path", "rotate"),
    "agentex": ("path", "rotate", "account_id"),
    "file": (
        "upsert",
        "url",
        "headers",
        "account_id",
        "compression",
        "timeout",
        "tls",
        "max_connection_age",
        "keepalive",
    ),
}
# Set by the exporter from the body that it sends; another value would make the body unreadable.
OWN_HEADERS: Final = frozenset(
    {"connection", "content-encoding", "content-length", "content-type", "host", "transfer-encoding"}
)
_PEM: Final = "-----BEGIN"  # RFC 7468, section 2
_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2, token


class QueueConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    max_spans: Annotated[int, Meta(ge=1)] = 100_000  # 20 s of 5,000 spans/s: what an upstream's restart takes
    max_bytes: Size = size("64MiB")  # a quarter of the memory that a process without a cgroup limit may use
    max_age: Seconds | None = None  # bounds decide; an old span is still worth reading
    when_full: Literal["refuse", "drop_oldest"] = "refuse"  # the agent hears of it and can keep the span

    def __post_init__(self) -> None:
        need_positive(self, "max_age")


class BatchConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    max_spans: Annotated[int, Meta(ge=1)] = SGP_MAX_SPANS  # fits every kind; KIND_DEFAULTS raises it
    max_bytes: Size = size("4MiB")  # what common gateways and gRPC-based receivers accept at their defaults
    linger: Seconds = seconds("100ms")  # the upstream bills per request, people watch a trace at human speed; 0: none


KEY_BYTES: Final = 120  # of memory that a fingerprint takes at most, its key and its place included


class DedupeConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    window: Seconds = seconds("10m")  # an agent that retries gives up long before
    max_keys: Annotated[int, Meta(ge=1)] = 50_000  # 6 MB at most; the window at 83 spans a second

    def __post_init__(self) -> None:
        need_positive(self, "window")


class TrailConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    max_bytes: Size = size("8MiB")
    max_age: Seconds = seconds("1h")  # who looks for a span looks for one of today

    def __post_init__(self) -> None:
        need_positive(self, "max_age")


class UpsertConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    hold_open: Seconds = seconds("2s")  # most calls end before, and cost one write; nobody watches a trace faster
    orphan_after: Seconds = seconds("1m")  # five beats may fail, as where the agent's CPU is throttled
    dedupe: DedupeConfig | None = None  # most agents post each copy once
    trail: TrailConfig | None = field(default_factory=TrailConfig)

    def __post_init__(self) -> None:
        if self.orphan_after <= BEAT:
            raise Unfit(
                "orphan_after",
                f"{self.orphan_after.shown} is not more than the {BEAT:g}s from one beat of an agent to the next; "
                "all would be taken for lost: raise it, or take it out for the default of 1m",
            )


class RetryConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    initial: Seconds = seconds("500ms")  # a restarting upstream is not hammered, a hiccup costs little
    max: Seconds = seconds("30s")  # longest backoff; how late we may notice that the upstream is back
    max_attempts: Annotated[int, Meta(ge=1)] | None = None  # nothing is given up for having been tried often

    def __post_init__(self) -> None:
        need_positive(self, "initial", "max")
        if self.initial > self.max:
            raise Unfit("initial", f"{self.initial.shown} is more than max ({self.max.shown}); lower it, or raise max")


class TlsConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    ca_file: Path | None = None  # instead of the system's authorities
    cert_file: Path | None = None
    key_file: Path | None = None
    insecure_skip_verify: bool = False

    def __post_init__(self) -> None:
        if (self.cert_file is None) != (self.key_file is None):
            missing, given = ("key_file", "cert_file") if self.cert_file else ("cert_file", "key_file")
            raise Unfit(missing, f"is missing, and {given} is set; a client certificate needs both")
        for key in ("ca_file", "cert_file", "key_file"):
            if _PEM in str(getattr(self, key)):  # not shown, nor looked for on disk: errors would name it
                raise Unfit(key, "expected the path of a file, got what belongs into one")


class RotateConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    max_bytes: Size = size("64MiB")  # opens in an editor still
    keep: Annotated[int, Meta(ge=1)] = 5  # files; a few hundred MiB in all, so that a forgotten sidecar fills no disk


class DestinationConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One upstream. Header names are lower-case; an sgp destination's account is in `account_id` and in `headers`.

    url: of kind otlp the whole address, of sgp and agentex the base below which the API's paths are. path: a directory.
    """

    name: Annotated[str, Meta(pattern="^[a-z0-9_-]{1,40}$")]  # a metric label and part of a variable's name
    kind: Kind
    url: str | None = None
    path: Path | None = None
    headers: dict[str, Secret] = field(default_factory=dict)
    account_id: str | None = None
    compression: Compression = "none"
    concurrency: Annotated[int, Meta(ge=1)] = 8  # attempts at once: 150 ms an answer leaves 50 batches/s
    queue: QueueConfig = field(default_factory=QueueConfig)
    batch: BatchConfig = field(default_factory=BatchConfig)
    upsert: UpsertConfig = field(default_factory=UpsertConfig)
    retry: RetryConfig = field(default_factory=RetryConfig)
    timeout: Seconds = seconds("10s")  # one attempt, answer included; OTLP exporters' own default
    tls: TlsConfig = field(default_factory=TlsConfig)
    max_connection_age: Seconds | None = seconds("10m")  # so that a load balancer can move us within a deployment
    keepalive: Seconds = seconds("15s")  # idle; under the 60 s after which common load balancers close
    rotate: RotateConfig = field(default_factory=RotateConfig)

    def __post_init__(self) -> None:
        """Errors: Unfit, which names the key that does not fit its kind or another key."""
        self._fit_kind()
        self._fit_headers()
        self._fit_account()
        need_positive(self, "timeout", "max_connection_age", "keepalive")
        if self.batch.max_spans > self.queue.max_spans:
            raise Unfit(
                "batch.max_spans",
                f"{self.batch.max_spans} is more than queue.max_spans ({self.queue.max_spans}); "
                "no batch could fill: lower it, or raise the queue's",
            )
        if self.queue.max_bytes < 2 * self.batch.max_bytes:
            raise Unfit(
                "queue.max_bytes",
                f"{self.queue.max_bytes.shown} is less than two batches of batch.max_bytes "
                f"({self.batch.max_bytes.shown}), one to send and one to fill: raise it, or lower the batch's",
            )

    @property
    def remembered(self) -> int:
        """Bytes of memory that fingerprints and trail take at most."""
        if "upsert" in FOREIGN_KEYS[self.kind]:
            return 0
        dedupe, trail = self.upsert.dedupe, self.upsert.trail
        return (0 if dedupe is None else dedupe.max_keys * KEY_BYTES) + (0 if trail is None else int(trail.max_bytes))

    def __repr__(self) -> str:
        return f"<DestinationConfig {self.name} {self.kind} {self.path or shown_url(self.url)}>"

    def _fit_kind(self) -> None:
        for info in fields(type(self)):
            if info.name in FOREIGN_KEYS[self.kind] and getattr(self, info.name) != default_of(info):
                kinds = " and ".join(kind for kind, keys in FOREIGN_KEYS.items() if info.name not in keys)
                raise Unfit(info.name, f"is for kind {kinds}, not for {self.kind}; take it out")
        if self.kind == "file":
            if self.path is None:
                raise Unfit("path", "is missing; kind file needs the directory to write to")
            force_setattr(self, "concurrency", 1)  # one writer appends to one file
        else:
            _fit_url(self.kind, self.url)
        if self.kind == "agentex" and self.batch.max_spans > 1:
            raise Unfit("batch.max_spans", f"{self.batch.max_spans} is more than 1; agentex takes one span a request")
        if self.kind == "sgp" and self.batch.max_spans > SGP_MAX_SPANS:
            raise Unfit("batch.max_spans", f"{self.batch.max_spans} is more than the {SGP_MAX_SPANS} that sgp accepts")

    def _fit_headers(self) -> None:
        headers: dict[str, Secret] = {}
        for name, secret in self.headers.items():
            lower = name.lower()
            if not _HEADER.fullmatch(name):
                raise Unfit("headers", "expected names of letters, digits and dashes")  # not shown: it may be a value
            if lower in OWN_HEADERS:
                raise Unfit(f"headers.{lower}", "is set by inspan from what it sends; take it out")
            if lower in headers:
                raise Unfit(f"headers.{lower}", "is written twice, in capitals and in small letters")
            headers[lower] = secret
        force_setattr(self, "headers", headers)

    def _fit_account(self) -> None:
        """Agents that name another account are refused, so the account must be known and be the one that is sent."""
        if self.kind != "sgp":
            return
        header = self.headers.get(ACCOUNT)
        if header is None:
            if self.account_id is not None:
                force_setattr(self, "headers", {**self.headers, ACCOUNT: Secret(self.account_id)})
        elif header.path is not None:
            raise Unfit(f"headers.{ACCOUNT}", "cannot be a file: reference; write account_id, it is no secret")
        elif self.account_id is None:
            force_setattr(self, "account_id", header.reveal())
        elif header.reveal() != self.account_id:
            raise Unfit(f"headers.{ACCOUNT}", "differs from account_id; take one of the two out")


def default_of(info: FieldInfo) -> Any:
    """What a field is where nobody says."""
    return info.default_factory() if info.default_factory is not NODEFAULT else info.default


def shown_url(url: str | None) -> str:
    """The URL without its query, in which some upstreams want a key."""
    base, query, _ = (url or "").partition("?")
    return f"{base}?***" if query else base


def _fit_url(kind: str, url: str | None) -> None:
    """Errors: Unfit. The URL is not repeated: it may hold a password."""
    if url is None:
        raise Unfit("url", f"is missing; kind {kind} needs the address to post to")
    if "${" in url:
        raise Unfit("url", "${...} is filled in for headers only; set INSPAN_DESTINATIONS__<NAME>__URL instead")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or re.search(r"\s", url):
        raise Unfit("url", "expected an address such as https://collector.example/v1/traces; http and https are spoken")
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise Unfit("url", "holds a user or password; put them into headers.authorization")
    if "#" in url or "\\" in url:
        raise Unfit("url", "holds a # or \\, which not everybody reads alike; write %23 or %5C, or take it out")
    if "@" in parts.path:
        raise Unfit("url", "holds an @ behind the host, where a password may have been meant; write %40 for it")
    if kind in ("sgp", "agentex") and parts.query:
        raise Unfit("url", "expected a base address, without ?: the API's paths are appended to it")
