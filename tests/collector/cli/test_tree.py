"""Spans below their parents, whatever their ids say."""

import random

from inspan_collector.cli.tree import DEEPEST, UNSEEN, tree


def drawn(**parents: str | None) -> list[str]:
    return [branch + (span or UNSEEN) for span, branch in tree(parents)]


def test_children_are_below_their_parents_in_the_order_given() -> None:
    assert drawn(a=None, b="a", c="a", d="b", e=None) == ["a", "├─ b", "│  └─ d", "└─ c", "e"]


def test_children_of_a_parent_that_was_not_seen_are_together_at_the_end() -> None:
    assert drawn(a="x", b="y", c=None, d="a") == ["c", "…", "├─ a", "│  └─ d", "└─ b"]


def test_circles_are_shown_once_from_their_first_span() -> None:
    assert drawn(a="b", b="a", c="c", d="b") == ["a", "└─ b", "   └─ d", "c"]


def test_a_chain_of_many_levels_is_drawn_as_deep_as_anybody_reads() -> None:
    lines = list(tree({str(number): str(number - 1) if number else None for number in range(50_000)}))
    assert len(lines) == 50_000
    assert max(len(line.branch) for line in lines) == 3 * (DEEPEST + 1)


def test_whatever_the_parents_every_span_is_there_once(rng: random.Random) -> None:
    for _ in range(300):
        names = [str(number) for number in range(rng.randint(1, 30))]
        parents = {name: rng.choice([None, "", "gone", *names]) for name in names}
        shown = [line.span for line in tree(parents)]
        assert sorted(span for span in shown if span is not None) == sorted(names)
        assert shown.count(None) == ("gone" in parents.values())
