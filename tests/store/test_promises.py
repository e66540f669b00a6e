"""What a write leaves alone, refuses and repairs (60 §1, §4, §5, §12 and scenarios of §14)."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from platformstate.core import places
from platformstate.errors import StateError
from platformstate.store import Change, FileChange, Store, Written, lock
from platformstate.store.chains import chains_of
from platformstate.store.intents import Intent, IntentFile
from platformstate.store.settle import Settler
from tests.conftest import Repo
from tests.store.records import (
    checkpoint_path,
    checkpoint_text,
    held_files,
    make_store,
    new_id,
    opened,
    task_text,
    update_task,
    write_checkpoint,
)

TASK = places.task_path("gh-1")


def refusal(store: Store, *files: FileChange) -> str:
    with pytest.raises(StateError) as refused:
        store.write(lambda: Change("task: update gh-1", (), files))
    return refused.value.code


def test_the_answer_has_the_keys_of_a_write(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLATFORMSTATE_DURABILITY")
    make_store(repo, "gh-1")
    written = write_checkpoint(opened(repo), "gh-1", new_id(1))
    assert list(written.as_json()) == [
        "state", "reason", "commit", "ref", "paths", "intent", "durability", "recovered", "waited_ms",
    ]  # fmt: skip
    assert (written.state, written.ref, written.durability) == ("committed", "refs/heads/main", "full")
    assert written.paths == (checkpoint_path("gh-1", new_id(1)),)


def test_a_commit_has_its_subject_its_trailers_and_gits_author(repo: Repo) -> None:
    make_store(repo, "gh-1")
    write_checkpoint(opened(repo, actor="codex"), "gh-1", new_id(1))
    assert repo.git("log", "-1", "--format=%an <%ae>%n%cn%n%B") == (
        f"Ann <ann@example.org>\nAnn\ncheckpoint: create {new_id(1)}\n\n"
        f"Task: gh-1\nCheckpoint: {new_id(1)}\nActor: codex\n\n"
    )


def test_a_dry_run_writes_nothing(repo: Repo) -> None:
    make_store(repo, "gh-1")
    written = write_checkpoint(opened(repo, dry_run=True), "gh-1", new_id(1))
    assert (written.state, written.commit) == ("planned", None)
    assert repo.git("status", "--porcelain") == ""
    assert not (repo.root / ".git" / "platformstate").exists()


def test_the_same_content_again_makes_no_commit(repo: Repo) -> None:
    make_store(repo, "gh-1")
    head = repo.git("rev-parse", "HEAD")
    assert update_task(opened(repo), "gh-1", "first").state == "unchanged"
    assert repo.git("rev-parse", "HEAD") == head


def test_no_commit_leaves_the_file_to_the_person(repo: Repo) -> None:
    make_store(repo, "gh-1")
    head = repo.git("rev-parse", "HEAD")
    written = write_checkpoint(opened(repo, commit=False), "gh-1", new_id(1))
    assert (written.state, written.commit) == ("files_only", None)
    assert repo.git("rev-parse", "HEAD") == head
    assert repo.git("status", "--porcelain", "-uall") == f"?? {checkpoint_path('gh-1', new_id(1))}\n"
    assert write_checkpoint(opened(repo), "gh-1", new_id(2)).state == "committed"
    assert repo.git("status", "--porcelain", "-uall") == f"?? {checkpoint_path('gh-1', new_id(1))}\n"


def test_the_clone_can_ask_for_no_commits_and_the_flag_beats_it(repo: Repo) -> None:
    make_store(repo, "gh-1")
    repo.git("config", "platformstate.commit", "manual")
    assert write_checkpoint(opened(repo), "gh-1", new_id(1)).state == "files_only"
    assert write_checkpoint(opened(repo, commit=True), "gh-1", new_id(2)).state == "committed"


def test_a_deferred_change_is_committed_with_the_next_one(repo: Repo) -> None:
    make_store(repo, "gh-1")
    path = checkpoint_path("gh-1", new_id(1))
    change = Change(
        "checkpoint: create x", (), (FileChange(path, None, checkpoint_text("gh-1", new_id(1))),), defer=True
    )
    deferred = opened(repo).write(lambda: change, independent=True)
    assert (deferred.state, deferred.reason) == ("pending", None)
    assert (repo.root / path).is_file()
    assert repo.git("ls-files", path) == ""
    assert write_checkpoint(opened(repo), "gh-1", new_id(2)).recovered == 1
    assert repo.git("show", f"HEAD:{path}")


def test_60_14_a_task_edited_by_hand_is_never_written_over(repo: Repo) -> None:
    make_store(repo, "gh-1")
    edited = task_text("gh-1", "by hand")
    repo.write(TASK, edited)
    with pytest.raises(StateError) as refused:
        update_task(opened(repo), "gh-1", "by the tool")
    assert refused.value.code == "record_changed"
    assert (repo.root / TASK).read_bytes() == edited
    assert held_files(repo) == []
    assert update_task(opened(repo, commit=False), "gh-1", "by the tool").state == "files_only"
    repo.commit("mine")
    assert update_task(opened(repo), "gh-1", "again").state == "committed"


def test_60_14_a_file_that_changed_since_it_was_read_is_left_alone(repo: Repo) -> None:
    make_store(repo, "gh-1")
    store = opened(repo)
    stale = FileChange(TASK, task_text("gh-1", "never was"), task_text("gh-1", "second"))
    assert refusal(store, stale) == "record_changed"
    taken = FileChange(TASK, None, task_text("gh-1", "second"))
    assert refusal(store, taken) == "record_changed"


def test_a_removed_file_leaves_the_tree_and_the_index(repo: Repo) -> None:
    make_store(repo, "gh-1", "gh-2")
    text = task_text("gh-1")
    change = Change("task: drop gh-1", (), (FileChange(TASK, text, None),))
    assert opened(repo).write(lambda: change).state == "committed"
    assert not (repo.root / TASK).exists()
    assert repo.git("ls-files", TASK) == repo.git("ls-tree", "HEAD", TASK) == ""
    assert repo.git("status", "--porcelain") == ""


def test_many_files_are_one_commit(repo: Repo) -> None:
    make_store(repo, "gh-1")
    files = tuple(
        FileChange(checkpoint_path("gh-1", new_id(number)), None, checkpoint_text("gh-1", new_id(number)))
        for number in range(120)
    )
    assert opened(repo).write(lambda: Change("batch: create many", (), files), independent=True).commit
    assert repo.git("log", "--format=%s", "-2").splitlines() == ["batch: create many", "begin"]
    assert len(repo.git("show", "--name-only", "--format=", "HEAD").splitlines()) == 120
    assert repo.git("status", "--porcelain") == ""


def test_content_over_a_mebibyte_and_bytes_that_are_no_text_are_kept_beside_the_intent(repo: Repo) -> None:
    make_store(repo, "gh-1")
    folder = "state/tasks/gh-1/runs/20261120t101130z-3k9xma/artifacts"
    files = (
        FileChange(f"{folder}/large.txt", None, b"x" * 1_500_000 + b"\n"),
        FileChange(f"{folder}/picture.bin", None, b"\xff\xfe\x00"),
    )
    assert opened(repo).write(lambda: Change("run: keep files", (), files), independent=True).commit
    assert repo.git("status", "--porcelain") == ""
    assert held_files(repo) == []


def journal_change(repo: Repo, words: bytes, name: str = "state/x/events.jsonl") -> Written:
    def decide() -> Change:
        old = (repo.root / name).read_bytes()
        return Change("run: append x", (), (FileChange(name, old, old + words, append=True),))

    return opened(repo).write(decide)


def test_a_journal_that_grew_since_its_last_commit_takes_all_lines_along(repo: Repo) -> None:
    make_store(repo)
    repo.write("state/x/events.jsonl", "one\n")
    repo.commit("journal")
    repo.write("state/x/events.jsonl", "one\ntwo\n")
    assert journal_change(repo, b"three\n").state == "committed"
    assert repo.git("show", "HEAD:state/x/events.jsonl") == "one\ntwo\nthree\n"
    assert repo.git("status", "--porcelain") == ""


def test_a_torn_line_is_put_aside_and_never_joins_the_next(repo: Repo) -> None:
    make_store(repo)
    repo.write("state/x/events.jsonl", "one\n")
    repo.commit("journal")
    path = repo.root / "state/x/events.jsonl"

    def decide() -> Change:
        with path.open("a") as torn:
            torn.write('{"half":')
        return Change(
            "run: append x", (), (FileChange("state/x/events.jsonl", b"one\n", b"one\ntwo\n", append=True),)
        )

    written = opened(repo).write(decide)
    assert path.read_text() == "one\ntwo\n"
    assert [row.code for row in written.warnings] == ["tail_repaired"]
    torn = repo.root / ".git/platformstate/torn"
    assert [kept.read_text() for kept in torn.iterdir()] == ['{"half":']


def test_a_secret_and_a_broken_record_are_refused_before_anything_is_written(repo: Repo) -> None:
    make_store(repo, "gh-1")
    store = opened(repo)
    token = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    assert refusal(store, FileChange(TASK, task_text("gh-1"), task_text("gh-1", token))) == "secret_found"
    assert refusal(store, FileChange(TASK, task_text("gh-1"), b"no record\n")) == "record_invalid"
    assert refusal(store, FileChange("state/tasks/gh-1/.hidden", None, b"")) == "record_invalid"
    assert repo.git("status", "--porcelain") == ""
    assert held_files(repo) == []


@pytest.mark.parametrize(
    "rule", ["filter=lfs", "ident", "working-tree-encoding=UTF-16", "eol=crlf", "merge=union"]
)
def test_an_attribute_that_changes_bytes_is_refused(rule: str, repo: Repo) -> None:
    make_store(repo, "gh-1")
    repo.write(".gitattributes", f"*.md {rule}\n")
    with pytest.raises(StateError) as refused:
        write_checkpoint(opened(repo), "gh-1", new_id(1))
    assert refused.value.code == "path_attributes_unsafe"


def test_harmless_attributes_are_allowed(repo: Repo) -> None:
    make_store(repo, "gh-1")
    repo.write(".gitattributes", "state/** -text\nstate/**/*.md diff=platformstate merge=platformstate\n")
    repo.commit("attributes")
    assert write_checkpoint(opened(repo), "gh-1", new_id(1)).state == "committed"


def test_an_ignore_rule_that_hides_state_is_refused_but_not_inits_own(repo: Repo) -> None:
    make_store(repo, "gh-1")
    repo.write(".gitignore", "# >>> platformstate\ncheckpoints/\n# <<< platformstate\n")
    repo.commit("ignore")
    assert write_checkpoint(opened(repo), "gh-1", new_id(1)).state == "committed"
    repo.write(".gitignore", "checkpoints/\n")
    with pytest.raises(StateError) as refused:
        write_checkpoint(opened(repo), "gh-1", new_id(2))
    assert refused.value.code == "path_ignored"
    assert ".gitignore:1" in refused.value.message
    assert update_task(opened(repo), "gh-1", "second").state == "committed"


def test_60_10_a_link_in_place_of_a_folder_is_refused_and_nothing_outside_is_written(
    repo: Repo, tmp_path: Path
) -> None:
    make_store(repo, "gh-1")
    outside = tmp_path / "outside"
    (repo.root / "state" / "tasks").rename(outside)
    (repo.root / "state" / "tasks").symlink_to(outside)
    before = sorted(path.name for path in outside.rglob("*"))
    with pytest.raises(StateError) as refused:
        write_checkpoint(opened(repo), "gh-1", new_id(1))
    assert refused.value.code == "path_symlink"
    assert sorted(path.name for path in outside.rglob("*")) == before
    assert held_files(repo) == []


@pytest.mark.parametrize(
    ("kind", "code"), [("link", "path_symlink"), ("fifo", "path_not_regular"), ("folder", "path_not_regular")]
)
def test_60_10_a_target_that_is_no_file_is_refused(kind: str, code: str, repo: Repo) -> None:
    make_store(repo, "gh-1")
    target = repo.root / checkpoint_path("gh-1", new_id(1))
    target.parent.mkdir(parents=True)
    if kind == "link":
        target.symlink_to("/etc/hostname")
    elif kind == "fifo":
        os.mkfifo(target)
    else:
        target.mkdir()
    with pytest.raises(StateError) as refused:
        write_checkpoint(opened(repo), "gh-1", new_id(1))
    assert refused.value.code == code


def test_60_13_a_dropped_commit_stays_dropped(repo: Repo) -> None:
    make_store(repo, "gh-1")
    repo.write("src/main.py", "dropped\n")
    dropped = repo.commit("dropped")
    pid = os.fork()
    if pid == 0:
        os.environ["PLATFORMSTATE_FAILPOINT"] = "store.ref-before"
        write_checkpoint(opened(repo), "gh-1", new_id(1))
        os._exit(0)
    os.waitpid(pid, 0)
    repo.git("reset", "-q", "--hard", "HEAD~1")
    assert write_checkpoint(opened(repo), "gh-1", new_id(2)).recovered == 1
    assert repo.git("show", f"HEAD:{checkpoint_path('gh-1', new_id(1))}")
    assert dropped not in repo.git("log", "--format=%H")
    assert repo.git("for-each-ref", "refs/platformstate/") == ""


def test_a_persons_commit_of_a_pending_file_settles_it(repo: Repo) -> None:
    make_store(repo, "gh-1")
    repo.git("switch", "-q", "--detach")
    write_checkpoint(opened(repo), "gh-1", new_id(1))
    repo.git("switch", "-q", "main")
    mine = repo.commit("mine")
    assert write_checkpoint(opened(repo), "gh-1", new_id(2)).recovered == 1
    log = repo.git("log", "--format=%H %s").splitlines()
    assert len(log) == 3
    assert mine in log[1]


def test_a_persons_other_content_wins_over_a_pending_change(repo: Repo) -> None:
    make_store(repo, "gh-1")
    repo.git("switch", "-q", "--detach")
    pending = update_task(opened(repo), "gh-1", "second")
    repo.git("switch", "-q", "main")
    repo.write(TASK, task_text("gh-1", "by hand"))
    repo.commit("by hand")
    assert write_checkpoint(opened(repo), "gh-1", new_id(1)).recovered == 0
    assert "by hand" in (repo.root / TASK).read_text()
    assert held_files(repo) == [f"journal/held/{pending.intent}.json"]


def test_a_damaged_intent_is_put_aside_and_never_acknowledged(repo: Repo) -> None:
    make_store(repo, "gh-1")
    write_checkpoint(opened(repo), "gh-1", new_id(1))
    (repo.root / ".git/platformstate/journal/20261120t101130z-aaaaaa.json").write_text("{")
    assert write_checkpoint(opened(repo), "gh-1", new_id(2)).recovered == 0
    assert held_files(repo) == ["journal/held/20261120t101130z-aaaaaa.json"]


@pytest.mark.parametrize("timeout", ["0.2"])
def test_60_07_a_foreign_index_lock_stays_and_the_commit_waits(timeout: str, repo: Repo) -> None:
    make_store(repo, "gh-1")
    repo.git("config", "platformstate.lockTimeout", timeout)
    foreign = repo.root / ".git" / "index.lock"
    foreign.write_text("")
    waiting = write_checkpoint(opened(repo), "gh-1", new_id(1))
    assert (waiting.state, waiting.reason) == ("pending", "index_locked")
    assert foreign.exists()
    foreign.unlink()
    assert write_checkpoint(opened(repo), "gh-1", new_id(2)).recovered == 1
    assert repo.git("ls-tree", "-r", "--name-only", "HEAD").count("checkpoints/") == 2


def test_a_foreign_lock_of_the_branch_stays_and_the_commit_waits(repo: Repo) -> None:
    make_store(repo, "gh-1")
    repo.git("config", "platformstate.lockTimeout", "0.2")
    foreign = repo.root / ".git" / "refs" / "heads" / "main.lock"
    foreign.write_text("")
    waiting = write_checkpoint(opened(repo), "gh-1", new_id(1))
    assert (waiting.state, waiting.reason) == ("pending", "branch_moving")
    assert foreign.exists()
    foreign.unlink()
    assert write_checkpoint(opened(repo), "gh-1", new_id(2)).recovered == 1
    assert held_files(repo) == []


def test_signing_that_fails_never_commits_unsigned(repo: Repo, tmp_path: Path) -> None:
    make_store(repo, "gh-1")
    repo.git("config", "platformstate.sign", "always")
    repo.git("config", "--global", "gpg.program", "/bin/false")
    head = repo.git("rev-parse", "HEAD")
    try:
        waiting = write_checkpoint(opened(repo), "gh-1", new_id(1))
    finally:
        repo.git("config", "--global", "--unset", "gpg.program")
    assert (waiting.state, waiting.reason) == ("pending", "signing_failed")
    assert repo.git("rev-parse", "HEAD") == head
    assert repo.git("diff", "--cached", "--name-only") == ""
    repo.git("config", "platformstate.sign", "never")
    assert write_checkpoint(opened(repo), "gh-1", new_id(2)).recovered == 1


def test_commits_are_signed_by_the_program_of_the_person_only(repo: Repo, tmp_path: Path) -> None:
    make_store(repo, "gh-1")
    signer, canary = tmp_path / "signer", tmp_path / "canary"
    signer.write_text('#!/bin/sh\ncat >/dev/null\necho "[GNUPG:] SIG_CREATED " >&2\necho SIGNED\n')
    signer.chmod(0o755)
    repo.git("config", "commit.gpgSign", "true")
    repo.git("config", "gpg.program", f"touch {canary}; false")
    write_checkpoint(opened(repo), "gh-1", new_id(1))
    assert "gpgsig" not in repo.git("cat-file", "commit", "HEAD")
    repo.git("config", "--global", "gpg.program", str(signer))
    repo.git("config", "--global", "commit.gpgSign", "true")
    try:
        files = tuple(
            FileChange(checkpoint_path("gh-1", new_id(n)), None, checkpoint_text("gh-1", new_id(n)))
            for n in (2, 3)
        )
        assert opened(repo).write(lambda: Change("batch: create two", (), files)).state == "committed"
    finally:
        repo.git("config", "--global", "--unset", "gpg.program")
        repo.git("config", "--global", "commit.gpgSign", "false")
    assert "gpgsig SIGNED" in repo.git("cat-file", "commit", "HEAD")
    assert not canary.exists()
    assert repo.git("status", "--porcelain") == ""


def index_states(repo: Repo, seed: int) -> None:
    """Bring a repository's index, work tree, stash and config into a random state."""
    chosen = random.Random(seed)
    names = [f"src/f{number}.txt" for number in range(8)]
    for name in names:
        repo.write(name, "".join(f"line {number}\n" for number in range(20)))
    repo.commit("files")
    acts = [
        lambda name: (repo.write(name, "staged\n"), repo.git("add", name)),
        lambda name: (repo.write(name, "staged\n"), repo.git("add", name), repo.write(name, "more\n")),
        lambda name: repo.write(name, "not staged\n"),
        lambda name: repo.git("update-index", "--skip-worktree", name),
        lambda name: repo.git("update-index", "--assume-unchanged", name),
        lambda name: repo.git("mv", name, f"{name}.moved"),
        lambda name: repo.git("rm", "-q", "--cached", name),
        lambda name: (repo.root / name).unlink(),
        lambda name: (repo.write(f"{name}.new", "new\n"), repo.git("add", "-N", f"{name}.new")),
        lambda name: repo.git("update-index", "--chmod=+x", name),
        lambda name: repo.write(f"{name}.untracked", "untracked\n"),
    ]
    for name in names:
        chosen.choice(acts)(name)
    if chosen.random() < 0.3:
        repo.git("update-index", "--index-version", "4")
    if chosen.random() < 0.2:
        repo.git("update-index", "--split-index")
    if chosen.random() < 0.2:
        repo.git("update-index", "--untracked-cache")
    if chosen.random() < 0.2:
        repo.git("stash", "push", "-q", check=False)


def user_view(repo: Repo, path: str) -> list[str]:
    """Return everything of the user's that a write must not change, without our own path."""
    shown = [
        repo.git("ls-files", "-s", "-v", "-t"),
        repo.git("diff", "--cached", "--no-renames", "--", "src"),
        repo.git("diff", "--no-renames", "--", "src"),
        repo.git("status", "--porcelain=v2"),
        repo.git("stash", "list"),
        repo.git("config", "--list", "--local"),
    ]
    return ["\n".join(line for line in text.splitlines() if path not in line) for text in shown]


def stays_equal(repo: Repo, seed: int) -> None:
    make_store(repo, "gh-1")
    index_states(repo, seed)
    created, updated = checkpoint_path("gh-1", new_id(1)), TASK
    for path in (created, updated):
        repo.git("status", "--porcelain")
        before = user_view(repo, path)
        if path == created:
            assert write_checkpoint(opened(repo), "gh-1", new_id(1)).state == "committed"
        else:
            assert update_task(opened(repo), "gh-1", "second").state == "committed"
        assert user_view(repo, path) == before
        assert repo.git("diff", "--name-only", "HEAD", "--", path) == ""
        assert repo.git("show", "--name-only", "--format=", "HEAD").split() == [path]


@pytest.mark.parametrize("seed", range(12))
def test_60_05_random_index_states_stay_but_for_our_path(seed: int, repo: Repo) -> None:
    stays_equal(repo, seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100))
def test_60_05_a_hundred_random_index_states_stay_but_for_our_path(seed: int, repo: Repo) -> None:
    stays_equal(repo, seed + 1000)


def test_a_person_who_commits_the_same_path_while_we_write_wins(repo: Repo) -> None:
    make_store(repo, "gh-1")
    session = opened(repo).session
    write_checkpoint(opened(repo), "gh-1", new_id(1))
    text, theirs = task_text("gh-1", "ours"), task_text("gh-1", "theirs")
    author = session.author()
    changed = IntentFile.of(
        FileChange(TASK, task_text("gh-1"), text), session.blob_id(task_text("gh-1")), session.blob_id(text)
    )
    intent = Intent("20261120t101130z-aaaaaa", session.instant(), ".", "refs/heads/main", "task: update gh-1", (), author, False, False, "fast", (changed,))  # fmt: skip
    head = session.head("refs/heads/main", chains_of([intent]).values())
    blob = repo.git("hash-object", "-w", "--stdin", stdin=theirs.decode()).strip()
    repo.git("update-index", "--cacheinfo", f"100644,{blob},{TASK}")
    repo.git("commit", "-q", "--no-verify", "-m", "theirs")
    session.journal.add(intent)
    with lock.hold(session.control, 1, session.instant()) as held:
        assert held is not None
        done = Settler(session, held, time.monotonic() + 5).settle(intent, head=head)
    session.journal.release(intent.id)
    assert done.outcomes[intent.id].state == "held"
    assert repo.git("show", f"HEAD:{TASK}") == theirs.decode()
    assert held_files(repo) == [f"journal/held/{intent.id}.json"]


def test_large_and_binary_content_that_waits_is_committed_whole(repo: Repo) -> None:
    make_store(repo, "gh-1")
    repo.git("switch", "-q", "--detach")
    folder = "state/tasks/gh-1/runs/20261120t101130z-3k9xma/artifacts"
    wanted = {f"{folder}/large.txt": b"x" * 1_500_000 + b"\n", f"{folder}/picture.bin": b"\xff\xfe\x00"}
    files = tuple(FileChange(path, None, data) for path, data in wanted.items())
    assert opened(repo).write(lambda: Change("run: keep files", (), files), independent=True).pending
    assert len([name for name in held_files(repo) if name.startswith("journal/")]) == 3
    for path in wanted:
        (repo.root / path).unlink()
    repo.git("switch", "-q", "main")
    assert update_task(opened(repo), "gh-1", "second").recovered == 1
    for path, data in wanted.items():
        assert (repo.root / path).read_bytes() == data
    assert repo.git("status", "--porcelain") == ""
    assert held_files(repo) == []


def test_an_intent_whose_content_is_gone_is_damaged(repo: Repo) -> None:
    make_store(repo, "gh-1")
    repo.git("switch", "-q", "--detach")
    path = "state/tasks/gh-1/runs/20261120t101130z-3k9xma/artifacts/picture.bin"
    change = Change("run: keep files", (), (FileChange(path, None, b"\xff"),))
    waiting = opened(repo).write(lambda: change, independent=True)
    (repo.root / ".git/platformstate/journal" / f"{waiting.intent}.0").unlink()
    repo.git("switch", "-q", "main")
    assert update_task(opened(repo), "gh-1", "second").recovered == 0
    assert held_files(repo) == [f"journal/held/{waiting.intent}.json"]
