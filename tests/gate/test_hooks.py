"""The git hooks: what they refuse, what they leave alone, and that they go without a trace."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from platformstate.actions.hook_files import hook_text
from platformstate.actions.hook_proof import silent_hooks
from platformstate.actions.hooks import hook_states, hooks_status, install_hooks, uninstall_hooks
from platformstate.errors import StateError
from platformstate.gitrepo import discover
from tests.conftest import Platformctl, Repo
from tests.forking import Ran
from tests.gate.conftest import CHECKPOINT, TASK, State

NAMES = ["pre-commit", "pre-merge-commit", "pre-push", "post-merge"]
PROGRAM = str(Path(sys.executable).with_name("platformctl"))


def committed(repo: Repo, *argv: str, cwd: Path | None = None) -> Ran:
    """Commit as a person would, hooks and all."""
    done = subprocess.run(
        ["git", "commit", "-m", "work", *argv],
        cwd=cwd or repo.root,
        capture_output=True,
        text=True,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def hook_files(repo: Repo) -> dict[str, tuple[bytes, int]]:
    return {
        path.name: (path.read_bytes(), path.stat().st_mode)
        for path in sorted((repo.root / ".git/hooks").iterdir())
    }


def foreign_hook(repo: Repo, text: str, name: str = "pre-commit", mode: int = 0o755) -> None:
    repo.write(f".git/hooks/{name}", text).chmod(mode)


@pytest.fixture
def hooked(state: State) -> State:
    """The example store with our hooks."""
    install_hooks(str(state.root), PROGRAM)
    return state


def test_50_04_what_is_staged_is_what_is_judged(hooked: State) -> None:
    hooked.replace(TASK, "status: ready", "status: opne")
    hooked.git("add", "-A")
    hooked.replace(TASK, "status: opne", "status: review")
    ran = committed(hooked)
    assert ran.status == 1
    assert f"{TASK}:7:9: field_value_invalid" in ran.stdout + ran.stderr
    hooked.git("add", "-A")
    hooked.replace(TASK, "status: review", "status: opne")
    assert committed(hooked).status == 0
    assert "status: review" in hooked.git("show", f"HEAD:{TASK}")


def test_50_04_a_commit_of_named_paths_is_judged_by_its_own_index(hooked: State) -> None:
    hooked.replace(TASK, "status: ready", "status: opne")
    hooked.write("src/x.py", "x = 1\n")
    hooked.git("add", "src/x.py")
    assert committed(hooked, "--", "src/x.py").status == 0
    assert committed(hooked, "--", TASK).status == 1
    assert committed(hooked, "-a").status == 1


def test_50_04_a_linked_worktree_on_a_branch_older_than_the_hooks_is_guarded(
    hooked: State, tmp_path: Path
) -> None:
    hooked.git("update-index", "--index-version", "4", "--split-index")
    place = tmp_path / "linked"
    hooked.git("worktree", "add", "-q", "-b", "old", str(place), "HEAD")
    linked = State(place)
    linked.git("update-index", "--index-version", "4", "--split-index")
    linked.replace(TASK, "status: ready", "status: opne")
    linked.git("add", "-A")
    assert committed(linked).status == 1
    linked.replace(TASK, "status: opne", "status: review")
    linked.git("add", "-A")
    assert committed(linked).status == 0


def test_50_04_a_commit_from_a_folder_below_is_guarded(hooked: State) -> None:
    hooked.replace(TASK, "status: ready", "status: opne")
    hooked.git("add", "-A")
    assert committed(hooked, cwd=hooked.root / "state/tasks").status == 1


def test_a_merge_is_judged_too(hooked: State) -> None:
    hooked.git("checkout", "-q", "-b", "work")
    hooked.replace(TASK, "status: ready", "status: opne")
    hooked.git("commit", "-q", "-a", "--no-verify", "-m", "forced")
    hooked.git("checkout", "-q", "main")
    hooked.write("src/x.py", "x = 1\n")
    hooked.git("add", "-A")
    assert committed(hooked).status == 0
    with pytest.raises(AssertionError, match="git"):
        hooked.git("merge", "-q", "--no-ff", "-m", "merge", "work")
    assert hooked.git("log", "--format=%s", "-1").strip() == "work"


def test_an_edited_checkpoint_is_refused(hooked: State) -> None:
    hooked.replace(CHECKPOINT, "pin the", "unpin the")
    ran = committed(hooked, "-a")
    assert (ran.status, "record_immutable_changed" in ran.stdout + ran.stderr) == (1, True)


def test_a_commit_without_state_never_starts_python(state: State) -> None:
    install_hooks(str(state.root), "/bin/false")
    state.write("src/x.py", "x = 1\n")
    state.git("add", "-A")
    assert committed(state).status == 0
    state.replace(TASK, "status: ready", "status: review")
    assert committed(state, "-a").status == 1


def test_without_the_program_a_commit_passes_with_a_warning(state: State, tmp_path: Path) -> None:
    install_hooks(str(state.root), "/nonexistent/platformctl")
    state.replace(TASK, "status: ready", "status: review")
    state.git("add", "-A")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("git", "sh", "cat"):
        (programs / name).symlink_to(
            f"/usr/bin/{name}" if Path(f"/usr/bin/{name}").exists() else f"/bin/{name}"
        )
    done = subprocess.run(
        ["git", "commit", "-q", "-m", "x"],
        cwd=state.root,
        env={**os.environ, "PATH": str(programs)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "state NOT validated" in done.stderr) == (0, True)


def test_a_repository_without_a_store_is_not_in_the_way(repo: Repo) -> None:
    install_hooks(str(repo.root), PROGRAM)
    repo.write("a.txt", "a\n")
    repo.git("add", "-A")
    assert committed(repo).status == 0


def test_50_05_an_older_hook_runs_first_and_can_refuse(state: State) -> None:
    foreign_hook(state, '#!/bin/sh\necho "old hook $#" >> ran.txt\ntest ! -e refuse.txt\n')
    install_hooks(str(state.root), PROGRAM)
    state.replace(TASK, "status: ready", "status: review")
    state.git("add", "-A")
    assert committed(state).status == 0
    assert (state.root / "ran.txt").read_text() == "old hook 0\n"
    state.write("refuse.txt", "")
    state.write("src/x.py", "x = 1\n")
    state.git("add", "src")
    assert committed(state).status == 1


@pytest.mark.parametrize("mode", [0o755, 0o700, 0o644])
def test_50_05_uninstall_leaves_what_was_there_before(state: State, mode: int) -> None:
    foreign_hook(state, "#!/bin/sh\r\n# théirs, no newline at the end", mode=mode)
    before = hook_files(state)
    install_hooks(str(state.root), PROGRAM)
    assert hook_files(state) != before
    done = uninstall_hooks(str(state.root)).data
    assert (done["removed"], done["restored"]) == (NAMES, ["pre-commit"])
    assert hook_files(state) == before


def test_50_05_another_hooks_folder_is_left_alone(state: State) -> None:
    state.git("config", "core.hooksPath", ".husky")
    before = hook_files(state)
    with pytest.raises(StateError) as error:
        install_hooks(str(state.root), PROGRAM)
    assert (error.value.code, error.value.exit_status) == ("hooks_path_foreign", 4)
    assert "platformctl hooks run pre-commit" in error.value.hint
    assert hook_files(state) == before
    assert not (state.root / ".husky").exists()


def test_the_hint_for_another_hooks_folder_works(state: State, platformctl: Platformctl) -> None:
    state.git("config", "core.hooksPath", ".husky")
    line = platformctl("hooks", "install", "--json").document["error"]["hint"].partition(": ")[2]
    line = line.replace("platformctl", PROGRAM)
    state.write(".husky/pre-commit", f"#!/bin/sh\n{line}\n").chmod(0o755)
    state.replace(TASK, "status: ready", "status: opne")
    assert committed(state, "-a").status == 1


def test_a_dry_run_changes_nothing(state: State, platformctl: Platformctl) -> None:
    foreign_hook(state, "#!/bin/sh\n")
    before = hook_files(state)
    data = platformctl("hooks", "install", "--dry-run", "--json").document["data"]
    assert (data["installed"], data["chained"]) == (NAMES, ["pre-commit"])
    assert hook_files(state) == before
    install_hooks(str(state.root), PROGRAM)
    before = hook_files(state)
    data = platformctl("hooks", "uninstall", "--dry-run", "--json").document["data"]
    assert data["restored"] == ["pre-commit"]
    assert hook_files(state) == before


def test_a_repository_without_a_hooks_folder_gets_one(state: State) -> None:
    shutil.rmtree(state.root / ".git/hooks")
    assert uninstall_hooks(str(state.root)).data["removed"] == []
    assert [hook["state"] for hook in hooks_status(str(state.root)).data["hooks"]] == ["absent"] * 4
    install_hooks(str(state.root), PROGRAM)
    assert [hook["state"] for hook in hooks_status(str(state.root)).data["hooks"]] == ["installed"] * 4


def test_installing_twice_changes_nothing(hooked: State) -> None:
    before = hook_files(hooked)
    again = install_hooks(str(hooked.root), PROGRAM).data
    assert (again["installed"], again["unchanged"]) == ([], NAMES)
    assert hook_files(hooked) == before


def test_a_hook_of_an_older_version_is_replaced(hooked: State, platformctl: Platformctl) -> None:
    path = hooked.root / ".git/hooks/pre-commit"
    path.write_bytes(path.read_bytes() + b"# an older line\n")
    states = {
        each["name"]: each["state"]
        for each in platformctl("hooks", "status", "--json").document["data"]["hooks"]
    }
    assert states == {**dict.fromkeys(NAMES, "installed"), "pre-commit": "outdated"}
    assert install_hooks(str(hooked.root), PROGRAM).data["installed"] == ["pre-commit"]
    assert path.read_bytes() == hook_text(PROGRAM)
    assert not (hooked.root / ".git/hooks/pre-commit.pre-platformstate").exists()


def test_a_hook_that_replaced_ours_is_not_lost(state: State) -> None:
    foreign_hook(state, "#!/bin/sh\n# first\n")
    install_hooks(str(state.root), PROGRAM)
    foreign_hook(state, "#!/bin/sh\n# second\n")
    before = hook_files(state)
    with pytest.raises(StateError) as error:
        install_hooks(str(state.root), PROGRAM)
    assert error.value.code == "output_exists"
    uninstall_hooks(str(state.root))
    after = hook_files(state)
    assert after == {name: file for name, file in before.items() if name not in NAMES[1:]}


def test_a_program_path_with_odd_characters_is_quoted(state: State, tmp_path: Path) -> None:
    program = tmp_path / "it's $(touch evil) here" / "platformctl"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "called $1 $2 $3" >&2\nexit 1\n')
    program.chmod(0o755)
    install_hooks(str(state.root), str(program))
    state.replace(TASK, "status: ready", "status: review")
    ran = committed(state, "-a")
    assert (ran.status, "called hooks run pre-commit" in ran.stderr) == (1, True)
    assert not (state.root / "evil").exists()


def test_status_names_every_worktree_and_who_else_manages_hooks(
    hooked: State, tmp_path: Path, platformctl: Platformctl
) -> None:
    hooked.git("worktree", "add", "-q", "-b", "other", str(tmp_path / "linked"))
    data = platformctl("hooks", "status", "--json").document["data"]
    assert data == {
        "hooks_dir": str(hooked.root / ".git/hooks"),
        "manager": "none",
        "hooks": [{"name": name, "state": "installed", "chained": False} for name in NAMES],
        "worktrees": [
            {"path": str(hooked.root), "runs": True},
            {"path": str(tmp_path / "linked"), "runs": True},
        ],
        "merge_driver": False,
    }
    hooked.git("config", "core.hooksPath", ".husky/_")
    data = platformctl("hooks", "status", "--json").document["data"]
    assert (data["manager"], [each["runs"] for each in data["worktrees"]]) == ("husky", [False, False])


def test_hooks_in_a_linked_worktree_are_those_of_the_repository(state: State, tmp_path: Path) -> None:
    state.git("worktree", "add", "-q", "-b", "other", str(tmp_path / "linked"))
    done = install_hooks(str(tmp_path / "linked"), PROGRAM).data
    assert done["hooks_dir"] == str(state.root / ".git/hooks")


def test_a_bare_repository_gets_no_client_hooks(state: State, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    state.git("clone", "-q", "--bare", ".", str(bare))
    with pytest.raises(StateError) as error:
        install_hooks(str(bare), PROGRAM)
    assert error.value.code == "repository_bare"


@pytest.mark.parametrize("way", [("hooks", "run", "pre-commit"), ("-q", "hooks", "run", "pre-commit")])
def test_run_prints_what_validate_prints(
    state: State, platformctl: Platformctl, way: tuple[str, ...]
) -> None:
    state.replace(TASK, "status: ready", "status: opne")
    state.git("add", "-A")
    ran = platformctl(*way)
    assert (ran.status, ran.stdout) == (1, platformctl("validate", "--staged", "-q").stdout)
    shown = platformctl(*way, "--json").document
    assert shown == platformctl("validate", "--staged", "--json").document


def test_a_name_that_is_no_hook_is_refused(state: State, platformctl: Platformctl) -> None:
    assert platformctl("hooks", "run", "post-checkout").status == 2
    assert platformctl("hooks", "run").status == 2


def test_a_hook_reads_the_index_that_git_names(state: State, platformctl: Platformctl) -> None:
    state.replace(TASK, "status: ready", "status: opne")
    other = state.root / ".git/other-index"
    env = {"GIT_INDEX_FILE": str(other)}
    subprocess.run(["git", "read-tree", "HEAD"], cwd=state.root, env={**os.environ, **env}, check=True)
    subprocess.run(["git", "add", "-A"], cwd=state.root, env={**os.environ, **env}, check=True)
    assert platformctl("hooks", "run", "pre-commit").status == 0
    assert platformctl("hooks", "run", "pre-commit", env=env).status == 1


def test_a_hook_starts_at_most_six_git_children(state: State, platformctl: Platformctl) -> None:
    state.replace(TASK, "status: ready", "status: review")
    state.git("add", "-A")
    cost = platformctl("hooks", "run", "pre-commit", "-v").stderr.partition("cost: ")[2]
    assert int(cost.partition('"git":')[2].partition(",")[0]) <= 6


def hook_findings(platformctl: Platformctl) -> list[str]:
    checks = platformctl("doctor", "--json").document["data"]["checks"]
    return [each["message"] for each in checks if each["code"].startswith("hooks_")]


def test_doctor_starts_each_hook_and_nothing_that_it_chains(state: State, platformctl: Platformctl) -> None:
    for name in NAMES:
        foreign_hook(state, "#!/bin/sh\ntouch ran\n", name)
    install_hooks(str(state.root), PROGRAM)
    assert hook_findings(platformctl) == []
    assert not (state.root / "ran").exists()
    assert not (state.root / ".git/ran").exists()


def test_a_probed_hook_refuses_so_that_the_variable_is_no_way_round(
    hooked: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooked.replace(TASK, "status: ready", "status: review")
    monkeypatch.setenv("PLATFORMSTATE_HOOK_PROBE", "x")
    ran = committed(hooked, "-a")
    assert (ran.status, "nothing was judged" in ran.stderr) == (1, True)


def test_doctor_finds_a_hook_that_does_not_start(
    hooked: State, platformctl: Platformctl, tmp_path: Path
) -> None:
    program = tmp_path / "platformctl"
    program.write_text("#!/nowhere/python\n")
    program.chmod(0o755)
    install_hooks(str(hooked.root), str(program))
    assert len(told := hook_findings(platformctl)) == len(NAMES)
    assert all("/nowhere/python, which is not there" in each for each in told)
    (tmp_path / "aside").write_text("#!/bin/sh\ntouch ran\n")
    program.unlink()
    program.symlink_to(PROGRAM)
    assert hook_findings(platformctl) == []


def test_doctor_starts_no_program_that_a_planted_hook_calls(
    state: State, platformctl: Platformctl, tmp_path: Path
) -> None:
    program = tmp_path / "platformctl"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    program.chmod(0o755)
    install_hooks(str(state.root), str(program))
    assert hook_findings(platformctl) == []
    assert not (tmp_path / "ran").exists()


def test_doctor_hears_a_hook_that_cannot_be_executed(hooked: State) -> None:
    repository = discover(hooked.root)
    hooks = hook_states(repository)
    shutil.rmtree(hooked.root / ".git/hooks")
    told = dict(silent_hooks(repository, hooks, PROGRAM))
    assert told == {}  # they are gone, and call nothing: their state says so
    install_hooks(str(hooked.root), PROGRAM)
    (hooked.root / ".git/hooks/pre-push").chmod(0o644)
    assert list(dict(silent_hooks(repository, hooks, PROGRAM))) == ["pre-push"]


def test_a_folder_of_hooks_that_git_passes_over_is_told(hooked: State, platformctl: Platformctl) -> None:
    hooked.git("config", "core.hooksPath", ".own")
    hook = hooked.write(".own/pre-commit", "#!/bin/sh\nplatformctl hooks run pre-commit\n")
    assert hook_findings(platformctl) != []
    hook.chmod(0o755)
    assert hook_findings(platformctl) == []
    hooked.git("config", "core.hooksPath", str(hooked.root / ".git/hooks"))
    assert hook_findings(platformctl) == []
