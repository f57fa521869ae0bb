"""A life to be killed: it changes what it may change, and an upstream has what it was sent, in a file of its own."""

import mmap
import os
import random
import sys
import time
from pathlib import Path

from inspan_collector.mirror.prints import PrintFile
from inspan_collector.queue.prints import Prints

KEYS = 400
MAX_KEYS = 600
WORD = 8
SAID = 1  # byte


class Upstream:
    """What it has of each key: a version, stored as a write of an upstream would be, before it answers."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(KEYS * WORD))
        with path.open("r+b") as file:
            self.versions = memoryview(mmap.mmap(file.fileno(), KEYS * WORD)).cast("q")

    def found(self) -> dict[int, int]:
        return dict(enumerate(self.versions))


def delivered(key: int, version: int) -> bytes:
    return f"{key} {version}".encode()


def main() -> None:
    path, upstream, rng = Path(sys.argv[1]), Upstream(Path(sys.argv[2])), random.Random(sys.argv[3])
    prints = Prints(600.0, MAX_KEYS, rng.getrandbits(63))
    PrintFile(path, prints, "up", MAX_KEYS, time.monotonic, lambda at: at).begin(believe=True)
    os.write(1, b"!")
    while True:
        batch = {key: delivered(key, upstream.versions[key] + 1) for key in rng.sample(range(KEYS), rng.randint(1, 60))}
        named = {str(key): copy for key, copy in batch.items()}
        assert prints.judge(named, time.monotonic(), ended=True).known == []
        for key in batch:
            upstream.versions[key] += 1
        prints.remember(list(named), prints.of(named.values(), ended=True), time.monotonic())


if __name__ == "__main__":
    main()
