"""Text that is sent and never shown."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from inspan_collector.errors import ConfigError

MASK: Final = "***"
FILE: Final = "file:"
# `$${` first: it stands for a `${` that is meant. A `${` with no name behind it is an error, not text.
_VARIABLE: Final = re.compile(r"\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)\})?")
# A line break would end the header, or begin another; RFC 9110, section 5.5, allows no other of these either.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Secret:
    """Text held, or the path of a file that is read at each `reveal`, so that a rotated secret is seen.

    repr, str and format mask it. Equal where the text, or the path, is.
    """

    __slots__ = ("_text", "path")

    def __init__(self, text: str = "", *, path: Path | None = None) -> None:
        """Errors: ValueError where the text cannot be a header's value."""
        if _CONTROL.search(text):
            raise ValueError("the secret holds a line break or control character; take it out of where it comes from")
        self._text = text
        self.path = path

    @classmethod
    def resolve(cls, template: str, environ: Mapping[str, str]) -> "Secret":
        """What the file wrote: `${VAR}` is filled in, `$${` is `${`, and `file:/path` in front is a reference.

        Errors: ValueError, which names a variable that is missing.
        """
        if template.startswith(FILE):
            path = Path(_expand(template.removeprefix(FILE), environ))
            if not path.is_absolute():
                raise ValueError("expected file: and an absolute path, such as file:/run/secrets/token")
            return cls(path=path)
        return cls(_expand(template, environ))

    def reveal(self) -> str:
        """The secret itself; one line break at the end of a file is not part of it.

        Errors: ConfigError where the file cannot be read, or holds what cannot be sent.
        """
        if self.path is None:
            return self._text
        try:
            text = self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "is not UTF-8"
            raise ConfigError(f"{self.path}: the secret cannot be read: {why}") from None
        text = text.removesuffix("\n").removesuffix("\r")
        if _CONTROL.search(text):
            raise ConfigError(f"{self.path}: the secret holds a line break or control character; it must be one line")
        return text

    @property
    def shown(self) -> str:
        """What may be shown: the mask, or where the secret is."""
        return MASK if self.path is None else FILE + str(self.path).replace("${", "$${")

    def __repr__(self) -> str:
        return f"<Secret {self.shown}>"

    def __str__(self) -> str:
        return self.shown

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and (self._text, self.path) == (other._text, other.path)

    def __hash__(self) -> int:
        return hash((self._text, self.path))


def _expand(template: str, environ: Mapping[str, str]) -> str:
    def fill(match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        if match[1] is None:
            raise ValueError("expected ${NAME} of an environment variable; write $${ for a ${ that is meant")
        if match[1] not in environ:
            raise ValueError(f"the environment has no variable {match[1]}")
        return environ[match[1]]

    return _VARIABLE.sub(fill, template)
