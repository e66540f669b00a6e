"""Settings of a hostile `.git/config` that would run a program: none does (60 §9, §14, 9)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from platformstate.actions.doctor import examine
from platformstate.core import places
from platformstate.entities.kinds import TASK
from platformstate.gitrepo import IndexTree
from platformstate.gitrepo.facts import work_facts
from platformstate.store import open_repository
from tests.conftest import Platformctl, Repo
from tests.store.records import make_store, new_id, opened, update_task, write_checkpoint

KEYS = [
    "core.fsmonitor",
    "core.sshCommand",
    "core.pager",
    "core.editor",
    "core.askPass",
    "core.alternateRefsCommand",
    "diff.external",
    "diff.md.textconv",
    "diff.md.command",
    "filter.plain.clean",
    "filter.plain.smudge",
    "filter.plain.process",
    "filter.x=y.clean",
    "filter.x=y.process",
    "gpg.program",
    "gpg.ssh.program",
    "credential.helper",
    "alias.status",
    "uploadpack.packObjectsHook",
    "gc.recentObjectsHook",
    "merge.md.driver",
]


def use_everything(repo: Repo) -> None:
    write_checkpoint(opened(repo), "gh-1", new_id(1))
    update_task(opened(repo), "gh-1", "second")
    opened(repo).load(TASK, "gh-1")
    store = open_repository(repo.root)
    IndexTree(store.repository).entries()
    repo.write("src/main.py", "changed\n")
    work_facts(store.repository)
    examine(store)
    examine(open_repository(repo.root), fix=True)


def hooks_folder(repo: Repo, canary: Path) -> None:
    folder = repo.root / "evil-hooks"
    folder.mkdir()
    for name in (
        "pre-commit",
        "post-commit",
        "reference-transaction",
        "post-index-change",
        "pre-auto-gc",
        "fsmonitor",
    ):
        (folder / name).write_text(f"#!/bin/sh\ntouch {canary}\n")
        (folder / name).chmod(0o755)
    repo.git("config", "core.hooksPath", str(folder))


def all_keys(repo: Repo, canary: Path) -> None:
    for key in KEYS:
        repo.git("config", key, f"touch {canary}; false")
    repo.git("config", "filter.plain.required", "true")
    repo.git("config", "commit.gpgSign", "true")


def embedded(repo: Repo, canary: Path) -> None:
    repo.git("init", "-q", "--bare", "state/x")
    inner = Repo(repo.root / "state" / "x")
    inner.git("config", "core.fsmonitor", f"touch {canary}; false")
    inner.git("config", "core.bare", "false")
    inner.git("config", "core.worktree", "..")


@pytest.mark.parametrize("arrange", [all_keys, hooks_folder])
def test_60_09_nothing_that_the_repository_configures_is_run(
    arrange: Callable[[Repo, Path], None], repo: Repo, tmp_path: Path
) -> None:
    make_store(repo, "gh-1")
    repo.write(".gitattributes", "src/** filter=plain diff=md merge=md\nsrc/*.py filter=x=y\n")
    repo.commit("attributes")
    canary = tmp_path / "canary"
    arrange(repo, canary)
    use_everything(repo)
    assert not canary.exists()
    assert opened(repo).repository.config("filter.x=y.clean") or arrange is hooks_folder


def test_60_09_a_bare_repository_below_state_runs_nothing_from_inside_either(
    repo: Repo, tmp_path: Path, platformctl: Platformctl
) -> None:
    make_store(repo, "gh-1")
    canary = tmp_path / "canary"
    embedded(repo, canary)
    assert platformctl("doctor").status == 1
    assert platformctl("validate").status == 1
    for place in ("state/x", "state/x/refs"):
        assert platformctl("doctor", cwd=repo.root / place).status == 7
        assert platformctl("validate", cwd=repo.root / place).status == 7
    assert not canary.exists()


def test_a_filter_that_the_person_uses_elsewhere_does_not_touch_our_files(repo: Repo, tmp_path: Path) -> None:
    make_store(repo, "gh-1")
    canary = tmp_path / "canary"
    repo.git("config", "filter.lfs.process", f"touch {canary}")
    repo.git("config", "filter.lfs.required", "true")
    assert update_task(opened(repo), "gh-1", "second").state == "committed"
    assert not canary.exists()
    assert (repo.root / places.task_path("gh-1")).read_bytes()
