"""Shares of what was measured."""

import math

from bench.quantile import quantile


def test_a_share_lies_below_the_quantile() -> None:
    assert quantile(range(1000), 0.99) == 990
    assert quantile(range(1000), 0.5) == 500


def test_the_whole_is_the_worst_and_one_value_is_every_quantile() -> None:
    assert quantile([1.0, 2.0, 9.0], 1) == 9.0
    assert quantile([7.0], 0.01) == quantile([7.0], 1) == 7.0


def test_nothing_has_no_quantile() -> None:
    assert math.isnan(quantile([], 0.5))
