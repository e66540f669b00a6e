"""`evidence verify` re-checks every item, and runs again only what stands at the trusted ref."""

from __future__ import annotations

from typing import Any

import pytest

from platformstate.actions.answer import Answer
from platformstate.actions.evidence_verify import verify_evidence
from platformstate.errors import StateError
from tests.evidence.test_closing import close, write_contract
from tests.memory.conftest import Memory


def verify(memory: Memory, **wanted: Any) -> Answer:
    return verify_evidence(memory.store("operator"), **wanted)


def told(answer: Answer) -> list[tuple[str, str]]:
    return [(row["criterion"], row["verdict"]) for row in answer.data["results"]]


def proven(memory: Memory) -> None:
    memory.create(accept=["One::doc", "Two::test", "Three::live"])
    write_contract(memory)
    memory.update(evidence=["ac1=url:https://example.org/page"])
    close(memory, "ac1=file:docs/task-run-schema.md", "ac2=cmd:sh -c 'test ! -e broken'", "ac3=operator:seen")


def test_each_item_has_a_verdict_and_they_are_counted(memory: Memory) -> None:
    proven(memory)
    answer = verify(memory)
    assert told(answer) == [("ac1", "unverifiable"), ("ac1", "holds"), ("ac2", "holds"), ("ac3", "holds")]
    assert answer.data["counts"] == {"holds": 3, "drifted": 0, "broken": 0, "unverifiable": 1}
    assert answer.data["rev"] == memory.head()
    assert (answer.error, answer.status) == (None, 0)
    assert verify(memory, strict=True).status == 1
    assert [row["index"] for row in answer.data["results"]] == [0, 1, 0, 0]


def test_10_13_an_edited_document_is_drifted_and_fails_only_when_strict(memory: Memory) -> None:
    proven(memory)
    before = memory.head()
    memory.repo.write("docs/task-run-schema.md", "# Contract, second edition\n")
    memory.repo.commit()
    assert told(verify(memory, task="gh-460", criterion="AC1"))[1] == ("ac1", "drifted")
    assert verify(memory, task="gh-4").status == 0
    assert verify(memory, strict=True, task="gh-460").status == 1
    assert told(verify(memory, rev=before, criterion="ac1", task="gh-460"))[1] == ("ac1", "holds")


def test_a_proof_that_is_gone_is_broken(memory: Memory) -> None:
    proven(memory)
    memory.repo.git("rm", "-q", "-r", "state/evidence")
    answer = verify(memory)
    assert answer.data["counts"]["broken"] == 2
    assert answer.error is not None
    assert (answer.error.code, answer.status) == ("evidence_broken", 1)


def test_a_command_runs_again_only_where_the_trusted_ref_has_it(memory: Memory) -> None:
    proven(memory)
    memory.repo.write("broken", "")
    assert verify(memory, execute=True).data["counts"]["broken"] == 1
    assert verify(memory).data["counts"]["broken"] == 0
    memory.repo.git("config", "platformstate.trustedRef", "refs/heads/older")
    memory.repo.git("branch", "older", "HEAD~1")
    rows = {row["criterion"]: row for row in verify(memory, execute=True).data["results"]}
    assert rows["ac2"]["detail"].endswith("not run: not at the trusted ref")


def test_open_work_on_a_branch_is_judged_by_head_and_closed_work_by_the_target(memory: Memory) -> None:
    memory.create()
    memory.repo.git("switch", "-q", "-c", "side")
    memory.repo.write("docs/new.md", "# New\n")
    memory.repo.commit()
    memory.update(evidence=["ac1=file:docs/new.md"])
    assert told(verify(memory)) == [("ac1", "holds")]
    assert told(verify(memory, rev="main")) == []


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"task": "gh-460", "all_tasks": True}, "usage_invalid"),
        ({"criterion": "ac1"}, "usage_invalid"),
        ({"task": "gh-460", "criterion": "ac9"}, "criterion_not_found"),
        ({"task": "gh-9"}, "task_not_found"),
        ({"rev": "nowhere"}, "ref_not_found"),
    ],
)
def test_what_is_not_there_cannot_be_verified(memory: Memory, wanted: dict[str, Any], code: str) -> None:
    memory.create()
    with pytest.raises(StateError) as refused:
        verify(memory, **wanted)
    assert refused.value.code == code


def test_a_trusted_ref_that_is_not_here_judges_nothing(memory: Memory) -> None:
    proven(memory)
    memory.repo.git("config", "platformstate.trustedRef", "refs/heads/nowhere")
    with pytest.raises(StateError) as refused:
        verify(memory)
    assert refused.value.code == "trust_ref_unset"
