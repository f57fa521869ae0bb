"""How the page is served, and what its files may not contain. What it shows is tested in a browser: tests/page."""

import re
from pathlib import Path

import pytest
from tests.collector.rig import Running

from inspan_collector.gate import STATES
from inspan_collector.ledger import DROPPED, REFUSALS
from inspan_collector.liveness import REASONS
from inspan_collector.liveness import STATES as AGENT_STATES
from inspan_collector.page import Page
from inspan_collector.page.page import TYPES

FILES = {name: file.body.decode() for name, file in Page().files.items()}
BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
NAMESPACE = "http://www.w3.org/2000/svg"
MOST = 150_000  # bytes of all files together; it is served by a sidecar, and read over port-forwards


def section(name: str) -> str:
    """One table of words.js."""
    return re.split(rf"export const {name} = \{{", FILES["words.js"])[1].split("\n};")[0]


@pytest.mark.parametrize(
    ("table", "words"),
    [("GATE", STATES), ("DROPPED", DROPPED), ("REFUSED", REFUSALS), ("BEFORE", REASONS), ("AGENT", AGENT_STATES)],
)
def test_every_reason_and_state_has_its_words_and_no_other_has(table: str, words: tuple[str, ...]) -> None:
    assert set(re.findall(r"^  ([a-z_]+): ", section(table), re.MULTILINE)) == set(words)


def test_the_files_are_small_and_lead_nowhere_else() -> None:
    assert sum(map(len, FILES.values())) < MOST
    for name, text in FILES.items():
        assert not re.findall(r"(?:https?:)?//[a-z]", re.sub(r"//[^\n]*", "", text.replace(NAMESPACE, "")).lower()), (
            name
        )


@pytest.mark.parametrize("name", FILES)
def test_nothing_foreign_can_become_markup_or_script(name: str) -> None:
    for way in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
        " onclick",
        "<style",
    ):
        assert way not in FILES[name]
    assert not re.search(r"<script(?![^>]* src=)|style=|javascript:", FILES[name])


def test_every_file_that_is_named_is_there() -> None:
    named = set(re.findall(r'(?:href|src)="page/([^"]+)"', FILES["index.html"]))
    for name, text in FILES.items():
        if name.endswith(".js"):
            named |= set(re.findall(r'from "\./([^"]+)"', text))
    assert named == set(FILES) - {"index.html"}


async def test_browsers_get_the_page_and_everybody_else_a_list(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        url = f"http://127.0.0.1:{running.service.admin.port()}/"
        async with running.http.get(url, headers=BROWSER) as answer:
            assert (answer.status, answer.content_type, answer.headers["vary"]) == (200, "text/html", "accept")
            assert await answer.text() == FILES["index.html"]
            policy = answer.headers["content-security-policy"]
            assert policy.startswith("default-src 'none';") and "unsafe" not in policy
            tag = answer.headers["etag"]
        async with running.http.get(url, headers=BROWSER | {"if-none-match": tag}) as answer:
            assert (answer.status, await answer.read()) == (304, b"")
        async with running.http.get(url) as answer:
            assert (answer.content_type, answer.headers["vary"]) == ("text/plain", "accept")


async def test_each_file_is_served_as_what_it_is_and_no_other_is(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        url = f"http://127.0.0.1:{running.service.admin.port()}/page/"
        for name, text in FILES.items():
            async with running.http.get(url + name) as answer:
                assert answer.content_type == TYPES[name.rpartition(".")[2]]
                assert answer.headers["x-content-type-options"] == "nosniff"
                assert await answer.text() == text
        for name in ("nothing.js", "..%2fpage.py", "%2e%2e/page.py", ""):
            async with running.http.get(url + name) as answer:
                assert answer.status == 404
