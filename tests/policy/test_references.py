"""References between records, on documents alone."""

from __future__ import annotations

from typing import Any

import pytest

from platformstate.core.document import Document
from platformstate.core.kind import Kind
from platformstate.policy.history import FileHistory, history_problems
from platformstate.policy.identity import duplicate_problems, journal_identity_problems
from platformstate.policy.present import Present
from platformstate.policy.references import circle_through, reference_problems

RUN = "20261120t101130z-7fq2ka"
TASK_PATH = "state/tasks/a/task.md"
RUN_PATH = f"state/tasks/a/runs/{RUN}/run.md"
PRESENT = {
    TASK_PATH,
    RUN_PATH,
    "state/jobs/nightly/job.md",
    "state/jobs/nightly/runs/20261120t013000z/run.md",
}


def run(**fields: Any) -> Document[Any]:
    meta = {"schema": "run/1", "id": RUN, "subject": "task/a", **fields}
    return Document(Kind("run"), RUN_PATH, meta)


@pytest.mark.parametrize(
    "fields,codes",
    [
        ({"parent_run": "nightly/20261120t013000z"}, []),
        ({"parent_run": "nightly/20261120t020000z"}, ["reference_dangling"]),
        ({"parent_run": RUN}, ["reference_self"]),
        ({"parent_run": "20261120t101130z-000000"}, ["reference_dangling"]),
        ({"parent_run": "a"}, ["reference_kind_wrong"]),
        ({"parent_run": ""}, ["reference_dangling"]),
        ({"rescues": "20261120t101130z-000000"}, ["reference_dangling"]),
        ({"subject": "task/b"}, ["reference_dangling"]),
        ({"subject": f"task/{RUN}"}, ["reference_dangling"]),
        ({"subject": "job/nightly"}, []),
        ({"subject": "tale/a"}, ["reference_dangling"]),
        ({"task": "a"}, []),
        ({"task": RUN}, ["reference_kind_wrong"]),
    ],
)
def test_a_reference_leads_to_a_record_of_its_kind(fields: dict[str, Any], codes: list[str]) -> None:
    assert [problem.code for problem in reference_problems(run(**fields), Present(PRESENT))] == codes


def test_a_call_leads_to_a_procedure() -> None:
    steps = [{"key": "roll", "kind": "call", "procedure": name} for name in ("deploy", "nightly")]
    path = "state/procedures/release/procedure.md"
    caller = Document(
        Kind[Any]("procedure"), path, {"schema": "procedure/1", "id": "release", "steps": steps}
    )
    present = PRESENT | {path, "state/procedures/deploy/procedure.md"}
    assert [problem.code for problem in reference_problems(caller, Present(present))] == [
        "reference_kind_wrong"
    ]


def test_a_checkpoint_is_looked_for_at_its_own_subject() -> None:
    paths = [f"state/tasks/{task}/runs/{RUN}/checkpoints/c1.md" for task in ("a", "b")]
    present = Present(paths)
    assert [present.checkpoint("c1", f"state/tasks/{task}/") for task in ("a", "b", "c")] == [*paths, None]
    assert present.checkpoint("c2", "state/") is None


def test_a_circle_is_told_once_with_its_way() -> None:
    edges = {"a": ["b"], "b": ["c", "x"], "c": ["a"], "x": []}
    assert circle_through("a", edges) == ["a", "b", "c"]
    assert circle_through("x", edges) is None


def test_two_paths_to_one_node_are_no_circle() -> None:
    assert circle_through("a", {"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}) is None


def test_a_slot_of_two_jobs_is_no_duplicate() -> None:
    slot = "20261120t013000z"
    paths = [f"state/jobs/{job}/runs/{slot}/run.md" for job in ("a", "b")]
    assert duplicate_problems(paths) == ()


def test_a_journal_outside_the_layout_has_no_identity() -> None:
    assert journal_identity_problems([(1, {"run": "x"})], "elsewhere/events.jsonl") == ()
    assert journal_identity_problems([], f"state/tasks/a/runs/{RUN}/events.jsonl") == ()


def test_a_new_file_and_one_without_rules_have_no_history() -> None:
    assert history_problems([FileHistory("state/mine/x", (b"a",), b"b")]) == ()
    assert history_problems([FileHistory(TASK_PATH, (None,), None)]) == ()
    assert history_problems([FileHistory(TASK_PATH, (b"x",), b"y")]) == ()


def test_pinned_steps_never_change_once_written() -> None:
    path = f"state/tasks/a/runs/{RUN}/resolved_steps.json"
    (changed,) = history_problems([FileHistory(path, (b"[1]\n",), b"[2]\n")])
    (gone,) = history_problems([FileHistory(path, (b"[1]\n",), None)])
    assert (changed.code, gone.code) == ("record_immutable_changed", "record_immutable_deleted")
