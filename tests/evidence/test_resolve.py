"""Evidence as typed becomes an item that was checked now, or a finding; nothing is taken on trust."""

from __future__ import annotations

from typing import Any

import pytest

from platformstate.actions.evidence_resolve import Resolved, refusal, resolve
from platformstate.errors import StateError
from tests.memory.conftest import Memory

CRITERIA = {proof: {"id": "ac1", "proof": proof} for proof in ("doc", "test", "live", "operator")}


def resolved(memory: Memory, text: str, *, proof: str | None = None, **more: Any) -> Resolved:
    asked = {"purpose": "update", "task": {"id": "gh-460"}, **more}
    actor = asked.pop("actor", "codex")
    criterion = None if proof is None else CRITERIA[proof]
    store = memory.store(actor, dry_run=asked.pop("dry_run", False))
    return resolve(store, text, criterion=criterion, **asked)


def work(memory: Memory, path: str = "src/b.py", text: str = "b = 2\n") -> str:
    memory.repo.write(path, text)
    return memory.repo.commit()


def test_a_commit_of_the_work_holds(memory: Memory) -> None:
    done = work(memory)
    found = resolved(memory, "commit:HEAD", proof="doc")
    assert found.verdict.holds
    assert found.may_be_recorded
    assert found.item is not None
    assert {key: found.item[key] for key in ("type", "ref", "commit", "by")} == {
        "type": "commit",
        "ref": "HEAD",
        "commit": done,
        "by": "codex",
    }


def test_a_file_holds_with_its_blob_at_head_whatever_lies_on_disk(memory: Memory) -> None:
    head = memory.head()
    blob = memory.repo.git("rev-parse", "HEAD:docs/spec.md").strip()
    memory.repo.write("docs/spec.md", "edited, not committed\n")
    found = resolved(memory, "file:docs/spec.md", proof="doc")
    assert found.item is not None
    assert found.verdict.holds
    assert (found.item["path"], found.item["blob"], found.item["commit"]) == ("docs/spec.md", blob, head)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("commit:HEAD", "evidence_self_report"),  # init touched nothing but state/ and its own settings
        ("commit:no-such", "evidence_broken"),
        ("file:docs/absent.md", "evidence_not_on_target"),
        ("file:docs", "evidence_broken"),
        ("file:state/tasks/gh-460/task.md", "evidence_self_report"),
        ("file:docs/empty.md", "evidence_broken"),
        ("file:docs/link.md", "evidence_broken"),
        ("file:src/working.py", "evidence_not_on_target"),
        ("db-verify:state/evidence/absent.json", "evidence_broken"),
        ("url:https://example.org/page", "evidence_unverifiable"),
    ],
)
def test_what_proves_nothing_is_named(memory: Memory, text: str, code: str) -> None:
    memory.create()
    memory.repo.write("docs/empty.md", "")
    (memory.repo.root / "docs/link.md").symlink_to("spec.md")
    memory.repo.commit()
    memory.update(priority="p0")
    memory.repo.write("src/working.py", "x = 1\n")
    assert resolved(memory, text).verdict.code == code


def test_a_commit_that_is_the_base_or_older_predates_the_task(memory: Memory) -> None:
    older, base = memory.repo.git("rev-parse", "HEAD~1").strip(), work(memory)
    work(memory, "src/c.py")
    task = {"id": "gh-460", "base_commit": base}
    assert resolved(memory, f"commit:{older}", task=task).verdict.code == "evidence_predates_task"
    assert resolved(memory, f"commit:{base}", task=task).verdict.code == "evidence_predates_task"
    assert resolved(memory, "commit:HEAD", task=task).verdict.holds


def test_a_commit_of_another_branch_counts_for_a_checkpoint_only(memory: Memory) -> None:
    memory.repo.git("switch", "-q", "-c", "side")
    work(memory)
    memory.repo.git("switch", "-q", "main")
    assert resolved(memory, "commit:side", purpose="checkpoint").verdict.holds
    for purpose in ("update", "close"):
        assert resolved(memory, "commit:side", purpose=purpose).verdict.code == "evidence_not_on_target"


def test_closing_is_judged_by_the_target_not_by_the_branch_at_hand(memory: Memory) -> None:
    memory.repo.git("switch", "-q", "-c", "side")
    work(memory, "docs/new.md")
    assert resolved(memory, "file:docs/new.md").verdict.holds
    closing = resolved(memory, "file:docs/new.md", purpose="close")
    assert closing.verdict.code == "evidence_not_on_target"
    assert closing.verdict.detail == "docs/new.md is not in main"


def test_a_command_that_passes_makes_a_proof_of_what_it_gave(memory: Memory) -> None:
    found = resolved(memory, "cmd:sh -c 'echo 3 passed'", proof="test")
    assert found.verdict.holds
    assert found.item is not None
    assert found.proof is not None
    assert found.item["argv"] == ["sh", "-c", "echo 3 passed"]
    assert found.item["proof"] == found.proof.path
    assert b'"output_tail": "3 passed\\n"' in (found.proof.after or b"")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("false", "command_failed"),
        ("no-such-program-here", "command_failed"),
        ("sh -c 'echo x >> src/a.py'", "evidence_dirty_tree"),
        ("sh -c 'echo x >> src/a.py && git commit -qam x'", "evidence_dirty_tree"),
        ("git checkout -q -b other", "evidence_dirty_tree"),
    ],
)
def test_a_command_that_does_not_pass_makes_no_proof(memory: Memory, command: str, code: str) -> None:
    found = resolved(memory, f"cmd:{command}", proof="test")
    assert (found.verdict.code, found.item, found.proof) == (code, None, None)


def test_a_commit_of_state_alone_while_a_command_runs_does_not_spoil_its_proof(memory: Memory) -> None:
    command = "sh -c 'mkdir -p state/notes && echo x > state/notes/x && git add state && git commit -qm x'"
    assert resolved(memory, f"cmd:{command}", proof="test").verdict.holds


def test_a_command_beyond_its_limit_is_stopped(memory: Memory) -> None:
    found = resolved(memory, "cmd:sleep 60", proof="test", limit_s=0.2)
    assert found.verdict.code == "command_timed_out"


def test_no_command_runs_on_changed_files_or_in_a_dry_run(memory: Memory) -> None:
    command = "cmd:touch ran"
    assert resolved(memory, command, proof="test", dry_run=True).verdict.code == "evidence_unverifiable"
    memory.repo.write("src/a.py", "a = 3\n")
    assert resolved(memory, command, proof="test").verdict.code == "evidence_dirty_tree"
    assert not (memory.repo.root / "ran").exists()


def test_a_type_that_cannot_prove_the_criterion_is_refused(memory: Memory) -> None:
    work(memory)
    found = resolved(memory, "commit:HEAD", proof="test")
    assert found.verdict.code == "evidence_wrong_type"
    assert not found.may_be_recorded
    error = refusal(found, "ac1")
    assert (error.code, error.problems[0].code, error.problems[0].criterion) == (
        "evidence_refused",
        "evidence_wrong_type",
        "ac1",
    )
    assert resolved(memory, "cmd:true", proof="doc").proof is None


def test_an_operator_says_it_in_a_proof_of_its_own(memory: Memory) -> None:
    found = resolved(memory, "operator:seen on the live system", proof="live", actor="operator")
    assert found.verdict.holds
    assert found.item is not None
    assert found.proof is not None
    assert found.item["note"] == "seen on the live system"
    with pytest.raises(StateError) as refused:
        resolved(memory, "operator:I did it", proof="live", actor="codex")
    assert refused.value.code == "operator_required"


@pytest.mark.parametrize(
    ("text", "purpose"),
    [
        ("docs/spec.md", "update"),
        ("paper:x", "update"),
        ("file:", "update"),
        ("file:../outside", "update"),
        ("file:/etc/passwd", "update"),
        ("url:https://ann:pw@example.org/", "update"),
        ("cmd:true", "checkpoint"),
        ("cmd:'", "update"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(memory: Memory, text: str, purpose: str) -> None:
    with pytest.raises(StateError) as refused:
        resolved(memory, text, purpose=purpose)
    assert refused.value.code == "usage_invalid"
