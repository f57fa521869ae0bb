"""The commands that the README prints."""

import shlex
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
FENCES = ("```sh", "```bash", "```shell")


def commands(text: str) -> list[str]:
    """Each command of the shell blocks, with its continued lines and its quotes whole."""
    found, command, inside = [], "", False
    for line in text.splitlines():
        if not inside:
            inside = line.strip() in FENCES
        elif line.strip() == "```":
            inside = False
        else:
            command += line + "\n"
            if _whole(command):
                found.append(command.strip())
                command = ""
    return [each for each in found if each]


def _whole(command: str) -> bool:
    if command.endswith("\\\n"):
        return False
    try:
        shlex.split(command, comments=True)
    except ValueError:  # a quote is open
        return False
    return True
