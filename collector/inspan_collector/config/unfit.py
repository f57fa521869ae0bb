"""What is wrong with one key, before it is known which file or variable wrote it."""


class Unfit(ValueError):
    """A key's value cannot be used. A ValueError, so that msgspec carries it out of a Struct.

    key: its path, relative to the Struct that complains. why: what was expected and what to do; never shows a secret.
    """

    def __init__(self, key: str, why: str) -> None:
        super().__init__(f"{key}: {why}")
        self.key = key
        self.why = why


def join(path: str, key: str | int) -> str:
    """The path of a key below `path`: `destinations[0].queue`."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def need_positive(struct: object, *keys: str) -> None:
    """Errors: Unfit for the first of these keys that is zero; "off" is null."""
    for key in keys:
        value = getattr(struct, key)
        if value is not None and value <= 0:
            raise Unfit(key, f"must be more than 0, got {value}")
