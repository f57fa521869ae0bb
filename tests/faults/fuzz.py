"""`make fuzz`: many odd inputs for the formats and for the receiver, with progress. `python -m tests.faults.fuzz`."""

import argparse
import asyncio
import os
import random
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.faults.fuzz_formats import check_formats
from tests.faults.fuzz_receiver import check_receiver

ROUND = 20_000  # inputs between two lines of progress: some seconds


def main() -> None:
    """Fuzz until the number is reached or a law is broken; each round has a seed of its own, which repeats it."""
    parser = argparse.ArgumentParser(prog="make fuzz")
    parser.add_argument("--inputs", type=int, default=1_000_000, help="in all, half of them for each")
    parser.add_argument("--seed", type=int, default=int(os.environ.get("INSPAN_SEED") or time.time_ns() % (1 << 32)))
    options = parser.parse_args()
    began, answers = time.monotonic(), Counter[int]()
    for number, done in enumerate(range(0, options.inputs, ROUND)):
        seed, inputs = options.seed + number, min(ROUND, options.inputs - done)
        print(f"{time.monotonic() - began:6.0f} s  {done:>9,} inputs, INSPAN_SEED={seed}", flush=True)
        accepted = check_formats(random.Random(seed), inputs // 2)
        with tempfile.TemporaryDirectory(prefix="inspan-fuzz-") as folder:
            answers += asyncio.run(check_receiver(Path(folder), random.Random(seed), inputs - inputs // 2))
        print(f"          formats accepted {accepted}; answers so far {dict(sorted(answers.items()))}", flush=True)


if __name__ == "__main__":
    main()
