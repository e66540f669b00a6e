"""Nothing becomes done, met, waived or moved by editing its file: `validate` asks for what proves it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from platformstate.actions.task_criteria import move_criterion, waive_criterion
from platformstate.actions.validate import Wish, validate_state
from tests.evidence.test_closing import close, write_contract
from tests.memory.conftest import Memory

PATH = "state/tasks/gh-460/task.md"


def found(memory: Memory, **wish: Any) -> list[tuple[str, str, str]]:
    data = validate_state(str(memory.repo.root), Wish(**wish)).data
    return [(row["code"], row["severity"], row["pointer"]) for row in data["problems"]]


def codes(memory: Memory, **wish: Any) -> list[str]:
    return [code for code, _, _ in found(memory, **wish)]


def edit(memory: Memory, *pairs: tuple[str, str], path: str = PATH) -> None:
    text = memory.text(path)
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    memory.repo.write(path, text)


def an_item(memory: Memory, **more: str) -> str:
    """Return a plausible item of evidence as somebody would write it by hand."""
    item = {"at": "2026-11-20T10:40:00Z", "by": "codex", **more}
    return json.dumps(item).replace("\n", "")


def met(memory: Memory, *items: str) -> None:
    listed = f"    evidence: [{', '.join(items)}]\n" if items else ""
    edit(memory, ("    state: open\n", f"    state: met\n{listed}"))


def test_a_closed_task_with_its_proofs_is_clean_in_every_mode(memory: Memory) -> None:
    memory.create(accept=["One::doc", "Two::test", "Three::live", "Four::doc", "Five::doc"])
    memory.create("gh-661")
    work = write_contract(memory)
    move_criterion(memory.store("operator"), "gh-460", "ac4", "gh-661")
    waive_criterion(memory.store("operator"), "gh-460", "ac5", "the page went away")
    memory.update(evidence=["ac1=url:https://example.org/page"])
    close(memory, f"ac1=commit:{work}", "ac2=cmd:true", "ac3=operator:seen")
    assert found(memory) == []
    assert found(memory, rev="HEAD") == []
    edit(memory, ("title: task_run", "title: Task_run"))
    memory.repo.git("add", "-A")
    assert found(memory, staged=True) == []
    assert found(memory, paths=(PATH,)) == []


def test_10_09_done_by_hand_is_refused(memory: Memory) -> None:
    memory.create()
    edit(
        memory,
        ("status: ready", "status: done"),
        ("created_by: operator\n", 'created_by: operator\nclosed_at: "2026-11-20T10:40:00Z"\n'),
    )
    assert found(memory) == [("task_close_unproven", "error", "/status")]
    memory.repo.git("add", "-A")
    assert codes(memory, staged=True) == ["task_close_unproven"]


def test_10_09_met_by_hand_is_refused(memory: Memory) -> None:
    memory.create()
    met(memory)
    assert found(memory) == [("evidence_broken", "error", "/acceptance/0/state")]


@pytest.mark.parametrize(
    ("proof", "item", "code"),
    [
        ("doc", {"type": "url", "ref": "https://a.example/", "url": "https://a.example/"}, "evidence_wrong_type"),
        ("test", {"type": "commit", "ref": "HEAD", "commit": "HEAD"}, "evidence_wrong_type"),
        ("doc", {"type": "commit", "ref": "x", "commit": "1" * 40}, "evidence_broken"),
        ("doc", {"type": "commit", "ref": "x", "commit": "BASE"}, "evidence_broken"),
        ("doc", {"type": "file", "ref": "docs/spec.md", "path": "docs/spec.md", "blob": "1" * 40, "commit": "HEAD"}, "evidence_broken"),
        ("doc", {"type": "file", "ref": PATH, "path": PATH, "blob": "BLOB", "commit": "HEAD"}, "evidence_broken"),
        ("operator", {"type": "operator", "ref": "ok", "note": "ok", "proof": "state/evidence/operator-20261120t104000z-000000.json"}, "evidence_not_recorded"),
        ("live", {"type": "receipt", "ref": "r", "run": "20261120t104000z-000000", "path": "state/tasks/gh-460/runs/20261120t104000z-000000/run_receipt.json", "blob": "1" * 40}, "evidence_broken"),
        ("live", {"type": "db-verify", "ref": "p", "path": "state/evidence/db-verify-20261120t104000z-000000.json", "blob": "1" * 40}, "evidence_broken"),
    ],
)  # fmt: skip
def test_10_09_met_by_hand_with_plausible_evidence_is_refused(
    memory: Memory, proof: str, item: dict[str, str], code: str
) -> None:
    memory.create(accept=[f"One::{proof}"])
    known = {
        "HEAD": memory.head(),
        "BASE": memory.repo.git("rev-parse", "HEAD~1").strip(),
        "BLOB": memory.repo.git("rev-parse", f"HEAD:{PATH}").strip(),
    }
    met(memory, an_item(memory, **{key: known.get(value, value) for key, value in item.items()}))
    assert codes(memory) == [code]


def test_10_09_a_forged_command_needs_a_proof_that_says_the_same(memory: Memory) -> None:
    memory.create(accept=["One::test"])
    memory.update(evidence=["ac1=cmd:true"])
    assert codes(memory) == []
    edit(memory, ("exit_code: 0", "exit_code: 1"))
    assert codes(memory) == ["evidence_not_recorded"]


def test_10_09_waived_by_hand_is_refused(memory: Memory) -> None:
    memory.create()
    edit(memory, ("    state: open\n", "    state: waived\n    reason: not needed\n"))
    assert found(memory) == [("waiver_not_recorded", "error", "/acceptance/0/state")]


@pytest.mark.parametrize("target", ["gh-661#ac9", "gh-661#ac1", "gh-999#ac1"])
def test_10_09_moved_by_hand_is_refused(memory: Memory, target: str) -> None:
    memory.create()
    memory.create("gh-661", accept=["Something else::doc"])
    edit(memory, ("    state: open\n", f'    state: moved\n    moved_to: "{target}"\n'))
    assert found(memory) == [("criterion_move_broken", "error", "/acceptance/0/moved_to")]


def test_10_13_a_document_edited_after_the_close_leaves_validate_clean(memory: Memory) -> None:
    memory.create()
    write_contract(memory)
    close(memory, "file:docs/task-run-schema.md")
    memory.repo.write("docs/task-run-schema.md", "# Contract, second edition\n")
    memory.repo.commit()
    assert found(memory) == []
    memory.repo.git("rm", "-q", "docs/task-run-schema.md")
    memory.repo.commit()
    assert found(memory, rev="HEAD") == []


def test_a_proof_that_is_deleted_is_missed_by_the_task_that_names_it(memory: Memory) -> None:
    memory.create(accept=["One::operator"])
    memory.update(evidence=["ac1=operator:agreed"])
    memory.repo.git("rm", "-q", "-r", "state/evidence")
    assert "evidence_not_recorded" in codes(memory, staged=True)


def test_a_clone_with_a_cut_history_warns_of_what_it_cannot_check(memory: Memory, tmp_path: Any) -> None:
    memory.create()
    write_contract(memory)
    close(memory, "commit:HEAD")
    memory.repo.git("clone", "-q", "--depth", "1", f"file://{memory.repo.root}", str(tmp_path / "cut"))
    data = validate_state(str(tmp_path / "cut"), Wish()).data
    assert [(row["code"], row["severity"]) for row in data["problems"]] == [
        ("evidence_unverifiable", "warning")
    ]
