"""Each family of rules: a table of bad states, each with the place and code that must be said."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable

import pytest

from platformstate import packaged
from tests.gate.conftest import (
    CHECKPOINT,
    EVIDENCE,
    HEADER,
    JOURNAL,
    LAST_CHECKPOINT,
    LEDGER,
    OTHER_TASK,
    RUN,
    RUN_ID,
    TASK,
    State,
    journal,
)

Edit = Callable[[State], object]
DEFINED = {
    "type": "RunDefined",
    "at": "2026-11-20T10:11:30Z",
    "run": RUN_ID,
    "subject": "task/gh-460",
    "actor": "codex",
    "attempt": 1,
    "coupling": "none",
    "host": "build-1",
    "clone": "3f9a1c5e7b2d4860",
    "worktree": "main",
    "branch": None,
    "base_commit": None,
}


def link(state: State, path: str, target: str) -> None:
    (state.root / path).parent.mkdir(parents=True, exist_ok=True)
    (state.root / path).symlink_to(target)


def move(state: State, old: str, new: str) -> None:
    (state.root / new).parent.mkdir(parents=True, exist_ok=True)
    (state.root / old).rename(state.root / new)


def write_journal(state: State, *events: dict[str, object]) -> None:
    state.write(JOURNAL, journal(*events))


def forked_schema(state: State) -> None:
    schema = json.loads(packaged.read("schemas", "task.schema.json"))
    del schema["required"]
    schema["properties"]["evil"] = {"$ref": "file:///etc/passwd"}
    state.write("state/schemas/task.schema.json", json.dumps(schema) + "\n")
    state.replace(TASK, "title: Add retry to the exporter\n\n", "")


# Without a base: the rules on what stands there, whatever stood there before.
BAD: dict[str, tuple[Edit, list[str]]] = {
    "misspelt status": (
        lambda s: s.replace(TASK, "status: ready", "status: opne"),
        [f"{TASK}:7:9: field_value_invalid"],
    ),
    "key twice": (
        lambda s: s.replace(TASK, "title: Add", "title: one\ntitle: Add"),
        [f"{TASK}:6:1: key_duplicate"],
    ),
    "conflict markers": (
        lambda s: s.replace(
            TASK, "status: ready\n", "<<<<<<< ours\nstatus: ready\n=======\nstatus: review\n>>>>>>> theirs\n"
        ),
        [f"{TASK}:7:1: conflict_markers_present"],
    ),
    "no front matter": (lambda s: s.write(TASK, "# A task\n"), [f"{TASK}:1:1: frontmatter_missing"]),
    "not UTF-8": (lambda s: s.write(TASK, b"---\n\xff\n"), [f"{TASK}:2:1: text_encoding_invalid"]),
    "unknown kind": (
        lambda s: s.replace(TASK, "schema: task/1", "schema: task/9"),
        [f"{TASK}:2:9: schema_version_unknown"],
    ),
    "forked schema": (
        forked_schema,
        ["state/schemas/task.schema.json:1:1: schema_forked", f"{TASK}:2:1: field_missing"],
    ),
    "file as a link": (
        lambda s: (s.remove(TASK), link(s, TASK, "/etc/passwd")),
        [f"{TASK}:1:1: path_mode_invalid"],
    ),
    "folder as a link": (
        lambda s: link(s, "state/mine", "/etc"),
        ["state/mine:1:1: path_mode_invalid"],
    ),
    "executable": (
        lambda s: os.chmod(s.root / EVIDENCE, 0o755),
        [f"{EVIDENCE}:1:1: path_mode_invalid", "state/tasks/gh-461/task.md:21:9: evidence_not_recorded"],
    ),
    "embedded repository": (
        lambda s: s.write("state/mine/HEAD", "ref: refs/heads/main\n"),
        ["state/mine/HEAD:1:1: path_name_invalid"],
    ),
    "outside the layout": (
        lambda s: s.write("state/tasks/gh-460/notes.md", "x\n"),
        ["state/tasks/gh-460/notes.md:1:1: path_unexpected"],
    ),
    "names equal but for case": (
        lambda s: (s.write("state/mine/a", "x\n"), s.write("state/mine/A", "x\n")),
        ["state/mine/a:1:1: path_case_collision"],
    ),
    "folder that is no id": (
        lambda s: move(s, "state/tasks/gh-461", "state/tasks/GH_461"),
        [
            f"{EVIDENCE}:7:11: reference_dangling",
            "state/tasks/GH_461/task.md:1:1: id_invalid",
        ],
    ),
    "id of another folder": (
        lambda s: s.replace(TASK, "id: gh-460", "id: gh-469"),
        [f"{TASK}:3:5: path_mismatch"],
    ),
    "checkpoint of another task and run": (
        lambda s: (
            s.replace(CHECKPOINT, "task: gh-460", "task: gh-461"),
            s.replace(CHECKPOINT, f"run: {RUN_ID}", "run: 20261120t101130z-000000"),
        ),
        [
            f"{CHECKPOINT}:4:7: path_mismatch",
            f"{CHECKPOINT}:5:6: path_mismatch",
            f"{CHECKPOINT}:5:6: reference_dangling",
        ],
    ),
    "copied checkpoint": (
        lambda s: s.write(
            CHECKPOINT.replace("gh-460", "gh-461"), s.text(CHECKPOINT).replace("gh-460", "gh-461")
        ),
        [
            f"{CHECKPOINT.replace('gh-460', 'gh-461')}:1:1: id_duplicate",
            f"{CHECKPOINT.replace('gh-460', 'gh-461')}:5:6: reference_dangling",
        ],
    ),
    "dependency on nothing": (
        lambda s: s.replace(TASK, "depends_on: []", "depends_on:\n  - gh-999"),
        [f"{TASK}:16:5: reference_dangling"],
    ),
    "dependency on a run": (
        lambda s: s.replace(TASK, "depends_on: []", f"depends_on:\n  - {RUN_ID}"),
        [f"{TASK}:16:5: reference_kind_wrong"],
    ),
    "dependency on itself": (
        lambda s: s.replace(TASK, "depends_on: []", "depends_on:\n  - gh-460"),
        [f"{TASK}:16:5: reference_self"],
    ),
    "dependencies in a circle": (
        lambda s: (
            s.replace(TASK, "depends_on: []", "depends_on:\n  - gh-461"),
            s.replace(OTHER_TASK, "depends_on: []", "depends_on:\n  - gh-460"),
        ),
        [f"{TASK}:16:5: task_dependency_cycle"],
    ),
    "checkpoints that supersede each other": (
        lambda s: (
            s.replace(CHECKPOINT, "---\n\n##", "supersedes: 20261120t103930z-b0h4ts\n---\n\n##"),
            s.replace(LAST_CHECKPOINT, "---\n\n##", "supersedes: 20261120t103501z-7fq2ka\n---\n\n##"),
        ),
        [f"{CHECKPOINT}:28:13: reference_cycle"],
    ),
    "spec outside the repository": (
        lambda s: s.replace(TASK, "\nacceptance:", "\nspec_refs:\n  - path: ../secret.md\n\nacceptance:"),
        [f"{TASK}:18:11: path_outside_repository"],
    ),
    "author who is not the run's": (
        lambda s: s.replace(CHECKPOINT, "author: codex", "author: claude"),
        [f"{CHECKPOINT}:8:9: checkpoint_author_mismatch"],
    ),
    "author who observes himself": (
        lambda s: s.replace(CHECKPOINT, "author: codex", "author: codex\nobserver: codex"),
        [f"{CHECKPOINT}:9:11: checkpoint_observer_missing"],
    ),
    "operator's word without the operator": (
        lambda s: s.replace(CHECKPOINT, "basis: self_report", "basis: operator"),
        [f"{CHECKPOINT}:9:8: checkpoint_observer_missing"],
    ),
    "self-report that claims to be verified": (
        lambda s: s.replace(CHECKPOINT, "confidence: claimed", "confidence: verified"),
        [f"{CHECKPOINT}:9:8: checkpoint_basis_unsupported"],
    ),
    "observation of nothing": (
        lambda s: (
            s.replace(LAST_CHECKPOINT, "author: codex", "author: codex\nobserver: ann"),
            s.replace(LAST_CHECKPOINT, "basis: self_report", "basis: observed_artifact"),
        ),
        [f"{LAST_CHECKPOINT}:10:8: checkpoint_basis_unsupported"],
    ),
    "tool receipt without a tool": (
        lambda s: s.replace(LAST_CHECKPOINT, "basis: self_report", "basis: tool_receipt"),
        [f"{LAST_CHECKPOINT}:9:8: checkpoint_basis_unsupported"],
    ),
    "header that disagrees with the journal": (
        lambda s: s.replace(HEADER, "host: build-1", "host: build-2"),
        [f"{HEADER}:9:7: run_header_differs"],
    ),
    "journal that is not there": (
        lambda s: s.remove(JOURNAL),
        [f"{HEADER}:5:9: run_header_differs"],
    ),
    "edited journal": (
        lambda s: s.replace(JOURNAL, '"host":"build-1","run"', '"host":"build-2","run"'),
        [f"{JOURNAL}:1:1: run_journal_corrupt"],
    ),
    "journal with a hole": (
        lambda s: s.write(JOURNAL, "".join(s.text(JOURNAL).splitlines(keepends=True)[::2])),
        [f"{JOURNAL}:2:1: run_journal_corrupt"],
    ),
    "torn journal": (
        lambda s: s.write(JOURNAL, s.text(JOURNAL) + '{"at":'),
        [f"{JOURNAL}:4:1: json_tail_torn"],
    ),
    "journal with an illegal transition": (
        lambda s: write_journal(s, DEFINED, {"type": "RunSucceeded", "at": "2026-11-20T10:11:30Z"}),
        [f"{JOURNAL}:2:1: run_journal_corrupt"],
    ),
    "journal with a blank that its hash does not cover": (
        lambda s: s.replace(JOURNAL, '"seq":1,', '"seq": 1,'),
        [f"{JOURNAL}:2:1: run_journal_corrupt"],
    ),
    "journal of another run": (
        lambda s: s.write(JOURNAL, journal(DEFINED | {"run": "20261120t101130z-000000"})),
        [f"{JOURNAL}:1:1: path_mismatch", f"{HEADER}:3:5: run_header_differs"],
    ),
    "secret in a body": (
        lambda s: s.write(TASK, s.text(TASK) + "- use AKIA" + "IOSFODNN7QQQQQQQ\n"),
        [f"{TASK}:29:7: secret_found"],
    ),
    "secret in a log": (
        lambda s: s.write(f"{RUN}/logs/0.1.log", "ok\n" + "ghp_" + "a1B2" * 9 + "\n"),
        [f"{RUN}/logs/0.1.log:2:1: secret_found"],
    ),
    "secret in a folder of others": (
        lambda s: s.write("state/mine/x.txt", "glpat-" + "xY_3" * 5 + "\n"),
        ["state/mine/x.txt:1:1: secret_found"],
    ),
    "artifact beyond the limit": (
        lambda s: s.write(f"{RUN}/artifacts/big.bin", b"a\n" * (3 << 20)),
        [f"{RUN}/artifacts/big.bin:1:1: text_too_large"],
    ),
    "file beyond every limit": (
        lambda s: s.write("state/mine/big.bin", b"\0" * (17 << 20)),
        ["state/mine/big.bin:1:1: text_too_large"],
    ),
    "attributes that change bytes": (
        lambda s: s.write(".gitattributes", "*.py text\nstate/** filter=evil ident\n"),
        [".gitattributes:2:1: path_attributes_unsafe", ".gitattributes:2:1: path_attributes_unsafe"],
    ),
    "attributes that corrupt merges": (
        lambda s: s.write(".gitattributes", "state/**/*.md merge=union\n"),
        [".gitattributes:1:1: path_attributes_unsafe"],
    ),
}


@pytest.mark.parametrize("edit,expected", BAD.values(), ids=BAD.keys())
def test_a_bad_state_is_told_with_place_and_code(state: State, edit: Edit, expected: list[str]) -> None:
    state.git("update-ref", "-d", "HEAD")  # no base: what was there before is another test
    edit(state)
    assert state.found() == expected


@pytest.mark.parametrize("edit,expected", BAD.values(), ids=BAD.keys())
def test_the_index_is_judged_like_the_working_files(state: State, edit: Edit, expected: list[str]) -> None:
    state.git("update-ref", "-d", "HEAD")
    edit(state)
    state.git("add", "-A")
    assert state.found(staged=True) == expected


def test_a_folder_in_place_of_a_record_is_no_record(state: State) -> None:
    (state.root / "state/tasks/g/task.md").mkdir(parents=True)
    (state.root / f"{RUN}/artifacts/a.folder").mkdir(parents=True)
    assert state.found() == ["state/tasks/g/task.md:1:1: path_mode_invalid"]


# Against the last commit: what may not change, may only grow, may never go.
CHANGED: dict[str, tuple[Edit, list[str]]] = {
    "edited checkpoint": (
        lambda s: s.replace(CHECKPOINT, "pin the reader", "pin the writer"),
        [f"{CHECKPOINT}:26:1: record_immutable_changed"],
    ),
    "removed checkpoint": (
        lambda s: s.remove(CHECKPOINT),
        [f"{CHECKPOINT}:1:1: record_immutable_deleted"],
    ),
    "edited evidence": (
        lambda s: s.replace(EVIDENCE, "three tries", "four tries"),
        [
            f"{EVIDENCE}:9:1: record_immutable_changed",
            "state/tasks/gh-461/task.md:21:9: evidence_not_recorded",
        ],
    ),
    "edited receipt": (
        lambda s: s.write(f"{RUN}/run_receipt.json", s.text(f"{RUN}/run_receipt.json") + "\n"),
        [f"{RUN}/run_receipt.json:21:1: record_immutable_changed"],
    ),
    "removed first line of a journal": (
        lambda s: s.write(JOURNAL, "".join(s.text(JOURNAL).splitlines(keepends=True)[1:])),
        [f"{JOURNAL}:1:1: run_journal_corrupt", f"{JOURNAL}:1:1: run_journal_rewritten"],
    ),
    "rewritten end of a journal": (
        lambda s: s.write(JOURNAL, journal(DEFINED)),
        [f"{HEADER}:5:9: run_header_differs", f"{JOURNAL}:1:1: run_journal_rewritten"],
    ),
    "edited line of a ledger": (
        lambda s: s.replace(LEDGER, '"count":3', '"count":4'),
        [f"{LEDGER}:1:1: ledger_rewritten"],
    ),
    "renamed ledger": (
        lambda s: (s.root / LEDGER).rename(s.root / LEDGER.replace("2026-11.", "2026-13.")) and None,
        [
            f"{LEDGER}:1:1: append_only_deleted",
            f"{LEDGER.replace('2026-11.', '2026-13.')}:1:1: path_unexpected",
        ],
    ),
    "removed journal": (
        lambda s: s.remove(JOURNAL),
        [f"{JOURNAL}:1:1: append_only_deleted", f"{HEADER}:5:9: run_header_differs"],
    ),
    "removed task": (
        lambda s: s.remove("state/tasks/gh-461"),
        [f"{EVIDENCE}:7:11: reference_dangling", f"{OTHER_TASK}:1:1: record_deleted"],
    ),
    "removed task with all its runs": (
        lambda s: s.remove("state/tasks/gh-460"),
        [f"{TASK}:1:1: record_deleted"],
    ),
    "removed run with all its parts": (
        lambda s: s.remove(RUN),
        [f"{HEADER}:1:1: record_deleted"],
    ),
    "changed creation": (
        lambda s: s.replace(TASK, "created_by: operator", "created_by: codex"),
        [f"{TASK}:24:1: field_immutable"],
    ),
    "dropped creation": (
        lambda s: s.replace(TASK, 'created_at: "2026-11-20T10:11:30Z"\n', ""),
        [f"{TASK}:2:1: field_missing"],
    ),
    "changed store id": (
        lambda s: s.write(
            "state/store.yaml", re.sub(r"id: [0-9a-f]{8}", "id: 00000000", s.text("state/store.yaml"))
        ),
        ["state/store.yaml:2:1: field_immutable"],
    ),
}


@pytest.mark.parametrize("edit,expected", CHANGED.values(), ids=CHANGED.keys())
def test_what_may_not_change_is_compared_with_the_last_commit(
    state: State, edit: Edit, expected: list[str]
) -> None:
    edit(state)
    assert sorted(state.found()) == sorted(expected)


@pytest.mark.parametrize("edit,expected", CHANGED.values(), ids=CHANGED.keys())
def test_a_commit_is_compared_with_its_parent(state: State, edit: Edit, expected: list[str]) -> None:
    edit(state)
    state.commit("bad")
    assert sorted(state.found(rev="HEAD")) == sorted(expected)


@pytest.mark.parametrize("edit,expected", CHANGED.values(), ids=CHANGED.keys())
def test_a_staged_change_is_compared_with_head(state: State, edit: Edit, expected: list[str]) -> None:
    edit(state)
    state.git("add", "-A")
    assert sorted(state.found(staged=True)) == sorted(expected)


GOOD: dict[str, Edit] = {
    "status and body": lambda s: (
        s.replace(TASK, "status: ready", "status: implementation"),
        s.replace(TASK, "A failed sync", "A failed upload"),
    ),
    "own keys": lambda s: s.replace(TASK, "created_by: operator\n", "created_by: operator\nx-mine: 1\n"),
    "new task": lambda s: s.add_task("gh-462", depends_on="  - gh-460"),
    "harmless attributes": lambda s: s.write(
        ".gitattributes", "state/** linguist-generated whitespace=-trailing-space eol=lf -text\n"
    ),
    "folder of others": lambda s: s.write("state/mine/ü notes.txt", "anything\n"),
    "schema copy": lambda s: s.write(
        "state/schemas/task.schema.json", packaged.read("schemas", "task.schema.json")
    ),
    "temporary file of a writer": lambda s: s.write("state/tasks/gh-460/.ps-20261120t101130z-1", "half"),
}


@pytest.mark.parametrize("edit", GOOD.values(), ids=GOOD.keys())
def test_a_good_change_passes(state: State, edit: Edit) -> None:
    edit(state)
    assert state.found() == []


def test_the_example_store_has_no_finding_in_any_mode(state: State) -> None:
    assert state.found() == state.found(rev="HEAD") == state.found(staged=True) == []
    assert state.found(reference=True) == []
