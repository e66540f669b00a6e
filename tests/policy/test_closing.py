"""The close rule as a property, the table of what proves what, and the rules about parity proofs."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platformstate.core.document import Document
from platformstate.entities.kinds import TASK
from platformstate.entities.task import CRITERION_STATES, PROOFS, STATUSES
from platformstate.policy.closing import Checked, close_problems, proven, reopened
from platformstate.policy.evidence import (
    PROVES,
    TYPES,
    VERDICTS,
    Claim,
    Facts,
    FileFacts,
    Finding,
    Verdict,
    fit_finding,
    fits,
    judged,
    parse_for_criterion,
    verdict_of,
)
from platformstate.policy.evidence_rules import criterion_changes, evidence_problems
from platformstate.policy.parity import Parity, parity_finding

CODES = (
    None,
    "evidence_drifted",
    "evidence_unverifiable",
    "evidence_broken",
    "evidence_not_on_target",
    "evidence_self_report",
    "evidence_not_recorded",
)
VERDICT = st.builds(
    lambda type_, code: verdict_of(type_, "ref", Finding(code, "d")),
    st.sampled_from(TYPES),
    st.sampled_from(CODES),
)
CHECKED = st.builds(
    lambda proof, state, recorded, given: Checked(
        {"id": "ac", "text": "t", "proof": proof, "state": state}, tuple(recorded), tuple(given)
    ),
    st.sampled_from(PROOFS),
    st.sampled_from(CRITERION_STATES),
    st.lists(VERDICT, max_size=3),
    st.lists(VERDICT, max_size=2),
)


def document(criteria: list[Any], status: str = "implementation") -> Document[Any]:
    meta = {"schema": "task/1", "id": "gh-460", "title": "t", "status": status, "acceptance": criteria}
    return Document(TASK, "state/tasks/gh-460/task.md", meta)


@given(
    st.lists(CHECKED, max_size=4),
    st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from([None, *STATUSES])),
    st.booleans(),
)
def test_a_task_closes_only_when_every_criterion_is_proven_moved_or_waived(
    checked: list[Checked], needed: dict[str, str | None], docs_only: bool
) -> None:
    problems = close_problems(
        document([one.criterion for one in checked]), checked, needed, docs_only=docs_only
    )
    if problems:
        return
    assert checked
    assert set(needed.values()) <= {"done", "deployed", "observed", "maintained"}
    for one in checked:
        state, proof = one.criterion["state"], one.criterion["proof"]
        counting = one.given if state == "open" else one.verdicts
        holding = [v for v in counting if v.verdict == "holds" and v.type in PROVES[proof]]
        assert holding or state in ("moved", "waived")
        if docs_only:
            assert state == "moved" or (proof == "doc" and state != "waived")


@given(st.lists(CHECKED, min_size=1, max_size=4))
def test_a_refusal_names_a_finding_for_each_criterion_that_is_not_proven(checked: list[Checked]) -> None:
    numbered = [one._replace(criterion={**one.criterion, "id": f"ac{n}"}) for n, one in enumerate(checked)]
    problems = close_problems(document([one.criterion for one in numbered]), numbered, {})
    blamed = {problem.criterion for problem in problems}
    for one in numbered:
        unproven = one.criterion["state"] in ("open", "met") and not one.is_proven
        assert not unproven or one.criterion["id"] in blamed


def test_every_type_and_proof_has_its_place_in_the_table() -> None:
    assert set(PROVES) == set(PROOFS)
    able = {proof: {type_ for type_ in TYPES if fits(proof, type_)} for proof in PROOFS}
    assert able == {
        "doc": {"file", "commit"},
        "test": {"command", "receipt"},
        "live": {"receipt", "db-verify", "operator"},
        "operator": {"operator"},
    }
    for proof, type_ in product(PROOFS, TYPES):
        assert (fit_finding(proof, type_) is None) == fits(proof, type_)


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        (None, "holds"),
        ("evidence_drifted", "drifted"),
        ("evidence_unverifiable", "unverifiable"),
        ("evidence_self_report", "broken"),
        ("evidence_predates_task", "broken"),
        ("command_failed", "broken"),
    ],
)
def test_a_finding_decides_its_verdict(code: str | None, verdict: str) -> None:
    assert verdict_of("file", "ref", Finding(code, "d")).verdict == verdict
    assert verdict in VERDICTS


FILE = {"type": "file", "ref": "a.md", "path": "a.md", "blob": "1" * 40, "commit": "2" * 40}


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        (Facts(now=FileFacts("100644", "1" * 40, 3)), None),
        (
            Facts(now=FileFacts("100644", "9" * 40, 3), then=FileFacts("100644", "1" * 40, 3)),
            "evidence_drifted",
        ),
        (Facts(then=FileFacts("100644", "1" * 40, 3)), "evidence_drifted"),
        (Facts(then=FileFacts("100644", "1" * 40, 3), contained=False), "evidence_not_on_target"),
        (Facts(then=FileFacts("100644", "9" * 40, 3)), "evidence_broken"),
        (Facts(present=None), "evidence_unverifiable"),
        (Facts(present=False), "evidence_broken"),
        (Facts(now=FileFacts("120000", "1" * 40, 3)), "evidence_broken"),
        (Facts(now=FileFacts("100644", "1" * 40, 0)), "evidence_broken"),
    ],
)
def test_a_file_holds_drifts_or_breaks(facts: Facts, code: str | None) -> None:
    assert judged(Claim(FILE, "gh-460"), facts).code == code


def test_the_first_finding_is_the_self_report_then_the_unverifiable_then_the_type() -> None:
    own = {**FILE, "path": "state/tasks/gh-460/notes.md"}
    here = FileFacts("100644", "1" * 40, 3)
    order = [
        (own, Facts(now=here), "evidence_self_report"),
        (FILE, Facts(present=None), "evidence_unverifiable"),
        (FILE, Facts(present=False), "evidence_wrong_type"),
        (FILE, Facts(now=here), "evidence_wrong_type"),
    ]
    for item, facts, code in order:
        assert judged(Claim(item, "gh-460", "ac1", "test"), facts).code == code


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("ac1=file:a.md", ("ac1", "file:a.md")),
        ("file:a=b.md", (None, "file:a=b.md")),
        ("cmd:X=1 pytest", (None, "cmd:X=1 pytest")),
        ("AC2=cmd:env X=1 pytest", ("AC2", "cmd:env X=1 pytest")),
    ],
)
def test_a_criterion_stands_before_the_first_equals_sign(text: str, parsed: tuple[str | None, str]) -> None:
    assert parse_for_criterion(text) == parsed


def test_proving_appends_and_reopening_keeps_what_was_proven() -> None:
    before = [{"id": "ac1", "text": "t", "proof": "doc", "state": "open", "evidence": [{"ref": "old"}]}]
    after = proven(before, {"ac1": [{"ref": "new"}]})
    assert [item["ref"] for item in after[0]["evidence"]] == ["old", "new"]
    again = reopened({"id": "gh-460", "acceptance": after}, [], ["ac1"])
    assert (again[0]["state"], again[0]["evidence"]) == ("open", after[0]["evidence"])


LIVE = {"system_id": "7710208199764368367", "database": "platform", "schema": "platformstate"}
PROOF: dict[str, Any] = {
    "type": "db-verify",
    "ok": True,
    "mode": "deep",
    "at": "2026-11-20T10:00:00Z",
    "store_id": "s",
    "target": {**LIVE, "engine": "postgres"},
    "tables": {"task": {"rows": 1, "expected_root": "a", "found_root": "a"}},
    "root": {"expected": "a", "found": "a"},
}
HERE = Parity("s", True, LIVE, "2026-11-20T20:00:00Z", roots=True)


@pytest.mark.parametrize(
    ("proof", "parity", "said"),
    [
        (PROOF, HERE, (None, "the live")),
        (None, HERE, ("evidence_broken", "(a)")),
        ({**PROOF, "ok": False}, HERE, ("evidence_broken", "(a)")),
        ({**PROOF, "root": {"expected": "a", "found": "b"}}, HERE, ("evidence_broken", "(a)")),
        ({**PROOF, "store_id": "other"}, HERE, ("evidence_broken", "(b)")),
        (PROOF, HERE._replace(contained=False), ("evidence_broken", "(b)")),
        (PROOF, HERE._replace(contained=None), ("evidence_unverifiable", "(b)")),
        (PROOF, HERE._replace(live=None), ("evidence_unverifiable", "(c)")),
        (PROOF, HERE._replace(live={**LIVE, "database": "mine"}), ("evidence_broken", "(c)")),
        (PROOF, HERE._replace(by="2026-11-21T10:00:01Z"), ("evidence_broken", "(d)")),
        (PROOF, HERE._replace(by="2026-11-20T09:59:59Z"), ("evidence_broken", "(d)")),
        (PROOF, HERE._replace(roots=False), ("evidence_broken", "(e)")),
        (PROOF, HERE._replace(roots=None), ("evidence_unverifiable", "(e)")),
        (PROOF, HERE._replace(roots=None, asks_roots=False), (None, "the live")),
        (PROOF, HERE._replace(by=None), (None, "the live")),
    ],
)
def test_a_parity_proof_says_which_rule_it_breaks(
    proof: dict[str, Any] | None, parity: Parity, said: tuple[str | None, str]
) -> None:
    code, detail = parity_finding(proof, parity, None)
    assert (code, detail[: len(said[1])]) == said


def test_the_age_of_a_parity_proof_counts_at_the_closing() -> None:
    late = HERE._replace(by="2026-12-24T10:00:00Z")
    assert parity_finding(PROOF, late, "2026-11-20T11:00:00Z")[0] is None
    assert parity_finding(PROOF, late, "2026-11-21T11:00:00Z")[0] == "evidence_broken"


CRITERION = {"id": "ac1", "text": "It works", "proof": "live", "state": "open"}


@pytest.mark.parametrize(
    ("status", "after", "codes"),
    [
        ("ready", [CRITERION], []),
        ("ready", [{**CRITERION, "state": "met"}], []),
        ("ready", [], ["criterion_removed"]),
        ("intake", [{**CRITERION, "id": "ac2"}], ["criterion_removed"]),
        ("ready", [{**CRITERION, "proof": "doc"}], ["criterion_changed"]),
        ("implementation", [{**CRITERION, "text": "It exists"}], ["criterion_changed"]),
        ("refining", [{**CRITERION, "proof": "doc"}], []),
        ("intake", [{**CRITERION, "text": "It exists"}], []),
    ],
)
def test_a_criterion_is_neither_dropped_nor_made_easier(
    status: str, after: list[dict[str, Any]], codes: list[str]
) -> None:
    old = {"status": status, "acceptance": [CRITERION]}
    assert [problem.code for problem in criterion_changes(old, document(after, status))] == codes


@pytest.mark.parametrize(
    ("was", "now", "codes"),
    [
        ("ready", "refining", []),
        ("done", "refining", []),
        ("ready", "ready", ["criterion_changed"]),
        ("ready", "implementation", ["criterion_changed"]),
        ("ready", "parked", ["criterion_changed"]),
    ],
)
def test_a_squash_that_rewords_shows_that_it_went_back_only_where_it_ends_there(
    was: str, now: str, codes: list[str]
) -> None:
    old = {"status": was, "acceptance": [CRITERION]}
    found = criterion_changes(old, document([{**CRITERION, "text": "It exists"}], now))
    assert [problem.code for problem in found] == codes
    assert all("no squash" in problem.fix for problem in found)


def test_a_met_criterion_that_asks_for_something_else_is_met_by_new_evidence_only() -> None:
    item, other = ({"type": "commit", "ref": ref, "commit": ref * 40} for ref in "12")
    old = {"status": "refining", "acceptance": [{**CRITERION, "state": "met", "evidence": [item]}]}
    for evidence, codes in (([item], ["evidence_broken"]), ([item, other], [])):
        now = {**CRITERION, "text": "It exists", "state": "met", "evidence": evidence}
        found = criterion_changes(old, document([now], "refining"))
        assert [problem.code for problem in found] == codes


def test_a_recorded_item_that_cannot_be_verified_here_is_a_warning_only() -> None:
    item = {"type": "commit", "ref": "HEAD", "commit": "1" * 40}
    met = {**CRITERION, "proof": "doc", "state": "met", "evidence": [item]}
    verdicts = {("ac1", 0): Verdict("commit", "HEAD", "unverifiable", "cut", "evidence_unverifiable")}
    found = evidence_problems(document([met]), verdicts, {})
    assert [(problem.code, problem.severity) for problem in found] == [("evidence_unverifiable", "warning")]
