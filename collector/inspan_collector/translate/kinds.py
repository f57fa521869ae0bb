"""What a span's type is called elsewhere.

Source: OpenInference, spec/semantic_conventions.md, "Span Kinds"; OpenTelemetry's GenAI conventions,
gen-ai-spans.md and gen-ai-agent-spans.md, for `gen_ai.operation.name` and the kind of span; SGP's SpanType.
"""

from typing import Final, NamedTuple

INTERNAL: Final = 1  # Span.SpanKind in trace.proto
CLIENT: Final = 3


class Kind(NamedTuple):
    """openinference: its span kind. operation: the GenAI operation, where one is named. span: OTLP's kind of span."""

    openinference: str
    operation: str | None = None
    span: int = INTERNAL


# The specification's table has no UNKNOWN, its enumeration does: it is what readers take an absent kind for.
UNKNOWN: Final = Kind("UNKNOWN")

_LLM: Final = Kind("LLM", "chat", CLIENT)
_EMBEDDING: Final = Kind("EMBEDDING", "embeddings", CLIENT)
_SEARCH: Final = Kind("RETRIEVER", "retrieval", CLIENT)
_RERANKER: Final = Kind("RERANKER")
_TOOL: Final = Kind("TOOL", "execute_tool")
_AGENT: Final = Kind("AGENT", "invoke_agent")
_GUARDRAIL: Final = Kind("GUARDRAIL")
_EVALUATOR: Final = Kind("EVALUATOR")
_PROMPT: Final = Kind("PROMPT")
_CHAIN: Final = Kind("CHAIN")

KINDS: Final = {
    # SGP's, as they are in scale_gp_beta's SpanType
    "COMPLETION": _LLM,
    "DOCUMENT_SEARCH": _SEARCH,
    "KB_RETRIEVAL": _SEARCH,
    "FILE_RETRIEVAL": Kind("RETRIEVER"),  # a file by its name: nothing is searched
    "RERANKING": _RERANKER,
    "CODE_EXECUTION": _TOOL,
    "EXTERNAL_ENDPOINT": Kind("TOOL", None, CLIENT),  # a request to another service; no model asked for it
    "AGENT_TRACER": _AGENT,
    "AGENT_WORKFLOW": Kind("AGENT", "invoke_workflow"),
    "GUARDRAIL": _GUARDRAIL,
    "OUTPUT_GUARDRAIL": _GUARDRAIL,
    "EVALUATION": _EVALUATOR,
    "PROMPT_ENGINEERING": _PROMPT,
    "DOCUMENT_PROMPT": _PROMPT,
    # steps between the others, which is what OpenInference calls a chain
    **dict.fromkeys(("TEXT_INPUT", "TEXT_OUTPUT", "COMPLETION_INPUT", "DOCUMENT_INPUT", "KB_INPUT"), _CHAIN),
    **dict.fromkeys(("KB_ADD_CHUNK", "KB_MANAGEMENT", "DATA_MANIPULATION", "MAP_REDUCE"), _CHAIN),
    **dict.fromkeys(("TRACER", "CUSTOM", "STANDALONE", "CHAIN"), _CHAIN),
    # OpenInference's own names
    "LLM": _LLM,
    "EMBEDDING": _EMBEDDING,
    "RETRIEVER": _SEARCH,
    "RERANKER": _RERANKER,
    "TOOL": _TOOL,
    "AGENT": _AGENT,
    "EVALUATOR": _EVALUATOR,
    "PROMPT": _PROMPT,
}

# Spans that are a call to a model, or may be one. A step around such a call often hands its answer on, and to count
# the tokens there too would double them in every sum.
MODEL_CALLS: Final = frozenset({"LLM", "EMBEDDING", "UNKNOWN"})


def kind_of(named: str | None) -> Kind:
    """The kind that a span's type names, in whatever case it is written."""
    return UNKNOWN if named is None else KINDS.get(named.upper(), UNKNOWN)
