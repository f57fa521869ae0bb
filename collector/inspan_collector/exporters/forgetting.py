"""Errors that hold nothing but their words."""

import traceback


def forget(error: BaseException | None) -> None:
    """Let go of the frames that an error and its causes came through: they hold a body, which may be megabytes.

    Some of aiohttp's errors are in cycles. The garbage collector counts objects and not bytes, and is rarely asked
    here, so that an upstream that is gone would cost a body for each attempt.
    """
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error.__traceback__ = None
        error = error.__cause__ or error.__context__
