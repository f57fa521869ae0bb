"""What an honest upstream says to a post, in each dialect it may come in."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol
from urllib.parse import unquote

import msgspec

from inspan.wire import AGENTEX_SPANS, SGP_BATCH, SGP_SPANS, SPANS, TRACES
from inspan_collector.errors import MalformedChunk
from inspan_collector.formats import FORMATS, otlp_answer
from inspan_collector.formats.otlp_answer import JSON, PROTOBUF
from inspan_collector.sink import agentex, sgp
from inspan_collector.sink.mischief import Mischief
from inspan_collector.sink.rows import Rows
from inspan_collector.sink.spans import keys_of, spans_of
from inspan_collector.sink.verdict import Refused, Verdict

_OTLP_FORMATS: Final = {PROTOBUF: "otlp_protobuf", JSON: "otlp_json"}
REJECTED: Final = "a span that this sink was told to reject"
_NOT_VALID: Final = 10422  # what AgentEx's server says to a request that its schemas refuse
_INVALID_ARGUMENT: Final = 3  # google.rpc.Code, what the body of an OTLP refusal carries


class Post(Protocol):
    """What a dialect sees of a request. headers: their names in any case. body: inflated."""

    method: str
    path: str
    raw_path: str
    headers: Mapping[str, str]
    body: bytes


class Upstream:
    """The honest part of a sink: it reads posts, refuses what its dialects refuse, and keeps SGP's and AgentEx's spans.

    api_key: what SGP posts have to bring; None lets all in. unique: read the keys of the spans taken. texts: keep all
    that SGP's spans say, and not only what decides the next upsert; AgentEx's are kept anyway, to be changed by parts.
    """

    __slots__ = ("agentex", "api_key", "rows", "texts", "unique")

    def __init__(self, *, api_key: str | None, unique: bool, texts: bool = False) -> None:
        self.api_key = api_key
        self.unique = unique
        self.texts = texts
        self.forget()

    def __repr__(self) -> str:
        return f"<Upstream {self.rows!r} {self.agentex!r}>"

    def forget(self) -> None:
        """Nothing was ever written."""
        self.rows = Rows()
        self.agentex = agentex.Spans()

    def spans_there(self) -> bytes:
        """Every span as it was written last, in a JSON object of an array for each dialect that has a store."""
        stores: dict[str, Iterable[bytes]] = {"sgp": self.rows, "agentex": self.agentex}
        return msgspec.json.encode({name: [msgspec.Raw(text) for text in store] for name, store in stores.items()})

    def judge(self, post: Post, mischief: Mischief) -> Verdict:
        """The true answer to a post. Nothing is written before its `commit`."""
        route = ROUTES.get(post.path) or BELOW.get(post.raw_path.rpartition("/")[0])
        if route is None:
            return refusal(post, 404, f"no such path; posts go to {', '.join(ROUTES)}")
        if post.method not in route:
            return refusal(post, 405, f"{post.path} takes {' and '.join(route)}")
        try:
            return route[post.method](self, post, mischief)
        except MalformedChunk as why:
            return refusal(post, 400, str(why))
        except Refused as why:
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
        winners = self.rows.merge(copies, spans_of("span_json", items) if self.texts else None)
        refused = self._reject(post, "span_json", items, mischief)
        if refused is not None:
            return refused
        verdict = Verdict(200, b'{"items":%b,"object":"list"}' % items, JSON)
        verdict.spans = len(copies)
        verdict.keys = [(copy.trace_id, str(copy.id)) for copy in copies]
        verdict.commit = lambda: self.rows.write(winners)
        return verdict

    def sgp_change(self, post: Post, mischief: Mischief) -> Verdict:
        """One span, changed by parts."""
        if self.api_key is not None and post.headers.get("x-api-key") != self.api_key:
            return refusal(post, 401, "x-api-key is missing or wrong")
        winners = self.rows.change(_id(post), sgp.read_change(post.body), post.body)
        ((trace_id, span_id, _), row) = next(iter(winners.items()))
        text = row.text or msgspec.json.encode({"id": span_id, "trace_id": trace_id})
        return self._one(post, (trace_id, span_id), text, lambda: self.rows.write(winners), mischief)

    def sgp_look(self, post: Post, mischief: Mischief) -> Verdict:
        """One span as it is. Where texts are not kept, whether it has ended."""
        del mischief
        return Verdict(200, self.rows.one(_id(post)), JSON)

    def agentex_look(self, post: Post, mischief: Mischief) -> Verdict:
        """One span as it is."""
        del mischief
        return Verdict(200, self.agentex.one(_id(post)), JSON)

    def agentex_create(self, post: Post, mischief: Mischief) -> Verdict:
        """One span, made."""
        span = self.agentex.create(post.body)
        return self._one(post, (span.trace_id, span.id), span.text, lambda: self.agentex.write(span), mischief)

    def agentex_change(self, post: Post, mischief: Mischief) -> Verdict:
        """One span, changed by parts."""
        span = self.agentex.change(_id(post), post.body)
        return self._one(post, (span.trace_id, span.id), span.text, lambda: self.agentex.write(span), mischief)

    def _one(
        self, post: Post, key: tuple[str, str], text: bytes, commit: Callable[[], None], mischief: Mischief
    ) -> Verdict:
        """The verdict on a request of one span. text: the span as it will be."""
        refused = self._reject(post, None, post.body, mischief)
        if refused is not None:
            return refused
        verdict = Verdict(200, text, JSON)
        verdict.spans = 1
        verdict.keys = [key]
        verdict.commit = commit
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

    def _reject(self, post: Post, name: str | None, body: bytes, mischief: Mischief) -> Verdict | None:
        """A refusal where one of the spans is one that this sink does not take. name: the format, None for one span."""
        if not mischief.reads_spans or not mischief.rejects([body] if name is None else spans_of(name, body)):
            return None
        status = mischief.behaviour.reject_status
        if status == "reset":
            return Verdict(200, b"", JSON, reset=True)
        return refusal(post, status, REJECTED)


Dialect = Callable[[Upstream, Post, Mischief], Verdict]

Route = Mapping[str, Dialect]  # by method

ROUTES: Final[dict[str, Route]] = {
    TRACES: {"POST": Upstream.otlp},
    SGP_BATCH: {"PUT": Upstream.sgp, "POST": Upstream.sgp},
    SPANS: {"POST": Upstream.spans},
    AGENTEX_SPANS: {"POST": Upstream.agentex_create},
}
# The path of one span: its id is below.
BELOW: Final[dict[str, Route]] = {
    SGP_SPANS: {"PATCH": Upstream.sgp_change, "GET": Upstream.sgp_look},
    AGENTEX_SPANS: {"PATCH": Upstream.agentex_change, "GET": Upstream.agentex_look},
}


def _id(post: Post) -> str:
    """The id that is the last part of a path."""
    return unquote(post.raw_path.rpartition("/")[2], errors="surrogatepass")


def refusal(post: Post, status: int, message: str) -> Verdict:
    """A refusal in the error shape of the post's dialect."""
    if post.path == TRACES:
        content_type = PROTOBUF if post.headers.get("content-type", "").startswith(PROTOBUF) else JSON
        return Verdict(status, otlp_answer.failure(content_type, _INVALID_ARGUMENT, message), content_type)
    if post.path == AGENTEX_SPANS or post.path.startswith(f"{AGENTEX_SPANS}/"):
        code = {"status_code": _NOT_VALID} if status == 422 else {"code": status}
        return Verdict(status, msgspec.json.encode({**code, "message": message, "data": None}), JSON)
    member = "detail" if post.path.startswith(f"{SGP_SPANS}/") else "error"  # what FastAPI, and so SGP, calls it
    return Verdict(status, msgspec.json.encode({member: message}), JSON)
