"""Order by id is order of writing, also past a writer that was killed (10 §1)."""

from __future__ import annotations

import signal

from tests.conftest import Platformctl, Repo

NOW = {"PLATFORMSTATE_NOW": "2026-11-20T10:11:30Z"}
FIRST = ("memory", "checkpoint", "create", "--actor", "codex", "--task", "gh-1", "--kind", "start")
MORE = ("memory", "checkpoint", "create", "--actor", "codex", "--task", "gh-1", "--kind", "progress")


def test_a_recovered_checkpoint_sorts_before_the_one_written_after_it(
    repo: Repo, platformctl: Platformctl
) -> None:
    platformctl("init")
    platformctl("task", "create", "--id", "gh-1", "--title", "A", "--accept", "it works")
    platformctl(*FIRST, env=NOW)
    for number in range(4):
        dying = {**NOW, "PLATFORMSTATE_FAILPOINT": "store.intent-durable"}
        assert platformctl(*MORE, "--done", f"killed {number}", env=dying).status == -signal.SIGKILL
        assert platformctl(*MORE, "--done", f"written {number}", env=NOW).status == 0

    listed = platformctl("memory", "checkpoint", "list", "--task", "gh-1", "--json").document["data"]

    words = [row["summary"] for row in listed["checkpoints"][1:]]
    assert words == [f"{what} {number}" for number in range(4) for what in ("killed", "written")]
