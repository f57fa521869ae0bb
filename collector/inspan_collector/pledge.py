"""The promise that spans are on disk, as the one who posted them waits for it."""

from collections.abc import Callable


class Pledge:
    """Kept when everything that was written for one post is durable; broken when a part of it cannot be.

    Whoever writes calls `expect` before and `settle` after; the one who offered closes it, so that it cannot be kept
    before everybody has been asked. told: called once, with whether it was kept. post: the agent and the sequence by
    which the post is known again after a restart, to be written with its rows; None where it wants no such thing.
    """

    __slots__ = ("broken", "open", "post", "told")

    def __init__(self, told: Callable[[bool], None], post: tuple[bytes, bytes] | None = None) -> None:
        self.told = told
        self.post = post
        self.open = 1
        self.broken = False

    def __repr__(self) -> str:
        return f"<Pledge {self.open} open{', broken' if self.broken else ''}>"

    def expect(self) -> None:
        """One more write must become durable."""
        self.open += 1

    def settle(self, *, kept: bool) -> None:
        """A write is durable, or cannot be."""
        self.broken = self.broken or not kept
        self.open -= 1
        if self.open == 0:
            self.told(not self.broken)

    def close(self) -> None:
        """Nobody will expect more."""
        self.settle(kept=True)
