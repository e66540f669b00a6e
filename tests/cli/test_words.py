"""A reason that says nothing is none."""

from __future__ import annotations

import pytest

from tests.conftest import Platformctl, Repo

ACTS = (
    ("task", "block", "t1", "--reason"),
    ("task", "update", "t1", "--status", "parked", "--reason"),
    ("task", "waive-criterion", "t1", "ac1", "--reason"),
    ("task", "reopen", "t1", "--reason"),
    ("memory", "checkpoint", "create", "--task", "t1", "--kind", "handoff", "--next"),
)


@pytest.mark.parametrize("words", ["", " ", "\t\n"])
def test_words_that_are_blank_are_a_bad_value_before_anything_is_looked_up(
    repo: Repo, platformctl: Platformctl, words: str
) -> None:
    for act in ACTS:
        ran = platformctl("--json", *act, words)
        assert (ran.status, ran.document["error"]["code"]) == (2, "usage_invalid")
        assert act[-1] in ran.document["error"]["message"]
