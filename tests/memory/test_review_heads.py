"""What a checkpoint rests on is in HEAD with it, and damage in git is said, never passed over."""

from __future__ import annotations

import os

from tests.conftest import Platformctl, Repo

SAY = ("memory", "checkpoint", "create", "--actor", "codex", "--task", "gh-1", "--json", "--kind")


def ready(platformctl: Platformctl) -> None:
    platformctl("init")
    platformctl("task", "create", "--id", "gh-1", "--title", "A", "--accept", "it works")


def test_a_checkpoint_of_a_run_that_no_commit_holds_is_refused(repo: Repo, platformctl: Platformctl) -> None:
    ready(platformctl)
    platformctl(*SAY, "start", "--no-commit")
    head = repo.git("rev-parse", "HEAD")

    refused = platformctl(*SAY, "progress", "--done", "more")

    assert refused.status == 5
    assert refused.document["error"]["code"] == "record_changed"
    assert refused.document["error"]["path"].endswith("/run.md")
    assert repo.git("rev-parse", "HEAD") == head
    assert platformctl("doctor", "--json").document["data"]["pending"] == []
    repo.commit("by hand")
    assert platformctl(*SAY, "progress", "--done", "more").status == 0
    assert platformctl("validate", "--rev", "HEAD").status == 0


def test_a_checkpoint_rests_on_a_run_that_waits_for_its_commit(repo: Repo, platformctl: Platformctl) -> None:
    ready(platformctl)
    repo.git("checkout", "-q", "--detach")
    assert platformctl(*SAY, "start").status == 6
    assert platformctl(*SAY, "progress", "--done", "more").status == 6
    repo.git("checkout", "-q", "main")
    assert platformctl("doctor", "--fix").status == 0
    assert platformctl("validate", "--rev", "HEAD").status == 0
    assert repo.git("status", "--porcelain") == ""


def test_a_damaged_object_is_said_by_its_code(repo: Repo, platformctl: Platformctl) -> None:
    ready(platformctl)
    oid = repo.git("rev-parse", "HEAD:state/tasks/gh-1/task.md").strip()
    loose = repo.root / ".git/objects" / oid[:2] / oid[2:]
    os.chmod(loose, 0o644)
    loose.write_bytes(b"\x00damaged")

    for command in (("memory", "brief", "--task", "gh-1", "--at", "HEAD"), ("validate", "--rev", "HEAD")):
        ended = platformctl(*command, "--json")
        assert ended.status == 7, command
        assert ended.document["error"]["code"] == "history_missing"


def test_60_10_a_linked_folder_of_tasks_takes_no_checkpoint(repo: Repo, platformctl: Platformctl) -> None:
    ready(platformctl)
    outside = repo.root.parent / "outside"
    (repo.root / "state/tasks").rename(outside)
    (repo.root / "state/tasks").symlink_to(outside)
    before = sorted(outside.rglob("*"))

    refused = platformctl(*SAY, "start")

    assert (refused.status, refused.document["error"]["code"]) == (4, "path_symlink")
    assert sorted(outside.rglob("*")) == before
