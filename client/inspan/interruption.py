"""Which exceptions are not about what we were doing: those that a signal handler of the agent raised meanwhile."""

import sys


def is_from_a_signal(error: BaseException) -> bool:
    """Whether a signal handler raised it in the function that caught it: a time limit, say, which must not be
    swallowed. Handlers that are Python functions or methods are known by their code; others are not."""
    signal = sys.modules.get("signal")
    step = error.__traceback__ and error.__traceback__.tb_next
    if signal is None or step is None:
        return False
    code = step.tb_frame.f_code
    return any(getattr(signal.getsignal(number), "__code__", None) is code for number in signal.valid_signals())
