import threading

from tests.collector.spool.rig import EPOCH, refused, row

from inspan_collector.row import ROW, Write
from inspan_collector.spool.jobs import GROUP, GROUP_BYTES, Jobs, Question, only_takes_away, size_of


def jobs_of(*waiting: Write | Question) -> Jobs:
    jobs = Jobs()
    jobs.waiting.extend(waiting)
    return jobs


def question() -> Question:
    return Question(lambda store: store, print)


def put(seq: int = 1, size: int = 4) -> Write:
    return Write(put=[row(seq, body=bytes(size))])


ERASE = Write(erase=[EPOCH])


def test_a_group_has_what_waits_up_to_its_bounds():
    jobs = jobs_of(*(put() for _ in range(GROUP + 5)))
    assert [len(jobs.take()[0]) for _ in range(3)] == [GROUP, 5, 0]
    jobs = jobs_of(put(size=GROUP_BYTES // 2), put(size=GROUP_BYTES // 2 - 3 * ROW), put())
    group, size = jobs.take()
    assert (len(group), size) == (2, GROUP_BYTES - ROW)
    assert len(jobs.take()[0]) == 1


def test_a_write_over_the_bound_comes_alone():
    jobs = jobs_of(put(), put(size=2 * GROUP_BYTES), put())
    assert [len(jobs.take()[0]) for _ in range(4)] == [1, 1, 1, 0]


def test_the_size_is_that_of_rows_and_of_quarantine():
    assert size_of(Write(put=[row(1, body=bytes(10))], refuse=[refused(bytes(20))], erase=[1, 2])) == 30 + 2 * ROW


def test_a_question_waits_for_the_writes_before_it_and_holds_none_up():
    first, second = question(), question()
    writes = [put(seq) for seq in range(4)]
    jobs = jobs_of(writes[0], first, writes[1], second, writes[2], writes[3])
    assert jobs.take(2)[0] == writes[:2]
    assert [jobs.question(), jobs.question()] == [first, None]
    assert jobs.take()[0] == writes[2:]
    assert [jobs.question(), jobs.question()] == [second, None]
    assert not jobs


def test_questions_are_answered_in_their_order():
    first, second = question(), question()
    jobs = jobs_of(first, second)
    jobs.take()
    assert jobs.question() is first and jobs.question() is second


def test_what_is_put_back_comes_first_and_in_order():
    jobs = jobs_of(put(3))
    jobs.put_back([put(1), put(2)])
    assert [write.put[0].seq - EPOCH for write in jobs.take()[0]] == [1, 2, 3]


def test_only_what_makes_room_and_nothing_else_is_owed():
    assert only_takes_away(ERASE) and only_takes_away(Write(release=[1]))
    for other in (Write(), put(), Write(erase=[1], put=[row(1)]), Write(erase=[1], refuse=[refused()])):
        assert not only_takes_away(other)
    assert not only_takes_away(Write(erase=[1], posts=[(b"agent", b"1")]))


def test_what_puts_is_withdrawn_and_the_rest_keeps_its_order():
    asked = question()
    jobs = jobs_of(ERASE, put(1), asked, put(2), Write(release=[7]))
    assert [write.put[0].seq - EPOCH for write in jobs.withdraw()] == [1, 2]
    assert list(jobs.waiting) == [ERASE, asked, Write(release=[7])]


def test_at_the_end_each_job_comes_out_once_whoever_asks():
    jobs = jobs_of(*(put(seq) if seq % 3 else question() for seq in range(30_000)))
    jobs.take(10)
    out: list[tuple[list[Write], list[Question]]] = []
    threads = [threading.Thread(target=lambda: out.append(jobs.drain())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seqs = [write.put[0].seq for writes, _ in out for write in writes]
    assert len(seqs) == len(set(seqs)) == 20_000 - 10
    assert sum(len(questions) for _, questions in out) == 10_000
    assert not jobs
