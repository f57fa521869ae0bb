"""The telling of a page itself: what fails is named, and what stays is ended."""

import os
from pathlib import Path

import pytest
from tests.pages.blocks import Block, read
from tests.pages.story import PATIENCE, Told, tell


def told(home: Path, *texts: str, patience: float = PATIENCE) -> Told:
    blocks: list[Block] = [block for text in texts for block in read(Path("page.md"), text)]
    return tell(blocks, home, patience)


def test_blocks_share_one_shell_and_its_folder(tmp_path: Path) -> None:
    first = "```sh\nWORD=hello\ncat > file <<'END'\n$WORD\nEND\n```\n"
    assert told(tmp_path, first, '```sh\necho "$WORD" "$(cat file)"\n```\n')[:2] == (0, "hello $WORD\n")


@pytest.mark.parametrize(
    "text",
    [
        "```sh\nfalse\n```\n",
        "```sh\nfalse | cat\n```\n",
        "```python\nraise SystemExit(3)\n```\n",
        "```sh\ncurl -s 127.0.0.1:19464/status\n```\n",
        "<!-- stays until: ready -->\n```sh\nfalse\n```\n",
    ],
)
def test_a_block_that_fails_is_named_and_nothing_behind_it_is_run(tmp_path: Path, text: str) -> None:
    story = told(tmp_path, text, "```sh\necho behind\n```\n")
    assert story.code != 0 and "page.md:" in story.said and "behind" not in story.said


def test_a_block_that_never_shows_what_it_should_fails(tmp_path: Path) -> None:
    story = told(tmp_path, "<!-- shows: green -->\n```sh\necho red\n```\n", patience=0.5)
    assert story.code != 0 and "page.md:2" in story.said


def test_a_block_may_show_it_at_a_later_try(tmp_path: Path) -> None:
    story = told(tmp_path, "<!-- shows: xx -->\n```sh\nprintf x >> file\ncat file\n```\n")
    assert (story.code, (tmp_path / "file").read_text()) == (0, "xx")


def stays(code: int) -> str:
    """A block whose process stays, and ends with this code when it is interrupted."""
    command = f"exec sh -c 'trap \"exit {code}\" INT; echo here $$; while :; do sleep 0.05; done'"
    return f"<!-- stays until: here -->\n```sh\n{command}\n```\n"


def test_what_stays_is_ended_with_the_page(tmp_path: Path) -> None:
    story = told(tmp_path, stays(0))
    assert story.code == 0
    with pytest.raises(ProcessLookupError):
        os.kill(int(story.logs[0].split()[1]), 0)


def test_a_bad_end_of_what_stays_is_told(tmp_path: Path) -> None:
    story = told(tmp_path, stays(5))
    assert story.code != 0 and "bad end" in story.said
