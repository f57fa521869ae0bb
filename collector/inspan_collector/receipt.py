"""What comes back for a delivered batch."""

import msgspec


class Receipt(msgspec.Struct, frozen=True):
    """What an upstream said to a delivered batch. rejected: spans it took note of and threw away (partial success).
    needless: ends that were not written, since their span has ended already, or is not there.
    """

    rejected: int = 0
    message: str = ""
    needless: int = 0
