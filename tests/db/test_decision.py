"""The decision table of a sync over the whole product of its axes."""

from __future__ import annotations

from itertools import product
from typing import get_args

import pytest

from platformstate.exporter.bookkeeping import RELATIONS
from platformstate.exporter.decision import RULES, Decision, Facts, Kinship, decide

BOTH = (False, True)
FLAGS = [name for name in Facts._fields if name != "old"]
PRODUCT = [
    Facts(**dict(zip(FLAGS, values, strict=True)), old=old)
    for values in product(BOTH, repeat=len(FLAGS))
    for old in get_args(Kinship)
]


def test_every_situation_has_a_decision_and_every_rule_a_situation() -> None:
    decided = {decide(facts) for facts in PRODUCT}
    assert decided == {rule.then for rule in RULES}


def test_a_decision_refuses_or_has_a_relation_of_the_ledger_or_does_nothing() -> None:
    for rule in RULES:
        done = rule.then
        assert done.relation is None or done.relation in RELATIONS
        assert (done.relation is None) == (done.method == "nothing")


def test_nothing_goes_back_or_elsewhere_unasked() -> None:
    for facts in PRODUCT:
        done = decide(facts)
        if not facts.cursor or done.refusal is not None or done.relation is None:
            continue
        assert facts.same_ref or facts.switch_ref
        if facts.old == "descendant" and done.relation != "same_tree":
            assert facts.allow_rewind


def test_a_rebuild_reads_everything_and_a_lost_cursor_only_what_differs() -> None:
    for facts in PRODUCT:
        done = decide(facts)
        if facts.rebuild and done.refusal is None:
            assert done.method == "everything"
        if not facts.same_parser and done.refusal is None and (facts.cursor or facts.inventory or facts.rows):
            assert done.method == "everything"


@pytest.mark.parametrize(
    "facts,expected",
    [
        (Facts(), Decision("initial", "everything")),
        (Facts(inventory=True), Decision("unknown_base", "inventory")),
        (Facts(rows=True), Decision("rebuild", "everything")),
        (Facts(cursor=True, same_ref=False, old="ancestor"), Decision(refusal="db_ref_changed")),
        (Facts(cursor=True, same_commit=True, same_tree=True, old="same"), Decision()),
        (Facts(cursor=True, same_tree=True, old="apart"), Decision("same_tree", "head")),
        (Facts(cursor=True, old="absent", older=True), Decision(refusal="db_rewind_refused")),
        (Facts(cursor=True, old="absent"), Decision("unknown_base", "inventory", warning="db_base_unknown")),
        (Facts(cursor=True, old="ancestor"), Decision("fast_forward", "difference")),
        (Facts(cursor=True, old="descendant"), Decision(refusal="db_rewind_refused")),
        (Facts(cursor=True, old="descendant", allow_rewind=True), Decision("rewound", "difference")),
        (Facts(cursor=True, old="apart"), Decision("diverged", "difference", warning="db_history_diverged")),
    ],
)
def test_the_table_of_the_documentation(facts: Facts, expected: Decision) -> None:
    assert decide(facts) == expected
