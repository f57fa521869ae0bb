"""Zero code: the OTLP/HTTP exporter of an unmodified program hands its posts to a client instead of the network.

Chosen by OTEL_PYTHON_EXPORTER_OTLP_HTTP_TRACES_CREDENTIAL_PROVIDER=inspan, by the entry point group
`opentelemetry_otlp_credential_provider`. The exporter's endpoint, headers and TLS mean nothing then: where spans go
from the sidecar, the sidecar knows.
"""

import io
from http import HTTPStatus
from typing import Any, Final

import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from requests.adapters import HTTPAdapter

from inspan.client import PATIENCE, Client
from inspan.encoding import Unencodable
from inspan.otel.dialect import OTLP
from inspan.otel.posted import Posted
from inspan.otel.sending import keep

_OTHERS: Final = (
    "/v1/metrics",
    "/v1/logs",
)  # OTLP's other signals: ours where OTEL_..._HTTP_CREDENTIAL_PROVIDER says so


def session() -> requests.Session:
    """A session that keeps every OTLP post of spans in a client of its own, and answers at once. Its socket is
    `INSPAN_SOCKET`, or where `inspan.Client` looks else. Metrics and logs go where their URL says."""
    made = requests.Session()
    adapter = ClientAdapter(Client(close_at_exit=False))
    made.mount("http://", adapter)
    made.mount("https://", adapter)
    return made


class ClientAdapter(HTTPAdapter):
    """Answers posts of spans with what became of them in a client.

    200 always, where they can be read: the exporter takes 503 for a reason to wait, up to its timeout of 10 s, in which
    the batch processor drops what it cannot count, and to post again what is kept already. Spans that were dropped are
    counted by the client, and named in the answer as OTLP's partial success.
    """

    def __init__(self, client: Client) -> None:
        super().__init__()
        self.client = client
        self._posted = Posted()

    def __repr__(self) -> str:
        return f"<ClientAdapter {self.client!r}>"

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        """See requests.adapters.HTTPAdapter. Never waits for a sidecar."""
        if request.path_url.partition("?")[0].endswith(_OTHERS):
            return super().send(request, stream, timeout, verify, cert, proxies)
        body = request.body or b""
        body = body if isinstance(body, bytes) else str(body).encode()
        try:
            entries = self._posted.entries(body, str(request.headers.get("Content-Encoding", "")))
        except Unencodable as error:
            self.client.life.lose(error.reason, str(error))  # as one: nobody can say how many they were
            return _answer(request, HTTPStatus.BAD_REQUEST, str(error).encode(), "text/plain")
        kept = [keep(self.client, entry) for entry in entries]
        said = _success(kept.count(False))
        return _answer(request, HTTPStatus.OK, said.SerializeToString(), OTLP.content_type)

    def close(self) -> None:
        """Send what there is, 2 s at most, and close the client. The exporter's shutdown comes here."""
        self.client.close(PATIENCE)
        super().close()


def _success(dropped: int) -> ExportTraceServiceResponse:
    said = ExportTraceServiceResponse()
    if dropped:
        said.partial_success.rejected_spans = dropped
        said.partial_success.error_message = "dropped before the socket; the client of inspan says and counts why"
    return said


def _answer(request: requests.PreparedRequest, status: HTTPStatus, body: bytes, kind: str) -> requests.Response:
    answer = requests.Response()
    answer.status_code = status.value
    answer.reason = status.phrase
    answer.headers["content-type"] = kind
    answer.url = request.url or ""
    answer.request = request
    answer.raw = io.BytesIO(body)
    return answer
