"""What a sync does, decided from what the database holds and how the two commits are related. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

Method = Literal["everything", "inventory", "difference", "head", "nothing"]
Kinship = Literal["absent", "same", "ancestor", "descendant", "apart"]


class Facts(NamedTuple):
    """What a sync is decided from; `old` says what the synced commit is to the wanted one.

    `older`: the wanted commit was made before the synced one, by their committers' clocks.
    """

    cursor: bool = False
    rows: bool = False
    inventory: bool = False
    same_parser: bool = True
    same_ref: bool = True
    same_commit: bool = False
    same_tree: bool = False
    old: Kinship = "absent"
    older: bool = False
    rebuild: bool = False
    switch_ref: bool = False
    allow_rewind: bool = False


class Decision(NamedTuple):
    """How a sync goes on: its relation for the ledger, what it reads, or the code that refuses it."""

    relation: str | None = None
    method: Method = "nothing"
    refusal: str | None = None
    warning: str | None = None


class Rule(NamedTuple):
    """The decision for facts that are as `when` says; a fact that it leaves out may be anything."""

    when: Mapping[str, object]
    then: Decision


# Tried from the top. A rebuild is a way of reading: it passes neither the guard of the ref nor of a rewind.
RULES: Final = (
    Rule({"cursor": False, "rows": False, "inventory": False}, Decision("initial", "everything")),
    Rule(
        {"cursor": False, "inventory": True, "same_parser": True, "rebuild": False},
        Decision("unknown_base", "inventory"),
    ),
    Rule({"cursor": False}, Decision("rebuild", "everything")),
    Rule({"same_ref": False, "switch_ref": False}, Decision(refusal="db_ref_changed")),
    Rule({"same_commit": True, "same_ref": True, "same_parser": True, "rebuild": False}, Decision()),
    Rule({"same_tree": True, "same_parser": True, "rebuild": False}, Decision("same_tree", "head")),
    Rule({"old": "absent", "older": True, "allow_rewind": False}, Decision(refusal="db_rewind_refused")),
    Rule({"old": "descendant", "allow_rewind": False}, Decision(refusal="db_rewind_refused")),
    Rule({"rebuild": True}, Decision("rebuild", "everything")),
    Rule({"same_parser": False}, Decision("rebuild", "everything")),
    Rule({"old": "absent"}, Decision("unknown_base", "inventory", warning="db_base_unknown")),
    Rule({"old": "descendant"}, Decision("rewound", "difference")),
    Rule({"old": "apart"}, Decision("diverged", "difference", warning="db_history_diverged")),
    Rule({}, Decision("fast_forward", "difference")),
)


def decide(facts: Facts) -> Decision:
    """Return the decision of the first rule that fits."""
    said = facts._asdict()
    fits = (rule for rule in RULES if all(said[name] == value for name, value in rule.when.items()))
    return next(fits).then
