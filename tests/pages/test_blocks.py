"""No block of a page is forgotten: it is run, read, shown as what a command prints, or says why not."""

import json
import re
import textwrap
from pathlib import Path

import pytest
import yaml
from tests.pages.blocks import MARKS, PAGES, READ, ROOT, RUN, SHELL, SHOWN, Block, blocks, read

from inspan_collector.cli.main import COMMANDS
from inspan_collector.config.load import resolve

BLOCKS = [block for page in PAGES for block in blocks(page)]

COMMAND = re.compile(
    rf"^(curl|kubectl|helm|make|pip|python3?|export|docker|inspan ({'|'.join(COMMANDS)})) ", re.MULTILINE
)


def of(*languages: str) -> list[Block]:
    return [block for block in BLOCKS if block.language in languages and block.mark != "not run"]


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_has_a_language_that_something_is_done_with(block: Block) -> None:
    assert block.language in (*RUN, *READ, *SHOWN), f"{block}: what is done with {block.language or 'no language'}?"


@pytest.mark.parametrize("block", of("text"), ids=str)
def test_commands_do_not_hide_among_what_is_shown(block: Block) -> None:
    """A transcript has its prompt, `$ `, and the command in it is one of the page's text."""
    assert not COMMAND.search(block.text), f"{block}: a command is in a block of sh, where it is run or says why not"


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.mark], ids=str)
def test_a_mark_is_one_that_is_known_and_says_what_it_must(block: Block) -> None:
    assert block.mark in MARKS, f"{block}: there is {', '.join(MARKS)}"
    assert block.detail or block.mark in ("e2e", "values"), f"{block}: {block.mark}: and what?"
    assert block.mark not in ("e2e", "stays until", "shows") or block.language in SHELL, f"{block}: that is for a shell"


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.mark == "part of"], ids=str)
def test_a_block_that_is_part_of_a_file_is_in_it_word_for_word(block: Block) -> None:
    lines = (block.page.parent / block.detail).read_text(encoding="utf-8").splitlines(keepends=True)
    count = block.text.count("\n")
    windows = [textwrap.dedent("".join(lines[at : at + count])) for at in range(len(lines))]
    assert block.text in windows


@pytest.mark.parametrize("block", [block for block in of("yaml") if not block.mark], ids=str)
def test_a_configuration_is_one_that_inspan_check_accepts(block: Block) -> None:
    accept(block.text, str(block))


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.mark == "values"], ids=str)
def test_values_are_the_charts_and_hold_a_configuration(block: Block) -> None:
    values = yaml.safe_load(block.text)["inspan"]
    schema = json.loads((ROOT / "helm/inspan/values.schema.json").read_text(encoding="utf-8"))
    assert values.keys() <= schema["properties"].keys()
    text = yaml.safe_dump(values["config"])
    assert set(references(text)) <= values.get("secrets", {}).keys(), f"{block}: what is referred to is under `secrets`"
    accept(text, str(block))


def references(text: str) -> list[str]:
    """The variables that a configuration wants filled in."""
    return re.findall(r"\$\{(\w+)}", text)


def accept(text: str, source: str) -> None:
    """As `inspan check` does; what is not accepted is an error."""
    resolve(text, source, dict.fromkeys(references(text), "0"))


@pytest.mark.parametrize("block", of("json"), ids=str)
def test_json_is_json(block: Block) -> None:
    json.loads(block.text)


def test_a_block_is_read_with_its_mark_its_indent_and_its_line() -> None:
    text = "# a\n\n* b:\n\n  <!-- not run: it costs -->\n  ```sh\n  make\n    x\n  ```\n\n```text\nshown\n```\n"
    first, second = read(Path("p.md"), text)
    assert first == Block(Path("p.md"), 6, "sh", "make\n  x\n", "not run", "it costs")
    assert (second.language, second.line, second.mark) == ("text", 11, "")


def test_a_comment_further_up_is_no_mark() -> None:
    (block,) = read(Path("p.md"), "<!-- not run: it costs -->\n\n```sh\nmake\n```\n")
    assert block.mark == ""


def test_every_fence_of_every_page_is_read() -> None:
    for page in PAGES:
        fences = [line for line in page.read_text(encoding="utf-8").splitlines() if line.strip().startswith("```")]
        assert len(fences) == 2 * len(blocks(page)), page


def test_the_pages_are_found() -> None:
    assert {ROOT / "README.md", ROOT / "docs/configuration.md"} < set(PAGES) and len(BLOCKS) > 20
    assert yaml.safe_load(of("yaml")[0].text)
