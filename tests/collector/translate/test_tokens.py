"""Models and tokens, as OpenAI and Anthropic say them, under the names of both conventions."""

from typing import Any

import pytest
from tests.collector.translate.rig import attributes, one

CHAT = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "prompt_tokens_details": {"cached_tokens": 30, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 7},
}
RESPONSES = {
    "input_tokens": 100,
    "output_tokens": 20,
    "total_tokens": 120,
    "input_tokens_details": {"cached_tokens": 30},
    "output_tokens_details": {"reasoning_tokens": 7},
}
ANTHROPIC = {"input_tokens": 60, "output_tokens": 20, "cache_read_input_tokens": 30, "cache_creation_input_tokens": 10}

OPENAI_SAYS = {
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 20,
    "gen_ai.usage.cache_read.input_tokens": 30,
    "gen_ai.usage.reasoning.output_tokens": 7,
    "llm.token_count.prompt": 100,
    "llm.token_count.completion": 20,
    "llm.token_count.total": 120,
    "llm.token_count.prompt_details.cache_read": 30,
    "llm.token_count.completion_details.reasoning": 7,
}
ANTHROPIC_SAYS = {
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 20,
    "gen_ai.usage.cache_read.input_tokens": 30,
    "gen_ai.usage.cache_creation.input_tokens": 10,
    "llm.token_count.prompt": 100,
    "llm.token_count.completion": 20,
    "llm.token_count.total": 120,
    "llm.token_count.prompt_details.cache_read": 30,
    "llm.token_count.prompt_details.cache_write": 10,
}


def tokens(**members: Any) -> dict[str, str | int]:
    found = attributes(one(**{"type": "COMPLETION", **members}))
    return {key: value for key, value in found.items() if "usage" in key or "token" in key}


@pytest.mark.parametrize("member", ["output", "metadata"])
@pytest.mark.parametrize(
    ("usage", "says"),
    [(CHAT, OPENAI_SAYS), (RESPONSES, OPENAI_SAYS), (ANTHROPIC, ANTHROPIC_SAYS)],
    ids=["OpenAI's chat", "OpenAI's responses", "Anthropic"],
)
def test_usage_is_counted_under_both_names(usage: dict[str, Any], says: dict[str, int], member: str) -> None:
    assert tokens(**{member: {"usage": usage}}) == says


def test_the_output_is_nearer_than_the_metadata() -> None:
    found = tokens(output={"usage": {"prompt_tokens": 1}}, metadata={"usage": {"prompt_tokens": 2}})
    assert found == {"gen_ai.usage.input_tokens": 1, "llm.token_count.prompt": 1}


def test_a_step_around_a_call_does_not_count_its_tokens_again() -> None:
    for step in ("AGENT", "CHAIN", "TOOL", "STANDALONE"):
        assert tokens(type=step, output={"usage": CHAT, "model": "m"}) == {}
        assert "llm.model_name" not in attributes(one(type=step, output={"usage": CHAT, "model": "m"}))
    assert tokens(type=None, output={"usage": CHAT}) == OPENAI_SAYS  # nobody says that it is none


@pytest.mark.parametrize("wrong", [-1, 1.5, "5", True, None, 2**63, 10**30, [1], {}])
def test_a_count_that_is_none_is_left_out(wrong: Any) -> None:
    assert tokens(output={"usage": {"prompt_tokens": wrong, "completion_tokens": 3}}) == {
        "gen_ai.usage.output_tokens": 3,
        "llm.token_count.completion": 3,
    }


def test_a_sum_that_no_integer_holds_is_left_out() -> None:
    most = 2**63 - 1
    found = tokens(output={"usage": {"prompt_tokens": most, "completion_tokens": most}})
    assert "llm.token_count.total" not in found
    assert found["gen_ai.usage.input_tokens"] == most


@pytest.mark.parametrize("usage", [5, "x", [], [CHAT], None, {}, {"prompt_tokens_details": 5}])
def test_usage_of_another_shape_is_left_out(usage: Any) -> None:
    assert tokens(output={"usage": usage}) == {}


def test_the_model_that_was_asked_and_the_one_that_answered_are_two() -> None:
    def models(**members: Any) -> list[str | int | None]:
        found = attributes(one(type="COMPLETION", **members))
        return [found.get(f"{key}") for key in ("gen_ai.request.model", "gen_ai.response.model", "llm.model_name")]

    assert models(input={"model": "a"}, output={"model": "b"}) == ["a", "b", "b"]
    assert models(metadata={"model": "a"}) == ["a", None, "a"]
    assert models(metadata={"model": "m"}, input={"model": "a"}) == ["m", None, "m"]
    assert models(input={"model": 5}, output=["b"]) == [None, None, None]


def test_an_embedding_model_is_not_called_an_llm() -> None:
    found = attributes(one(type="EMBEDDING", input={"model": "e"}))
    assert found["embedding.model_name"] == "e"
    assert "llm.model_name" not in found
