"""What a brief holds, before it becomes text."""

from __future__ import annotations

from typing import Any

import pytest

from platformstate.entities.task import STATUSES
from platformstate.errors import StateError
from platformstate.policy.brief import brief_of, last_sign_of_life
from platformstate.policy.chain import chain_of, late
from platformstate.policy.ground_truth import Found
from platformstate.policy.repeats import is_repeat, repeat_mark
from tests.policy.briefing import RUN, checkpoint, criterion, known, run, task

RESCUER = "20261120t120000z-zzzzzz"


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("acceptance", [[], [criterion("ac1")]])
def test_every_status_has_a_command_to_go_on_with(status: str, acceptance: list[dict[str, Any]]) -> None:
    what = known(meta=task(status=status, acceptance=acceptance), runs=())
    commands = brief_of(what)["next"]["commands"]
    assert commands[-1] == "platformctl task show gh-460"
    first = commands[0]
    if status in ("ready", "implementation", "review"):
        assert "--kind start" in first
    elif status in ("intake", "refining") and not acceptance:
        assert "--accept" in first
    elif status in ("intake", "refining", "parked"):
        assert first.endswith("--status ready")


def test_next_is_what_the_newest_standing_checkpoint_says() -> None:
    first = checkpoint(1, next_action="old")
    wrong = checkpoint(2, next_action="wrong", next_verify="it's unbalanced")
    right = checkpoint(3, supersedes=wrong.id)
    assert brief_of(known(first, wrong))["next"]["action"] == "wrong"
    assert brief_of(known(first, wrong))["next"]["last_verify"] is None
    assert brief_of(known(first, wrong, right))["next"]["action"] == "old"


def test_the_chain_is_the_newest_run_with_those_it_rescues() -> None:
    rescuer = run(RESCUER, attempt=2, rescues=RUN, actor="claude", started_at="2026-11-20T10:11:30Z")
    old = checkpoint(10, failed=["old"])
    new = checkpoint(5, run=RESCUER, author="claude", failed=["new"])
    chain = chain_of([rescuer, run()], [new, old], None)
    assert [facts.id for facts in chain.runs] == [RUN, RESCUER]
    assert [said.body["failed"] for said in chain.standing] == [["new"], ["old"]]
    assert [facts.id for facts in chain_of([rescuer, run()], [new, old], RUN).runs] == [RUN]
    assert chain_of([], [], None).run is None


def test_runs_that_rescue_each_other_in_a_circle_end_the_chain() -> None:
    chain = chain_of([run(rescues=RESCUER), run(RESCUER, attempt=2, rescues=RUN)], [], None)
    assert len(chain.runs) == 2


def test_what_a_rescued_run_says_afterwards_is_late() -> None:
    rescuer = run(RESCUER, attempt=2, rescues=RUN, started_at="2026-11-20T10:11:30Z")
    early, after = checkpoint(29), checkpoint(31)
    assert late([run(), rescuer], [early, after]) == (after.id,)


def test_the_last_sign_of_life_is_the_runs_own() -> None:
    assert last_sign_of_life(known(runs=()).chain) is None
    assert last_sign_of_life(known().chain) == "2026-11-20T10:11:30Z"
    assert last_sign_of_life(known(checkpoint(50)).chain) == "2026-11-20T10:11:50Z"


def test_trust_counts_what_stands() -> None:
    said = [
        checkpoint(1),
        checkpoint(2, basis="tool_receipt", confidence="verified"),
        checkpoint(3, basis="operator", observer="ann"),
    ]
    assert brief_of(known(*said, found=Found(contained=False, present=True)))["trust"] == {
        "verified": 1,
        "observed": 1,
        "self_reported": 1,
        "contradicted": 1,
    }


@pytest.mark.parametrize(
    "commit, found, verdict",
    [
        (None, Found(), "unverifiable"),
        ("c", Found(present=True, contained=True), "confirmed"),
        ("c", Found(present=True, contained=False), "contradicted"),
        ("c", Found(present=False, contained=False), "contradicted"),
        ("c", Found(present=False), "unverifiable"),
        ("c", Found(), "unverifiable"),
    ],
)
def test_a_commit_is_judged_by_where_it_is_found(commit: str | None, found: Found, verdict: str) -> None:
    said = checkpoint(git={"commit": commit, "branch": None, "dirty": 0, "ahead": None})
    lines = {line["claim"]: line["verdict"] for line in brief_of(known(said, found=found))["ground_truth"]}
    assert lines["commit"] == verdict
    assert lines["branch"] == "unverifiable"


@pytest.mark.parametrize(
    "exists, verdict", [(None, "unverifiable"), (True, "confirmed"), (False, "contradicted")]
)
def test_a_branch_is_judged_by_whether_it_is_there(exists: bool | None, verdict: str) -> None:
    lines = brief_of(known(checkpoint(), found=Found(branch_exists=exists)))["ground_truth"]
    assert next(line["verdict"] for line in lines if line["claim"] == "branch") == verdict


def test_only_the_newest_claim_about_a_criterion_counts() -> None:
    met = checkpoint(1, criteria=[{"id": "ac1", "state": "met"}, {"id": "ac2", "state": "met"}])
    taken_back = checkpoint(2, criteria=[{"id": "ac1", "state": "open"}])
    lines = brief_of(known(met, taken_back, meta=task(acceptance=[criterion("ac1")])))["ground_truth"]
    claims = {line["claim"]: line["found"] for line in lines if line["claim"].startswith("criterion")}
    assert list(claims) == ["criterion:ac2"]
    assert "nothing of it" in claims["criterion:ac2"]


def test_an_execution_before_a_claim_does_not_contradict_it() -> None:
    command = {"argv": ["pytest"], "exit_code": 1, "at": "2026-11-20T10:11:30Z", "output_sha256": "0" * 64}
    before = checkpoint(1, commands=[command])
    after = checkpoint(2, commands=[{**command, "exit_code": 0, "output_sha256": None}])
    lines = brief_of(known(before, after))["ground_truth"]
    verdicts = {line["claim"]: line["verdict"] for line in lines}
    assert verdicts[f"command:{after.id}#0"] == "unverifiable"
    assert verdicts[f"command:{before.id}#0"] == "confirmed"


def test_evidence_that_nobody_checked_here_is_unverifiable() -> None:
    item = {"type": "file", "ref": "docs/spec.md", "at": "2026-11-20T10:11:30Z", "by": "ann"}
    [shown] = brief_of(known(meta=task(acceptance=[criterion("ac1", evidence=[item])])))["acceptance"]
    assert shown["evidence"] == [
        {"type": "file", "ref": "docs/spec.md", "verdict": "unverifiable", "detail": "not checked here"}
    ]


def test_a_key_recognises_its_own_request_only() -> None:
    mark = repeat_mark("k", {"title": "T"})
    assert is_repeat(mark, repeat_mark("k", {"title": "T"}))
    assert not is_repeat(mark, repeat_mark("other", {"title": "T"}))
    assert not is_repeat(mark, None)
    with pytest.raises(StateError) as refused:
        is_repeat(mark, repeat_mark("k", {"title": "U"}))
    assert refused.value.code == "idempotency_conflict"
