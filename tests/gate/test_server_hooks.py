"""Hooks that judge a push: on the server that receives it, and in the clone that makes it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from platformstate.actions.hook_files import hook_text
from platformstate.actions.hooks import hooks_status, install_hooks, uninstall_hooks
from platformstate.actions.refs import RefUpdate, pushed_refs, ref_updates
from platformstate.actions.validate import Wish, validate_state
from platformstate.errors import StateError
from tests.conftest import Platformctl
from tests.forking import Ran
from tests.gate.conftest import CHECKPOINT, TASK, State

PROGRAM = str(Path(sys.executable).with_name("platformctl"))
NULL = "0" * 40


def run(state: State, *argv: str, env: dict[str, str] | None = None) -> Ran:
    """Run git and return how it ended, whatever it said."""
    done = subprocess.run(
        ["git", *argv],
        cwd=state.root,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def edit(state: State, number: int = 0) -> str:
    """Commit a legal change."""
    state.replace(TASK, "labels:\n", f"labels:\n  - label-{number}\n")
    return state.commit(f"label {number}")


def forge(state: State) -> str:
    """Commit an edited checkpoint past the local hooks."""
    state.replace(CHECKPOINT, "pin the", "unpin the")
    return state.commit("forged")


@pytest.fixture
def server(state: State, tmp_path: Path) -> Path:
    """A bare repository with the server's hook, and `origin` of the example store."""
    bare = tmp_path / "server.git"
    state.git("clone", "-q", "--bare", ".", str(bare))
    state.git("remote", "add", "origin", str(bare))
    state.git("fetch", "-q", "origin")
    install_hooks(str(bare), PROGRAM, server=True)
    return bare


def test_50_07_a_bad_push_is_refused_and_a_good_one_passes(state: State, server: Path) -> None:
    edit(state)
    assert run(state, "push", "origin", "main").status == 0
    bad = forge(state)
    ran = run(state, "push", "origin", "main")
    assert ran.status == 1
    assert f"remote: {CHECKPOINT}:26:1: record_immutable_changed " in ran.stderr
    assert f"(in commit {bad[:12]})" in ran.stderr
    state.git("reset", "-q", "--hard", "HEAD~1")
    edit(state, 1)
    assert run(state, "push", "origin", "main", "main:new", "HEAD:refs/tags/t").status == 0


def test_50_07_a_protected_ref_is_neither_deleted_nor_rewound(state: State, server: Path) -> None:
    edit(state)
    state.git("push", "-q", "origin", "main", "main:other")
    ran = run(state, "push", "origin", ":main")
    assert (ran.status, "refs/heads/main:1:1: ref_deleted " in ran.stderr) == (1, True)
    assert run(state, "push", "origin", ":other").status == 0
    state.git("reset", "-q", "--hard", "HEAD~1")
    edit(state, 1)
    ran = run(state, "push", "--force", "origin", "main")
    assert (ran.status, "refs/heads/main:1:1: ref_rewound " in ran.stderr) == (1, True)
    assert run(state, "push", "--force", "origin", "main:side").status == 0


def test_which_refs_are_protected_is_the_servers_own_setting(state: State, server: Path) -> None:
    state.git("-C", str(server), "config", "platformstate.protectedRefs", "refs/heads/release/*")
    state.git("push", "-q", "origin", "main:release/1", "main:dev", "main:master")
    assert run(state, "push", "origin", ":release/1").status == 1
    assert run(state, "push", "origin", ":dev", ":master").status == 0


def test_what_a_forge_keeps_of_a_fork_is_judged_when_a_branch_brings_it(state: State) -> None:
    state.git("checkout", "-q", "-b", "work")
    state.replace(CHECKPOINT, "pin the", "unpin the")
    bad = state.commit("forced")
    state.git("update-ref", "refs/pull/1/head", bad)
    state.git("checkout", "-q", "main")
    state.git("branch", "-q", "-D", "work")
    pushed = ref_updates(f"{NULL} {bad} refs/heads/new\n")
    assert [row["code"] for row in state.data(refs=pushed)["problems"]] == ["record_immutable_changed"]


def test_a_new_branch_is_judged_from_where_it_leaves_the_known(state: State, server: Path) -> None:
    state.git("checkout", "-q", "-b", "work")
    edit(state)
    forge(state)
    assert run(state, "push", "origin", "work").status == 1
    state.git("reset", "-q", "--hard", "HEAD~1")
    assert run(state, "push", "origin", "work").status == 0


def test_a_server_without_the_program_refuses(state: State, server: Path, tmp_path: Path) -> None:
    (server / "hooks/pre-receive").write_bytes(hook_text("/nonexistent/platformctl", "server.sh"))
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("git", "sh", "cat", "git-receive-pack"):
        found = next(path for path in (Path("/usr/bin", name), Path("/bin", name)) if path.exists())
        (programs / name).symlink_to(found)
    edit(state)
    ran = run(state, "push", "origin", "main", env={"PATH": str(programs)})
    assert (ran.status, "platformctl not found, so the push is refused" in ran.stderr) == (1, True)


def test_an_older_hook_of_the_server_reads_the_same_refs_first(state: State, server: Path) -> None:
    uninstall_hooks(str(server))
    hook = server / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\ncat > seen.txt\n")
    hook.chmod(0o755)
    before = (hook.read_bytes(), hook.stat().st_mode)
    assert install_hooks(str(server), PROGRAM, server=True).data["chained"] == ["pre-receive"]
    forge(state)
    assert run(state, "push", "origin", "main").status == 1
    assert (server / "seen.txt").read_text().endswith(" refs/heads/main\n")
    assert uninstall_hooks(str(server)).data["restored"] == ["pre-receive"]
    assert (hook.read_bytes(), hook.stat().st_mode) == before
    assert sorted(path.name for path in hook.parent.iterdir() if "platformstate" in path.name) == []


def test_a_forges_folder_of_hooks_is_found_or_named(state: State, server: Path, tmp_path: Path) -> None:
    uninstall_hooks(str(server))
    (server / "hooks/pre-receive.d").mkdir()
    assert install_hooks(str(server), PROGRAM, server=True).data["installed"] == ["platformstate"]
    assert os.access(server / "hooks/pre-receive.d/platformstate", os.X_OK)
    assert [hook["state"] for hook in hooks_status(str(server)).data["hooks"]] == ["installed"]
    folder = server / "custom_hooks/pre-receive.d"
    done = install_hooks(str(tmp_path), PROGRAM, server=True, into=str(folder)).data
    assert (done["hooks_dir"], done["installed"]) == (str(folder), ["platformstate"])
    assert uninstall_hooks(str(tmp_path), into=str(folder)).data["removed"] == ["platformstate"]
    plain = install_hooks(str(tmp_path), PROGRAM, server=True, into="hooks").data
    assert (plain["hooks_dir"], plain["installed"]) == (str(tmp_path / "hooks"), ["pre-receive"])


def test_a_folder_is_for_the_hook_of_a_server_only(state: State) -> None:
    with pytest.raises(StateError) as error:
        install_hooks(str(state.root), PROGRAM, into="hooks")
    assert error.value.code == "usage_invalid"


def test_the_status_of_a_server_says_what_is_there(server: Path, state: State) -> None:
    data = hooks_status(str(server)).data
    assert data["hooks"] == [{"name": "pre-receive", "state": "installed", "chained": False}]
    assert (data["worktrees"], data["manager"]) == ([], "none")
    uninstall_hooks(str(server))
    answer = hooks_status(str(server))
    assert answer.data["hooks"][0]["state"] == "absent"
    assert answer.next == ("platformctl hooks install --server",)


def test_a_push_says_twenty_findings_and_counts_the_rest(state: State, server: Path) -> None:
    for number in range(30):
        state.write(f"state/tasks/gh-460/{number}.md", "x\n")
    state.commit("litter")
    ran = run(state, "push", "origin", "main")
    assert ran.stderr.count(": path_unexpected ") == 20
    assert "and 10 more" in ran.stderr


def test_the_lines_of_a_push_may_be_judged_by_hand(
    state: State, server: Path, platformctl: Platformctl
) -> None:
    old = state.git("rev-parse", "HEAD").strip()
    new = forge(state)
    ran = platformctl("validate", "--stdin-refs", "--json", stdin=f"{old} {new} refs/heads/main\n")
    data = ran.document["data"]
    assert (ran.status, data["mode"], data["from"], data["to"], data["commits"]) == (
        1,
        "stdin-refs",
        old,
        new,
        1,
    )
    assert [each["commit"] for each in data["problems"]] == [new]
    assert platformctl("validate", "--stdin-refs").status == 0
    assert platformctl("validate", "--stdin-refs", stdin="nonsense\n").status == 2


def test_two_refs_with_the_same_commits_tell_of_them_once(state: State) -> None:
    old = state.git("rev-parse", "HEAD").strip()
    new = forge(state)
    refs = [RefUpdate(old, new, f"refs/heads/{name}") for name in ("one", "two")]
    data = validate_state(str(state.root), Wish(refs=refs)).data
    assert (data["from"], data["to"], data["base"]) == (None, None, [old])
    assert (data["commits"], data["counts"]["error"], len(data["problems"])) == (1, 1, 1)


def test_what_is_no_commit_is_not_judged(state: State) -> None:
    blob = state.git("rev-parse", f"HEAD:{TASK}").strip()
    answer = validate_state(str(state.root), Wish(refs=[RefUpdate(None, blob, "refs/tags/blob")]))
    assert (answer.error, answer.data["files"]) == (None, 0)
    state.git("tag", "-a", "-m", "annotated", "t")
    tag = state.git("rev-parse", "t").strip()
    assert validate_state(str(state.root), Wish(refs=[RefUpdate(None, tag, "refs/tags/t")])).error is None


def test_the_lines_that_git_gives_to_hooks_are_read() -> None:
    one, two = "1" * 40, "2" * 40
    assert ref_updates(f"{one} {NULL} refs/heads/x\n") == [RefUpdate(one, None, "refs/heads/x")]
    assert pushed_refs(f"refs/heads/x {two} refs/heads/y {NULL}\n", "up-stream") == [
        RefUpdate(None, two, "refs/heads/y", ("--remotes=up-stream",), False)
    ]
    assert pushed_refs(f"(delete) {NULL} refs/heads/y {one}\n", "https://x/y")[0].known == ("--remotes",)
    for text in ("x y z\n", f"{one} refs/heads/x\n", f"{one} {'g' * 40} x\n"):
        with pytest.raises(StateError):
            ref_updates(text)


@pytest.fixture
def pushing(state: State, server: Path) -> State:
    """A clone with our hooks, whose server judges nothing."""
    uninstall_hooks(str(server))
    install_hooks(str(state.root), PROGRAM)
    return state


def test_a_push_of_bad_state_is_refused_in_the_clone(pushing: State) -> None:
    edit(pushing)
    assert run(pushing, "push", "-q", "origin", "main").status == 0
    forge(pushing)
    ran = run(pushing, "push", "origin", "main", "main:refs/heads/new")
    assert (ran.status, "record_immutable_changed" in ran.stdout + ran.stderr) == (1, True)
    assert run(pushing, "push", "-q", "origin", "HEAD~1:refs/heads/new").status == 0
    assert run(pushing, "push", "-q", "origin", ":new").status == 0


def test_the_pre_commit_framework_names_what_is_pushed(pushing: State, platformctl: Platformctl) -> None:
    start = pushing.git("rev-parse", "HEAD").strip()
    bad = forge(pushing)
    told = {"PRE_COMMIT": "1", "PRE_COMMIT_FROM_REF": start, "PRE_COMMIT_TO_REF": bad}
    assert platformctl("hooks", "run", "pre-push", env=told).status == 1
    assert platformctl("hooks", "run", "pre-push", env={**told, "PRE_COMMIT_TO_REF": start}).status == 0
    assert platformctl("hooks", "run", "pre-push", env={"PRE_COMMIT": "1"}).status == 1


def test_a_merge_warns_of_what_two_sides_break_together(pushing: State) -> None:
    pushing.git("checkout", "-q", "-b", "work")
    path = pushing.add_task("gh-462", depends_on="  - gh-463")
    pushing.add_task("gh-463")
    pushing.commit("one that depends")
    pushing.git("checkout", "-q", "-b", "gone")
    pushing.remove("state/tasks/gh-463")
    pushing.commit("gone")
    pushing.git("checkout", "-q", "main")
    ran = run(pushing, "merge", "gone")  # fast-forward: no commit is made here, so none is judged
    assert ran.status == 0
    assert f"{path}:16:5: reference_dangling" in ran.stdout + ran.stderr
    assert "the merged state has 1 error in 1 file" in ran.stderr


def test_a_merge_without_state_starts_no_program(state: State) -> None:
    install_hooks(str(state.root), "/bin/false")
    state.git("checkout", "-q", "-b", "work")
    state.write("src/x.py", "x = 1\n")
    state.git("add", "-A")
    state.git("commit", "-q", "-m", "code")
    state.git("checkout", "-q", "main")
    assert run(state, "merge", "work").status == 0


def test_nothing_that_hinders_a_merge_hook_fails_it(state: State, platformctl: Platformctl) -> None:
    state.remove("state/store.yaml")
    state.commit("no store")
    state.git("reset", "-q", "--hard", "HEAD")
    ran = platformctl("hooks", "run", "post-merge", "0")
    assert ran.status == 0


def test_another_manager_that_calls_us_counts(state: State) -> None:
    state.write(".git/hooks/pre-commit", "#!/bin/sh\n# File generated by pre-commit\n").chmod(0o755)
    assert not hooks_status(str(state.root)).data["worktrees"][0]["runs"]
    state.write(".pre-commit-config.yaml", "repos:\n- repo: x\n  hooks:\n  - id: platformstate-validate\n")
    data = hooks_status(str(state.root)).data
    assert (data["manager"], data["worktrees"][0]["runs"]) == ("pre-commit", True)
    state.git("config", "core.hooksPath", ".husky/_")
    assert not hooks_status(str(state.root)).data["worktrees"][0]["runs"]
    state.write(".husky/_/pre-commit", "#!/bin/sh\n").chmod(0o755)
    state.write(".husky/pre-commit", "platformctl hooks run pre-commit\n")
    data = hooks_status(str(state.root)).data
    assert (data["manager"], data["worktrees"][0]["runs"]) == ("husky", True)


def test_each_worktree_is_asked_for_its_own_hooks_folder(state: State, tmp_path: Path) -> None:
    install_hooks(str(state.root), PROGRAM)
    state.git("worktree", "add", "-q", "-b", "other", str(tmp_path / "linked"))
    state.git("config", "extensions.worktreeConfig", "true")
    state.git("-C", str(tmp_path / "linked"), "config", "--worktree", "core.hooksPath", ".hooks")
    rows = {Path(each["path"]).name: each["runs"] for each in hooks_status(str(state.root)).data["worktrees"]}
    assert rows == {"repo": True, "linked": False}


def test_doctor_says_whether_the_hooks_run(state: State, platformctl: Platformctl) -> None:
    def codes() -> list[str]:
        checks = platformctl("doctor", "--json").document["data"]["checks"]
        return [each["code"] for each in checks if each["code"].startswith("hooks_")]

    assert codes() == ["hooks_missing"]
    install_hooks(str(state.root), PROGRAM)
    assert codes() == []
    (state.root / ".git/hooks/pre-push").chmod(0o644)
    assert codes() == ["hooks_outdated"]


def test_the_hooks_of_the_pre_commit_framework_are_declared() -> None:
    import yaml

    home = Path(__file__).parent.parent.parent
    hooks = {each["id"]: each for each in yaml.safe_load((home / ".pre-commit-hooks.yaml").read_text())}
    assert list(hooks) == ["platformstate-validate", "platformstate-fmt", "platformstate-prepush"]
    for hook in hooks.values():
        assert (hook["language"], hook["minimum_pre_commit_version"]) == ("python", "3.2.0")
    validate = hooks["platformstate-validate"]
    assert (validate["entry"], validate["pass_filenames"], validate["require_serial"]) == (
        "platformctl hooks run pre-commit",
        False,
        True,
    )
    assert validate["stages"] == ["pre-commit", "pre-merge-commit", "manual"]
    assert hooks["platformstate-prepush"]["stages"] == ["pre-push"]
