"""Tasks: what a request to create or change one means, as values. No disk, no git, no clock.

A request is the long flags of the command with `_` for `-`; repeatable flags are lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypedDict

from platformstate.core import ids
from platformstate.entities.choices import CHOICES
from platformstate.entities.statuses import DONE_OR_LATER as DONE_OR_LATER
from platformstate.entities.statuses import OPEN as OPEN
from platformstate.errors import StateError, shown

PLACEHOLDER_ID: Final = "replace-me"
PLACEHOLDER_TITLE: Final = "Replace this line"
DEFAULT_PRIORITY: Final = "p2"
DEFAULT_PROOF: Final = "test"
BLOCKED_BY: Final = ("human", "ci", "external")
STATUSES: Final = CHOICES["Task.status"]
PRIORITIES: Final = CHOICES["Task.priority"]
PROOFS: Final = CHOICES["Criterion.proof"]
CRITERION_STATES: Final = CHOICES["Criterion.state"]
SECTIONS: Final = {
    "goal": "Goal",
    "context": "Context",
    "out_of_scope": "Out of scope",
    "constraints": "Constraints",
    "rollback": "Rollback",
    "outputs": "Expected outputs",
}
PLAIN_FIELDS: Final = ("title", "priority", "kind", "tier", "owner", "agent", "branch", "setup")
LIST_FIELDS: Final = {
    "label": "labels",
    "ref": "refs",
    "verify": "verify",
    "stop": "stop_conditions",
    "approval": "approvals_needed",
}
_CRITERION_NUMBER: Final = re.compile(r"ac([0-9]+)", re.IGNORECASE)


class TaskRequest(TypedDict, total=False):
    """What `task create` and `task update` are asked; every key is a long flag."""

    title: str
    id: str
    status: str
    reason: str
    priority: str
    kind: str
    tier: str
    owner: str
    agent: str
    label: Sequence[str]
    depends_on: Sequence[str]
    ref: Sequence[str]
    spec_ref: Sequence[str]
    base: str
    branch: str
    allow: Sequence[str]
    forbid: Sequence[str]
    accept: Sequence[str]
    plan: Sequence[str]
    verify: Sequence[str]
    setup: str
    stop: Sequence[str]
    approval: Sequence[str]
    budget_minutes: int
    budget_tokens: int
    goal: str
    context: str
    out_of_scope: str
    constraints: str
    rollback: str
    outputs: str
    add_label: Sequence[str]
    remove_label: Sequence[str]
    add_dep: Sequence[str]
    remove_dep: Sequence[str]
    add_ref: Sequence[str]
    remove_ref: Sequence[str]
    evidence: Sequence[str]
    unset: Sequence[str]


def asked_fields(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the front-matter fields that a request states outright, without what needs a lookup."""
    fields: dict[str, Any] = {name: request[name] for name in PLAIN_FIELDS if name in request}
    for flag, field in LIST_FIELDS.items():
        if flag in request:
            fields[field] = without_repeats(request[flag])
    scope = {side: list(request[side]) for side in ("allow", "forbid") if side in request}
    return {**fields, "scope": scope} if scope else fields


def asked_budget(request: Mapping[str, Any]) -> dict[str, int]:
    """Return the parts of the budget that a request states."""
    pairs = (("minutes", "budget_minutes"), ("tokens", "budget_tokens"))
    return {part: int(request[flag]) for part, flag in pairs if flag in request}


def asked_sections(request: Mapping[str, Any]) -> dict[str, str]:
    """Return heading and text of each body section that a request states."""
    return {heading: request[flag] for flag, heading in SECTIONS.items() if flag in request}


def with_criteria(acceptance: Iterable[Mapping[str, Any]], request: TaskRequest) -> list[dict[str, Any]]:
    """Return the criteria with those that `--accept` and `--approval` add.

    Raises: accept_proof_unknown.
    """
    known = [dict(criterion) for criterion in acceptance]
    asked = [_accepted(text) for text in request.get("accept", ())]
    asked += [(f"Approval: {text}", "operator") for text in request.get("approval", ())]
    number = highest_criterion(known)
    for count, (text, proof) in enumerate(asked, start=number + 1):
        known.append({"id": f"ac{count}", "text": text, "proof": proof, "state": "open"})
    return known


def highest_criterion(acceptance: Iterable[Mapping[str, Any]]) -> int:
    """Return the highest number among criteria called ac1, ac2, …; 0 when there is none."""
    found = (_CRITERION_NUMBER.fullmatch(str(criterion["id"])) for criterion in acceptance)
    return max((int(match[1]) for match in found if match), default=0)


def criterion_named(meta: Mapping[str, Any], name: str) -> str:
    """Return the id of a criterion, read without regard to case. Raises: criterion_not_found."""
    known = [str(criterion["id"]) for criterion in meta.get("acceptance", ())]
    for criterion in known:
        if criterion.lower() == name.lower():
            return criterion
    listed = ", ".join(known) or "none"
    raise StateError(
        "criterion_not_found",
        f"task {meta['id']} has no criterion {shown(name)!r}; it has: {listed}",
        hint=f"platformctl task show {meta['id']}",
    )


def with_plan(plan: Iterable[Mapping[str, Any]], texts: Iterable[str]) -> list[dict[str, Any]]:
    """Return the plan with an item for each `[KEY=]TEXT[::VERIFY]`. Raises: usage_invalid."""
    items = [dict(item) for item in plan]
    for text in texts:
        item = _planned(text, len(items) + 1)
        if any(item["key"] == other["key"] for other in items):
            raise StateError(
                "usage_invalid", f"plan key {item['key']!r} is used twice", hint="name each step once"
            )
        items.append(item)
    return items


def criteria_reset(acceptance: Iterable[Any]) -> list[Any]:
    """Return imported criteria as a new task has them: open, proven by nothing yet."""
    kept = ("id", "text", "proof")
    return [
        {**{key: item[key] for key in kept if key in item}, "state": "open"}
        if isinstance(item, Mapping)
        else item
        for item in acceptance
    ]


def criteria_counts(meta: Mapping[str, Any]) -> dict[str, int]:
    """Return how many criteria are in each state."""
    states = [criterion["state"] for criterion in meta.get("acceptance", ())]
    return {state: states.count(state) for state in CRITERION_STATES}


def row(
    meta: Mapping[str, Any], path: str, rev: str, claim: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return a task as it stands in a list."""
    optional = {name: meta.get(name) for name in ("kind", "owner", "agent")}
    return {
        "id": meta["id"],
        "title": meta["title"],
        "status": meta["status"],
        "priority": meta.get("priority", DEFAULT_PRIORITY),
        **optional,
        "labels": list(meta.get("labels", ())),
        "depends_on": list(meta.get("depends_on", ())),
        "claim": claim,
        "criteria": criteria_counts(meta),
        "path": path,
        "rev": rev,
    }


def closed_how(meta: Mapping[str, Any]) -> str | None:
    """Return how a done task was closed: docs-only, proven, or None for one that is not done."""
    if meta["status"] not in DONE_OR_LATER:
        return None
    proofs = {item["proof"] for item in meta.get("acceptance", ()) if item["state"] != "moved"}
    return "docs-only" if proofs <= {"doc"} else "proven"


def without_repeats(texts: Iterable[str]) -> list[str]:
    """Return a list without the second and later of equal texts, in order."""
    return list(dict.fromkeys(texts))


def _accepted(text: str) -> tuple[str, str]:
    before, mark, proof = text.rpartition("::")
    if not mark:
        return text.strip(), DEFAULT_PROOF
    if proof.strip() not in PROOFS:
        raise StateError(
            "accept_proof_unknown",
            f"--accept ends in ::{shown(proof)}, which is no proof; proofs are {', '.join(PROOFS)}",
            hint=f'--accept "{shown(before)}::{DEFAULT_PROOF}"',
        )
    return before.strip(), proof.strip()


def _planned(text: str, number: int) -> dict[str, Any]:
    # A verify such as `pytest tests/x.py::test_y` holds `::` itself: the first one divides.
    words, _, verify = text.partition("::")
    key, equals, rest = words.partition("=")
    named = bool(equals) and ids.is_id(key)
    item = {"key": key if named else f"s{number}", "text": (rest if named else words).strip()}
    return {**item, "verify": verify.strip()} if verify.strip() else item
