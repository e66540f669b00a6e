"""What `validate` demands of a task's criteria: nothing becomes done, met, waived or moved by editing. Pure.

The verdicts on evidence are worked out beforehand, without running a command; `criterion_changes` is
for the modes that know what a task was before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from platformstate.codec.locate import problem_at as _problem
from platformstate.core.document import Document
from platformstate.entities.statuses import DONE_OR_LATER
from platformstate.errors import Problem, shown
from platformstate.policy.evidence import DRIFTED, HOLDS, UNVERIFIABLE, Verdict, fit_finding

Meta = Mapping[str, Any]
Verdicts = Mapping[tuple[str, int], Verdict]
"""The verdict on each item, by its criterion and its place there."""

MAY_CHANGE: Final = ("intake", "refining")
_ASKS: Final = ("text", "proof")
_REWORD: Final = (
    "restore it, and add another: platformctl task update {} --accept TEXT::PROOF; or reword it in commits "
    "that stay apart (no squash): one with status: refining and the new text, a later one with status: ready"
)
_LET_GO: Final = (
    "hand it on: platformctl task move-criterion {0} {1} --to TASK; "
    "or an operator: platformctl task waive-criterion {0} {1} --reason R"
)
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


def criterion_changes(old: Meta, new: Document[Any], since: Sequence[Meta] = ()) -> list[Problem]:
    """Return what a change took from a task's criteria, or made of them after work on it began.

    At a merge `since` are the versions that the side of `old` began from: what that side left as it
    was, the other side may have changed by steps of its own. A task that ends as refining may have come
    to it in the same change, as a squashed branch does; one that is ready again does not show that it did.
    """
    may_change = old["status"] in MAY_CHANGE or new.meta["status"] in MAY_CHANGE
    now = {each["id"]: (place, each) for place, each in enumerate(new.meta.get("acceptance", ()))}
    found = []
    for criterion in old.get("acceptance", ()):
        name = criterion["id"]
        if since and all(_has_the_same(meta, criterion) for meta in since):
            continue
        if name not in now:
            message = f"criterion {name} was removed; a criterion is met, moved or waived, never dropped"
            fix = f"restore it: {shown(criterion['text'])}"
            found.append(_problem(new, "/acceptance", "criterion_removed", message, fix))
            continue
        if not may_change:
            found += _reworded(criterion, new, *now[name])
        found += _met_again(criterion, new, *now[name])
    return found


def breaks_moves(old: Meta, new: Meta) -> bool:
    """Say whether what moved to a task is proven there no more: it asks for something else, or was given up."""
    return _is_reworded(old, new) or (_gave_up(new) and old["status"] != new["status"])


def _gave_up(meta: Meta) -> bool:
    return meta["status"] == "retired" and any(each["state"] == "open" for each in meta.get("acceptance", ()))


def _is_reworded(old: Meta, new: Meta) -> bool:
    """Say whether a criterion that stands in both versions of a task asks for something else in the new one."""
    now = {each["id"]: each for each in new.get("acceptance", ())}
    return any(
        each["id"] in now and any(now[each["id"]][key] != each[key] for key in _ASKS)
        for each in old.get("acceptance", ())
    )


def _has_the_same(meta: Meta, criterion: Meta) -> bool:
    return any(
        all(each[key] == criterion[key] for key in ("id", *_ASKS, "state"))
        for each in meta.get("acceptance", ())
    )


def _reworded(criterion: Meta, new: Document[Any], place: int, after: Meta) -> Iterator[Problem]:
    name = criterion["id"]
    for key in _ASKS:
        if after[key] != criterion[key]:
            message = f"{key} of criterion {name} was {shown(criterion[key])!r}"
            fix = _REWORD.format(new.id)
            yield _problem(new, f"/acceptance/{place}/{key}", "criterion_changed", message, fix)


def _met_again(criterion: Meta, new: Document[Any], place: int, after: Meta) -> Iterator[Problem]:
    """Yield a criterion that is met by nothing new: what it had did not prove it while it was open, or as it was."""
    known = criterion.get("evidence", ())
    was_open = criterion["state"] == "open"
    asked_otherwise = any(after[key] != criterion[key] for key in _ASKS)
    if after["state"] != "met" or not known or not (was_open or asked_otherwise):
        return
    if all(item in known for item in after.get("evidence", ())):
        was = "was open with" if was_open else "asked for something else with"
        message = f"criterion {criterion['id']} {was} this evidence, and nothing new says that it is met"
        fix = _PROVE.format(new.id, criterion["id"])
        yield _problem(new, f"/acceptance/{place}/state", "evidence_broken", message, fix)


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
    fix = f"set it open again, then platformctl task move-criterion {document.id} {criterion['id']} --to TASK"
    if found is None:
        reason = "is not there"
    elif any(found[key] != criterion[key] for key in _ASKS):
        reason = "asks for something else"
    elif _comes_back(document, criterion, others):
        reason = "leads back to it"
    elif (
        target
        and target["status"] == "retired"
        and found["state"] == "open"
        and not is_dropped(document.meta)
    ):
        reason, fix = "was retired before anybody proved it", _LET_GO.format(task, name)
    else:
        return
    message = f"criterion {criterion['id']} moved to {task}#{name}, which {reason}"
    pointer = f"/acceptance/{place}/moved_to"
    yield _problem(document, pointer, "criterion_move_broken", message, fix)


def is_dropped(meta: Meta) -> bool:
    """Say whether a task was retired before it was done: what it asked for, nobody has to prove."""
    return bool(meta["status"] == "retired" and "closed_at" not in meta)


def _comes_back(document: Document[Any], criterion: Meta, others: Mapping[str, Meta | None]) -> bool:
    """Say whether a criterion went from task to task in a circle, so that nobody has to prove it."""
    seen: set[tuple[str, str]] = set()
    place: tuple[str, str] | None = (document.id, criterion["id"])
    while place is not None and place not in seen:
        seen.add(place)
        meta = document.meta if place[0] == document.id else others.get(place[0])
        here = [each for each in (meta or {}).get("acceptance", ()) if each["id"] == place[1]]
        place = moved_target(here[0]) if here and here[0]["state"] == "moved" else None
    return place is not None


_STATES: Final = {"open": _open, "met": _met, "waived": _waived, "moved": _moved}
