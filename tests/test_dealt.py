"""Slow tests start first, on every worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import dealt


def blocks(ordered: str, workers: int) -> Iterator[str]:
    """Yield what xdist gives each worker to begin with."""
    for worker in range(workers):
        length = len(ordered) // (workers - worker)
        yield ordered[:length]
        ordered = ordered[length:]


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
@pytest.mark.parametrize("slow", ["ABCDE", "A", ""])
def test_each_worker_begins_with_its_share_of_the_slow_tests(slow: str, workers: int) -> None:
    others = "abcdefghijklmnopq"
    ordered = "".join(dealt(slow, others, workers))
    assert [each for each in ordered if each in others] == list(others)
    for worker, block in enumerate(blocks(ordered, workers)):
        assert block.rstrip(others) == slow[worker::workers]


@pytest.mark.parametrize("slow, others", [("", ""), ("ABCDE", ""), ("ABCDE", "a")])
def test_no_test_is_lost_where_nearly_all_are_slow(slow: str, others: str) -> None:
    assert sorted(dealt(slow, others, 3)) == sorted(slow + others)
