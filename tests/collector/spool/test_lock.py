from pathlib import Path

import pytest

from inspan_collector.row import Trouble
from inspan_collector.spool.lock import Lock


def test_one_of_two_has_it(path: Path):
    first, second = Lock(path), Lock(path)
    first.take()
    first.take()
    with pytest.raises(Trouble, match="another process holds it") as refused:
        second.take()
    assert refused.value.kind == "locked"
    first.release()
    second.take()
    assert second.path.exists()
    second.release()


def test_the_file_stays_and_is_for_its_owner_alone(path: Path):
    lock = Lock(path)
    lock.take()
    lock.release()
    assert lock.path.stat().st_mode & 0o777 == 0o600


def test_a_lock_whose_file_was_removed_is_taken_anew(path: Path):
    first, second = Lock(path), Lock(path)
    first.take()
    first.path.unlink()
    first.take()
    with pytest.raises(Trouble):
        second.take()
    first.path.unlink()
    second.take()
    with pytest.raises(Trouble):
        first.take()
    second.release()


def test_a_link_in_its_place_is_not_followed(path: Path):
    Lock(path).path.symlink_to(path.with_name("elsewhere"))
    with pytest.raises(OSError, match="symbolic"):
        Lock(path).take()
    assert not path.with_name("elsewhere").exists()
