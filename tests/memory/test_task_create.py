"""`task create`: what is written, what is refused, and that refused means nothing was written."""

from __future__ import annotations

from typing import Any

import pytest

from platformstate import validation
from platformstate.actions.task_create import create_task
from platformstate.errors import StateError

from .conftest import Memory


def test_a_task_with_a_criterion_is_ready_and_committed(memory: Memory) -> None:
    answer = memory.create(goal="A dead agent's work can be continued from files alone.")
    data = answer.data
    assert data["task"]["status"] == "ready"
    assert data["created"] is True
    assert data["pending"] is False
    assert data["commit"] == memory.head()
    assert data["path"] == "state/tasks/gh-460/task.md"
    assert data["task"]["rev"] == memory.repo.git("hash-object", data["path"]).strip()
    assert "## Goal\nA dead agent's work" in memory.text(data["path"])
    assert memory.repo.git("log", "-1", "--format=%s%n%b").split("\n")[:4] == [
        "task: create gh-460",
        "Task: gh-460",
        "Actor: operator",
        "",
    ]
    assert memory.repo.git("status", "--porcelain") == ""


def test_every_flag_of_create_stands_in_the_record(memory: Memory) -> None:
    memory.create("gh-17")
    answer = memory.create(
        status="refining",
        priority="p0",
        kind="feature",
        tier="full",
        owner="operator",
        agent="codex",
        label=["domain:memory", "priority:p0", "domain:memory"],
        depends_on=["gh-1"],
        ref=["https://forge.example/pdurlej/platform/issues/460"],
        spec_ref=["docs/spec.md@HEAD", "src/a.py"],
        branch="codex/460",
        allow=["platformstate/**"],
        forbid=[".github/**"],
        accept=["Contract written::doc", "Tables in main Postgres::live"],
        plan=["schema=Write the schemas::pytest -k schema", "Write the runbook"],
        verify=["make test"],
        setup="make venv",
        stop=["a secret turns up"],
        approval=["run the migration"],
        budget_minutes=90,
        budget_tokens=1000,
        goal="g",
        context="c",
        out_of_scope="o",
        constraints="k",
        rollback="r",
        outputs="e",
    )
    task = answer.data["task"]
    head = memory.repo.git("rev-parse", "HEAD~1").strip()
    expected: dict[str, Any] = {
        "status": "refining",
        "labels": ["domain:memory", "priority:p0"],
        "depends_on": ["gh-17"],
        "spec_refs": [{"path": "docs/spec.md", "commit": head}, {"path": "src/a.py"}],
        "base_commit": head,
        "scope": {"allow": ["platformstate/**"], "forbid": [".github/**"]},
        "budget": {"minutes": 90, "tokens": 1000},
        "approvals_needed": ["run the migration"],
        "stop_conditions": ["a secret turns up"],
        "created_by": "operator",
    }
    assert {key: task[key] for key in expected} == expected
    assert [(item["id"], item["proof"]) for item in task["acceptance"]] == [
        ("ac1", "doc"),
        ("ac2", "live"),
        ("ac3", "operator"),
    ]
    assert task["plan"][1] == {"key": "s2", "text": "Write the runbook"}
    body = memory.text(task["path"]).partition("\n---\n")[2]
    assert [line for line in body.splitlines() if line.startswith("## ")] == [
        "## Goal",
        "## Context",
        "## Out of scope",
        "## Constraints",
        "## Rollback",
        "## Expected outputs",
    ]
    judged = validation.read((memory.repo.root / task["path"]).read_bytes(), task["path"])
    assert judged.problems == ()
    listed = [key for key in judged.document.meta if key in task] if judged.document else []
    assert listed == [key for key in task if key not in ("path", "rev")]


def test_a_task_without_criteria_is_in_intake_and_is_told_the_way_out(memory: Memory) -> None:
    answer = memory.create(accept=[])
    assert answer.data["task"]["status"] == "intake"
    assert answer.next == ('platformctl task update gh-460 --accept "TEXT::PROOF" --status ready',)


def test_an_id_is_made_from_the_title(memory: Memory) -> None:
    made = memory.create("replace-me", title="Packet templates!").data["task"]["id"]
    assert made.startswith("packet-templates-")
    assert len(made) == len("packet-templates-") + 5


@pytest.mark.parametrize(
    "request_, code, exit_status",
    [
        ({"title": ""}, "usage_invalid", 2),
        ({"title": "two\nlines"}, "record_invalid", 1),
        ({"title": "x" * 201}, "record_invalid", 1),
        ({"id": "GH-460"}, "record_invalid", 1),
        ({"id": "../../escape"}, "record_invalid", 1),
        ({"id": "x" * 65}, "record_invalid", 1),
        ({"accept": ["works::vibes"]}, "accept_proof_unknown", 2),
        ({"status": "ready", "accept": []}, "task_has_no_criteria", 4),
        ({"depends_on": ["nowhere"]}, "task_not_found", 3),
        ({"base": "nowhere"}, "ref_not_found", 3),
        ({"spec_ref": ["docs/spec.md@nowhere"]}, "ref_not_found", 3),
        ({"spec_ref": ["docs/nowhere.md"]}, "ref_not_found", 3),
        ({"spec_ref": ["docs/nowhere.md@HEAD"]}, "ref_not_found", 3),
        ({"allow": ["../x"]}, "record_invalid", 1),
        ({"goal": "g" * 262_144}, "record_invalid", 1),
        ({"label": ["x" * 101]}, "record_invalid", 1),
        ({"goal": "token " + "ghp_" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"}, "secret_found", 4),
    ],
)
def test_refused_means_nothing_is_written(
    memory: Memory, request_: dict[str, Any], code: str, exit_status: int
) -> None:
    before = memory.head()
    task_id = request_.pop("id", "gh-460")
    with pytest.raises(StateError) as refused:
        memory.create(task_id, **request_)
    assert (refused.value.code, refused.value.exit_status) == (code, exit_status)
    assert memory.head() == before
    assert not (memory.repo.root / "state/tasks").exists()
    assert memory.repo.git("status", "--porcelain") == ""


def test_an_id_in_use_is_refused(memory: Memory) -> None:
    memory.create()
    with pytest.raises(StateError) as refused:
        memory.create(title="another")
    assert refused.value.code == "task_exists"
    assert refused.value.exit_status == 5


def test_a_task_cannot_depend_on_itself(memory: Memory) -> None:
    memory.create("gh-460x")
    with pytest.raises(StateError) as refused:
        create_task(memory.store(), {"title": "t", "id": "new", "depends_on": ["new"]})
    assert refused.value.code == "task_dependency_cycle"


def test_the_same_request_with_the_same_key_is_done_once(memory: Memory) -> None:
    request: Any = {"title": "Once", "accept": ["works"]}
    first = create_task(memory.store(), request, idempotency_key="k1")
    head = memory.head()
    again = create_task(memory.store(), request, idempotency_key="k1")
    assert again.data["created"] is False
    assert again.data["commit"] is None
    assert again.data["task"] == first.data["task"]
    assert memory.head() == head
    assert first.data["task"]["idempotency"].count(".") == 1


def test_another_request_with_the_same_key_is_a_conflict(memory: Memory) -> None:
    create_task(memory.store(), {"title": "Once"}, idempotency_key="k1")
    with pytest.raises(StateError) as refused:
        create_task(memory.store(), {"title": "Twice"}, idempotency_key="k1")
    assert refused.value.code == "idempotency_conflict"
    assert refused.value.exit_status == 5
    create_task(memory.store(), {"title": "Twice"}, idempotency_key="k2")


def test_a_dry_run_writes_nothing(memory: Memory) -> None:
    before = memory.head()
    answer = create_task(memory.store(dry_run=True), {"title": "Maybe", "id": "maybe"})
    assert answer.data["write"]["state"] == "planned"
    assert memory.head() == before
    assert memory.repo.git("status", "--porcelain") == ""


def test_without_commit_the_file_is_left_to_the_person(memory: Memory) -> None:
    before = memory.head()
    answer = create_task(memory.store(commit=False), {"title": "Mine", "id": "mine"})
    assert answer.data["write"]["state"] == "files_only"
    assert answer.data["commit"] is None
    assert memory.head() == before
    assert memory.text("state/tasks/mine/task.md").startswith("---\nschema: task/1\nid: mine\n")


def test_on_an_unborn_branch_there_is_no_base_commit(memory: Memory) -> None:
    answer = memory.create(base="none")
    assert "base_commit" not in answer.data["task"]


def test_a_bad_id_is_answered_with_a_good_one(memory: Memory) -> None:
    with pytest.raises(StateError) as refused:
        memory.create("GH 460!")
    assert refused.value.problems[0].code == "id_invalid"
    assert refused.value.hint == "--id gh-460"


def test_an_unreadable_dependency_is_told_not_called_missing(memory: Memory) -> None:
    memory.create("needed")
    memory.create("needs", depends_on=["needed"])
    memory.repo.write("state/tasks/needed/task.md", "no front matter\n")
    for refused_verb in (
        lambda: memory.create("other", depends_on=["needed"]),
        lambda: memory.update("needs", remove_dep=["needed"], add_dep=["needed"]),
    ):
        with pytest.raises(StateError) as refused:
            refused_verb()
        assert refused.value.code == "state_invalid"
        assert refused.value.path == "state/tasks/needed/task.md"
    brief = memory.brief("needs").answer
    assert brief.error is not None
    assert brief.error.code == "state_invalid"
