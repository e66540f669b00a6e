"""What a person types by mistake is refused with a hint, and leaves every byte as it was."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.conftest import Platformctl, Repo
from tests.forking import Forks, Ran

PROCEDURE: Final = """---
schema: procedure/1
id: publish

title: Publish

steps:
  - {key: go, kind: gate, prompt: "Go?"}
---
"""
BY_HAND: Final = """---
schema: procedure/1
id: notes

title: Write notes

steps:
  - {key: write, kind: manual, instruct: "write them"}
---
"""
JOB: Final = """---
schema: job/1
id: hello

title: Hello

target: {kind: command, argv: [echo, hello]}

trigger: {kind: cron, cron: "30 6 * * *", timezone: Europe/Warsaw}
---
"""
NOT_UTF8: Final = "b\udcff"
HIDDEN: Final = "e\x1b[31mx"
LONG: Final = "x" * 70_000


class Scene(Repo):
    """A store with a claimed task, a run that waits at its gate, and a job that ran once."""

    def __init__(self, root: Path, forks: Forks) -> None:
        super().__init__(root)
        self._forks = forks

    def run(self, *argv: str) -> Ran:
        """Run a command and put the ids of the runs into it."""
        names = {"GATE": next(self.root.glob("state/procedures/publish/runs/*"), self.root).name}
        names |= {"HAND": next(self.root.glob("state/procedures/notes/runs/*"), self.root).name}
        names |= {"FIRED": f"hello/{next(self.root.glob('state/jobs/hello/runs/*'), self.root).name}"}
        return self._forks.start(self.root, [names.get(word, word) for word in argv]).wait()

    def bytes(self) -> dict[str, bytes]:
        """Return every state file, those that git ignores too, and where HEAD is."""
        files = {str(path): path.read_bytes() for path in self.root.glob("state/**/*") if path.is_file()}
        return {**files, "HEAD": self.git("rev-parse", "HEAD").encode()}


@pytest.fixture(scope="module")
def scene(unborn: Path, forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    made = Scene(Path(shutil.copytree(unborn, tmp_path_factory.mktemp("bad") / "repo")), forks)
    assert made.run("init").status == 0
    made.write("state/procedures/publish/procedure.md", PROCEDURE)
    made.write("state/procedures/notes/procedure.md", BY_HAND)
    made.write("state/jobs/hello/job.md", JOB)
    made.commit()
    for argv, status in (
        (("task", "create", "--id", "one", "--title", "One", "--accept", "a::doc"), 0),
        (("--actor", "codex", "task", "claim", "one"), 0),
        (("procedure", "conduct", "publish"), 6),
        (("procedure", "conduct", "notes"), 6),
        (("run", "step", "begin", "HAND"), 0),
        (("jobs", "approve", "hello"), 0),
        (("jobs", "run", "hello"), 0),
    ):
        assert made.run(*argv).status == status
    return made


@pytest.fixture
def untouched(scene: Scene) -> Iterator[Callable[..., Ran]]:
    """Run a command that has to be refused, with a hint and without a trace."""

    def run(*argv: str) -> Ran:
        before = scene.bytes()
        ran = scene.run(*argv)
        assert scene.bytes() == before
        assert ran.status in (1, 2, 4), ran.stderr
        assert "hint:" in ran.stderr or "fix:" in ran.stderr
        return ran

    return run


@pytest.mark.parametrize("flag", ["--title", "--accept", "--label", "--goal", "--kind", "--actor"])
def test_a_text_that_is_not_utf8_is_refused_by_name(untouched: Callable[..., Ran], flag: str) -> None:
    ran = untouched("task", "create", "--title", "T", flag, NOT_UTF8)
    assert f"Invalid value for '{flag}': it is not UTF-8 (usage_invalid)" in ran.stderr


@pytest.mark.parametrize("said", [HIDDEN, LONG], ids=["hidden", "long"])
@pytest.mark.parametrize(
    "argv",
    [
        ("run", "reject", "GATE"),
        ("run", "approve", "GATE"),
        ("run", "abort", "GATE"),
        ("run", "step", "end", "HAND", "--outcome", "failed"),
        ("run", "step", "end", "HAND", "--outcome", "skipped"),
        ("jobs", "pause", "hello"),
        ("jobs", "keep", "FIRED"),
        ("task", "release", "one"),
        ("--actor", "codex", "codex-task", "end", "--task", "one", "--outcome", "failed"),
    ],
    ids=" ".join,
)
def test_a_reason_that_no_record_can_hold_is_refused_before_it_is_written(
    untouched: Callable[..., Ran], argv: tuple[str, ...], said: str
) -> None:
    untouched(*argv, "--reason", said)


@pytest.mark.parametrize("said", ["", " ", "two\nlines", "x" * 201])
def test_a_pause_says_its_reason_in_one_line(untouched: Callable[..., Ran], said: str) -> None:
    untouched("jobs", "pause", "hello", "--reason", said)


def test_a_secret_in_a_reason_is_refused_before_it_stands_in_a_journal(untouched: Callable[..., Ran]) -> None:
    ran = untouched("run", "reject", "GATE", "--reason", "token: ghp_" + "q7Xk29LmPw84ZtRb61Vd" * 2)
    assert "secret_found" in ran.stderr


@pytest.mark.parametrize("subject", ["publish", "", "=", "x" * 300, "../.."])
def test_a_subject_without_a_kind_is_named(untouched: Callable[..., Ran], subject: str) -> None:
    if subject:
        assert "is no subject" in untouched("run", "list", "--subject", subject).stderr


@pytest.mark.parametrize(
    "argv",
    [
        ("schema", "export", "state/tasks/one/task.md"),
        ("schema", "export", LONG),
        ("memory", "packet", "--task", "one", "--out", LONG),
        ("textconv", LONG),
        ("task", "create", "--title", "T", "--spec-ref", LONG),
    ],
    ids=["over-a-file", "export", "packet", "textconv", "spec-ref"],
)
def test_a_name_that_no_file_can_have_is_no_bug(untouched: Callable[..., Ran], argv: tuple[str, ...]) -> None:
    untouched(*argv)


@pytest.mark.parametrize("path", ["../..", "docs/../../x"])
def test_a_spec_outside_the_repository_is_not_found(scene: Scene, path: str) -> None:
    ran = scene.run("task", "create", "--title", "T", "--spec-ref", path, "--dry-run")
    assert ran.status == 3
    assert "(ref_not_found)" in ran.stderr


def test_a_run_that_is_ended_says_why(repo: Repo, platformctl: Platformctl) -> None:
    platformctl("init")
    repo.write("state/procedures/publish/procedure.md", PROCEDURE)
    repo.commit()
    platformctl("procedure", "conduct", "publish")
    run = next(repo.root.glob("state/procedures/publish/runs/*"))
    assert platformctl("run", "abort", run.name, "--reason", "not wanted any more").status == 0
    assert '"because":"not wanted any more"' in (run / "events.jsonl").read_text()


@pytest.mark.parametrize("place", ["before", "after"])
def test_the_agent_may_stand_before_or_after_the_verb(scene: Scene, place: str) -> None:
    words = ("--agent", "zed", "start") if place == "before" else ("start", "--agent", "zed")
    ran = scene.run("agent-task", *words, "--task", "one", "--dry-run")
    assert "(claim_held)" in ran.stderr


def test_an_agent_that_nobody_named_is_asked_for(untouched: Callable[..., Ran]) -> None:
    assert "Missing option '--agent'" in untouched("agent-task", "end", "--task", "one").stderr


def test_evidence_of_a_task_that_is_a_link_is_not_skipped(repo: Repo, platformctl: Platformctl) -> None:
    platformctl("init")
    platformctl("task", "create", "--id", "one", "--title", "One")
    task = repo.root / "state/tasks/one/task.md"
    task.unlink()
    task.symlink_to("/etc/passwd")
    ran = platformctl("evidence", "verify", "--all", "--json")
    assert ran.status == 1
    assert ran.document["error"]["problems"][0]["code"] == "path_mode_invalid"


def test_a_removed_folder_of_state_is_brought_back_as_the_hint_says(
    repo: Repo, platformctl: Platformctl
) -> None:
    platformctl("init")
    shutil.rmtree(repo.root / "state")
    hint = platformctl("task", "list", "--json").document["error"]["hint"]
    repo.git(*hint.split()[1:])
    assert platformctl("task", "list").status == 0


def test_a_lost_object_is_a_fault_of_the_disk_and_no_bug(repo: Repo, platformctl: Platformctl) -> None:
    platformctl("init")
    for folder in (repo.root / ".git/objects").glob("??"):
        shutil.rmtree(folder)
    for argv in (("init",), ("doctor",)):
        assert platformctl(*argv).status in (1, 7)


def test_a_garbled_id_of_the_clone_is_made_again(repo: Repo, platformctl: Platformctl) -> None:
    platformctl("init")
    repo.write(".git/platformstate/clone-id", b"\x00garbage{")
    assert platformctl("task", "create", "--id", "one", "--title", "One", "--accept", "a::doc").status == 0
    assert platformctl("--actor", "codex", "task", "claim", "one").status == 0


def test_the_summary_of_each_verb_is_whole(platformctl: Platformctl) -> None:
    for group in ("task", "jobs", "memory", "codex-task", "procedure", "db"):
        assert "...\n" not in platformctl(group, "--help").stdout.partition("Commands:")[2]


@pytest.mark.parametrize("buffered", ["", "1"])
def test_an_answer_that_was_cut_by_a_full_device_is_no_success(tmp_path: Path, buffered: str) -> None:
    command = 'ulimit -f 3; exec "$0" -m platformstate explain --list --json > answer'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable],
        cwd=tmp_path,
        env={**os.environ, "PYTHONUNBUFFERED": buffered},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 7
    assert (tmp_path / "answer").stat().st_size < 10_000


@pytest.mark.parametrize("verb", ["approve", "abort"])
def test_an_answer_whose_commit_cannot_be_made_says_that_it_waits(
    repo: Repo, platformctl: Platformctl, verb: str
) -> None:
    platformctl("init")
    repo.write("state/procedures/publish/procedure.md", PROCEDURE)
    repo.commit()
    platformctl("procedure", "conduct", "publish")
    run = next(repo.root.glob("state/procedures/publish/runs/*"))
    repo.write(".gitattributes", "state/** merge=union\n")
    ran = platformctl("run", verb, run.name, "--reason", "checked", "--json")
    assert (ran.status, ran.document["data"]["pending"]) == (6, True)
    assert ran.document["warnings"][0]["code"] == "commit_pending"


def test_a_pipe_is_no_record(repo: Repo, platformctl: Platformctl) -> None:
    os.mkfifo(repo.root / "pipe")
    ran = platformctl("textconv", "pipe")
    assert (ran.status, "is no file" in ran.stderr) == (2, True)


def test_nothing_is_exported_into_a_folder_that_is_gone(repo: Repo, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    command = 'rmdir "$PWD"; exec "$0" -m platformstate schema export out'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable], cwd=gone, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "does not exist any more" in done.stderr) == (2, True)
