"""Each row of the decision table and each way of losing history, with real repositories of every sort."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.db.conftest import CHECKPOINT, JOURNAL, LEDGER, OTHER, RUN, TASK, Mirror


@pytest.fixture
def mirror(lite: Mirror) -> Mirror:
    """A mirror in a file: what a history is to the tables is decided before any engine is asked."""
    return lite


def clone(mirror: Mirror, tmp_path: Path, *flags: str) -> Mirror:
    """Clone a mirror's repository and sync the clone to the same database."""
    target = tmp_path / "clone"
    mirror.git("clone", "-q", *flags, f"file://{mirror.root}", str(target))
    return mirror.at(target)


def warned(answer: Any) -> list[str]:
    return [warning.code for warning in answer.warnings]


def test_merges_octopus_and_revert_are_differences(mirror: Mirror) -> None:
    mirror.sync()
    for name in ("one", "two", "three"):
        mirror.git("checkout", "-q", "-b", name, "main")
        mirror.write(f"state/tasks/{name}/task.md", mirror.text(TASK).replace("id: gh-460", f"id: {name}"))
        mirror.commit(name)
    mirror.git("checkout", "-q", "main")
    mirror.git("merge", "-q", "--no-ff", "-m", "merge", "one")
    assert mirror.changes() == (1, 0, 0)
    mirror.git("merge", "-q", "-m", "octopus", "two", "three")
    synced = mirror.sync().data
    assert (synced["relation"], synced["tables"]["task"]["inserted"]) == ("fast_forward", 2)
    mirror.git("revert", "--no-edit", "-m", "1", "HEAD")
    assert mirror.changes() == (0, 0, 2)
    assert mirror.equal()


def test_an_empty_commit_and_a_revert_of_a_revert_touch_no_row(mirror: Mirror) -> None:
    first = mirror.sync().data["sync_id"]
    mirror.git("commit", "-q", "--allow-empty", "-m", "empty")
    assert mirror.relation() == "same_tree"
    mirror.edit()
    mirror.git("revert", "--no-edit", "HEAD")
    assert mirror.relation() == "same_tree"
    mirror.write("README", "not state\n")
    mirror.commit("another file")
    assert mirror.relation() == "same_tree"
    assert {str(row[0]) for row in mirror.sql("SELECT sync_id FROM task")} == {first}
    assert mirror.one("SELECT count(*) FROM sync_run") == 4
    assert mirror.equal()


def test_squash_and_force_push_diverge(mirror: Mirror) -> None:
    for number in range(3):
        mirror.edit(f"Edit {number}")
    mirror.sync()
    mirror.git("reset", "-q", "--soft", "HEAD~2")
    mirror.write(OTHER, mirror.text(OTHER).replace("title: ", "title: squashed "))
    mirror.commit("squashed")
    answer = mirror.sync()
    assert (answer.data["relation"], answer.data["files"]["read"]) == ("diverged", 1)
    assert warned(answer) == ["db_history_diverged"]
    assert mirror.equal()


def test_a_fresh_clone_that_never_had_the_old_commit(mirror: Mirror, tmp_path: Path) -> None:
    mirror.edit("Lost")
    mirror.sync()
    mirror.replace(TASK, "title: Lost", "title: Kept")
    mirror.git("commit", "-q", "-a", "--amend", "-m", "amended")
    fresh = clone(mirror, tmp_path, "--no-local")
    answer = fresh.sync()
    assert (answer.data["relation"], warned(answer)) == ("unknown_base", ["db_base_unknown"])
    assert answer.data["files"]["read"] == 1
    assert fresh.equal()


def test_a_stale_clone_that_lacks_the_synced_commit_is_no_way_back(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale = clone(mirror, tmp_path, "--no-local")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2040-01-01T00:00:00Z")
    mirror.write(OTHER, mirror.text(OTHER) + "\nmore\n")
    mirror.commit("later")
    monkeypatch.delenv("GIT_COMMITTER_DATE")
    mirror.sync()
    before = mirror.sql("SELECT sync_id FROM sync_run")
    refused = stale.refused()
    assert (refused.code, refused.exit_status) == ("db_rewind_refused", 4)
    assert mirror.sql("SELECT sync_id FROM sync_run") == before
    assert stale.relation(allow_rewind=True) == "unknown_base"
    assert stale.equal()


def test_a_clone_without_blobs_syncs_what_it_has_and_fetches_nothing(mirror: Mirror, tmp_path: Path) -> None:
    mirror.git("config", "uploadpack.allowFilter", "true")
    mirror.sync()
    commit = mirror.edit()
    filtered = clone(mirror, tmp_path, "--filter=blob:none")
    assert filtered.sync().data["to_commit"] == commit
    mirror.edit("Only there")
    filtered.git("fetch", "-q")
    refused = filtered.refused(ref="main", at="origin/main")
    assert (refused.code, refused.exit_status) == ("history_missing", 7)
    assert mirror.one("SELECT count(*) FROM sync_run") == 2
    filtered.git("fetch", "-q", "--refetch", "--no-filter")
    assert filtered.sync(ref="main", at="origin/main").data["relation"] == "fast_forward"
    assert filtered.equal()


def test_a_clone_without_even_the_store_says_what_to_do(lite: Mirror, tmp_path: Path) -> None:
    lite.git("config", "uploadpack.allowFilter", "true")
    empty = clone(lite, tmp_path, "--filter=blob:none", "--no-checkout")
    refused = empty.refused()
    assert (refused.code, refused.exit_status) == ("history_missing", 7)
    assert "--refetch" in refused.hint


def test_a_bare_repository_and_a_linked_worktree_are_sources(mirror: Mirror, tmp_path: Path) -> None:
    bare = clone(mirror, tmp_path, "--bare")
    bare.sync()
    assert bare.verify().error is None
    mirror.git("worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
    linked = Mirror(tmp_path / "linked", bare.wish, mirror.database)
    assert linked.sync(ref="main", at="HEAD").data["result"] == "up_to_date"


def test_a_sha256_repository_goes_through_the_same_decisions(mirror: Mirror, tmp_path: Path) -> None:
    new = Mirror(tmp_path / "sha256", mirror.wish, mirror.database)
    new.engine = mirror.engine
    new.root.mkdir()
    new.git("init", "-q", "-b", "main", "--object-format=sha256")
    shutil.copytree(mirror.root / "state", new.root / "state")
    new.commit("first")
    assert new.relation() == "initial"
    new.edit()
    assert new.relation() == "fast_forward"
    assert len(new.one("SELECT blob_oid FROM task WHERE task_id = 'gh-460'")) == 32
    new.git("reset", "-q", "--hard", "HEAD~1")
    assert new.refused().code == "db_rewind_refused"
    assert new.relation(allow_rewind=True) == "rewound"
    assert new.equal()


# Files that move, and what is in them.


@pytest.fixture(params=["postgres", "sqlite"])
def both(request: pytest.FixtureRequest) -> Mirror:
    """A mirror of each engine in turn."""
    found: Mirror = request.getfixturevalue("pg" if request.param == "postgres" else "lite")
    return found


def test_a_checkpoint_that_moves_to_another_run_keeps_its_row(both: Mirror) -> None:
    """The id stays, the unit changes: an update where it stands, neither a loss nor a duplicate."""
    both.sync()
    other = RUN.replace("3k9xma", "zzzzzz")
    shutil.copytree(both.root / RUN, both.root / other)
    shutil.rmtree(both.root / RUN)
    for path in (both.root / other).rglob("*"):
        if path.is_file() and path.suffix in (".md", ".json", ".jsonl"):
            path.write_text(path.read_text().replace("3k9xma", "zzzzzz"))
    if (both.root / JOURNAL.replace("3k9xma", "zzzzzz")).exists():
        (both.root / JOURNAL.replace("3k9xma", "zzzzzz")).unlink()
    both.commit("moved")
    counts = both.sync().data["tables"]
    assert counts["task_checkpoint"] == {"inserted": 0, "updated": 2, "deleted": 0, "unchanged": 0}
    path = both.one("SELECT source_path FROM task_checkpoint WHERE source_path LIKE ?", "%7fq2ka.md")
    assert path == CHECKPOINT.replace("3k9xma", "zzzzzz")
    assert both.equal()


def test_two_tasks_that_change_places_are_two_updates(both: Mirror) -> None:
    both.add_tasks(2)
    both.commit("two")
    both.sync()
    one, two = (f"state/tasks/t-{number}/task.md" for number in range(2))
    texts = both.text(one), both.text(two)
    both.write(one, texts[1].replace("id: t-1", "id: t-0").replace("title: ", "title: was one "))
    both.write(two, texts[0].replace("id: t-0", "id: t-1").replace("title: ", "title: was zero "))
    both.commit("changed places")
    assert both.changes() == (0, 2, 0)
    assert both.equal()


def test_a_ledger_that_is_cut_and_renamed_follows(both: Mirror) -> None:
    both.sync()
    rows = both.one("SELECT count(*) FROM job_run WHERE origin = 'ledger'")
    lines = both.text(LEDGER).splitlines(keepends=True)
    both.write(LEDGER, "".join(lines[:-1]))
    both.commit("cut")
    inserted, _, deleted = both.changes("job_run")
    assert (inserted, deleted) == (0, 1)
    both.git("mv", LEDGER, LEDGER.replace(".jsonl", ".2.jsonl"))
    both.commit("renamed")
    assert both.changes("job_run") == (rows - 1, 0, rows - 1)
    assert both.equal()


def test_a_mode_change_alone_is_refused_and_a_changed_line_end_is_not(both: Mirror) -> None:
    both.sync()
    data = (both.root / OTHER).read_bytes()
    (both.root / OTHER).write_bytes(data.replace(b"\n", b"\r\n"))
    both.git("-c", "core.autocrlf=false", "commit", "-q", "-a", "-m", "crlf")
    inserted, updated, deleted = both.changes()
    assert (inserted, updated, deleted) == (0, 1, 0)
    assert "\r" not in both.one("SELECT body FROM task WHERE task_id = 'gh-461'")
    assert both.equal()
    both.git("update-index", "--chmod=+x", OTHER)
    both.git("commit", "-q", "-m", "mode")
    assert [problem.code for problem in both.refused().problems] == ["path_mode_invalid"]


INSTANTS = ("0000-01-01T00:00:00Z", "2016-12-31T23:59:60Z", "2026-02-30T00:00:00Z", "2026-11-20t10:11:30z")


def test_an_instant_that_no_database_holds_is_refused_at_its_file(lite: Mirror) -> None:
    for value in INSTANTS:
        line = next(line for line in lite.text(TASK).splitlines() if line.startswith("created_at: "))
        lite.replace(TASK, line, f'created_at: "{value}"')
        lite.commit("instant")
        refused = lite.refused()
        assert refused.code == "state_invalid"
        assert {problem.path for problem in refused.problems} == {TASK}
