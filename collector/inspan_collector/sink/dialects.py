"""What an honest upstream says to a post, in each dialect it may come in."""

from collections.abc import Callable, Mapping
from typing import Final, Protocol

import msgspec

from inspan.wire import SGP_BATCH, SPANS, TRACES
from inspan_collector.errors import MalformedChunk
from inspan_collector.formats import FORMATS, otlp_answer
from inspan_collector.formats.otlp_answer import JSON, PROTOBUF
from inspan_collector.sink import sgp
from inspan_collector.sink.mischief import Mischief
from inspan_collector.sink.rows import Rows
from inspan_collector.sink.spans import keys_of, spans_of
from inspan_collector.sink.verdict import Verdict

_OTLP_FORMATS: Final = {PROTOBUF: "otlp_protobuf", JSON: "otlp_json"}
REJECTED: Final = "a span that this sink was told to reject"
_INVALID_ARGUMENT: Final = 3  # google.rpc.Code, what the body of an OTLP refusal carries


class Post(Protocol):
    """What a dialect sees of a request. headers: their names in any case. body: inflated."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Upstream:
    """The honest part of a sink: it reads posts, refuses what its dialects refuse, and keeps the SGP rows.

    api_key: what SGP posts have to bring; None lets all in. unique: read the keys of the spans taken.
    """

    __slots__ = ("api_key", "rows", "unique")

    def __init__(self, *, api_key: str | None, unique: bool) -> None:
        self.api_key = api_key
        self.unique = unique
        self.rows = Rows()

    def __repr__(self) -> str:
        return f"<Upstream {self.rows!r}>"

    def judge(self, post: Post, mischief: Mischief) -> Verdict:
        """The true answer to a post. Nothing is written before its `commit`."""
        methods, dialect = ROUTES.get(post.path, ((), None))
        if dialect is None:
            return refusal(post, 404, f"no such path; posts go to {', '.join(ROUTES)}")
        if post.method not in methods:
            return refusal(post, 405, f"{post.path} takes {' and '.join(methods)}")
        try:
            return dialect(self, post, mischief)
        except MalformedChunk as why:
            return refusal(post, 400, str(why))
        except sgp.Refused as why:
            return refusal(post, why.status, str(why))

    def otlp(self, post: Post, mischief: Mischief) -> Verdict:
        """Source: OTLP specification 1.x, "OTLP/HTTP Response"."""
        content_type = post.headers.get("content-type", "").partition(";")[0].strip().lower()
        name = _OTLP_FORMATS.get(content_type)
        if name is None:
            return refusal(post, 415, f"content-type is neither {PROTOBUF} nor {JSON}")
        count = FORMATS[name].scan(post.body).spans
        refused = self._reject(post, name, post.body, mischief)
        if refused is not None:
            return refused
        rejected = min(mischief.behaviour.partial or 0, count)
        verdict = Verdict(200, otlp_answer.success(content_type, rejected, REJECTED), content_type)
        verdict.spans = count - rejected
        if self.unique:
            verdict.keys = keys_of(name, post.body)[rejected:]
        return verdict

    def sgp(self, post: Post, mischief: Mischief) -> Verdict:
        """POST, which inserts upstream, upserts here too: what it says to a repeated key is not published."""
        if self.api_key is not None and post.headers.get("x-api-key") != self.api_key:
            return refusal(post, 401, "x-api-key is missing or wrong")
        copies, items = sgp.read(post.body)
        winners = self.rows.merge(copies)
        refused = self._reject(post, "span_json", items, mischief)
        if refused is not None:
            return refused
        verdict = Verdict(200, b'{"items":%b,"object":"list"}' % items, JSON)
        verdict.spans = len(copies)
        verdict.keys = [(copy.trace_id, str(copy.id)) for copy in copies]
        verdict.commit = lambda: self.rows.write(winners)
        return verdict

    def spans(self, post: Post, mischief: Mischief) -> Verdict:
        """Our own dialect, a JSON array."""
        count = FORMATS["span_json"].scan(post.body).spans
        refused = self._reject(post, "span_json", post.body, mischief)
        if refused is not None:
            return refused
        verdict = Verdict(202, b'{"accepted": %d}' % count, JSON)
        verdict.spans = count
        if self.unique:
            verdict.keys = keys_of("span_json", post.body)
        return verdict

    def _reject(self, post: Post, name: str, body: bytes, mischief: Mischief) -> Verdict | None:
        if not mischief.reads_spans or not mischief.rejects(spans_of(name, body)):
            return None
        status = mischief.behaviour.reject_status
        if status == "reset":
            return Verdict(200, b"", JSON, reset=True)
        return refusal(post, status, REJECTED)


Dialect = Callable[[Upstream, Post, Mischief], Verdict]

ROUTES: Final[dict[str, tuple[tuple[str, ...], Dialect]]] = {
    TRACES: (("POST",), Upstream.otlp),
    SGP_BATCH: (("PUT", "POST"), Upstream.sgp),
    SPANS: (("POST",), Upstream.spans),
}


def refusal(post: Post, status: int, message: str) -> Verdict:
    """A refusal in the error shape of the post's dialect."""
    if post.path == TRACES:
        content_type = PROTOBUF if post.headers.get("content-type", "").startswith(PROTOBUF) else JSON
        return Verdict(status, otlp_answer.failure(content_type, _INVALID_ARGUMENT, message), content_type)
    member = "detail" if post.path == SGP_BATCH else "error"  # what FastAPI, and so SGP, calls it
    return Verdict(status, msgspec.json.encode({member: message}), JSON)
