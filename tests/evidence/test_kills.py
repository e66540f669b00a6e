"""A close that is killed leaves the old task or the closed one with its proof and its ended run, never a part."""

from __future__ import annotations

import signal

import pytest

from platformstate.actions.validate import Wish, validate_state
from tests.conftest import Platformctl
from tests.memory.conftest import Memory


@pytest.mark.parametrize(
    ("point", "happened"),
    [
        ("store.locked", False),
        ("store.intent-durable", True),
        ("store.file-between", True),
        ("store.claim-before", True),
        ("store.ref-moved", True),
    ],
)
def test_a_killed_close_is_whole_or_has_not_happened(
    memory: Memory, platformctl: Platformctl, point: str, happened: bool
) -> None:
    memory.create(accept=["The tests pass::test"])
    memory.say("writing")
    argv = ("--actor", "codex", "--durability", "fast", "task", "close", "gh-460", "--evidence", "cmd:true")
    died = platformctl(*argv, cwd=memory.repo.root, env={"PLATFORMSTATE_FAILPOINT": point})
    assert died.status == -signal.SIGKILL
    memory.create("gh-17")
    shown = memory.show()
    assert (shown["task"]["status"] == "done") == happened
    assert (shown["runs"][0]["status"] == "succeeded") == happened
    assert (shown["task"]["acceptance"][0]["state"] == "met") == happened
    lease = memory.store().session.claims.of("gh-460")
    assert lease is not None
    assert (lease.released_at is not None) == happened
    assert memory.repo.git("status", "--porcelain") == ""
    assert validate_state(str(memory.repo.root), Wish()).data["problems"] == []
