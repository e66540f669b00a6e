"""What doctor finds, what --fix repairs, and how it ends (60 §7, §8)."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from platformstate.actions.answer import Answer
from platformstate.actions.doctor import examine, failpoint_names
from platformstate.core import places
from platformstate.errors import StateError
from platformstate.store import failpoints, open_repository
from tests.conftest import Platformctl, Repo
from tests.store.records import (
    checkpoint_path,
    held_files,
    make_store,
    new_id,
    opened,
    task_text,
    update_task,
    write_checkpoint,
)

TASK = places.task_path("gh-1")
ALWAYS = {
    "hooks_missing",
    "git_known_vulnerable",
    "git_no_ref_fsync",
    "disk_low",
}  # of this machine, not of a test


def codes(answer: Answer) -> dict[str, dict[str, Any]]:
    return {row["code"]: row for row in answer.data["checks"] if row["code"] not in ALWAYS}


def looked(repo: Repo, **wishes: bool) -> Answer:
    return examine(open_repository(repo.root), **wishes)


def left_waiting(repo: Repo) -> None:
    """Leave one intent that waited for a branch, which is back now."""
    repo.git("switch", "-q", "--detach")
    assert update_task(opened(repo), "gh-1", "second").pending
    repo.git("switch", "-q", "main", check=False)
    repo.git("symbolic-ref", "HEAD", "refs/heads/main")


def test_a_clean_store_is_healthy(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    make_store(repo, "gh-1")
    monkeypatch.delenv("PLATFORMSTATE_DURABILITY")
    answer = looked(repo)
    assert codes(answer) == {}
    assert (answer.status, answer.data["healthy"], answer.data["pending"]) == (0, True, [])
    assert list(answer.data) == [
        "healthy", "checks", "pending", "recovered", "lock", "repository", "durability", "trust",
    ]  # fmt: skip
    assert answer.data["repository"]["state"] == "quiet"
    assert answer.data["trust"]["operators"] == ["ann", "operator"]
    assert not (repo.root / ".git" / "platformstate").exists()


def test_failpoints_are_listed() -> None:
    assert failpoint_names().data == {"failpoints": list(failpoints.NAMES)}


def test_a_pending_commit_is_named_and_fix_commits_it(repo: Repo) -> None:
    make_store(repo, "gh-1")
    left_waiting(repo)
    waits = looked(repo)
    assert waits.status == 6
    assert codes(waits)["intent_pending"]["fixable"]
    assert waits.data["pending"][0]["paths"] == [TASK]
    assert waits.next == ("platformctl doctor --fix",)
    fixed = looked(repo, fix=True)
    assert (fixed.status, fixed.data["recovered"], fixed.data["pending"]) == (0, 1, [])
    assert codes(fixed)["intent_pending"]["fixed"]
    assert "second" in repo.git("show", f"HEAD:{TASK}")


def test_a_dry_run_of_fix_writes_nothing(repo: Repo) -> None:
    make_store(repo, "gh-1")
    left_waiting(repo)
    head = repo.git("rev-parse", "HEAD")
    assert examine(open_repository(repo.root, dry_run=True), fix=True).status == 6
    assert repo.git("rev-parse", "HEAD") == head


def test_an_intent_of_another_branch_is_committed_here_on_demand(repo: Repo) -> None:
    make_store(repo, "gh-1")
    (repo.root / ".git" / "MERGE_HEAD").write_text(repo.git("rev-parse", "HEAD"))
    update_task(opened(repo), "gh-1", "second")
    (repo.root / ".git" / "MERGE_HEAD").unlink()
    repo.git("checkout", "-q", "-f", "-b", "other")
    waits = looked(repo, fix=True)
    assert waits.status == 6
    assert codes(waits)["branch_changed"]["fixable"]
    assert looked(repo, fix=True, here=True).data["recovered"] == 1
    assert "second" in repo.git("show", f"other:{TASK}")
    assert "first" in repo.git("show", f"main:{TASK}")


def test_an_intent_of_another_worktree_names_its_directory(repo: Repo, tmp_path: Path) -> None:
    make_store(repo, "gh-1")
    linked = tmp_path / "linked"
    repo.git("worktree", "add", "-q", "--detach", str(linked))
    write_checkpoint(opened(linked), "gh-1", new_id(1))
    found = codes(looked(repo, fix=True))["intent_pending"]
    assert found["fix"] == f"platformctl -C {linked} doctor --fix"
    shutil.rmtree(linked)
    repo.git("worktree", "prune")
    assert codes(looked(repo))["intent_orphaned"]["fixable"]
    assert codes(looked(repo, fix=True))["intent_orphaned"]["fixed"]
    lost = list((repo.root / ".git/platformstate/lost").rglob("*.md"))
    assert [path.as_posix().partition("lost/")[2].partition("/")[2] for path in lost] == [
        checkpoint_path("gh-1", new_id(1))
    ]


def test_superseded_and_damaged_intents_are_shown_and_left(repo: Repo) -> None:
    make_store(repo, "gh-1")
    left_waiting(repo)
    repo.write(TASK, task_text("gh-1", "by hand"))
    repo.commit("by hand")
    journal = repo.root / ".git/platformstate/journal"
    (journal / "20261120t101130z-aaaaaa.json").write_text("{")
    found = codes(looked(repo, fix=True))
    assert {"intent_superseded", "intent_damaged"} <= found.keys()
    assert not found["intent_superseded"]["fixable"]
    assert len(list((journal / "held").iterdir())) == 2


def test_leftovers_of_a_dead_writer_are_removed_and_foreign_locks_are_not(repo: Repo) -> None:
    make_store(repo, "gh-1")
    write_checkpoint(opened(repo), "gh-1", new_id(1))
    repo.write("state/tasks/gh-1/.ps-20261120t101130z-aaaaaa-0", "half")
    own = repo.root / ".git/platformstate/own/1-1"
    own.write_text("")
    index_lock = repo.root / ".git/index.lock"
    os.link(own, index_lock)
    found = codes(looked(repo))
    assert {"temp_files_left", "index_lock_ours"} <= found.keys()
    assert codes(looked(repo, fix=True))["index_lock_ours"]["fixed"]
    assert held_files(repo) == []
    index_lock.write_text("")
    branch_lock = repo.root / ".git/refs/heads/main.lock"
    branch_lock.write_text("")
    found = codes(looked(repo))
    assert {"index_lock_foreign", "ref_lock_foreign"} <= found.keys()
    assert f"rm '{index_lock}'" in found["index_lock_foreign"]["fix"]
    repo.git("config", "platformstate.lockTimeout", "0.1")
    looked(repo, fix=True)
    assert index_lock.exists()
    assert branch_lock.exists()


def test_a_lock_of_the_branch_that_a_dead_writer_provably_left_is_removed(repo: Repo) -> None:
    make_store(repo, "gh-1")
    write_checkpoint(opened(repo), "gh-1", new_id(1))
    control = repo.root / ".git/platformstate"
    branch_lock = repo.root / ".git/refs/heads/main.lock"
    branch_lock.write_text("")
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    record = {
        "phase": "ref",
        "ref": "refs/heads/main",
        "old": None,
        "boot_id": boot,
        "since": "2026-01-01T00:00:00Z",
    }
    (control / "lock").write_text(json.dumps({**record, "boot_id": "another"}))
    assert "ref_lock_foreign" in codes(looked(repo))
    (control / "lock").write_text(json.dumps(record))
    os.utime(branch_lock, (os.stat(control).st_mtime - 10,) * 2)
    assert codes(looked(repo))["ref_lock_ours"]["fixable"]
    written = write_checkpoint(opened(repo), "gh-1", new_id(2))
    assert written.state == "committed"
    assert not branch_lock.exists()


def test_a_torn_line_is_cut_off_and_kept(repo: Repo) -> None:
    make_store(repo, "gh-1")
    repo.write("state/x/events.jsonl", '{"a":1}\n')
    repo.commit("journal")
    repo.write("state/x/events.jsonl", '{"a":1}\n{"b"')
    assert codes(looked(repo))["json_tail_torn"]["fixable"]
    assert codes(looked(repo, fix=True))["json_tail_torn"]["fixed"]
    assert (repo.root / "state/x/events.jsonl").read_text() == '{"a":1}\n'
    assert [path.read_text() for path in (repo.root / ".git/platformstate/torn").iterdir()] == ['{"b"']


def test_bad_state_is_an_error_with_its_first_problems(repo: Repo) -> None:
    make_store(repo, "gh-1")
    repo.write(TASK, "no record\n")
    answer = looked(repo)
    assert answer.status == 1
    assert answer.error is not None
    assert answer.error.code == "repository_unhealthy"
    assert TASK in codes(answer)["state_invalid"]["message"]
    assert not answer.data["healthy"]


def test_60_10_a_link_below_state_is_named(repo: Repo) -> None:
    make_store(repo, "gh-1")
    (repo.root / "state" / "evidence").mkdir()
    (repo.root / "state" / "evidence" / "x.json").symlink_to("/etc/hostname")
    (repo.root / "state" / "tasks" / "gh-2").mkdir()
    repo.git("init", "-q", "--bare", "state/bare")
    found = codes(looked(repo))
    assert found["path_mode_invalid"]["path"] == "state/evidence/x.json"
    assert "path_name_invalid" in found
    assert looked(repo).status == 1


def test_a_hidden_state_file_is_an_error_and_a_secret_a_warning(repo: Repo) -> None:
    make_store(repo, "gh-1", "gh-2")
    repo.write(".gitignore", "gh-3/\n")
    repo.write(places.task_path("gh-3"), task_text("gh-3"))
    token = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    repo.write(places.task_path("gh-2"), task_text("gh-2", token))
    found = codes(looked(repo))
    assert found["path_ignored"]["path"] == places.task_path("gh-3")
    assert (found["secret_found"]["status"], found["state_uncommitted"]["status"]) == ("warning", "info")


def test_warnings_fail_only_when_asked(repo: Repo) -> None:
    make_store(repo, "gh-1")
    assert codes(looked(repo))["durability_fast"]["status"] == "warning"
    assert looked(repo).status == 0
    assert looked(repo, strict=True).status == 1


def test_a_record_ahead_of_the_clock_is_named(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    make_store(repo, "gh-1")
    write_checkpoint(opened(repo), "gh-1", new_id(1))
    monkeypatch.setenv("PLATFORMSTATE_NOW", "2026-11-20T10:30:00Z")
    assert codes(looked(repo))["clock_behind"]["path"] == checkpoint_path("gh-1", new_id(1))
    monkeypatch.setenv("PLATFORMSTATE_NOW", "2026-11-20T10:34:00Z")
    assert "clock_behind" not in codes(looked(repo))


def test_what_git_is_in_the_middle_of_is_named(repo: Repo) -> None:
    make_store(repo, "gh-1")
    repo.git("bisect", "start")
    answer = looked(repo)
    assert "bisect" in codes(answer)["operation_in_progress"]["message"]
    assert answer.data["repository"]["state"] == "bisect"
    repo.git("bisect", "reset")
    repo.git("switch", "-q", "--detach")
    assert codes(looked(repo))["detached"]["status"] == "info"


def test_settings_that_execute_and_a_missing_trusted_ref_are_named(repo: Repo) -> None:
    make_store(repo, "gh-1")
    repo.git("config", "filter.x=y.clean", "touch canary")
    repo.git("config", "core.fsmonitor", "true")
    repo.git("config", "merge.platformstate.driver", "platformctl merge-driver")
    repo.git("config", "platformstate.trustedRef", "refs/remotes/origin/release")
    found = codes(looked(repo))
    assert found["config_executes"]["message"].startswith("filter.x=y.clean may run")
    assert "trust_ref_missing" in found
    repo.git("config", "--unset", "platformstate.trustedRef")
    repo.git("branch", "-m", "main", "trunk")
    assert "trust_ref_unset" in codes(looked(repo))


def test_no_identity_is_an_error(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    make_store(repo, "gh-1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.delenv("EMAIL", raising=False)
    assert codes(looked(repo))["git_identity_missing"]["status"] == "error"
    assert looked(repo).status == 1


def test_a_sparse_checkout_without_state_is_an_error(repo: Repo) -> None:
    make_store(repo, "gh-1")
    repo.git("sparse-checkout", "set", "--cone", "src")
    answer = looked(repo)
    assert codes(answer)["state_not_checked_out"]["status"] == "error"
    assert answer.data["repository"]["sparse"]


def test_many_loose_objects_are_packed(repo: Repo) -> None:
    make_store(repo, "gh-1")
    folder = repo.root / ".git/objects/17"
    folder.mkdir(exist_ok=True)
    for number in range(27):
        (folder / f"{number:038x}").write_bytes(b"")
    assert codes(looked(repo))["loose_objects_many"]["status"] == "info"
    for path in folder.iterdir():
        path.unlink()
    for number in range(6600, 0, -1):
        if sum(1 for _ in folder.iterdir()) > 27 or number == 1:
            break
        repo.git("hash-object", "-w", "--stdin", stdin=str(number)) if number > 6590 else None
    repo.git("config", "gc.recentObjectsHook", "true")
    for number in range(27):
        (folder / f"{number:038x}").write_bytes(b"")
    assert not codes(looked(repo))["loose_objects_many"]["fixable"]


def test_a_large_index_gets_the_untracked_cache_where_git_can(repo: Repo) -> None:
    make_store(repo, "gh-1")
    blob = repo.git("hash-object", "-w", "--stdin", stdin="x").strip()
    rows = "".join(f"100644 {blob}\tdocs/{number}\n" for number in range(5001))
    repo.git("update-index", "--index-info", stdin=rows)
    assert codes(looked(repo))["untracked_cache_unset"]["fixable"]
    repo.git("config", "core.untrackedCache", "false")
    assert "untracked_cache_unset" not in codes(looked(repo))


def test_the_holder_of_the_lock_is_named(repo: Repo) -> None:
    make_store(repo, "gh-1")
    store = opened(repo)
    session = store.session
    session.control.make("fast")
    from platformstate.store import lock

    with lock.hold(session.control, 1, store.now()) as held:
        assert held is not None
        answer = looked(repo)
        assert codes(answer)["lock_held"]["status"] == "info"
        assert answer.data["lock"]["pid"] == os.getpid()
        repo.git("config", "platformstate.lockTimeout", "0.1")
        with pytest.raises(StateError) as refused:
            update_task(opened(repo), "gh-1", "second")
        assert refused.value.code == "store_locked"
        assert refused.value.retryable
        assert write_checkpoint(opened(repo), "gh-1", new_id(1)).reason == "lock_timeout"
        with pytest.raises(StateError) as refused:
            looked(repo, fix=True)
        assert refused.value.code == "store_locked"
    assert looked(repo, fix=True).data["recovered"] == 1


def test_the_command_prints_what_it_found(repo: Repo, platformctl: Platformctl) -> None:
    make_store(repo, "gh-1")
    left_waiting(repo)
    ran = platformctl("doctor")
    assert ran.status == 6
    assert "intent_pending" in ran.stdout
    assert "1 pending" in ran.stdout
    document = platformctl("doctor", "--fix", "--json").document
    assert document["ok"]
    assert document["data"]["healthy"]
    assert platformctl("doctor", "--list-failpoints", "--json").document["data"]["failpoints"]
    assert platformctl("doctor", "--here").status == 2


def test_a_record_taken_over_from_a_dead_holder_still_proves_its_lock(repo: Repo) -> None:
    make_store(repo, "gh-1")
    write_checkpoint(opened(repo), "gh-1", new_id(1))
    branch_lock = repo.root / ".git/refs/heads/main.lock"
    branch_lock.write_text("")
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    left = {
        "phase": "ref",
        "ref": "refs/heads/main",
        "old": None,
        "boot_id": boot,
        "since": "2026-01-01T00:00:00Z",
    }
    control = repo.root / ".git/platformstate"
    (control / "lock").write_text(json.dumps({"phase": None, "left": left}))
    os.utime(branch_lock, (os.stat(control).st_mtime - 10,) * 2)
    assert write_checkpoint(opened(repo), "gh-1", new_id(2)).state == "committed"
    assert not branch_lock.exists()


def test_an_index_lock_of_a_dead_writer_in_another_worktree_is_removed(repo: Repo, tmp_path: Path) -> None:
    make_store(repo, "gh-1")
    repo.git("worktree", "add", "-q", "-b", "other", str(tmp_path / "linked"))
    write_checkpoint(opened(repo), "gh-1", new_id(1))
    own = repo.root / ".git/platformstate/own/1-1"
    own.write_text("")
    os.link(own, repo.root / ".git/worktrees/linked/index.lock")
    write_checkpoint(opened(repo), "gh-1", new_id(2))
    assert held_files(repo) == []


def dead_in_the_ref_phase(repo: Repo, content: str, old: str | None) -> Path:
    """Leave what a writer leaves that died while git moved the branch, some seconds ago."""
    branch_lock = repo.root / ".git/refs/heads/main.lock"
    branch_lock.write_text(content)
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    record = {
        "phase": "ref",
        "ref": "refs/heads/main",
        "old": old,
        "boot_id": boot,
        "since": "2026-01-01T00:00:00Z",
    }
    control = repo.root / ".git/platformstate"
    (control / "lock").write_text(json.dumps(record))
    os.utime(branch_lock, (os.stat(control).st_mtime - 10,) * 2)
    return branch_lock


def test_a_lock_with_several_commits_of_ours_is_ours_and_any_other_is_not(repo: Repo) -> None:
    make_store(repo, "gh-1")
    repo.git("switch", "-q", "--detach")
    for number in (1, 2):
        write_checkpoint(opened(repo), "gh-1", new_id(number))
    repo.git("switch", "-q", "main")
    old, tree = repo.git("rev-parse", "HEAD").strip(), repo.git("rev-parse", "HEAD^{tree}").strip()
    first = repo.git("commit-tree", "-p", old, "-m", f"checkpoint: create {new_id(1)}", tree).strip()
    second = repo.git("commit-tree", "-p", first, "-m", f"checkpoint: create {new_id(2)}", tree).strip()
    other = repo.git("commit-tree", "-p", old, "-m", "a person's", tree).strip()
    for content, code in (
        (f"{other}\n", "ref_lock_foreign"),
        ("what?", "ref_lock_foreign"),
        (f"{second}\n", "ref_lock_ours"),
    ):
        dead_in_the_ref_phase(repo, content, old)
        assert code in codes(looked(repo))
    assert write_checkpoint(opened(repo), "gh-1", new_id(3)).recovered == 2


def test_the_proof_outlives_a_command_that_had_no_time_to_wait(repo: Repo) -> None:
    make_store(repo, "gh-1")
    write_checkpoint(opened(repo), "gh-1", new_id(1))
    branch_lock = dead_in_the_ref_phase(repo, "", None)
    branch_lock.touch()
    repo.git("config", "platformstate.lockTimeout", "0.1")
    assert write_checkpoint(opened(repo), "gh-1", new_id(2)).reason == "branch_moving"
    os.utime(branch_lock, (branch_lock.stat().st_mtime - 10,) * 2)
    assert write_checkpoint(opened(repo), "gh-1", new_id(3)).recovered == 1
    assert held_files(repo) == []


def test_a_bare_repository_is_told_as_one(repo: Repo, platformctl: Platformctl, tmp_path: Path) -> None:
    assert platformctl("init", "--actor", "operator").status == 0
    bare = tmp_path / "bare.git"
    repo.git("clone", "-q", "--bare", ".", str(bare))
    for argv in ((), ("--fix",)):
        ran = platformctl("doctor", "--json", *argv, cwd=bare)
        assert ran.status == 0, ran.stdout
        data = ran.document["data"]
        told = data["repository"]
        assert (data["healthy"], told["state"], told["bare"], told["root"]) == (True, "bare", True, None)
        assert told["head"] == repo.git("rev-parse", "HEAD").strip()
    assert "bare.git is healthy: bare, refs/heads/main, 0 pending" in platformctl("doctor", cwd=bare).stdout
