"""Which changes need an operator's eye: one table from a kind's fields to a level. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from platformstate.entities.statuses import DONE_OR_LATER, OPEN
from platformstate.policy.diff_fields import ADDED, CHANGED, REMOVED, Difference
from platformstate.policy.evidence import PROVES

VIOLATION, NEEDS_OPERATOR, CLAIMED, INFO = "violation", "needs_operator", "claimed", "info"
LEVELS: Final = (VIOLATION, NEEDS_OPERATOR, CLAIMED, INFO)

# Findings of these families make a change a violation; all others are the business of `validate`.
VIOLATING_FAMILIES: Final = frozenset({"transition", "append-only", "evidence", "journal", "security"})


class Attention(NamedTuple):
    """A rule: fields of a kind, by a pattern of their pointers, that reach a level.

    `to` are the values that count, any where it is None, `since` those before; `ops` are the ways they came about.
    """

    kind: str
    pointer: str
    level: str
    to: frozenset[Any] | None = None
    ops: tuple[str, ...] = (ADDED, REMOVED, CHANGED)
    since: frozenset[Any] | None = None


ATTENTION: Final = (
    Attention("task", r"/status", NEEDS_OPERATOR, frozenset({"review", "blocked"})),
    Attention("task", r"/acceptance/[^/]+/state", NEEDS_OPERATOR, frozenset({"waived"})),
    Attention("task", r"/status", NEEDS_OPERATOR, frozenset(OPEN), since=frozenset(DONE_OR_LATER)),
    Attention("task", r"/status", NEEDS_OPERATOR, frozenset({"retired"}), since=frozenset(OPEN)),
    Attention("task", r"/acceptance/[^/]+/(text|proof)", NEEDS_OPERATOR, ops=(CHANGED,)),
    Attention("task", r"/base_commit", NEEDS_OPERATOR, ops=(REMOVED, CHANGED)),
    Attention("task", r"/approvals_needed", NEEDS_OPERATOR),
    Attention("task", r"/(scope/(allow|forbid)|stop_conditions)", NEEDS_OPERATOR, ops=(REMOVED, CHANGED)),
    Attention("job", r"/(trigger|target|bindings|runtime|policy)(/.*)?", NEEDS_OPERATOR),
    Attention("job", r"/enabled", NEEDS_OPERATOR, frozenset({True})),
    Attention("store", r"/live_database(/.*)?", NEEDS_OPERATOR),
    Attention("procedure", r"/steps(/.*)?", NEEDS_OPERATOR),
    Attention("run", r"/status", NEEDS_OPERATOR, frozenset({"failed", "aborted"})),
)


def _always(meta: Mapping[str, Any]) -> bool:
    return True


# What a record that comes into being is by itself: kind, what its fields must say, level.
ADDED_RECORDS: Final[tuple[tuple[str, Callable[[Mapping[str, Any]], bool], str], ...]] = (
    ("job", _always, NEEDS_OPERATOR),
    ("procedure", _always, NEEDS_OPERATOR),
    ("checkpoint", lambda meta: meta.get("kind") == "blocker", NEEDS_OPERATOR),
    (
        "checkpoint",
        lambda meta: meta.get("confidence") == "claimed" or meta.get("basis") == "self_report",
        CLAIMED,
    ),
)
_MET: Final = re.compile(r"/acceptance/([^/]+)/state")


def field_level(kind: str, found: Difference, after: Mapping[str, Any]) -> str:
    """Return the level of one changed field; `after` is what the whole record says now."""
    return highest(_reached(kind, found, after))


def _reached(kind: str, found: Difference, after: Mapping[str, Any]) -> Iterator[str]:
    for pointer, op, value in _leaves(kind, found):
        for rule in ATTENTION:
            if rule.kind == kind and _holds(rule, pointer, op, value, found.before):
                yield rule.level
        named = _MET.fullmatch(pointer) if kind == "task" and value == "met" else None
        if named is not None and not _is_proven(after, named[1]):
            yield CLAIMED


def _leaves(kind: str, found: Difference) -> Iterator[tuple[str, str, Any]]:
    """Yield a field, and of a whole item that came the fields inside it."""
    yield found.pointer, found.op, found.after
    if found.op == ADDED and isinstance(found.after, Mapping):
        yield from ((f"{found.pointer}/{name}", ADDED, value) for name, value in found.after.items())


def _holds(rule: Attention, pointer: str, op: str, value: Any, before: Any) -> bool:
    if op not in rule.ops or not re.fullmatch(rule.pointer, pointer, re.DOTALL):
        return False
    return _counts(rule.to, value) and _counts(rule.since, before)


def _counts(values: frozenset[Any] | None, value: Any) -> bool:
    return values is None or (isinstance(value, (str, bool)) and value in values)


def _is_proven(task: Mapping[str, Any], criterion: str) -> bool:
    """Say whether a criterion names evidence of a type that can prove it; that it holds `validate` judges."""
    listed = task.get("acceptance")
    for each in listed if isinstance(listed, list) else []:
        if isinstance(each, Mapping) and each.get("id") == criterion:
            fitting = frozenset(PROVES.get(str(each.get("proof")), ()))
            items = each.get("evidence")
            types = [str(item.get("type")) for item in items or () if isinstance(item, Mapping)]
            return not fitting.isdisjoint(types)
    return False


def added_level(kind: str, meta: Mapping[str, Any]) -> str:
    """Return the level that a new record has by being there."""
    return highest(level for name, holds, level in ADDED_RECORDS if name == kind and holds(meta))


def highest(levels: Any) -> str:
    """Return the highest of some levels, `info` when there is none."""
    return min(levels, key=LEVELS.index, default=INFO)
