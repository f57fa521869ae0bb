"""What is remembered of posts, and for how long."""

import tracemalloc

from inspan_collector.receiver.posts import MAX_POSTS, RECALLED, Posts
from inspan_collector.receiver.waits import ACCEPTED, DURABLE, Promise

ONE, TWO = (b"agent", b"1"), (b"agent", b"2")


def test_a_post_is_known_with_what_is_promised_of_it_by_now() -> None:
    posts = Posts()
    kept, broken = Promise(), Promise()
    posts.take(ONE, kept)
    posts.take(TWO, broken)
    assert (posts.find(ONE), posts.find(TWO), posts.find((b"agent", b"3"))) == (kept, broken, None)
    kept.settle(True)
    broken.settle(False)
    assert posts.find(ONE) is DURABLE and posts.find(TWO) is ACCEPTED


def test_two_agents_may_number_alike() -> None:
    posts = Posts()
    posts.take((b"a", b"1"), ACCEPTED)
    assert (b"b", b"1") not in posts and (b"a1", b"") not in posts and None not in posts


def test_the_one_that_was_not_seen_for_longest_is_forgotten() -> None:
    posts = Posts(limit=2)
    waiting = Promise()
    posts.take(ONE, waiting)
    posts.take(TWO, ACCEPTED)
    posts.find(ONE)
    posts.take((b"agent", b"3"), ACCEPTED)
    assert ONE in posts and TWO not in posts
    posts.take((b"agent", b"4"), ACCEPTED)
    waiting.settle(True)
    assert ONE not in posts and len(posts) == 2  # it does not come back for having settled


def test_what_was_durable_before_a_restart_is_known() -> None:
    posts = Posts(limit=2)
    posts.remember([(b"old", b"1"), ONE, TWO])
    assert posts.find(ONE) is posts.find(TWO) is RECALLED and RECALLED.kept and len(posts) == 2
    posts.take(ONE, DURABLE)
    assert posts.find(ONE) is DURABLE and posts.find(TWO) is RECALLED


def test_a_full_memory_of_posts_is_a_few_megabytes() -> None:
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        posts = Posts()
        for number in range(MAX_POSTS + 100):
            posts.take((b"0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0", b"%d" % number), ACCEPTED)
        size = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    print(f"{size / len(posts):.0f} bytes a post")
    assert len(posts) == MAX_POSTS and size < 5 << 20
