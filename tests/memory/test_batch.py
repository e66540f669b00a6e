"""`batch`: all in one commit or nothing, and line by line with an answer each."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest

from platformstate.actions.batch import Operation, run_batch
from platformstate.actions.task_list import list_tasks
from platformstate.actions.validate import Wish, validate_state
from platformstate.cost import COST
from platformstate.errors import StateError
from platformstate.store import open_repository
from tests.conftest import Platformctl, Repo
from tests.forking import Ran

from .conftest import Memory

Rows = list[dict[str, Any]]


def lines(*rows: dict[str, Any] | str) -> str:
    return "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows)


@pytest.fixture
def store(repo: Repo, platformctl: Platformctl) -> Repo:
    from platformstate.actions.init import init_store

    init_store(open_repository(repo.root, durability="fast"))
    return repo


def answers(ran: Ran) -> Rows:
    return [json.loads(line) for line in ran.stdout.splitlines()]


def head(repo: Repo) -> str:
    return repo.git("rev-parse", "HEAD")


def test_many_records_are_one_commit_and_later_lines_see_earlier_ones(
    store: Repo, platformctl: Platformctl
) -> None:
    before = head(store)
    ran = platformctl(
        "batch",
        "--json",
        stdin=lines(
            {"op": "task.create", "id": "a1", "title": "A", "accept": ["x::doc", "y"], "budget_minutes": 5},
            {"op": "task.create", "id": "b1", "title": "@b", "goal": "-", "depends_on": ["a1"]},
            {"op": "task.update", "task": "a1", "priority": "p0", "add_label": ["l"]},
            {"op": "checkpoint.create", "task": "a1", "kind": "start", "done": ["read it"]},
            {"op": "checkpoint.create", "task": "a1", "kind": "progress", "done": ["more"], "next": "n"},
            {"op": "task.block", "task": "b1", "reason": "waits", "waits_on": "ci"},
        ),
    ).document
    assert ran["ok"]
    assert [(row["line"], row["op"], row["created"]) for row in ran["data"]["results"]] == [
        (1, "task.create", True),
        (2, "task.create", True),
        (3, "task.update", False),
        (4, "checkpoint.create", True),
        (5, "checkpoint.create", True),
        (6, "task.block", False),
    ]
    assert store.git("rev-list", "--count", f"{before.strip()}..HEAD").strip() == "1"
    assert ran["data"]["commit"] == head(store).strip()
    assert store.git("log", "-1", "--format=%s").strip() == "batch: write 6 records"
    text = (store.root / "state/tasks/b1/task.md").read_text()
    assert 'title: "@b"' in text
    assert "## Goal\n-\n" in text
    assert 'status_reason: "ci: waits"' in text
    shown = platformctl("task", "show", "a1", "--json").document["data"]
    assert (shown["task"]["status"], shown["task"]["priority"]) == ("implementation", "p0")
    assert [run["checkpoints"] for run in shown["runs"]] == [2]
    assert validate_state(str(store.root), Wish()).data["counts"] == {"error": 0, "warning": 0}


@pytest.mark.parametrize(
    "row,code,status",
    [
        ({"op": "task.create", "id": "a1", "title": "A"}, "task_exists", 5),
        ({"op": "task.update", "task": "nowhere", "priority": "p0"}, "task_not_found", 3),
        ({"op": "task.update", "task": "a1", "status": "done"}, "task_close_required", 4),
        ({"op": "task.create", "title": "A" * 201}, "record_invalid", 1),
        ({"op": "task.close", "task": "a1"}, "batch_op_refused", 4),
        ({"op": "task.claim", "task": "a1"}, "batch_op_refused", 4),
        (
            {"op": "checkpoint.create", "task": "a1", "kind": "progress", "exec": ["true"]},
            "batch_op_refused",
            4,
        ),
        (
            {"op": "checkpoint.create", "task": "a1", "kind": "progress", "evidence": ["cmd:true"]},
            "batch_op_refused",
            4,
        ),
        ({"op": "task.create", "title": "A", "titel": "B"}, "usage_invalid", 2),
        ({"op": "task.create", "title": ["A"]}, "usage_invalid", 2),
        ({"op": "task.create", "title": "A", "priority": "p9"}, "usage_invalid", 2),
        ({"op": "task.create", "title": "A", "from": "-"}, "usage_invalid", 2),
        ({"op": "checkpoint.create", "task": "a1", "kind": "progress", "auto": "yes"}, "usage_invalid", 2),
        ({"op": "task.block", "task": "a1"}, "usage_invalid", 2),
        ('{"op":"task.create","title":"A","title":"B"}', "key_duplicate", 1),
        ("[1]", "json_not_object", 1),
        ("{", "json_syntax_invalid", 1),
    ],
)
def test_the_first_bad_line_ends_a_batch_and_nothing_is_written(
    store: Repo, platformctl: Platformctl, row: dict[str, Any] | str, code: str, status: int
) -> None:
    before = head(store)
    first = {"op": "task.create", "id": "a1", "title": "A", "accept": ["x::doc"]}
    ran = platformctl("batch", "--json", stdin=lines(first, "", row, "not even read"))
    error = ran.document["error"]
    assert (error["code"], error["line"], ran.status) == (code, 3, status)
    assert head(store) == before
    assert not (store.root / "state/tasks").exists()
    assert store.git("status", "--porcelain") == ""


def test_each_line_is_answered_by_itself_and_a_bad_one_stops_nothing(
    store: Repo, platformctl: Platformctl
) -> None:
    before = head(store)
    ran = platformctl(
        "batch",
        "--each",
        stdin=lines(
            {"op": "task.create", "id": "a1", "title": "A", "accept": ["x::doc"]},
            {"op": "task.create", "id": "a1", "title": "A"},
            "nonsense",
            {"op": "checkpoint.create", "task": "a1", "kind": "start"},
        ),
    )
    rows = answers(ran)
    assert ran.status == 1
    assert [(row["line"], row["ok"], row["op"]) for row in rows] == [
        (1, True, "task.create"),
        (2, False, "task.create"),
        (3, False, None),
        (4, True, "checkpoint.create"),
    ]
    assert rows[1]["error"]["code"] == "task_exists"
    assert rows[3]["commit"] == head(store).strip()
    assert store.git("rev-list", "--count", f"{before.strip()}..HEAD").strip() == "2"


def test_each_ends_with_0_when_all_went_well_and_without_commits_when_told(
    store: Repo, platformctl: Platformctl
) -> None:
    row = {"op": "task.create", "id": "a1", "title": "A", "idempotency_key": "k"}
    ran = platformctl("batch", "--each", "--no-commit", stdin=lines(row))
    assert (ran.status, answers(ran)[0]["commit"]) == (0, None)
    store.commit()
    again = platformctl("batch", "--each", stdin=lines(row))
    assert (again.status, answers(again)[0]["created"]) == (0, False)


def test_each_waits_for_a_merge_to_end_and_says_so(store: Repo, platformctl: Platformctl) -> None:
    (store.root / ".git/MERGE_HEAD").write_text(head(store))
    ran = platformctl("batch", "--each", stdin=lines({"op": "task.create", "id": "a1", "title": "A"}))
    assert ran.status == 6
    assert (answers(ran)[0]["ok"], answers(ran)[0]["pending"]) == (True, True)


def test_a_dry_run_of_a_batch_judges_all_of_it_and_writes_nothing(
    store: Repo, platformctl: Platformctl
) -> None:
    before = head(store)
    ran = platformctl(
        "batch", "--dry-run", "--json", stdin=lines({"op": "task.create", "id": "a1", "title": "A"})
    )
    assert ran.document["data"]["write"]["state"] == "planned"
    assert head(store) == before
    assert not (store.root / "state/tasks").exists()


def test_a_batch_of_hundreds_is_one_commit_that_lists_them_in_order(memory: Memory) -> None:
    operations = [
        Operation(number, "task.create", {"title": "T", "id": f"t{number}", "accept": ["x::doc"]})
        for number in range(1, 301)
    ]
    answer = run_batch(memory.store("operator"), operations)
    assert [row["id"] for row in answer.data["results"]] == [f"t{number}" for number in range(1, 301)]
    assert memory.repo.git("log", "-1", "--format=%s").strip() == "batch: write 300 records"
    assert list_tasks(memory.store()).data["total"] == 300


def test_a_batch_about_one_task_reads_its_folder_once(memory: Memory) -> None:
    memory.create("a1", accept=["x::doc"])
    lines = {"task": "a1", "kind": "progress", "done": ["x"]}
    before = COST.read
    run_batch(memory.store(), [Operation(number, "checkpoint.create", lines) for number in range(1, 41)])
    assert COST.read - before < 60


def test_a_batch_over_many_tasks_starts_as_many_children_as_one_over_few(memory: Memory) -> None:
    names = [f"t{number}" for number in range(10)]
    made = [{"title": name, "id": name, "accept": ["x::doc"]} for name in names]
    run_batch(memory.store(), [Operation(number, "task.create", row) for number, row in enumerate(made)])
    said = {name: {"task": name, "kind": "progress", "done": ["x"]} for name in names}
    for name in names:  # each run spoke last at a commit of its own
        memory.repo.write(f"src/{name}.py", "")
        memory.repo.commit(name)
        run_batch(memory.store(), [Operation(1, "checkpoint.create", said[name])])
    before = COST.git
    answer = run_batch(memory.store(), [Operation(1, "checkpoint.create", said[name]) for name in names])
    assert COST.git - before <= 13
    paths = [row["path"] for row in answer.data["results"]]
    assert ["src/t9.py" in memory.text(path) for path in paths] == [True] * 9 + [False]
    assert "src/t0.py" not in memory.text(paths[0])


def test_a_refusal_in_the_middle_leaves_no_trace_of_the_lines_before_it(memory: Memory) -> None:
    memory.create(plan=["a=Do it"])
    before = memory.head()
    operations = [
        Operation(1, "checkpoint.create", {"task": "gh-460", "kind": "start"}),
        Operation(2, "checkpoint.create", {"task": "gh-460", "kind": "progress", "step": "nowhere=done"}),
    ]
    with pytest.raises(StateError) as refused:
        run_batch(memory.store(), operations)
    assert (refused.value.code, refused.value.line) == ("step_not_found", 2)
    assert memory.head() == before
    assert memory.show()["runs"] == []
    operations[1] = operations[1]._replace(given={**operations[1].given, "step": "a=done"})
    run_batch(memory.store(), operations)
    assert memory.show()["runs"][0]["checkpoints"] == 2
    assert memory.brief().answer.data["next"]["step"] is None
    assert memory.say("after it").data["run_opened"] is False


def test_a_batch_opens_runs_in_a_clone_that_nothing_was_written_in_yet(memory: Memory) -> None:
    memory.create()
    shutil.rmtree(memory.repo.root / ".git/platformstate")
    run_batch(memory.store(), [Operation(1, "checkpoint.create", {"task": "gh-460", "kind": "start"})])
    assert memory.say("after it").data["run_opened"] is False


def test_a_batch_moves_criteria_attaches_evidence_and_reopens(store: Repo, platformctl: Platformctl) -> None:
    store.write("f.md", "x\n")
    store.commit()
    rows = lines(
        {"op": "task.create", "id": "a1", "title": "A", "accept": ["x::doc", "y::live"]},
        {"op": "task.create", "id": "b1", "title": "B"},
        {"op": "task.move-criterion", "task": "a1", "criterion": "ac2", "to": "b1"},
        {"op": "task.update", "task": "a1", "evidence": ["ac1=file:f.md"]},
    )
    assert platformctl("batch", stdin=rows).status == 0
    assert platformctl("task", "close", "a1").status == 0
    again = lines({"op": "task.reopen", "task": "a1", "reason": "not yet", "criterion": ["ac1"]})
    assert platformctl("batch", stdin=again).status == 0
    task = platformctl("task", "show", "a1", "--json").document["data"]["task"]
    assert (task["status"], [each["state"] for each in task["acceptance"]]) == ("ready", ["open", "moved"])


def test_a_batch_that_takes_many_tasks_over_starts_no_more_children(memory: Memory) -> None:
    names = [f"t{number}" for number in range(6)]
    made = [{"title": name, "id": name, "accept": ["x::doc"]} for name in names]
    run_batch(memory.store(), [Operation(number, "task.create", row) for number, row in enumerate(made)])
    for actor in ("codex", "claude"):  # the second ends the runs of the first, whose leases are over
        before = COST.git
        said = [{"task": name, "kind": "progress", "done": ["x"]} for name in names]
        store = memory.store(actor)
        run_batch(store, [Operation(number, "checkpoint.create", row) for number, row in enumerate(said)])
        assert COST.git - before <= 13
        memory.ticks += 7 * 24 * 3600
    assert [run["status"] for name in names for run in memory.show(name)["runs"]] == [
        "aborted",
        "running",
    ] * 6
