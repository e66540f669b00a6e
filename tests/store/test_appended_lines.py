"""What is added to a journal is judged; what stands before it was judged when it came."""

from __future__ import annotations

import pytest

from platformstate.codec.journal import ZERO_HASH, encode
from platformstate.errors import StateError
from platformstate.store.change import FileChange
from platformstate.store.checking import refuse_bad_files

PATH = "state/procedures/demo/runs/20261120t101130z-7fq2ka/events.jsonl"
AT = "2026-11-20T10:11:30Z"
BEFORE = encode([{"type": "RunSuspended", "at": AT, "reason": "held"}], seq=0, h=ZERO_HASH)
HEAD = BEFORE.decode().partition('"h":"')[2][:32]


def grown(**event: object) -> FileChange:
    added = encode([{"at": AT, **event}], seq=1, h=HEAD)
    return FileChange(PATH, BEFORE, BEFORE + added, append=True)


def test_good_lines_are_taken() -> None:
    refuse_bad_files([grown(type="RunSuspended", reason="gate")], frozenset())


def test_a_bad_line_is_told_with_its_place_in_the_whole_file() -> None:
    with pytest.raises(StateError) as refused:
        refuse_bad_files([grown(type="RunSuspended", reason="bored")], frozenset())
    assert (refused.value.code, refused.value.line) == ("record_invalid", 2)


def test_a_secret_in_an_added_line_is_found() -> None:
    token = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    with pytest.raises(StateError) as refused:
        refuse_bad_files(
            [grown(type="StepFailed", step_index=0, attempt=1, by="conductor", code="x", message=token)],
            frozenset(),
        )
    assert (refused.value.code, refused.value.line) == ("secret_found", 2)
