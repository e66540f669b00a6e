"""What `validate` demands of a task's criteria: nothing becomes done, met, waived or moved by editing. Pure.

The verdicts on evidence are worked out beforehand, without running a command; `criterion_changes` is
for the modes that know what a task was before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from platformstate.codec import locate
from platformstate.core.catalog import KINDS
from platformstate.core.document import Document
from platformstate.entities.statuses import DONE_OR_LATER
from platformstate.errors import Problem, shown
from platformstate.policy.evidence import DRIFTED, HOLDS, UNVERIFIABLE, Verdict, fit_finding

Meta = Mapping[str, Any]
Verdicts = Mapping[tuple[str, int], Verdict]
"""The verdict on each item, by its criterion and its place there."""

MAY_CHANGE: Final = ("intake", "refining")
_PROVE: Final = "platformctl task update {} --evidence {}=KIND:REF"


def evidence_problems(
    document: Document[Any], verdicts: Verdicts, others: Mapping[str, Meta | None]
) -> list[Problem]:
    """Return what a task claims without proof; `others` are the tasks that criteria moved to."""
    meta = document.meta
    found = list(_close_problems(document))
    for place, criterion in enumerate(meta.get("acceptance", ())):
        rows = [
            verdicts[criterion["id"], index]
            for index in range(len(criterion.get("evidence", ())))
            if (criterion["id"], index) in verdicts
        ]
        found += _unrecorded(document, place, rows)
        found += _STATES[criterion["state"]](document, place, rows, others)
    return found


def criterion_changes(old: Meta, new: Document[Any]) -> list[Problem]:
    """Return what a change took from a task's criteria, or made of them after work on it began."""
    now = {each["id"]: (place, each) for place, each in enumerate(new.meta.get("acceptance", ()))}
    found = []
    for criterion in old.get("acceptance", ()):
        name = criterion["id"]
        if name not in now:
            message = f"criterion {name} was removed; a criterion is met, moved or waived, never dropped"
            fix = f"restore it: {shown(criterion['text'])}"
            found.append(_problem(new, "/acceptance", "criterion_removed", message, fix))
            continue
        place, after = now[name]
        for key in ("text", "proof"):
            if after[key] != criterion[key] and old["status"] not in MAY_CHANGE:
                message = f"{key} of criterion {name} was {shown(criterion[key])!r}"
                fix = f"restore it, and add another: platformctl task update {new.id} --accept TEXT::PROOF"
                found.append(_problem(new, f"/acceptance/{place}/{key}", "criterion_changed", message, fix))
    return found


def moved_target(criterion: Meta) -> tuple[str, str]:
    """Return task and criterion that a moved one names."""
    task, _, name = str(criterion.get("moved_to", "")).partition("#")
    return task, name


def _close_problems(document: Document[Any]) -> Iterator[Problem]:
    meta = document.meta
    if meta["status"] not in DONE_OR_LATER:
        return
    criteria = meta.get("acceptance", ())
    opened = [each["id"] for each in criteria if each["state"] == "open"]
    if criteria and not opened:
        return
    reason = f"criterion {', '.join(opened)} is open" if opened else "it has no criterion"
    fix = f"restore the status, then platformctl task close {document.id}"
    message = f"the task is {meta['status']}, and {reason}"
    yield _problem(document, "/status", "task_close_unproven", message, fix)


def _unrecorded(document: Document[Any], place: int, verdicts: Sequence[Verdict]) -> Iterator[Problem]:
    criterion = document.meta["acceptance"][place]
    for index, verdict in enumerate(verdicts):
        if verdict.code == "evidence_not_recorded":
            pointer = f"/acceptance/{place}/evidence/{index}"
            fix = _PROVE.format(document.id, criterion["id"])
            yield _problem(document, pointer, "evidence_not_recorded", verdict.detail, fix)


def _open(_: Document[Any], __: int, ___: Sequence[Verdict], ____: Any) -> Iterator[Problem]:
    yield from ()


def _met(document: Document[Any], place: int, verdicts: Sequence[Verdict], _: Any) -> Iterator[Problem]:
    criterion = document.meta["acceptance"][place]
    name, proof = criterion["id"], criterion["proof"]
    pointer = f"/acceptance/{place}"
    if any(fit_finding(proof, v.type) is None and v.verdict in (HOLDS, DRIFTED) for v in verdicts):
        return
    fix = _PROVE.format(document.id, name)
    if not verdicts:
        message = f"criterion {name} is met, and no evidence says so"
        yield _problem(document, f"{pointer}/state", "evidence_broken", message, fix)
    for index, verdict in enumerate(verdicts):
        row = _row(proof, verdict)
        if row is not None:
            code, detail, severity = row
            message = f"criterion {name}: {verdict.type}:{shown(verdict.ref)}: {detail}"
            found = _problem(document, f"{pointer}/evidence/{index}", code, message, fix)
            yield found._replace(severity=severity)


def _row(proof: str, verdict: Verdict) -> tuple[str, str, str] | None:
    """Return code, reason and severity of an item that does not prove; None where another rule tells."""
    if verdict.code == "evidence_not_recorded":
        return None
    wrong = fit_finding(proof, verdict.type)
    if wrong is not None:
        return "evidence_wrong_type", wrong.detail, "error"
    if verdict.verdict == UNVERIFIABLE:
        return "evidence_unverifiable", verdict.detail, "warning"
    return "evidence_broken", verdict.detail, "error"


def _waived(document: Document[Any], place: int, verdicts: Sequence[Verdict], _: Any) -> Iterator[Problem]:
    if any(verdict.type == "operator" for verdict in verdicts):
        return  # one that is not recorded has its own finding
    name = document.meta["acceptance"][place]["id"]
    message = f"criterion {name} is waived, and no operator's word is recorded for it"
    fix = f"an operator: platformctl task waive-criterion {document.id} {name} --reason R"
    yield _problem(document, f"/acceptance/{place}/state", "waiver_not_recorded", message, fix)


def _moved(
    document: Document[Any], place: int, _: Sequence[Verdict], others: Mapping[str, Meta | None]
) -> Iterator[Problem]:
    criterion = document.meta["acceptance"][place]
    task, name = moved_target(criterion)
    target = others.get(task)
    found = {each["id"]: each for each in (target or {}).get("acceptance", ())}.get(name)
    if found is not None and all(found[key] == criterion[key] for key in ("text", "proof")):
        return
    reason = "is not there" if found is None else "asks for something else"
    message = f"criterion {criterion['id']} moved to {task}#{name}, which {reason}"
    fix = f"set it open again, then platformctl task move-criterion {document.id} {criterion['id']} --to TASK"
    pointer = f"/acceptance/{place}/moved_to"
    yield _problem(document, pointer, "criterion_move_broken", message, fix)


_STATES: Final = {"open": _open, "met": _met, "waived": _waived, "moved": _moved}


def _problem(
    document: Document[Any],
    pointer: str,
    code: str,
    message: str,
    fix: str,
) -> Problem:
    container = KINDS[document.kind.name].container
    line, col = locate.position(document.source or "", container, pointer)
    return Problem(document.path, line, col, code, message, fix, pointer)
