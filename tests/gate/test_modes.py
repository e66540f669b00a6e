"""The modes of `validate`: what each judges, against what, and whose findings count."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from platformstate.actions.validate import Wish, validate_state
from platformstate.errors import StateError
from tests.conftest import Platformctl, Repo
from tests.gate.conftest import CHECKPOINT, HEADER, JOURNAL, OTHER_TASK, RUN, TASK, State


def refused(directory: Path | str, **wish: object) -> str:
    with pytest.raises(StateError) as error:
        validate_state(str(directory), Wish(**wish))  # type: ignore[arg-type]  # a test's shorthand
    return error.value.code


def test_50_02_a_misspelt_status_is_told_exactly(state: State, platformctl: Platformctl) -> None:
    state.replace(TASK, "status: ready", "status: opne")
    ran = platformctl("validate", "--json")
    error = ran.document["error"]
    assert (ran.status, error["code"]) == (1, "state_invalid")
    (problem,) = error["problems"]
    assert (problem["code"], problem["line"], problem["col"]) == ("field_value_invalid", 7, 9)
    assert (problem["pointer"], problem["severity"], problem["path"]) == ("/status", "error", TASK)
    assert set(problem) == {"code", "severity", "path", "line", "col", "pointer", "message", "fix"}
    text = platformctl("validate")
    assert text.stdout.startswith(f'{TASK}:7:9: field_value_invalid status "opne" is not one of ')
    assert "\n  fix: " in text.stdout


def test_50_03_conflict_markers_are_the_only_finding_of_their_file(state: State) -> None:
    state.write(TASK, "---\nid: x\n<<<<<<< a\ntitle: one\n=======\ntitle: two\ntitle: two\n>>>>>>> b\n---\n")
    assert state.found() == [f"{TASK}:3:1: conflict_markers_present"]


def test_the_data_has_exactly_the_keys_of_the_contract(state: State) -> None:
    data = state.data()
    assert list(data) == [
        *("mode", "from", "to", "base", "files", "commits", "rules", "counts"),
        *("problems_truncated", "problems"),
    ]
    assert data["rules"] == {"content": True, "cross_file": True, "transition": True, "history": "commits"}
    assert data["base"] == [state.git("rev-parse", "HEAD").strip()]
    assert data["files"] == len(state.git("ls-files", "state").split())
    assert data["counts"] == {"error": 0, "warning": 0}
    rev = state.data(rev="HEAD")
    assert (rev["mode"], rev["to"], rev["rules"]["history"]) == ("rev", data["base"][0], "none")
    assert state.data(rev="HEAD", base="HEAD")["rules"]["history"] == "endpoints"


def test_staged_judges_the_index_and_not_the_working_file(state: State) -> None:
    state.replace(TASK, "status: ready", "status: opne")
    state.git("add", "-A")
    state.replace(TASK, "status: opne", "status: ready")
    assert state.found(staged=True) == [f"{TASK}:7:9: field_value_invalid"]
    assert state.found() == []
    state.git("add", "-A")
    state.replace(TASK, "status: ready", "status: opne")
    assert state.found(staged=True) == []
    assert state.data(staged=True)["files"] == 0


def test_staged_tells_only_of_changed_paths_and_who_refers_to_them(state: State) -> None:
    state.add_task("gh-462", depends_on="  - gh-461")
    state.replace(TASK, "status: ready", "status: opne")
    state.commit("one bad, one that depends")
    state.replace(OTHER_TASK, "priority: p2", "priority: p3")
    state.git("add", "-A")
    assert state.found(staged=True) == []
    state.git("rm", "-q", "-r", "-f", "state/tasks/gh-461")
    assert "state/tasks/gh-462/task.md:16:5: reference_dangling" in state.found(staged=True)
    assert f"{TASK}:7:9: field_value_invalid" not in state.found(staged=True)


def test_a_staged_circle_is_found_through_unchanged_tasks(state: State) -> None:
    state.add_task("gh-462", depends_on="  - gh-463")
    state.add_task("gh-463", depends_on="  - gh-460")
    state.commit("a chain")
    state.replace(TASK, "depends_on: []", "depends_on:\n  - gh-462")
    state.git("add", "-A")
    assert state.found(staged=True) == [f"{TASK}:16:5: task_dependency_cycle"]
    assert "gh-460 → gh-462 → gh-463 → gh-460" in state.data(staged=True)["problems"][0]["message"]


def test_a_staged_checkpoint_is_held_against_its_unchanged_run(state: State) -> None:
    new = CHECKPOINT.replace("7fq2ka.md", "zzzzzz.md")
    text = state.text(CHECKPOINT).replace("7fq2ka", "zzzzzz", 1).replace("author: codex", "author: claude")
    state.write(new, text)
    state.git("add", "-A")
    assert state.found(staged=True) == [f"{new}:8:9: checkpoint_author_mismatch"]


def test_a_staged_journal_is_held_against_its_unchanged_header(state: State) -> None:
    state.write(JOURNAL, "".join(state.text(JOURNAL).splitlines(keepends=True)[:2]))
    state.git("add", "-A")
    assert state.found(staged=True) == [
        f"{JOURNAL}:2:1: run_journal_rewritten",
        f"{HEADER}:5:9: run_header_differs",
    ]


def test_paths_limit_the_findings_not_what_is_known(state: State) -> None:
    state.replace(TASK, "status: ready", "status: opne")
    state.replace(OTHER_TASK, "depends_on: []", "depends_on:\n  - gh-460")
    assert state.found(paths=[OTHER_TASK]) == []
    assert state.found(paths=["state/tasks/gh-460"]) == [f"{TASK}:7:9: field_value_invalid"]
    assert state.found(paths=[str(state.root / TASK)]) == [f"{TASK}:7:9: field_value_invalid"]
    state.remove(CHECKPOINT)
    assert state.found(paths=[CHECKPOINT]) == [f"{CHECKPOINT}:1:1: record_immutable_deleted"]


def test_paths_are_read_from_where_the_command_stands(state: State, platformctl: Platformctl) -> None:
    state.replace(TASK, "status: ready", "status: opne")
    ran = platformctl("validate", "gh-460", cwd=state.root / "state/tasks")
    assert ran.stdout.startswith(f"{TASK}:7:9: ")


@pytest.mark.parametrize("path", ["src/x.py", "state/../x", "/etc/passwd", "state/tasks/none", ".."])
def test_a_path_that_is_no_state_is_refused(state: State, path: str) -> None:
    assert refused(state.root, paths=[path]) == "usage_invalid"


def test_an_editor_judges_its_unsaved_text(state: State, platformctl: Platformctl) -> None:
    text = state.text(TASK).replace("status: ready", "status: opne")
    ran = platformctl("validate", "--stdin-path", TASK, "--format", "text", stdin=text)
    assert (ran.status, ran.stdout.split(" ")[0]) == (1, f"{TASK}:7:9:")
    new = platformctl("validate", "--stdin-path", "state/tasks/new/task.md", stdin=text)
    assert "path_mismatch" not in new.stdout  # the schema fails first
    clean = platformctl("validate", "--stdin-path", TASK, stdin=state.text(TASK))
    assert (clean.status, clean.stdout) == (0, "")


def test_unsaved_text_of_an_immutable_record_is_compared_with_head(state: State) -> None:
    text = state.text(CHECKPOINT).replace("pin the", "unpin the").encode()
    assert state.found(text_path=CHECKPOINT, text=text) == [f"{CHECKPOINT}:26:1: record_immutable_changed"]


def test_a_commit_is_judged_whole_wherever_head_stands(state: State) -> None:
    first = state.git("rev-parse", "HEAD").strip()
    state.replace(TASK, "status: ready", "status: opne")
    state.commit("bad")
    assert state.found(rev="HEAD") == [f"{TASK}:7:9: field_value_invalid"]
    assert state.found(rev=first) == state.found(rev="HEAD~1") == []


def test_another_base_may_be_named(state: State) -> None:
    state.replace(CHECKPOINT, "pin the", "unpin the")
    state.commit("edited and committed")
    assert state.found() == []
    assert state.found(base="HEAD~1") == [f"{CHECKPOINT}:26:1: record_immutable_changed"]


def test_at_a_merge_bytes_hold_against_every_parent_and_fields_against_one(state: State) -> None:
    state.git("checkout", "-q", "-b", "work")
    new = CHECKPOINT.replace("7fq2ka.md", "zzzzzz.md")
    state.write(new, state.text(CHECKPOINT).replace("7fq2ka", "zzzzzz", 1))
    state.commit("a checkpoint on the branch")
    state.git("checkout", "-q", "main")
    state.replace(OTHER_TASK, "priority: p2", "priority: p3")
    state.commit("work on main")
    state.git("merge", "-q", "--no-commit", "--no-ff", "work")
    assert state.found(staged=True) == []
    state.replace(new, "pin the", "unpin the")
    state.git("add", "-A")
    assert state.found(staged=True) == [f"{new}:26:1: record_immutable_changed"]
    assert len(state.data(staged=True)["base"]) == 2
    state.git("commit", "-q", "--no-verify", "-m", "evil merge")
    assert state.found(rev="HEAD") == [f"{new}:26:1: record_immutable_changed"]


def test_a_merge_may_take_either_sides_field_but_no_third(state: State) -> None:
    state.git("checkout", "-q", "-b", "work")
    state.replace(TASK, "created_by: operator", "created_by: ann")
    state.commit("changed there")
    state.git("checkout", "-q", "main")
    state.git("merge", "-q", "--no-ff", "-m", "merge", "work")
    assert state.found(rev="HEAD") == []
    state.replace(TASK, "created_by: ann", "created_by: bob")
    state.git("commit", "-q", "-a", "--amend", "--no-verify", "-m", "evil merge")
    assert state.found(rev="HEAD") == [f"{TASK}:24:1: field_immutable"]


def test_an_ignored_file_is_no_state_but_a_tracked_one_is(state: State) -> None:
    state.write(".gitignore", "state/**/logs/\n")
    log = f"{RUN}/logs/0.1.log"
    state.write(log, "ghp_" + "a1B2" * 9 + "\n")
    assert state.found() == []
    state.git("add", "-f", log)
    assert state.found() == [f"{log}:1:1: secret_found"]


def test_a_record_that_an_ignore_rule_hides_is_told(state: State) -> None:
    state.write(".gitignore", "*.o\ngh-470/\n# >>> platformstate\nstate/**/.ps-*\n# <<< platformstate\n")
    path = state.add_task("gh-470")
    state.write("state/mine/gh-470/x.txt", "foreign, so not told\n")
    assert state.found() == [f"{path}:1:1: path_ignored"]
    assert ".gitignore:2" in state.data(paths=[path])["problems"][0]["message"]


def test_content_that_this_clone_lacks_is_never_skipped(state: State) -> None:
    oid = state.git("rev-parse", f"HEAD:{TASK}").strip()
    (state.root / ".git/objects" / oid[:2] / oid[2:]).unlink()
    assert refused(state.root, rev="HEAD") == "history_missing"
    assert state.found() == []


def test_a_finding_may_be_allowed_for_once(state: State) -> None:
    state.replace(TASK, "status: ready", "status: opne")
    data = state.data(allow=[f"field_value_invalid:{TASK}"])
    assert data["counts"] == {"error": 0, "warning": 1}
    assert state.data(allow=["field_value_invalid:state/tasks/gh-460"])["counts"]["error"] == 0
    assert state.data(allow=["field_value_invalid:state/tasks/gh-46"])["counts"]["error"] == 1
    assert refused(state.root, allow=["no_such_code"]) == "usage_invalid"


def test_warnings_may_count_as_errors(state: State) -> None:
    state.write(TASK, state.text(TASK).rstrip("\n"))
    assert state.data()["counts"] == {"error": 0, "warning": 1}
    assert state.data(warnings_as_errors=True)["counts"] == {"error": 1, "warning": 0}


def test_findings_are_cut_at_a_number_but_counted(state: State, platformctl: Platformctl) -> None:
    for number in range(5):
        state.write(f"state/tasks/gh-460/{number}.md", "x\n")
    data = state.data(max_problems=2)
    assert (len(data["problems"]), data["problems_truncated"], data["counts"]["error"]) == (2, True, 5)
    assert len(state.data(max_problems=0)["problems"]) == 5
    assert "and 3 more" in platformctl("validate", "--max-problems", "2").stdout


def test_a_secret_may_be_declared_harmless_in_this_clone(state: State) -> None:
    state.write("state/mine/x.txt", "glpat-" + "xY_3" * 5 + "\n")
    (problem,) = state.data()["problems"]
    state.git(*problem["fix"].partition("harmless: git ")[2].split())
    assert state.found() == []


def test_two_modes_at_once_are_refused(state: State, platformctl: Platformctl) -> None:
    assert refused(state.root, staged=True, rev="HEAD") == "usage_invalid"
    assert platformctl("validate", "--staged", "--rev", "HEAD").status == 2


def test_a_revision_that_names_nothing_is_refused(state: State) -> None:
    assert refused(state.root, rev="nope") == "ref_not_found"
    assert refused(state.root, rev="--output=x") == "ref_not_found"
    assert refused(state.root, base="nope") == "ref_not_found"


def test_without_a_store_there_is_nothing_to_judge(repo: Repo, platformctl: Platformctl) -> None:
    assert refused(repo.root) == "store_not_found"
    repo.write("src/x.py", "x = 1\n")
    repo.git("add", "-A")
    ran = platformctl("validate", "--staged", "--json")
    assert (ran.status, ran.document["data"]["files"]) == (0, 0)
    repo.commit()
    assert refused(repo.root, rev="HEAD") == "store_not_found"
    repo.write("state/tasks/a/task.md", "x\n")
    repo.git("add", "-A")
    assert refused(repo.root, staged=True) == "store_not_found"


def test_a_store_that_went_is_a_finding(state: State) -> None:
    state.remove("state/store.yaml")
    assert state.found() == ["state/store.yaml:1:1: record_deleted"]
    state.git("add", "-A")
    assert state.found(staged=True) == ["state/store.yaml:1:1: record_deleted"]
    state.commit("gone")
    assert state.found(rev="HEAD") == ["state/store.yaml:1:1: record_deleted"]


def test_a_store_that_is_not_checked_out_is_named_so(state: State) -> None:
    state.write("src/x.py", "x = 1\n")
    state.commit("source")
    state.git("sparse-checkout", "set", "--cone", "src")
    assert refused(state.root) == "state_not_checked_out"
    assert state.found(rev="HEAD") == []
    state.replace("src/x.py", "1", "2")
    state.git("add", "-A")
    assert state.found(staged=True) == []


def test_without_a_repository_one_line_says_what_to_type(tmp_path: Path, platformctl: Platformctl) -> None:
    ran = platformctl("validate", cwd=tmp_path)
    assert ran.status == 7
    assert "repository_not_found" in ran.stderr
    assert "git init" in ran.stderr


def test_a_bare_repository_is_judged_by_commit_only(state: State, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    state.git("clone", "-q", "--bare", ".", str(bare))
    assert validate_state(str(bare), Wish(rev="HEAD")).error is None
    assert refused(bare) == refused(bare, staged=True) == "repository_bare"
    assert refused(bare, paths=[TASK]) == "repository_bare"


def test_a_bare_repository_is_asked_for_the_attributes_of_the_judged_tree(
    state: State, tmp_path: Path
) -> None:
    state.write(".gitattributes", "state/** filter=evil\n")
    state.commit("attributes")
    bare = tmp_path / "bare.git"
    state.git("clone", "-q", "--bare", ".", str(bare))
    error = validate_state(str(bare), Wish(rev="HEAD")).error
    assert error is not None
    assert [problem.code for problem in error.problems] == ["path_attributes_unsafe"]


def test_the_folder_state_itself_may_be_no_link(state: State) -> None:
    state.git("update-ref", "-d", "HEAD")
    (state.root / "state").rename(state.root / "elsewhere")
    (state.root / "state").symlink_to("elsewhere")
    assert refused(state.root) == "store_not_found"


def test_a_link_out_of_the_repository_is_not_followed(state: State, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "task.md").write_text("password = 'q8Zr2LmX0vTn4KdW'\n")
    (state.root / "state/tasks/evil").symlink_to(outside)
    assert state.found() == ["state/tasks/evil:1:1: path_mode_invalid"]


def test_an_empty_repository_with_a_staged_store_is_judged(repo: Repo, platformctl: Platformctl) -> None:
    repo.write("state/store.yaml", "schema: store/1\nid: nope\n")
    repo.git("add", "-A")
    ran = platformctl("validate", "--staged", "--json")
    assert ran.status == 1
    assert [each["code"] for each in ran.document["error"]["problems"]] == [
        "field_missing",
        "field_value_invalid",
    ]
    assert ran.document["data"]["base"] == []


@pytest.mark.parametrize("version", ["2", "4"])
def test_any_form_of_the_index_is_read(state: State, version: str) -> None:
    state.git("update-index", "--index-version", version, "--split-index")
    state.replace(TASK, "status: ready", "status: opne")
    state.git("add", "-A")
    assert state.found(staged=True) == [f"{TASK}:7:9: field_value_invalid"]


def test_a_sha256_repository_is_judged(tmp_path: Path, state: State) -> None:
    made = State(tmp_path / "sha256")
    made.root.mkdir()
    made.git("init", "-q", "-b", "main", "--object-format=sha256")
    os.rename(state.root / "state", made.root / "state")
    made.commit()
    assert made.found() == made.found(rev="HEAD") == []
    made.replace(CHECKPOINT, "pin the", "unpin the")
    assert made.found() == [f"{CHECKPOINT}:26:1: record_immutable_changed"]
    made.git("add", "-A")
    assert made.found(staged=True) == [f"{CHECKPOINT}:26:1: record_immutable_changed"]


def test_judging_changes_nothing(state: State) -> None:
    state.replace(TASK, "status: ready", "status: opne")
    state.write("state/mine/untracked.txt", "x\n")
    before = (state.git("status", "--porcelain"), (state.root / ".git/index").read_bytes())
    state.found()
    state.found(staged=True)
    state.found(rev="HEAD")
    assert (state.git("status", "--porcelain"), (state.root / ".git/index").read_bytes()) == before


def test_a_terminal_gets_no_escape_from_a_hostile_name(state: State, platformctl: Platformctl) -> None:
    state.write("state/mine/\x1b]0;evil\x07\u202e.txt", "x\n")
    ran = platformctl("validate")
    assert ran.status == 1
    assert "path_name_invalid" in ran.stdout
    assert not {"\x1b", "\x07", "\u202e"} & set(ran.stdout + ran.stderr)
