"""Which model answered, and how many tokens that took.

Source: OpenTelemetry's GenAI registry (`gen_ai.*`) and OpenInference (`llm.*`, `embedding.*`). Both want all tokens of
the input counted, the cached ones included. OpenAI's totals are so; Anthropic's `input_tokens` is what was not cached.
"""

from typing import Final

from msgspec import Raw, Struct
from msgspec.json import Decoder

from inspan_collector.translate.attributes import integer, string
from inspan_collector.translate.lifted import lifted
from inspan_collector.translate.members import ABSENT, MOST, read
from inspan_collector.translate.members import integer as count


class Call(Struct, gc=False):
    """What an input, an output or metadata may say of a call to a model."""

    model: Raw = ABSENT
    usage: Raw = ABSENT


class _Details(Struct, gc=False):
    cached_tokens: Raw = ABSENT
    reasoning_tokens: Raw = ABSENT


class _Usage(Struct, gc=False):
    """OpenAI's chat completions, OpenAI's responses and Anthropic's messages, in one."""

    prompt_tokens: Raw = ABSENT
    completion_tokens: Raw = ABSENT
    input_tokens: Raw = ABSENT
    output_tokens: Raw = ABSENT
    total_tokens: Raw = ABSENT
    cache_read_input_tokens: Raw = ABSENT
    cache_creation_input_tokens: Raw = ABSENT
    prompt_tokens_details: Raw = ABSENT
    completion_tokens_details: Raw = ABSENT
    input_tokens_details: Raw = ABSENT
    output_tokens_details: Raw = ABSENT


_CACHE_READ: Final = ("gen_ai.usage.cache_read.input_tokens", "llm.token_count.prompt_details.cache_read")
_CACHE_WRITTEN: Final = ("gen_ai.usage.cache_creation.input_tokens", "llm.token_count.prompt_details.cache_write")
_REASONING: Final = ("gen_ai.usage.reasoning.output_tokens", "llm.token_count.completion_details.reasoning")

_call: Final = Decoder(Call)
_usage: Final = Decoder(_Usage)
_details: Final = Decoder(_Details)
_NOTHING: Final = Call()


def call_attributes(kind: str, asked_with: Raw, answered_with: Raw, metadata: Raw) -> list[bytes]:
    """The attributes of a call to a model. kind: OpenInference's. The others: the span's input, output and metadata."""
    asked, answered, noted = (read(_call, each) or _NOTHING for each in (asked_with, answered_with, metadata))
    attributes = _model(kind, lifted(noted.model) or lifted(asked.model), lifted(answered.model))
    usage = read(_usage, answered.usage) or read(_usage, noted.usage)
    return attributes if usage is None else attributes + _tokens(usage)


def _model(kind: str, requested: bytes | None, answering: bytes | None) -> list[bytes]:
    """OpenInference: the model that answered where that is known, else the one that was asked."""
    attributes = []
    if requested is not None:
        attributes.append(string("gen_ai.request.model", requested))
    if answering is not None:
        attributes.append(string("gen_ai.response.model", answering))
    model = answering or requested
    if model is not None:
        attributes.append(string("embedding.model_name" if kind == "EMBEDDING" else "llm.model_name", model))
    return attributes


def _tokens(usage: _Usage) -> list[bytes]:
    of_input = _first_details(usage.prompt_tokens_details, usage.input_tokens_details)
    of_output = _first_details(usage.completion_tokens_details, usage.output_tokens_details)
    prompt = _prompt(usage)
    completion = _first(usage.completion_tokens, usage.output_tokens)
    total = count(usage.total_tokens)
    if total is None and prompt is not None and completion is not None:
        total = prompt + completion
    counts = {
        ("gen_ai.usage.input_tokens", "llm.token_count.prompt"): prompt,
        ("gen_ai.usage.output_tokens", "llm.token_count.completion"): completion,
        ("llm.token_count.total",): total,
        _CACHE_READ: _first(usage.cache_read_input_tokens, of_input.cached_tokens),
        _CACHE_WRITTEN: count(usage.cache_creation_input_tokens),
        _REASONING: count(of_output.reasoning_tokens),
    }
    return [integer(key, n) for keys, n in counts.items() if n is not None and n <= MOST for key in keys]


def _prompt(usage: _Usage) -> int | None:
    """All tokens of the input."""
    prompt, rest = count(usage.prompt_tokens), count(usage.input_tokens)
    if prompt is not None or rest is None:
        return prompt
    return rest + (count(usage.cache_read_input_tokens) or 0) + (count(usage.cache_creation_input_tokens) or 0)


def _first(*places: Raw) -> int | None:
    return next((found for place in places if (found := count(place)) is not None), None)


def _first_details(*places: Raw) -> _Details:
    return next((found for place in places if (found := read(_details, place)) is not None), _Details())
