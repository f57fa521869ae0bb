from tests.collector.spool.rig import EPOCH, row

from inspan_collector.spool.group import group_of
from inspan_collector.spool.row import Write


def test_a_put_and_its_erase_in_one_write_leave_the_erase():
    group = group_of([Write(put=[row(1), row(2)], erase=[EPOCH + 1])])
    assert ([kept.seq for kept in group.put], group.erase) == ([EPOCH + 2], [EPOCH + 1])


def test_of_two_puts_of_one_seq_the_last_counts():
    group = group_of([Write(put=[row(1, body=b"first")]), Write(put=[row(1, body=b"last")])])
    assert [kept.body for kept in group.put] == [b"last"]


def test_a_row_that_is_put_again_after_its_erase_stays():
    group = group_of([Write(erase=[EPOCH + 1]), Write(put=[row(1)])])
    assert ([kept.seq for kept in group.put], group.erase) == ([EPOCH + 1], [])
