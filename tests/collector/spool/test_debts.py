from inspan_collector.row import Write
from inspan_collector.spool.debts import OWED, Debts


def test_what_is_owed_is_claimed_in_its_order():
    debts = Debts()
    writes = [Write(erase=[1, 2]), Write(release=[3])]
    assert debts.owe(writes) == []
    assert debts.rows == 3
    assert (debts.claim(), debts.rows, debts.claim()) == (writes, 0, [])


def test_what_there_is_no_room_for_is_handed_back():
    debts = Debts()
    large, small = Write(erase=range(OWED)), Write(erase=[1])
    assert debts.owe([large, small]) == [small]
    assert debts.claim() == [large]
