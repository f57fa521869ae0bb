"""What an upstream repeats of our secrets is not repeated further."""

import base64
import json
from urllib.parse import quote

import pytest
from tests.collector.exporters.upstream import OK, Upstream, answer, exporting, settings
from tests.collector.sink.posts import otlp
from yarl import URL

from inspan_collector.errors import InspanError, Isolate, Later, Pause
from inspan_collector.exporters.masking import LEAD, LEAST, masked, secrets_sent
from inspan_collector.exporters.written import MAX_TEXT

TOKEN = "c4n/ry+tok<n=='\"7"  # what JSON, HTML and URLs each write in a way of their own


@pytest.mark.parametrize(
    "written",
    [
        f"Bearer {TOKEN}",
        TOKEN,
        json.dumps(TOKEN),
        TOKEN.replace("/", "\\/"),
        quote(TOKEN),
        quote(TOKEN, safe="").lower(),
        base64.b64encode(TOKEN.encode()).decode(),
        base64.urlsafe_b64encode(TOKEN.encode()).decode(),
        TOKEN.replace("<", "&lt;").replace("'", "&#x27;").replace('"', "&quot;"),
        TOKEN.upper(),
        json.dumps(json.dumps(json.dumps(TOKEN))),
        "".join(f"\\u{ord(letter):04X}" for letter in TOKEN),
        "".join(f"&#{ord(letter)};" for letter in TOKEN),
        "".join(f"%{ord(letter):02x}" for letter in TOKEN),
    ],
)
def test_a_token_is_masked_however_it_is_written(written: str) -> None:
    text = masked(f"no access: {written}, says the gate; {written}", [f"Bearer {TOKEN}"])
    assert text.startswith("no access: ") and text.count("***") == 2 and ", says the gate; " in text
    assert "c4n" not in text.lower() and "ry+tok" not in text


def test_a_password_behind_basic_is_masked_too() -> None:
    basic = "Basic " + base64.b64encode(b"somebody:long-password").decode()
    assert masked("user somebody, password long-password", [basic]) == "user somebody, password ***"


def test_what_no_encoding_can_hold_is_masked_too() -> None:
    """A variable of the environment may hold any bytes."""
    assert masked("it was \udcffabcdefgh", ["\udcffabcdefgh"]) == "it was ***"


def test_what_is_short_and_in_many_words_is_left() -> None:
    assert len("prod") < LEAST
    assert masked("not in production", ["prod"]) == "not in production"
    assert masked("not in production", []) == "not in production"


def test_an_account_is_no_secret_and_a_query_is() -> None:
    headers = {"X-Selected-Account-Id": "my-account-1", "x-api-key": "0123456789"}
    config = settings("sgp", url="https://up.example", headers=headers)
    url = URL("https://up.example/?sig=a%2Fbcdefgh&x=1")
    sent = secrets_sent(config, url, {"user-agent": "inspan/1", "x-selected-account-id": "my-account-1", **headers})
    assert masked("inspan/1 my-account-1 0123456789 sig=a%2Fbcdefgh a/bcdefgh", sent) == (
        "inspan/1 my-account-1 *** *** ***"  # the first twelve characters of the query are in it
    )


def test_the_beginning_of_a_secret_is_masked_where_an_upstream_shows_that_alone() -> None:
    key = "sk-live-0123456789abcdefghijklmnopq"
    assert masked(f"no such key: {key[:20]}..., {key[:LEAD]}...", [f"Bearer {key}"]) == "no such key: ***..., ***..."


@pytest.mark.parametrize("words", ["\\", "\\u", "pass\\", "a", "%", "&#", 'pass"', "a\\"])
@pytest.mark.parametrize("secret", ['pass"word1', "\\" * 40 + '"abcdefgh', "a" * 799 + "b", "%41" * 20])
def test_no_words_take_long_to_mask(words: str, secret: str) -> None:
    """A search that goes back over what it has read takes hours for this."""
    masked(words * (1 << 18), [secret])


def test_no_more_is_read_than_is_shown_and_no_half_secret_is_left_at_the_cut() -> None:
    for shown in range(len(TOKEN) + 1):
        text = masked("." * (MAX_TEXT - shown) + TOKEN, [TOKEN])
        assert len(text) <= MAX_TEXT + 2 and text.removesuffix("***").strip(".") == ""
    assert masked("." * (MAX_TEXT - 7) + "1234567", ["12345678"]).endswith(".1234567")  # which is all there is


def test_escapes_that_mean_no_character_are_left() -> None:
    said = "&#9999999; &#x110000; &#0; %00 \\u0000 \\ 100% of & \\ud83d\\ude00 \\"
    assert masked(said, [TOKEN]) == said


TO = {"headers": {"authorization": f"Bearer {TOKEN}"}}


@pytest.mark.parametrize("status", [302, 400, 401, 403, 422, 429, 500, 503])
async def test_no_answer_carries_the_secret_further(status: int) -> None:
    said = answer(status, f"you sent {TOKEN}".encode(), f"location: http://x.example/{quote(TOKEN)}?{TOKEN}")
    async with Upstream(said) as upstream, exporting(upstream.url, **TO) as (send, _):
        with pytest.raises((Later, Isolate, Pause)) as found:
            await send(otlp("a"))
    assert_silent(found.value)
    assert "***" in str(found.value) + getattr(found.value, "words", "")


async def test_a_secret_at_the_end_of_what_is_kept_is_not_cut_in_two_before_it_is_masked() -> None:
    words = "x" * 290 + TOKEN
    async with Upstream(answer(401, words.encode())) as upstream, exporting(upstream.url, **TO) as (send, _):
        with pytest.raises(Pause) as found:
            await send(otlp("a"))
    assert found.value.words == "x" * 290 + "***"


async def test_an_answer_that_is_not_http_and_repeats_the_secret_is_masked() -> None:
    said = f"HTTP/1.1 {TOKEN} what\r\n\r\n".encode()
    async with Upstream(said) as upstream, exporting(upstream.url, **TO) as (send, _):
        with pytest.raises(Later) as found:
            await send(otlp("a"))
    assert_silent(found.value)


async def test_a_partial_success_that_repeats_the_secret_is_masked() -> None:
    partial = json.dumps({"partialSuccess": {"rejectedSpans": "1", "errorMessage": f"no {TOKEN}"}}).encode()
    said = answer(200, partial, content_type="application/json")
    async with Upstream(said) as upstream, exporting(upstream.url, **TO) as (send, _):
        receipt = await send(otlp("a"))
    assert (receipt.rejected, receipt.message) == (1, "no ***")


async def test_a_redirect_is_not_followed_and_its_target_gets_nothing() -> None:
    async with Upstream(OK) as elsewhere:
        for status in (301, 302, 303, 307, 308):
            said = answer(status, b"", f"location: {elsewhere.url}")
            async with Upstream(said) as upstream, exporting(upstream.url, **TO) as (send, _):
                with pytest.raises(Pause, match="redirects"):
                    await send(otlp("a"))
        assert elsewhere.connections == 0


def assert_silent(error: InspanError) -> None:
    shown = f"{error!r} {error} {getattr(error, 'words', '')} {error.__cause__!r}".lower()
    assert "c4n" not in shown and "ry+tok" not in shown
