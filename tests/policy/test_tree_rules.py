"""Names and modes of a state tree: a table of hostile and of harmless ones."""

from __future__ import annotations

import pytest

from platformstate.core.tree import Entry
from platformstate.policy.tree_rules import path_problems

RUN = "state/tasks/a/runs/20261120t101130z-7fq2ka"


@pytest.mark.parametrize(
    "path,code",
    [
        ("state/tasks/a/notes.md", "path_unexpected"),
        ("state/tasks/a/Task.md", "path_unexpected"),
        ("state/tasks/task.md", "path_unexpected"),
        ("state/tasks", "path_unexpected"),
        ("state/evidence/x.md", "path_unexpected"),
        ("state/schemas/other.schema.json", "path_unexpected"),
        (f"{RUN}/notes.md", "path_unexpected"),
        (f"{RUN}/checkpoints/x/y.md", "path_unexpected"),
        ("state/tasks/GH-460/task.md", "id_invalid"),
        ("state/tasks/a--b/task.md", "id_invalid"),
        ("state/tasks/a/runs/x_y/run.md", "id_invalid"),
        ("state/evidence/A.json", "id_invalid"),
        (f"state/tasks/{'a' * 65}/task.md", "id_invalid"),
        ("state/tasks/a b/task.md", "path_name_invalid"),
        ("state/tasks/ä/task.md", "path_name_invalid"),
        ("state/tasks/-a/task.md", "path_name_invalid"),
        ("state/tasks/.a/task.md", "path_name_invalid"),
        ("state/tasks/a./task.md", "path_name_invalid"),
        ("state/tasks/con/task.md", "path_name_invalid"),
        ("state/tasks/com1.x/task.md", "path_name_invalid"),
        ("state/tasks/a/task.md.lock", "path_name_invalid"),
        ("state/tasks/a/.gitattributes", "path_name_invalid"),
        ("state/x/HEAD", "path_name_invalid"),
        ("state/x/Config", "path_name_invalid"),
        ("state/.gitignore", "path_name_invalid"),
        ("state/x/a\x1b[31m.txt", "path_name_invalid"),
        ("state/x/a\u202e.txt", "path_name_invalid"),
        ("state/x/a\udcff.txt", "path_name_invalid"),
        ("state/x/e\u0301.txt", "path_name_invalid"),
        ("state/x/-rf", "path_name_invalid"),
        ("state/x/:a", "path_name_invalid"),
        ("state/x/a ", "path_name_invalid"),
        (f"state/x/{'a' * 256}", "path_name_invalid"),
        (f"state/x/{'é' * 128}", "path_name_invalid"),
        (f"state/x/{'abcdefgh/' * 100}f", "path_name_invalid"),
        (f"{RUN}/artifacts/.git/config", "path_name_invalid"),
        (f"{RUN}/artifacts/.GITMODULES", "path_name_invalid"),
    ],
)
def test_a_bad_name_is_refused_with_its_code(path: str, code: str) -> None:
    (problem,) = path_problems([Entry(path, "100644")])
    assert (problem.path, problem.line, problem.col, problem.code) == (path, 1, 1, code)
    assert problem.fix


@pytest.mark.parametrize(
    "path",
    [
        "state/store.yaml",
        "state/README.md",
        "state/tasks/a/task.md",
        "state/evidence/operator-20261120t101130z-7fq2ka.json",
        "state/templates/CODEX_CHECKPOINT.md",
        "state/schemas/task.schema.json",
        f"{RUN}/run.md",
        f"{RUN}/events.jsonl",
        f"{RUN}/checkpoints/20261120t101130z-7fq2ka.md",
        f"{RUN}/logs/0.1.log",
        f"{RUN}/artifacts/reports/ü ber.html",
        f"{RUN}/artifacts/HEAD",
        f"{RUN}/artifacts/config",
        "state/mine/notes ü.txt",
        "src/HEAD",
        "other/state/tasks/A",
    ],
)
def test_a_name_of_the_layout_or_of_another_folder_passes(path: str) -> None:
    assert path_problems([Entry(path, "100644")]) == ()


@pytest.mark.parametrize("mode", ["120000", "160000", "100755", "010000"])
@pytest.mark.parametrize("path", ["state", "state/tasks", "state/tasks/a/task.md", "state/x/y"])
def test_only_plain_files_are_allowed(path: str, mode: str) -> None:
    (problem,) = path_problems([Entry(path, mode)])
    assert (problem.path, problem.code) == (path, "path_mode_invalid")


def test_a_fix_is_safe_to_paste_whatever_the_name() -> None:
    (problem,) = path_problems([Entry("state/x/$(rm -rf ~)", "100755")])
    assert "'state/x/$(rm -rf ~)'" in problem.fix


def test_folders_equal_but_for_case_are_told_at_their_first_file() -> None:
    paths = ("state/mine/a", "state/Mine/b", "state/Mine/c")
    found = path_problems([Entry(path, "100644") for path in paths])
    assert [(each.path, each.code) for each in found] == [("state/Mine/b", "path_case_collision")]


def test_files_equal_but_for_case_are_told() -> None:
    found = path_problems([Entry("state/mine/A", "100644"), Entry("state/mine/a", "100644")])
    assert [(each.path, each.code) for each in found] == [("state/mine/a", "path_case_collision")]


def test_a_repository_among_artifacts_is_found_by_its_head() -> None:
    found = path_problems(
        [Entry(f"{RUN}/artifacts/x/{name}", "100644") for name in ("HEAD", "objects/pack/a", "refs/b")]
    )
    assert [(each.path, each.code) for each in found] == [(f"{RUN}/artifacts/x/HEAD", "path_name_invalid")]


def test_only_selected_paths_are_told_but_all_are_compared() -> None:
    entries = [
        Entry("state/mine/A", "100644"),
        Entry("state/mine/a", "100644"),
        Entry("state/x/HEAD", "100644"),
    ]
    found = path_problems(entries, {"state/mine/a"})
    assert [(each.path, each.code) for each in found] == [("state/mine/a", "path_case_collision")]
