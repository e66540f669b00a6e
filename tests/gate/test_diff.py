"""`diff`: what changed in meaning, at which level, the same bytes each time, whatever is in the files."""

from __future__ import annotations

import json
from typing import Any

import pytest

from platformstate.actions.diff import diff_state
from platformstate.cli.diff_markdown import MAX_CHARACTERS, diff_markdown
from platformstate.cli.diff_text import diff_text
from platformstate.errors import StateError
from tests.conftest import Platformctl
from tests.gate.conftest import CHECKPOINT, EVIDENCE, HEADER, JOURNAL, OTHER_TASK, TASK, State

PROCEDURE = "state/procedures"
TOKEN = "ghp_" + "a1B2" * 9


def diff(state: State, revisions: str | None = None, **how: Any) -> dict[str, Any]:
    return diff_state(str(state.root), revisions, **how).data


def changes(state: State, revisions: str | None = None, **how: Any) -> dict[str, dict[str, Any]]:
    return {f"{each['kind']}/{each['id']}": each for each in diff(state, revisions, **how)["changes"]}


def one(state: State, revisions: str | None = None, **how: Any) -> dict[str, Any]:
    found = diff(state, revisions, **how)["changes"]
    assert len(found) == 1, found
    return dict(found[0])


def a_review(state: State) -> None:
    """Make branch `work`: a status, a label, some body, and another file's layout."""
    state.git("checkout", "-q", "-b", "work")
    state.replace(TASK, "status: ready", "status: implementation")
    state.commit("begin")
    state.replace(TASK, "status: implementation", "status: review")
    state.replace(TASK, "labels:\n", "labels:\n  - urgent\n")
    state.replace(
        TASK, "A failed sync is retried.", "A failed sync is retried\nthree times.\n\n## Context\nIt fails."
    )
    state.replace(OTHER_TASK, "title: ", "title:   ")
    state.commit("hand over")


def test_50_10_a_range_has_the_shape_of_the_page_and_the_same_bytes_twice(state: State) -> None:
    start = state.git("rev-parse", "HEAD").strip()
    a_review(state)
    found = diff(state, "main..work")
    assert found["from"] == {"rev": "main", "commit": start}
    assert found["to"] == {"rev": "work", "commit": state.git("rev-parse", "work").strip()}
    assert found["counts"] == {
        "violation": 0,
        "needs_operator": 1,
        "claimed": 0,
        "info": 0,
        "formatting_only": 1,
    }
    assert found["formatting_only"] == [OTHER_TASK]
    assert found["changes"] == [
        {
            "kind": "task",
            "id": "gh-460",
            "path": TASK,
            "op": "changed",
            "level": "needs_operator",
            "title": "Add retry to the exporter",
            "fields": [
                {
                    "pointer": "/status",
                    "op": "changed",
                    "from": "ready",
                    "to": "review",
                    "level": "needs_operator",
                },
                {"pointer": "/labels", "op": "added", "from": None, "to": "urgent", "level": "info"},
            ],
            "body": {"added": 5, "removed": 1, "headings": ["Goal", "Context"]},
            "appended": [],
            "problems": [],
        }
    ]
    assert json.dumps(diff(state, "main..work")) == json.dumps(found)
    for render in (diff_text, diff_markdown):
        assert render(diff(state, "main..work"), all_files=True) == render(found, all_files=True)


def test_nothing_changed_is_said_in_one_line(state: State, platformctl: Platformctl) -> None:
    ran = platformctl("diff")
    assert (ran.status, ran.stdout) == (0, "summary: no change in meaning\n")


def test_the_index_and_the_working_files_are_told_apart(state: State) -> None:
    state.replace(TASK, "priority: p1", "priority: p0")
    state.git("add", "-A")
    state.replace(TASK, "priority: p0", "priority: p2")
    staged, working = diff(state, staged=True), diff(state)
    assert [staged["to"], working["to"]] == [
        {"rev": "index", "commit": None},
        {"rev": "worktree", "commit": None},
    ]
    assert [each["changes"][0]["fields"][0]["to"] for each in (staged, working)] == ["p0", "p2"]


def test_what_an_index_flag_hides_from_git_is_seen(state: State) -> None:
    state.git("update-index", "--assume-unchanged", TASK)
    state.git("update-index", "--skip-worktree", OTHER_TASK)
    assert diff(state)["changes"] == []
    state.replace(TASK, "priority: p1", "priority: p0")
    assert list(changes(state)) == ["task/gh-460"]


def test_untracked_records_are_added_and_ignored_ones_are_not(state: State) -> None:
    state.write(".gitignore", "state/mine/\n")
    state.write("state/mine/x.txt", "x\n")
    state.add_task("gh-470")
    found = one(state)
    assert (found["op"], found["fields"], found["body"]) == ("added", [], None)
    assert found["title"] == "Add retry to the exporter"


def test_an_unborn_branch_shows_everything_as_added(state: State) -> None:
    state.git("checkout", "-q", "--orphan", "new")
    found = diff(state, staged=True)
    assert found["from"] == {"rev": "HEAD", "commit": None}
    assert {each["op"] for each in found["changes"]} == {"added"}


@pytest.mark.parametrize(
    ("path", "old", "new", "pointer", "level"),
    [
        (TASK, "status: ready", "status: blocked", "/status", "needs_operator"),
        (TASK, "status: ready", "status: refining", "/status", "info"),
        (
            TASK,
            "state: open",
            "state: waived\n    reason: no need",
            "/acceptance/ac1/state",
            "needs_operator",
        ),
        (TASK, "priority: p1", "priority: p0", "/priority", "info"),
        (TASK, "priority: p1", "priority: p1\nx-b: 1\nx-a: 1", "/x-a", "info"),
        (
            TASK,
            "created_at:",
            "approvals_needed:\n  - drop the table\n\ncreated_at:",
            "/approvals_needed",
            "needs_operator",
        ),
        (TASK, "the retry tests pass", "some tests pass", "/acceptance/ac1/text", "needs_operator"),
        (TASK, "proof: test", "proof: doc", "/acceptance/ac1/proof", "needs_operator"),
        (
            OTHER_TASK,
            "status: done",
            "status: ready\nstatus_reason: it was not",
            "/status",
            "needs_operator",
        ),
        (OTHER_TASK, "status: done", "status: deployed", "/status", "info"),
        (OTHER_TASK, "status: done", "status: retired", "/status", "info"),
        (
            TASK,
            "status: ready",
            "status: retired\nstatus_reason: not wanted",
            "/status",
            "needs_operator",
        ),
    ],
)
def test_each_field_has_its_level(
    state: State, path: str, old: str, new: str, pointer: str, level: str
) -> None:
    state.replace(path, old, new)
    found = {field["pointer"]: field["level"] for field in one(state)["fields"]}
    assert found[pointer] == level


def test_a_criterion_met_without_fitting_evidence_is_only_claimed(state: State) -> None:
    state.replace(TASK, "state: open", "state: met")
    fields = {field["pointer"]: field["level"] for field in one(state)["fields"]}
    assert fields["/acceptance/ac1/state"] == "claimed"
    item = '\n    evidence:\n      - type: {}\n        ref: "x"\n        at: "2026-11-20T10:12:00Z"\n        by: ann'
    for kind, level in (("url", "claimed"), ("command", "info")):
        state.git("checkout", "-q", TASK)
        state.replace(TASK, "state: open", "state: met" + item.format(kind))
        fields = {field["pointer"]: field["level"] for field in one(state)["fields"]}
        assert fields["/acceptance/ac1/state"] == level


def test_items_of_a_keyed_list_are_named_by_their_key(state: State) -> None:
    state.replace(
        TASK,
        "acceptance:\n",
        "acceptance:\n  - id: ac9\n    text: new\n    proof: doc\n    state: open\n",
    )
    state.replace(TASK, "text: the retry tests pass", "text: the tests pass")
    fields = one(state)["fields"]
    assert [(field["pointer"], field["op"]) for field in fields] == [
        ("/acceptance/ac9", "added"),
        ("/acceptance/ac1/text", "changed"),
    ]
    assert fields[0]["to"] == {"id": "ac9", "text": "new", "proof": "doc", "state": "open"}


def test_a_new_blocker_needs_the_operator_and_a_self_report_is_claimed(state: State) -> None:
    text = state.text(CHECKPOINT)
    for number, kind in enumerate(("blocker", "progress")):
        name = f"20261120t11000{number}z-7fq2ka"
        path = CHECKPOINT.replace("20261120t103501z-7fq2ka", name)
        lines = text.replace("20261120t103501z-7fq2ka", name).split("\n")
        state.write(path, "\n".join(f"kind: {kind}" if line.startswith("kind:") else line for line in lines))
    found = {each["title"]: each["level"] for each in diff(state)["changes"] if each["kind"] == "checkpoint"}
    assert found == {"blocker": "needs_operator", "progress": "claimed"}


def test_parts_of_a_run_stand_under_their_run(state: State) -> None:
    state.write(JOURNAL.replace("events.jsonl", "artifacts/out.txt"), "a\nb\n")
    found = one(state)
    assert (found["kind"], found["path"], found["op"]) == ("run", HEADER, "changed")
    assert found["appended"] == [{"path": JOURNAL.replace("events.jsonl", "artifacts/out.txt"), "lines": 2}]


def test_an_edited_checkpoint_is_a_violation_even_in_its_layout_alone(state: State) -> None:
    state.replace(CHECKPOINT, "kind:", "kind:  ")
    state.commit("touch up")
    for found in (one(state, "HEAD~1..HEAD"), one(state, "HEAD~1...HEAD")):
        assert (found["level"], found["problems"]) == ("violation", ["record_immutable_changed"])


def test_a_deleted_task_is_a_violation_at_its_record_only(state: State) -> None:
    state.remove("state/tasks/gh-461")
    found = one(state)
    assert (found["op"], found["level"], found["problems"]) == ("removed", "violation", ["record_deleted"])
    assert (found["fields"], found["title"]) == ([], found["title"])


def test_a_secret_is_marked_and_never_shown(state: State, platformctl: Platformctl) -> None:
    state.replace(TASK, "title: Add retry", f"title: Add {TOKEN} retry")
    found = one(state)
    assert (found["level"], found["problems"]) == ("violation", ["secret_found"])
    for style in ("text", "md", "json"):
        assert TOKEN not in platformctl("diff", "--format", style).stdout


def test_a_commit_for_a_task_that_leaves_its_scope_needs_the_operator(state: State) -> None:
    state.replace(
        TASK, "acceptance:", "scope:\n  allow:\n    - src/**\n  forbid:\n    - src/secret\n\nacceptance:"
    )
    state.commit("a scope")
    state.git("checkout", "-q", "-b", "work")
    for path in ("src/a.py", "src/secret/b.py", "docs/c.md", "state/tasks/gh-460/notes.md"):
        state.write(path, "x\n")
    state.git("add", "-A")
    state.git("commit", "-q", "-m", "work", "-m", "Task: gh-460")
    found = changes(state, "main..work")["task/gh-460"]
    assert [field["to"] for field in found["fields"]] == ["docs/c.md", "src/secret/b.py"]
    assert {(field["pointer"], field["level"]) for field in found["fields"]} == {("/scope", "needs_operator")}
    state.replace(TASK, "    - src/**\n", "    - src/**\n    - docs/**\n")
    state.replace(TASK, "  forbid:\n    - src/secret\n", "")
    state.commit("allow myself more")
    again = changes(state, "main..work")["task/gh-460"]
    assert [field["to"] for field in again["fields"] if field["pointer"] == "/scope"] == [
        "docs/c.md",
        "src/secret/b.py",
    ]


def test_a_side_that_cannot_be_read_ends_with_1_and_shows_the_rest(
    state: State, platformctl: Platformctl
) -> None:
    state.replace(TASK, "title: Add", "title: one\ntitle: Add")
    state.replace(OTHER_TASK, "status: ", "status: blocked # ")
    ran = platformctl("diff", "--json")
    assert (ran.status, ran.document["error"]["code"]) == (1, "state_invalid")
    assert [each["code"] for each in ran.document["error"]["problems"]] == ["key_duplicate"]
    levels = {each["id"]: each["level"] for each in ran.document["data"]["changes"]}
    assert levels == {"gh-460": "needs_operator", "gh-461": "needs_operator"}


def test_a_link_in_place_of_a_record_is_not_followed(state: State) -> None:
    state.remove(TASK)
    (state.root / TASK).symlink_to("/etc/passwd")
    answer = diff_state(str(state.root))
    assert answer.error is not None
    assert [problem.code for problem in answer.error.problems] == ["path_mode_invalid"]
    assert "root:" not in json.dumps(answer.data)
    state.git("add", "-A")
    assert diff_state(str(state.root), staged=True).error is not None


def test_a_conflict_in_the_index_shows_our_side(state: State) -> None:
    for branch, status in (("a", "implementation"), ("b", "refining")):
        state.git("checkout", "-q", "-b", branch, "main")
        state.replace(TASK, "status: ready", f"status: {status}")
        state.commit(branch)
    state.git("merge", "-q", "-m", "merge", "a", check=False)
    assert "conflict_markers_present" in [each.code for each in diff_state(str(state.root)).error.problems]  # type: ignore[union-attr]
    assert diff(state, staged=True)["changes"] == []


@pytest.mark.parametrize(
    ("revisions", "code"),
    [("main", "usage_invalid"), ("nowhere..main", "ref_not_found"), ("--output=x..main", "ref_not_found")],
)
def test_what_names_no_range_is_refused(state: State, revisions: str, code: str) -> None:
    with pytest.raises(StateError) as refused:
        diff_state(str(state.root), revisions)
    assert refused.value.code == code


def test_markdown_cannot_be_forged_by_a_value(state: State) -> None:
    state.replace(TASK, "title: Add retry", 'title: "| x | `@ann` <!-- b --> </details> # Add retry"  #')
    state.replace(TASK, '"  # to the exporter', '"')
    text = diff_markdown(diff(state))
    body = text.split("\n", 1)[1]
    assert text.startswith("<!-- platformstate-diff -->\n")
    assert "@" not in body
    assert body.count("<") == body.count("<details>") + body.count("<summary>") + body.count("</")
    rows = [line for line in body.split("\n") if line.startswith("|") and "title" in line]
    assert [row.count("|") for row in rows] == [4]
    assert all(line.count("`") % 2 == 0 for line in body.split("\n"))


def test_markdown_is_cut_at_60000_characters_and_says_so(state: State) -> None:
    plan = "".join(f"  - key: c{number}\n    text: {'very ' * 30}\n" for number in range(90))
    for number in range(3):
        path = state.add_task(f"long-{number}")
        state.replace(path, "created_at:", f"plan:\n{plan}\ncreated_at:")
    state.commit("many steps")
    for number in range(3):
        state.replace(f"state/tasks/long-{number}/task.md", "very very", "rather very")
    text = diff_markdown(diff(state))
    assert len(text) <= MAX_CHARACTERS
    assert text.rstrip().split("\n")[-1].startswith("_Cut at 60,000 characters:")
    assert text.count("<details>") == text.count("</details>") == 1


def test_foreign_files_and_evidence_are_shown_by_their_names(state: State) -> None:
    state.write("state/mine/x.bin", b"\0\1\2")
    state.write(EVIDENCE.replace("7fq2ka", "zzzzzz"), state.text(EVIDENCE).replace("7fq2ka", "zzzzzz"))
    assert {name: each["op"] for name, each in changes(state).items()} == {
        "evidence/operator-20261120t110000z-zzzzzz": "added",
        "other/mine/x.bin": "added",
    }


def test_another_offset_for_one_instant_is_layout(state: State) -> None:
    state.replace(OTHER_TASK, 'closed_at: "2026-11-20T11:00:00Z"', 'closed_at: "2026-11-20T13:00:00+02:00"')
    data = diff(state)
    assert (data["formatting_only"], data["changes"]) == ([OTHER_TASK], [])
