"""A task is done when each criterion is proven now, moved or waived; a word alone closes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from platformstate.actions.answer import Answer
from platformstate.actions.task_close import close_task, reopen_task
from platformstate.actions.task_criteria import move_criterion, waive_criterion
from platformstate.errors import StateError
from tests.memory.conftest import Memory

PATH = "state/tasks/gh-460/task.md"


def close(
    memory: Memory, *evidence: str, task: str = "gh-460", actor: str = "operator", **more: Any
) -> Answer:
    wishes = {"dry_run": more.pop("dry_run")} if "dry_run" in more else {}
    return close_task(memory.store(actor, **wishes), task, evidence=evidence, **more)


def refused(memory: Memory, *evidence: str, **more: Any) -> StateError:
    before = memory.head(), memory.text(PATH)
    with pytest.raises(StateError) as found:
        close(memory, *evidence, **more)
    assert (memory.head(), memory.text(PATH)) == before
    return found.value


def findings(error: StateError) -> list[tuple[str | None, str]]:
    return [(problem.criterion, problem.code) for problem in error.problems]


def move(memory: Memory, criterion: str, to: str = "gh-661", **more: Any) -> Answer:
    return move_criterion(memory.store("operator"), "gh-460", criterion, to, **more)


def write_contract(memory: Memory) -> str:
    memory.repo.write("docs/task-run-schema.md", "# Contract\n")
    return memory.repo.commit("contract")


def seed_case(memory: Memory) -> None:
    memory.create(accept=["Contract written::doc", "Tables in main Postgres::live", "Migration runbook::doc"])
    memory.create("gh-661", accept=[], title="Tables in main Postgres")
    write_contract(memory)


def test_10_01_the_worked_example_closes_docs_only_after_the_live_criterion_moved(memory: Memory) -> None:
    seed_case(memory)
    contract = "ac1=file:docs/task-run-schema.md"
    error = refused(memory, contract, docs_only=True)
    assert (error.code, error.exit_status) == ("close_refused", 4)
    assert findings(error) == [
        ("ac2", "criterion_open"),
        ("ac2", "close_not_docs_only"),
        ("ac3", "criterion_open"),
    ]
    assert error.data is not None
    assert [one["id"] for one in error.data["criteria"]] == ["ac1", "ac2", "ac3"]
    assert move(memory, "ac2").data["to"] == {"task": "gh-661", "criterion": "ac1"}
    assert move(memory, "ac3").data["to"] == {"task": "gh-661", "criterion": "ac2"}
    done = close(memory, contract, docs_only=True)
    assert done.data["task"]["status"] == "done"
    assert memory.show()["close"] == "docs-only"
    assert memory.repo.git("log", "-1", "--format=%s").strip() == "task: close gh-460"
    memory.update("gh-661", status="ready")
    assert ("ac1", "evidence_wrong_type") in findings_of_other(memory, "ac1=file:docs/task-run-schema.md")
    closed = close(
        memory, "ac1=operator:checked on the server", "ac2=file:docs/task-run-schema.md", task="gh-661"
    )
    assert closed.data["task"]["status"] == "done"
    assert memory.show("gh-661")["close"] == "proven"


def findings_of_other(memory: Memory, *evidence: str) -> list[tuple[str | None, str]]:
    with pytest.raises(StateError) as found:
        close(memory, *evidence, task="gh-661")
    return findings(found.value)


def test_a_close_writes_status_criterion_and_instant_in_one_commit(memory: Memory) -> None:
    memory.create()
    write_contract(memory)
    done = close(memory, "file:docs/task-run-schema.md")
    task = done.data["task"]
    assert task["acceptance"][0]["state"] == "met"
    assert [item["type"] for item in task["acceptance"][0]["evidence"]] == ["file"]
    assert task["closed_at"].startswith("2026-11-20T")
    assert done.data["criteria"][0]["evidence"][0]["verdict"] == "holds"
    assert memory.repo.git("show", "--name-only", "--format=", "HEAD").split() == [PATH]


@pytest.mark.parametrize(
    ("proof", "evidence", "code"),
    [
        ("doc", "commit:base", "evidence_predates_task"),
        ("doc", "commit:side", "evidence_not_on_target"),
        ("doc", "file:docs/working.md", "evidence_not_on_target"),
        ("test", "cmd:false", "command_failed"),
        ("doc", "url:https://example.org/done", "evidence_unverifiable"),
        ("doc", "file:" + PATH, "evidence_self_report"),
    ],
)
def test_10_10_what_does_not_prove_a_task_does_not_close_it(
    memory: Memory, proof: str, evidence: str, code: str
) -> None:
    memory.repo.git("branch", "base")
    memory.repo.git("switch", "-q", "-c", "side")
    memory.repo.write("src/side.py", "s = 1\n")
    memory.repo.commit()
    memory.repo.git("switch", "-q", "main")
    memory.repo.write("src/early.py", "e = 1\n")
    memory.repo.commit()
    memory.repo.git("branch", "-f", "base")
    memory.create(accept=[f"It is done::{proof}"])
    memory.repo.write("docs/working.md", "not committed\n")
    error = refused(memory, evidence)
    assert (error.code, error.exit_status, findings(error)) == ("close_refused", 4, [("ac1", code)])


def test_10_10_the_tasks_own_run_proves_nothing_of_it(memory: Memory) -> None:
    memory.create(accept=["It is done::test"])
    run = memory.say("I did it").data["run"]
    assert findings(refused(memory, f"receipt:{run}")) == [("ac1", "evidence_self_report")]


def test_evidence_without_a_criterion_goes_to_the_only_open_one(memory: Memory) -> None:
    memory.create(accept=["One::doc", "Two::doc"])
    write_contract(memory)
    error = refused(memory, "file:docs/task-run-schema.md")
    assert (error.code, error.exit_status) == ("evidence_criterion_missing", 2)
    assert refused(memory, "ac9=file:docs/spec.md").code == "criterion_not_found"
    waive_criterion(memory.store("operator"), "gh-460", "ac2", "not needed any more")
    assert refused(memory, "ac2=file:docs/spec.md").code == "criterion_not_open"
    assert close(memory, "file:docs/task-run-schema.md").data["task"]["status"] == "done"


def test_a_dependency_that_is_open_keeps_a_task_open(memory: Memory) -> None:
    memory.create("gh-17")
    memory.create(depends_on=["gh-17"])
    write_contract(memory)
    assert findings(refused(memory, "file:docs/task-run-schema.md")) == [(None, "task_dependency_open")]


def test_a_task_without_criteria_does_not_close(memory: Memory) -> None:
    memory.create(accept=[])
    assert refused(memory).code == "task_transition_refused"
    memory.create("gh-17")
    text = memory.text(PATH).replace("status: intake", "status: ready")
    memory.repo.write(PATH, text)
    memory.repo.commit()
    assert findings(refused(memory)) == [(None, "task_has_no_criteria")]


def test_a_command_that_passes_closes_with_its_proof_in_the_same_commit(memory: Memory) -> None:
    memory.create(accept=["The tests pass::test"])
    planned = close(memory, "cmd:touch ran", dry_run=True)
    assert planned.data["write"]["state"] == "planned"
    assert not (memory.repo.root / "ran").exists()
    item = close(memory, "cmd:sh -c true").data["task"]["acceptance"][0]["evidence"][0]
    assert memory.repo.git("show", "--name-only", "--format=", "HEAD").split() == [item["proof"], PATH]


def test_a_waived_criterion_is_an_operators_recorded_word(memory: Memory) -> None:
    memory.create(accept=["One::doc"])
    with pytest.raises(StateError) as found:
        waive_criterion(memory.store("codex"), "gh-460", "ac1", "too much work")
    assert (found.value.code, found.value.exit_status) == ("operator_required", 4)
    done = waive_criterion(memory.store("operator"), "gh-460", "AC1", "the page went away")
    criterion = done.data["task"]["acceptance"][0]
    assert (criterion["state"], criterion["reason"]) == ("waived", "the page went away")
    assert memory.repo.git("show", "--name-only", "--format=", "HEAD").split() == [
        criterion["evidence"][0]["proof"],
        PATH,
    ]
    assert findings(refused(memory, docs_only=True)) == [("ac1", "close_not_docs_only")]
    assert close(memory).data["task"]["status"] == "done"


def test_only_an_open_criterion_moves_and_only_to_an_open_task(memory: Memory) -> None:
    seed_case(memory)
    with pytest.raises(StateError) as found:
        move(memory, "ac1", "gh-460")
    assert (found.value.code, found.value.exit_status) == ("usage_invalid", 2)
    move(memory, "ac2", reason="the database is another team's")
    with pytest.raises(StateError) as found:
        move(memory, "ac2")
    assert (found.value.code, found.value.exit_status) == ("criterion_not_open", 4)
    memory.create("gh-662", accept=[])
    memory.update("gh-662", status="retired", reason="no")
    with pytest.raises(StateError) as found:
        move(memory, "ac3", "gh-662")
    assert (found.value.code, found.value.exit_status) == ("criterion_target_closed", 4)
    source, target = memory.show()["task"]["acceptance"][1], memory.show("gh-661")["task"]["acceptance"][0]
    assert (source["state"], source["moved_to"], source["reason"]) == (
        "moved",
        "gh-661#ac1",
        "the database is another team's",
    )
    assert (target["text"], target["proof"], target["state"]) == (source["text"], source["proof"], "open")


def test_a_reopened_task_lists_its_old_evidence_but_needs_new(memory: Memory) -> None:
    memory.create(accept=["One::doc", "Two::doc"])
    write_contract(memory)
    close(memory, "ac1=file:docs/task-run-schema.md", "ac2=file:docs/spec.md")
    done = reopen_task(memory.store("operator"), "gh-460", "the contract is wrong", criteria=["ac1"])
    task = done.data["task"]
    assert (task["status"], task["status_reason"]) == ("ready", "the contract is wrong")
    assert "closed_at" not in task
    assert [item["state"] for item in task["acceptance"]] == ["open", "met"]
    assert len(task["acceptance"][0]["evidence"]) == 1
    assert findings(refused(memory)) == [("ac1", "criterion_open")]


def test_10_13_a_document_edited_after_the_close_is_drifted_and_opens_on_reopen(memory: Memory) -> None:
    memory.create()
    write_contract(memory)
    close(memory, "file:docs/task-run-schema.md")
    memory.repo.write("docs/task-run-schema.md", "# Contract, second edition\n")
    memory.repo.commit()
    task = reopen_task(memory.store("operator"), "gh-460", "second edition").data["task"]
    assert task["acceptance"][0]["state"] == "open"


def test_a_revision_that_is_not_the_expected_one_is_left_alone(memory: Memory) -> None:
    memory.create()
    write_contract(memory)
    stale = "0" * 40
    assert refused(memory, "file:docs/spec.md", expect_rev=stale).code == "record_changed"
    with pytest.raises(StateError) as found:
        waive_criterion(memory.store("operator"), "gh-460", "ac1", "r", expect_rev=stale)
    assert found.value.code == "record_changed"
    close(memory, "file:docs/task-run-schema.md")
    with pytest.raises(StateError) as found:
        reopen_task(memory.store("operator"), "gh-460", "r", expect_rev=stale)
    assert found.value.code == "record_changed"


def test_closing_ends_the_closers_own_run(memory: Memory) -> None:
    memory.create()
    run = memory.say("writing it").data["run"]
    write_contract(memory)
    close(memory, "file:docs/task-run-schema.md", actor="codex")
    shown = memory.show()["runs"][0]
    assert (shown["id"], shown["status"]) == (run, "succeeded")
    assert memory.store().session.claims.of("gh-460").released_at is not None  # type: ignore[union-attr]


def test_nobody_but_an_operator_closes_a_task_that_another_works_at(memory: Memory) -> None:
    memory.create()
    memory.say("writing it")
    write_contract(memory)
    assert refused(memory, "file:docs/task-run-schema.md", actor="claude").code == "claim_held"
    assert close(memory, "file:docs/task-run-schema.md").data["task"]["status"] == "done"


def test_a_repeated_close_does_not_say_done_of_a_task_that_is_open_again(memory: Memory) -> None:
    memory.create()
    work = write_contract(memory)
    close(memory, f"ac1=commit:{work}", idempotency_key="k")
    assert close(memory, f"ac1=commit:{work}", idempotency_key="k").data["task"]["status"] == "done"
    reopen_task(memory.store("operator"), "gh-460", "it fails again")
    assert refused(memory, f"ac1=commit:{work}", idempotency_key="k").code == "idempotency_conflict"


def conflicts(ask: Callable[..., Answer], memory: Memory, *words: str) -> None:
    with pytest.raises(StateError) as again:
        ask(memory.store("operator"), "gh-460", *words, idempotency_key="k")
    assert again.value.code == "idempotency_conflict"


def test_a_repeated_waiver_does_not_say_that_it_holds_where_the_criterion_is_open_again(
    memory: Memory,
) -> None:
    seed_case(memory)
    move(memory, "ac2")
    waive_criterion(memory.store("operator"), "gh-460", "ac3", "no need", idempotency_key="k")
    close(memory, "ac1=file:docs/task-run-schema.md")
    reopen_task(memory.store("operator"), "gh-460", "needed after all", criteria=["ac3"])
    conflicts(waive_criterion, memory, "ac3", "no need")


def test_a_repeated_move_does_not_say_moved_where_the_criterion_is_open_again(memory: Memory) -> None:
    seed_case(memory)
    move(memory, "ac2", idempotency_key="k")
    memory.repo.write(PATH, memory.text(PATH).replace('moved\n    moved_to: "gh-661#ac1"', "open"))
    assert "moved" not in memory.text(PATH)
    memory.repo.commit("open again")
    conflicts(move_criterion, memory, "ac2", "gh-661")
