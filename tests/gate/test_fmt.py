"""`fmt`: canonical text on disk, nothing lost, and what it leaves alone."""

from __future__ import annotations

import os
from typing import Any

from platformstate.actions.fmt import format_files
from platformstate.codec.edit import text_of
from platformstate.codec.record import parse
from platformstate.core.document import Document
from tests.conftest import Platformctl
from tests.gate.conftest import CHECKPOINT, EVIDENCE, JOURNAL, TASK, State

ODD = """---
schema:   'task/1'
title: "Add retry"   # a comment
id: gh-500
labels: [b, a]

# about the status
status: ready
depends_on: []
acceptance: []
created_at: 2026-11-20T12:11:30+02:00
created_by: operator
---

## Goal
Words,   with  odd   spaces\t.

"""


def fmt(state: State, *paths: str, **how: Any) -> dict[str, Any]:
    return format_files(str(state.root), paths, **how).data


def test_a_committed_example_store_is_canonical(state: State, platformctl: Platformctl) -> None:
    data = fmt(state)
    assert (data["changed"], data["problems"]) == ([], [])
    assert platformctl("fmt", "--check").status == 0
    assert {"path": CHECKPOINT, "reason": "immutable"} in data["skipped"]
    assert {"path": JOURNAL, "reason": "immutable"} in data["skipped"]


def test_an_odd_file_becomes_canonical_and_says_the_same(state: State) -> None:
    path = "state/tasks/gh-500/task.md"
    state.write(path, ODD)
    assert fmt(state)["changed"] == [path]
    text = state.text(path)
    assert text.startswith("---\nschema: task/1\nid: gh-500\n\n")
    assert "# a comment" in text
    assert "# about the status\nstatus: ready" in text
    assert "labels:\n  - b\n  - a\n" in text
    assert 'created_at: "2026-11-20T10:11:30Z"' in text
    assert text.endswith("\n## Goal\nWords,   with  odd   spaces\t.\n\n")
    assert fmt(state)["changed"] == []
    assert state.git("status", "--porcelain") == "?? state/tasks/gh-500/\n"


def test_check_writes_nothing_and_fails(state: State, platformctl: Platformctl) -> None:
    path = "state/tasks/gh-500/task.md"
    state.write(path, ODD)
    ran = platformctl("fmt", "--check", "--json")
    assert (ran.status, ran.document["error"]["code"]) == (1, "state_not_canonical")
    assert ran.document["data"]["changed"] == [path]
    assert state.text(path) == ODD


def test_diff_shows_the_change_and_writes_nothing(state: State, platformctl: Platformctl) -> None:
    path = "state/tasks/gh-500/task.md"
    state.write(path, ODD)
    ran = platformctl("fmt", "--diff")
    assert ran.status == 0
    assert f"--- a/{path}\n+++ b/{path}\n" in ran.stdout
    assert "-labels: [b, a]\n" in ran.stdout
    assert state.text(path) == ODD


def test_a_dry_run_writes_nothing_and_succeeds(state: State, platformctl: Platformctl) -> None:
    path = "state/tasks/gh-500/task.md"
    state.write(path, ODD)
    assert platformctl("fmt", "--dry-run").status == 0
    assert state.text(path) == ODD


def test_what_does_not_parse_is_left_alone_and_told(state: State, platformctl: Platformctl) -> None:
    state.replace(TASK, "title: Add", "title: one\ntitle: Add")
    before = state.text(TASK)
    ran = platformctl("fmt", "--json")
    assert (ran.status, ran.document["error"]["code"]) == (1, "state_invalid")
    assert {"path": TASK, "reason": "invalid"} in ran.document["data"]["skipped"]
    assert ran.document["data"]["problems"][0]["code"] == "key_duplicate"
    assert state.text(TASK) == before


def test_immutable_records_are_formatted_only_before_they_are_committed(state: State) -> None:
    new = CHECKPOINT.replace("7fq2ka.md", "zzzzzz.md")
    state.write(new, state.text(CHECKPOINT).replace("7fq2ka", "zzzzzz", 1).replace("kind:", "kind:  "))
    assert fmt(state)["changed"] == [new]


def test_json_is_never_rewritten(state: State) -> None:
    new = EVIDENCE.replace("7fq2ka", "zzzzzz")
    state.write(new, state.text(EVIDENCE).replace("7fq2ka", "zzzzzz").replace('"by":', '"by":   '))
    data = fmt(state)
    assert data["changed"] == []
    assert {"path": new, "reason": "json"} in data["skipped"]


def test_only_the_named_paths_are_formatted(state: State) -> None:
    state.write("state/tasks/gh-500/task.md", ODD)
    state.write("state/tasks/gh-501/task.md", ODD.replace("gh-500", "gh-501"))
    assert fmt(state, "state/tasks/gh-501")["changed"] == ["state/tasks/gh-501/task.md"]


def test_fix_settles_what_needs_no_guess(state: State) -> None:
    state.replace(TASK, "title: Add retry to the exporter", "title: fix issue #460")
    assert fmt(state)["problems"][0]["code"] == "yaml_comment_ambiguous"
    assert fmt(state, fix=True)["changed"] == [TASK]
    assert 'title: "fix issue #460"' in state.text(TASK)


def test_other_files_below_state_are_not_ours_to_format(state: State) -> None:
    state.write("state/mine/x.md", "---\nb:   1\na: [1]\n---\n")
    state.write("state/templates/own.md", "---\nb:   1\n---\n")
    assert fmt(state)["changed"] == []


def test_50_11_one_changed_field_is_one_changed_line(state: State) -> None:
    """Two hundred files with comments, odd quoting and both line endings, one field updated."""
    bodies = {}
    for number in range(200):
        path = f"state/tasks/odd-{number}/task.md"
        text = ODD.replace("gh-500", f"odd-{number}").replace("Add retry", f'Add \\"retry\\" {number}')
        state.write(path, text.replace("\n", "\r\n") if number % 2 else text)
    state.commit("odd files")
    for number in range(200):
        path = f"state/tasks/odd-{number}/task.md"
        document = parse((state.root / path).read_bytes(), path).document
        assert isinstance(document, Document)
        bodies[path] = document.body
        state.write(path, text_of(document.with_changes({"status": "implementation"})))
    rows = state.git("diff", "--numstat").splitlines()
    assert [row.split("\t")[:2] for row in rows] == [["1", "1"]] * 200
    fmt(state)
    once = {path: (state.root / path).read_bytes() for path in bodies}
    assert fmt(state)["changed"] == []
    for path, data in once.items():
        assert b"\r" not in data
        again = parse(data, path).document
        assert again is not None
        assert again.body == bodies[path]


def test_an_instant_in_another_offset_is_rewritten_and_the_gate_takes_it_for_the_same(state: State) -> None:
    path = "state/tasks/gh-500/task.md"
    state.write(path, ODD)
    state.commit("an odd file")
    assert fmt(state)["changed"] == [path]
    assert state.found() == []
    state.replace(path, "2026-11-20T10:11:30Z", "2026-11-20T10:11:31Z")
    assert [each.split(": ")[1] for each in state.found()] == ["field_immutable"]


def test_what_is_no_plain_file_is_named_as_validate_names_it(state: State, platformctl: Platformctl) -> None:
    state.write("state/notes/tool.sh", "a program of somebody's own is not looked at").chmod(0o755)
    odd = [f"state/tasks/{name}/task.md" for name in ("gh-701", "gh-702", "gh-703")] + ["state/tasks/gh-704"]
    for path in odd:
        (state.root / path).parent.mkdir(parents=True, exist_ok=True)
    (state.root / odd[0]).symlink_to(state.root / TASK)
    os.mkfifo(state.root / odd[1])
    state.write(odd[2], ODD).chmod(0o755)
    (state.root / odd[3]).symlink_to("gh-460")
    for flags in ([], ["--check"], odd):
        ran = platformctl("fmt", "--json", *flags)
        assert (ran.status, ran.document["error"]["code"]) == (1, "state_invalid")
        found = ran.document["data"]
        assert [(each["path"], each["code"]) for each in found["problems"]] == [
            (path, "path_mode_invalid") for path in odd
        ]
        assert [each["path"] for each in found["skipped"] if each["reason"] == "invalid"] == odd
    assert (state.root / odd[2]).read_text() == ODD
    assert (state.root / odd[0]).is_symlink()
