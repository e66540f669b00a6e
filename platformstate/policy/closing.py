"""When a task may close, and what its criteria become. Pure: criteria and verdicts in, findings out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from platformstate.codec.locate import problem_at
from platformstate.core.document import Document
from platformstate.entities.task import DONE_OR_LATER, criterion_named, highest_criterion
from platformstate.errors import Problem, StateError, shown
from platformstate.policy.evidence import Verdict, fits, parse_for_criterion

CLOSES_FROM: Final = ("ready", "implementation", "review")
SETTLED: Final = ("moved", "waived")
Meta = Mapping[str, Any]

_FIX: Final = "name evidence that holds"
_FIXES: Final[Mapping[str, str]] = {
    "evidence_not_on_target": "commit it, and bring it to the branch that closing is judged by",
    "evidence_predates_task": "name a commit of the work itself",
    "evidence_self_report": "name what the work made, not what was said of it",
    "evidence_wrong_type": "name evidence of a type that proves it",
    "evidence_drifted": "name the present content as evidence, or restore it",
    "evidence_dirty_tree": "commit or put aside what is changed, then repeat it",
    "command_failed": "make it pass, then repeat it",
    "command_timed_out": "make it end sooner, or give --timeout",
}


class Checked(NamedTuple):
    """A criterion with the verdicts on its items: the recorded ones in order, then those given now."""

    criterion: Meta
    recorded: tuple[Verdict, ...] = ()
    given: tuple[Verdict, ...] = ()

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """All of them; one that holds and fits is enough."""
        return (*self.recorded, *self.given)

    @property
    def is_proven(self) -> bool:
        """Whether what was recorded for a met criterion, or is given now, proves it."""
        counting = self.verdicts if self.criterion["state"] == "met" else self.given
        return any(verdict.holds and fits(self.criterion["proof"], verdict.type) for verdict in counting)

    def as_json(self) -> dict[str, Any]:
        """Return the CriterionResult of `--json`."""
        kept = {key: self.criterion[key] for key in ("id", "proof", "state")}
        return {**kept, "evidence": [verdict.as_json() for verdict in self.verdicts]}


def assigned(meta: Meta, texts: Iterable[str]) -> list[tuple[Meta, str]]:
    """Return criterion and `KIND:REF` of each `[AC=]KIND:REF`; without AC the only open one is meant.

    Raises: criterion_not_found, evidence_criterion_missing, criterion_not_open for one that was moved
    or waived.
    """
    by_id = {criterion["id"]: criterion for criterion in meta.get("acceptance", ())}
    found = []
    for text in texts:
        name, evidence = parse_for_criterion(text)
        criterion = by_id[criterion_named(meta, name)] if name is not None else only_open(meta, text)
        if criterion["state"] in SETTLED:
            raise not_open(meta, criterion)
        found.append((criterion, evidence))
    return found


def only_open(meta: Meta, text: str) -> Meta:
    """Return the one criterion that is open. Raises: evidence_criterion_missing."""
    opened: list[Meta] = [each for each in meta.get("acceptance", ()) if each["state"] == "open"]
    if len(opened) == 1:
        return opened[0]
    listed = ", ".join(criterion["id"] for criterion in opened) or "none"
    raise StateError(
        "evidence_criterion_missing",
        f"--evidence {shown(text)!r} names no criterion, and open are: {listed}",
        hint=f"--evidence AC={shown(text)}",
    )


def not_open(meta: Meta, criterion: Meta) -> StateError:
    """Return the refusal to do something to a criterion that is not open any more."""
    return StateError(
        "criterion_not_open",
        f"criterion {criterion['id']} of {meta['id']} is {criterion['state']}",
        hint=f"platformctl task show {meta['id']}",
    )


def refuse_close(meta: Meta) -> None:
    """Raise task_transition_refused unless a task may be closed from its status."""
    if meta["status"] in CLOSES_FROM:
        return
    raise StateError(
        "task_transition_refused",
        f"task {meta['id']} is {meta['status']}; it closes from {', '.join(CLOSES_FROM)}",
        hint=f"platformctl task show {meta['id']}",
    )


def close_problems(
    document: Document[Any],
    checked: Sequence[Checked],
    needed: Mapping[str, str | None],
    *,
    docs_only: bool = False,
) -> tuple[Problem, ...]:
    """Return all that keeps a task from closing, in order of its criteria; empty when nothing does.

    `needed` is the status of each task that it depends on, None for one that is not there.
    """
    found = []
    if not checked:
        fix = f'platformctl task update {document.id} --accept "TEXT::PROOF"'
        found.append(
            problem_at(document, "/status", "task_has_no_criteria", "nothing says what proves it", fix)
        )
    for index, one in enumerate(checked):
        pointer = f"/acceptance/{index}"
        rows = [] if one.criterion["state"] in SETTLED else _unproven(one)
        if docs_only and _not_docs(one.criterion):
            rows.append(("close_not_docs_only", _why_not_docs(one.criterion), "leave --docs-only out"))
        found += [problem_at(document, pointer, *row, one.criterion["id"]) for row in rows]
    for name, status in needed.items():
        if status not in DONE_OR_LATER:
            text = f"{name}, which it depends on, is {status or 'missing'}"
            fix = f"close {name} first, or take it out: --remove-dep {name}"
            found.append(problem_at(document, "/depends_on", "task_dependency_open", text, fix))
    return tuple(found)


def proven(acceptance: Iterable[Meta], items: Mapping[str, Sequence[Meta]]) -> list[dict[str, Any]]:
    """Return the criteria with new items, and met where items were given."""
    found = []
    for criterion in acceptance:
        given = items.get(criterion["id"], ())
        more = {"state": "met", "evidence": [*criterion.get("evidence", ()), *given]} if given else {}
        found.append({**criterion, **more})
    return found


def moved(
    source: Meta, criterion: Meta, target: Meta, reason: str | None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], str]:
    """Return the criteria of both tasks after a move, and the id that the target's new one has.

    Raises: usage_invalid, criterion_not_open, criterion_target_closed.
    """
    if source["id"] == target["id"]:
        raise StateError("usage_invalid", "a criterion moves to another task", hint="--to TASK")
    if criterion["state"] != "open":
        raise not_open(source, criterion)
    if target["status"] in (*DONE_OR_LATER, "retired"):
        raise StateError(
            "criterion_target_closed",
            f"task {target['id']} is {target['status']} and takes no criterion any more",
            hint=f"platformctl task reopen {target['id']} --reason R, or name another task",
        )
    there = [dict(each) for each in target.get("acceptance", ())]
    name = f"ac{highest_criterion(there) + 1}"
    gained = {"id": name, "text": criterion["text"], "proof": criterion["proof"], "state": "open"}
    left = {"state": "moved", "moved_to": f"{target['id']}#{name}"} | ({"reason": reason} if reason else {})
    return changed_criterion(source, criterion["id"], left), [*there, gained], name


def changed_criterion(meta: Meta, name: str, changes: Meta) -> list[dict[str, Any]]:
    """Return a task's criteria with one of them changed; a value of None removes its key."""
    found = []
    for criterion in meta.get("acceptance", ()):
        after = {**criterion, **changes} if criterion["id"] == name else dict(criterion)
        found.append({key: value for key, value in after.items() if value is not None})
    return found


def reopened(meta: Meta, named: Iterable[str], lost: Iterable[str]) -> list[dict[str, Any]]:
    """Return the criteria with those open that are named or no longer hold; their evidence stays."""
    again = {criterion_named(meta, name) for name in named}
    for criterion in meta.get("acceptance", ()):
        if criterion["id"] in again and criterion["state"] == "moved":
            raise not_open(meta, criterion)
    again |= set(lost)
    found = []
    for criterion in meta.get("acceptance", ()):
        if criterion["id"] in again:
            kept = {key: value for key, value in criterion.items() if key != "reason"}
            found.append({**kept, "state": "open"})
        else:
            found.append(dict(criterion))
    return found


def _unproven(one: Checked) -> list[tuple[str, str, str]]:
    """Return a finding for each item that does not hold, unless another proves the criterion."""
    proven_ = one.is_proven
    counting = one.given if proven_ or one.criterion["state"] == "open" else one.verdicts
    failing = [verdict for verdict in counting if not verdict.holds]
    rows = [item_row(verdict) for verdict in failing if not (proven_ and verdict.type == "url")]
    if rows or proven_:
        return rows
    name = one.criterion["id"]
    if one.criterion["state"] == "open":
        fix = f"prove it: --evidence {name}=KIND:REF; or move it, or let an operator waive it"
        return [("criterion_open", f"criterion {name} is open", fix)]
    return [("evidence_broken", f"criterion {name} is met, and no evidence says so", _FIX)]


def item_row(verdict: Verdict) -> tuple[str, str, str]:
    """Return code, message and fix of an item that does not hold."""
    code = "evidence_broken" if verdict.code in (None, "evidence_not_recorded") else verdict.code
    return code, f"{verdict.type}:{shown(verdict.ref)}: {verdict.detail}", _FIXES.get(code, _FIX)


def _not_docs(criterion: Meta) -> bool:
    """Say whether a criterion cannot be part of closing on documents alone; an open one has its own finding."""
    if criterion["state"] == "moved":
        return False
    return bool(criterion["proof"] != "doc" or criterion["state"] == "waived")


def _why_not_docs(criterion: Meta) -> str:
    if criterion["proof"] != "doc":
        return f"criterion {criterion['id']} asks for {criterion['proof']} proof"
    return f"criterion {criterion['id']} was waived, not met"
