"""Hostile repositories: links, modes, attributes and settings; nothing is followed and nothing runs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from platformstate.actions.diff import diff_state
from platformstate.actions.fmt import format_files
from platformstate.actions.hooks import install_hooks, uninstall_hooks
from platformstate.actions.merge_driver import merge_files
from platformstate.actions.textconv import text_for_git
from platformstate.actions.validate import Wish, validate_state
from platformstate.errors import StateError
from tests.conftest import Repo
from tests.gate.conftest import CHECKPOINT, TASK, State
from tests.gate.test_hooks import PROGRAM
from tests.gitrepo.test_hostile_config import KEYS

OUTSIDE = "outside.txt"


def linked_file(state: State) -> None:
    state.remove(TASK)
    (state.root / TASK).symlink_to(state.root.parent / OUTSIDE)


def linked_folder(state: State) -> None:
    state.remove("state/tasks")
    (state.root / "state/tasks").symlink_to(state.root.parent)


def linked_state(state: State) -> None:
    (state.root / "state").rename(state.root.parent / "elsewhere")
    (state.root / "state").symlink_to(state.root.parent / "elsewhere")


def link_to_itself(state: State) -> None:
    state.remove(TASK)
    (state.root / TASK).symlink_to("task.md")


def link_to_a_device(state: State) -> None:
    (state.root / "state/tasks/gh-460/runs/zero.md").symlink_to("/dev/zero")


def link_into_git(state: State) -> None:
    state.write("state/mine/x", "x")
    (state.root / "state/mine/y").symlink_to("../../.git/config")


def executable(state: State) -> None:
    (state.root / TASK).chmod(0o755)


def pipe(state: State) -> None:
    os.mkfifo(state.root / "state/tasks/gh-460/pipe")


def embedded(state: State) -> None:
    state.git("init", "-q", "state/mine")
    Repo(state.root / "state/mine").git("config", "core.fsmonitor", "touch canary; false")


def embedded_bare(state: State) -> None:
    state.git("init", "-q", "--bare", "state/mine")


def embedded_in_artifacts(state: State) -> None:
    folder = CHECKPOINT.rpartition("/checkpoints/")[0] + "/artifacts/x"
    state.write(f"{folder}/HEAD", "ref: refs/heads/main\n")
    state.write(f"{folder}/objects/a", "x")


def submodule(state: State) -> None:
    oid = state.git("rev-parse", "HEAD").strip()
    state.git("update-index", "--add", "--cacheinfo", f"160000,{oid},state/mine")


ARRANGED: list[tuple[Callable[[State], None], str, str]] = [
    (linked_file, "path_mode_invalid", "a record that is a link out of the repository"),
    (linked_folder, "path_mode_invalid", "a folder of records that is a link"),
    (linked_state, "path_mode_invalid", "a whole store that is a link"),
    (link_to_itself, "path_mode_invalid", "a link that never ends"),
    (link_to_a_device, "path_mode_invalid", "a link to a file without end"),
    (link_into_git, "path_mode_invalid", "a link into git's own folder"),
    (executable, "path_mode_invalid", "a record that can be run"),
    (pipe, "path_mode_invalid", "a pipe, on which a reader waits for ever"),
    (embedded, "path_mode_invalid", "a repository whose config names a program"),
    (embedded_bare, "path_name_invalid", "a bare repository, whose config git obeys"),
    (embedded_in_artifacts, "path_name_invalid", "the same among artifacts"),
    (submodule, "path_mode_invalid", "a submodule, which a clone would fetch"),
]


def read_everything(state: State) -> set[str]:
    """Do every reading, of the working files and of the index, and return the codes that came."""
    root = str(state.root)
    codes: set[str] = set()
    for reading in (
        lambda: validate_state(root, Wish(max_problems=0)),
        lambda: validate_state(root, Wish(staged=True)),
        lambda: diff_state(root),
        lambda: diff_state(root, staged=True),
        lambda: format_files(root),
        lambda: format_files(root, fix=True),
    ):
        try:
            answer = reading()
        except StateError as refused:
            codes.add(refused.code)
            continue
        codes |= {each["code"] for each in answer.data.get("problems", [])}
    return codes


@pytest.mark.parametrize(
    ("arrange", "code", "reason"), ARRANGED, ids=lambda value: getattr(value, "__name__", "")
)
def test_what_is_no_plain_file_is_named_and_never_opened(
    state: State, arrange: Callable[[State], None], code: str, reason: str
) -> None:
    outside = state.root.parent / OUTSIDE
    outside.write_text("---\ntitle: outside\n---\n")
    arrange(state)
    if arrange not in (linked_state, submodule, pipe):
        subprocess.run(["git", "add", "-A"], cwd=state.root, capture_output=True, check=False)
    assert code in read_everything(state), reason
    assert "internal_error" not in read_everything(state)
    assert outside.read_text() == "---\ntitle: outside\n---\n"
    assert not list(state.root.rglob("canary"))


ATTRIBUTES = [
    ("state/** filter=evil", "path_attributes_unsafe", "a filter runs a program of the reader's config"),
    ("*.md filter=lfs", "path_attributes_unsafe", "a filter that most machines define"),
    ("state/** ident", "path_attributes_unsafe", "git would put ids into the bytes"),
    ("state/** working-tree-encoding=UTF-16", "path_attributes_unsafe", "the blob and the file would differ"),
    ("state/** text eol=crlf", "path_attributes_unsafe", "the line ends would differ"),
    ("state/** merge=union", "path_attributes_unsafe", "a merge would keep both sides of a field"),
    ("[attr]evil filter=x\nstate/** evil", "path_attributes_unsafe", "a macro that hides a filter"),
    ('"state/**" merge=union', "path_attributes_unsafe", "a quoted pattern"),
    ("state/** diff=evil", None, "a diff driver is not used here"),
    ("state/** merge=evil", None, "a merge driver is the reader's own to define"),
    ("state/** export-ignore linguist-generated", None, "attributes that harm nothing"),
]


@pytest.mark.parametrize(("text", "code", "reason"), ATTRIBUTES)
def test_attributes_that_change_bytes_are_named(
    state: State, text: str, code: str | None, reason: str
) -> None:
    state.write(".gitattributes", f"{text}\n")
    for key in ("filter.evil.clean", "filter.x.smudge", "filter.lfs.process", "diff.evil.textconv"):
        state.git("config", key, f"touch {state.root}/canary; false")
    found = {each["code"] for each in validate_state(str(state.root), Wish()).data["problems"]}
    assert found == ({code} if code else set()), reason
    state.replace(TASK, "priority: p1", "priority: p0")
    assert diff_state(str(state.root)).data["changes"]
    assert not (state.root / "canary").exists()


def test_no_setting_of_a_hostile_config_runs_a_program(state: State, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    state.write(".gitattributes", "state/** filter=plain diff=md merge=md\n")
    state.commit("attributes")
    state.replace(TASK, "priority: p1", "priority: p0")
    base = state.git("rev-parse", "HEAD~1").strip()
    for key in (*KEYS, "core.hooksPath", "merge.default"):
        state.git("config", key, f"touch {canary}; false")
    root = str(state.root)
    diff_state(root)
    diff_state(root, f"{base}..HEAD")
    diff_state(root, staged=True)
    validate_state(root, Wish(staged=True))
    validate_state(root, Wish(range=f"{base}..HEAD"))
    format_files(root, check=True)
    text_for_git(root, TASK)
    for name in "OAB":
        (state.root / name).write_text(state.text(TASK).replace("p0", f"p{ord(name) % 3}"))
    merge_files(root, "O", "A", "B", TASK)
    uninstall_hooks(root)
    with pytest.raises(StateError) as refused:
        install_hooks(root, PROGRAM, merge_driver=True)
    assert refused.value.code == "hooks_path_foreign"
    assert not canary.exists()


def test_a_name_with_quotes_and_blanks_stays_one_word_of_the_driver(state: State) -> None:
    state.write(".gitattributes", "state/** merge=platformstate\n")
    state.commit("attributes")
    install_hooks(str(state.root), PROGRAM, merge_driver=True)
    path = "state/mine/a b;touch canary'$(touch canary).md"
    for branch, text in (("a", "one\n"), ("b", "two\n")):
        state.git("checkout", "-q", "-b", branch, "main")
        state.write(path, text)
        state.commit(branch)
    state.git("merge", "-q", "-m", "merge", "a", check=False)
    assert not list(state.root.rglob("canary"))
    assert "<<<<<<<" in state.text(path)
