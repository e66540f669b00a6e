"""A claim that is killed: a lease never stands without its run, and a run never without its claim."""

from __future__ import annotations

import signal

import pytest

from platformstate.actions.claim import claim_task
from platformstate.actions.task_show import show_task
from platformstate.errors import StateError
from platformstate.store import open_store
from tests.conftest import Platformctl, Repo
from tests.store.records import RUN, held_files, make_store


def claimed(repo: Repo) -> bool:
    return (repo.root / ".git/platformstate/claims/gh-1.json").exists()


def runs(repo: Repo) -> list[str]:
    """Return the runs besides the one that the store begins with, which was never claimed."""
    headers = (repo.root / "state/tasks/gh-1/runs").glob("*/run.md")
    return [path.parent.name for path in headers if path.parent.name != RUN]


@pytest.mark.parametrize(
    "point, has_run, has_lease",
    [
        ("store.intent-temp", False, False),
        ("store.intent-durable", False, False),
        ("store.file-renamed", False, False),
        ("store.claim-before", True, False),
        ("store.claim-written", True, True),
        ("store.ref-moved", True, True),
    ],
)
def test_60_03_a_killed_claim_holds_from_where_its_intent_is_durable(
    repo: Repo, platformctl: Platformctl, point: str, has_run: bool, has_lease: bool
) -> None:
    make_store(repo, "gh-1")
    killed = platformctl("task", "claim", "gh-1", "--actor", "codex", env={"PLATFORMSTATE_FAILPOINT": point})
    assert killed.status == -signal.SIGKILL
    assert (bool(runs(repo)), claimed(repo)) == (has_run, has_lease)
    if has_lease or point == "store.claim-before":
        seen = show_task(open_store(repo.root), "gh-1").data["claim"]
        assert (seen["actor"], seen["state"], seen["fence"]) == ("codex", "live", 1)

    store = open_store(repo.root, actor="claude")
    if point == "store.intent-temp":
        assert claim_task(store, "gh-1").data["claim"]["fence"] == 1
    else:
        with pytest.raises(StateError) as refused:
            claim_task(store, "gh-1")
        assert refused.value.code == "claim_held"
        assert claimed(repo)
    assert len(runs(repo)) == 1
    assert held_files(repo) == []
    assert repo.git("status", "--porcelain") == ""
    assert repo.git("log", "-1", "--format=%s").strip() == "task: claim gh-1"
