"""The one byte budget of the process."""


class Memory:
    """Bytes of spans that the process may hold, in two parts.

    Custody: request bodies while they are read, and chunks until their fate. Working: joined and compressed bodies
    of attempts, which exist only while an attempt holds a slot. Each part has a bound of its own, so custody can never
    starve the attempts that would empty it.
    """

    __slots__ = ("custody", "custody_limit", "working", "working_limit")

    def __init__(self, custody_limit: int, working_limit: int) -> None:
        self.custody_limit = custody_limit
        self.working_limit = working_limit
        self.custody = 0
        self.working = 0

    def __repr__(self) -> str:
        return (
            f"<Memory custody {self.custody} of {self.custody_limit}, working {self.working} of {self.working_limit}>"
        )

    @property
    def used(self) -> int:
        return self.custody + self.working

    @property
    def limit(self) -> int:
        return self.custody_limit + self.working_limit

    def reserve(self, size: int) -> bool:
        """Take `size` bytes of custody; False, and nothing taken, where they are not to be had."""
        if self.custody + size > self.custody_limit:
            return False
        self.custody += size
        return True

    def charge(self, size: int) -> None:
        """Hold `size` bytes of custody more for what has been taken already: it cannot be refused any more."""
        self.custody += size

    def release(self, size: int) -> None:
        """Give back `size` bytes of custody."""
        self.custody -= size
