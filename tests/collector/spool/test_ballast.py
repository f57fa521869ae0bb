import errno
import os
from pathlib import Path

import pytest

from inspan_collector.spool.ballast import MIB, Ballast


def test_it_holds_real_room_and_gives_it_up(path: Path):
    ballast = Ballast(path)
    assert ballast.hold(2 * MIB, spare=MIB)
    found = ballast.path.stat()
    assert (found.st_size, found.st_mode & 0o777) == (2 * MIB, 0o600)
    assert 2 * MIB <= found.st_blocks * 512 < 3 * MIB
    ballast.give_up()
    ballast.give_up()
    assert not ballast.path.exists()


def test_it_shrinks_to_what_is_asked_for(path: Path):
    ballast = Ballast(path)
    assert ballast.hold(3 * MIB) and ballast.hold(MIB)
    assert ballast.path.stat().st_size == ballast.size == MIB


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_where_there_is_no_room_it_holds_nothing(path: Path, monkeypatch: pytest.MonkeyPatch, error: int):
    def refuse(*_: int) -> None:
        raise OSError(error, os.strerror(error))

    ballast = Ballast(path)
    assert ballast.hold(MIB)
    monkeypatch.setattr(os, "posix_fallocate", refuse)
    assert not ballast.hold(MIB)
    assert not ballast.path.exists()


def test_where_it_cannot_be_made_the_reason_is_told(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        Ballast(tmp_path / "nowhere" / "spool.db").hold(MIB)
