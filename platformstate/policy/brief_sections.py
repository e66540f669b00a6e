"""The lines of each section of a brief, at each level of shortness. Pure; layout only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from platformstate.core.instants import moment
from platformstate.policy.fence import Line, foreign, own

SHORT_TEXT: Final = 400
SHORT_CRITERION: Final = 160
SHORT_FAILURE: Final = 100
SHORT_LIST: Final = 10
Data = Mapping[str, Any]
Lines = list[Line]


class Signs(NamedTuple):
    """What the Markdown says besides the brief's data.

    The last sign of life, now if it was given, each superseded checkpoint with its successor, and
    whether the newest run has pinned steps.
    """

    last: str | None = None
    now: str | None = None
    superseded: tuple[tuple[str, str], ...] = ()
    pinned: bool = False


def one_level(data: Data) -> int:
    """Count the levels of a section that is never cut."""
    return 1


def two_levels(data: Data) -> int:
    """Count the levels of a section that is whole or short."""
    return 2


def three_levels(data: Data) -> int:
    """Count the levels of a section that is whole, short or shorter."""
    return 3


def levels_of(*names: str) -> Callable[[Data], int]:
    """Count the levels of a section that loses an item at each, until it is left out."""
    return lambda data: sum(len(data[name]) for name in names) + 1


def levels_down_to_one(data: Data) -> int:
    """Count the levels of a section of which the newest item stays."""
    return max(len(data["recent"]), 1)


def state(data: Data, level: int) -> Lines:
    """Show status, run, signs of life, what waits for its commit, how far things are proven."""
    run, trust, signs = data["run"], data["trust"], data["signs"]
    about_run = "run: none" if run is None else f"run: {run['id']} by {run['actor']}, {run['status']}"
    attempt, fence = ("none", "none") if run is None else (_word(run["attempt"]), _word(run["fence"]))
    counts = ", ".join(f"{number} {name.replace('_', '-')}" for name, number in trust.items())
    lines = [
        own(f"status: {data['status']}"),
        own(f"priority: {data['priority']}"),
        own(about_run),
        own(f"condition: {_word(data['condition'])}"),
        own(f"claim: {_claim(data['claim'])}"),
        own(f"fence: {fence}"),
        own(f"attempt: {attempt}"),
        own(f"last sign of life: {_word(signs.last)}{_age(signs)}"),
        own(f"trust: {counts}"),
        own(f"pending files: {len(data['pending'])}"),
    ]
    return lines + [foreign("pending", path) for path in data["pending"]]


def _claim(claim: Data | None) -> str:
    """Return a claim in words of ours; a branch's name is a text of others."""
    if claim is None:
        return "none"
    until = "" if claim["state"] == "released" else f" until {claim['expires_at']}"
    return f"{claim['state']}, run {claim['run']} by {claim['actor']}{until}"


def goal(data: Data, level: int) -> Lines:
    """Show what is wanted, within which limits, and what the task points at."""
    limits = data["limits"]
    texts = [("title", data["title"]), *((name, data[name]) for name in ("goal", "context", "constraints"))]
    texts.append(("out of scope", limits["out_of_scope"]))
    scope = limits["scope"] or {}
    lists = [
        ("may touch", scope.get("allow")),
        ("must not touch", scope.get("forbid")),
        ("stop when", limits["stop_conditions"]),
        ("needs approval", limits["approvals_needed"]),
        ("ref", data["refs"]),
        ("spec", [_spec(spec) for spec in data["spec_refs"]]),
    ]
    lines = [foreign(name, _cut(text, SHORT_TEXT, level)) for name, text in texts if text]
    for name, items in lists:
        lines += [foreign(name, _cut(item, SHORT_TEXT, level)) for item in _head(items or (), level)]
        lines += _more(items or (), level)
    if data["branch"]:
        lines.append(foreign("branch", data["branch"]))
    lines.append(own(f"base commit: {_word(data['base_commit'])}"))
    if limits["budget"]:
        parts = (
            f"{limits['budget'][part]} {part}" for part in ("minutes", "tokens") if part in limits["budget"]
        )
        lines.append(own(f"budget: {', '.join(parts)}"))
    needed = data["depends_on"]
    lines += [
        own(f"depends on: {task['id']} ({task['status'] or 'missing'})") for task in _head(needed, level)
    ]
    return lines + _more(needed, level)


def acceptance(data: Data, level: int) -> Lines:
    """Show each criterion with state, proof and verdicts; when short, those that are not open by id."""
    criteria = data["acceptance"]
    if not level:
        return [_criterion(criterion, criterion["text"]) for criterion in criteria]
    lines = [_criterion(c, _cut(c["text"], SHORT_CRITERION, level)) for c in criteria if c["state"] == "open"]
    others = [f"{c['id']} {c['state']}" for c in criteria if c["state"] != "open"]
    return lines + ([own(f"others: {', '.join(others)}")] if others else [])


def next_step(data: Data, level: int) -> Lines:
    """Show the one action, how to verify it, and the commands to go on with."""
    step = data["next"]
    lines = [
        foreign(name, step[key]) for name, key in (("action", "action"), ("verify", "verify")) if step[key]
    ]
    if not lines:
        lines.append(own("action: none recorded"))
    if step["last_verify"]:
        last = step["last_verify"]
        lines.append(own(f"last result of verify: exit {last['exit_code']} at {last['at']}"))
    lines += _stop_point(data)
    lines += [own(f"    {command}") for command in step["commands"]]
    return lines + _conducts(data["conducts"])


def ground_truth(data: Data, level: int) -> Lines:
    """Show what was claimed against what is found: contradicted, unverifiable, confirmed."""
    lines = []
    for place, verdict in enumerate(("contradicted", "unverifiable", "confirmed")):
        found = [line for line in data["ground_truth"] if line["verdict"] == verdict]
        if found and place + level > 2:
            lines.append(own(f"{verdict}: {len(found)}"))
        else:
            lines += [_truth(line) for line in found]
    return lines


def failed(data: Data, level: int) -> Lines:
    """Show everything that was tried and failed; no item is ever left out."""
    return [_item(item, _cut(item["text"], SHORT_FAILURE, level)) for item in data["failed"]]


def decisions(data: Data, level: int) -> Lines | None:
    """Show decisions, newest first."""
    return _fewer([_item(item, item["text"]) for item in data["decisions"]], level)


def open_points(data: Data, level: int) -> Lines | None:
    """Show blockers and questions, newest first."""
    asked = [("blocker", item) for item in data["blockers"]] + [
        ("question", item) for item in data["questions"]
    ]
    asked.sort(key=lambda pair: str(pair[1]["checkpoint"]), reverse=True)
    return _fewer([_item(item, item["text"], f"{name} ") for name, item in asked], level)


def recent(data: Data, level: int) -> Lines | None:
    """Show the last checkpoints, newest first, a line each."""
    return _fewer([_checkpoint(row) for row in data["recent"]], level)


def files(data: Data, level: int) -> Lines | None:
    """Show the files that the chain changed."""
    return _fewer([foreign("file", path) for path in data["files"]], level)


def history(data: Data, level: int) -> Lines | None:
    """Show all runs, what was superseded, what came late."""
    if level:
        return None
    lines = [_run(row) for row in data["runs"]]
    lines += [foreign(f"reason of {row['id']}", row["reason"]) for row in data["runs"] if row["reason"]]
    lines += [own(f"superseded: {older} by {newer}") for older, newer in data["signs"].superseded]
    return lines + [own(f"late: {checkpoint}") for checkpoint in data["late"]]


def _stop_point(data: Data) -> Lines:
    """Show the first pinned step that is not done, as the journal has it."""
    step = data["next"]["step"]
    if step is None:
        return [
            own(
                f"stop point: {'every pinned step is done' if data['signs'].pinned else 'no steps are pinned'}"
            )
        ]
    tried = f"attempt {step['attempt']} {_OUTCOMES[step['outcome']]}" if step["attempt"] else "not begun"
    lines = [own(f"stop point: step {step['step_index']} of {step['total']}, {step['key']}, {tried}")]
    named = (("step", "text"), ("verify the step with", "verify"))
    return lines + [foreign(name, step[key]) for name, key in named if step[key]]


_OUTCOMES: Final = {
    "none": "never began",
    "in_flight": "in flight",
    "failed": "failed",
    "unknown": "ended nobody knows how",
}


def _conducts(conducts: Sequence[Data]) -> Lines:
    """Show each conduct for the task that has not ended, and count the others."""
    going = [stood for stood in conducts if stood["next_action"] != "none"]
    lines = [line for stood in going[:SHORT_LIST] for line in _conduct(stood)]
    lines += [own(f"{len(going) - SHORT_LIST} more conducts go on")] if len(going) > SHORT_LIST else []
    ended = [str(stood["status"]) for stood in conducts if stood["next_action"] == "none"]
    counts = ", ".join(f"{ended.count(status)} {status}" for status in sorted(set(ended)))
    return [*lines, own(f"conducts that ended: {counts}")] if ended else lines


def _conduct(stood: Data) -> Lines:
    state = stood["condition"] or stood["status"]
    reason = f" ({stood['reason']})" if stood["reason"] else ""
    lines = [
        own(
            f"conduct {stood['run']} of {stood['subject']}: {state}{reason}, "
            f"{stood['steps_done']} of {stood['steps_total']} steps done"
        )
    ]
    at = stood["stopped_at"]
    if at is not None:
        what = "side-effecting " if at["side_effecting"] else ""
        how = f"attempt {at['attempt']} {at['outcome']}" if at["attempt"] else "not begun"
        lines.append(own(f"  stands at step {at['step_index']}, {at['key']}, a {what}{at['kind']}: {how}"))
    return lines + [own(f"    {command}") for command in stood["next"]]


def _criterion(criterion: Data, text: str) -> Line:
    verdicts = "".join(f", {item['type']} {item['verdict']}" for item in criterion["evidence"])
    moved = f" to {criterion['moved_to']}" if criterion["moved_to"] else ""
    return foreign(
        f"{criterion['id']} {criterion['state']}{moved}, proof {criterion['proof']}{verdicts}", text
    )


def _truth(line: Data) -> Line:
    return foreign(f"{line['verdict']} {line['claim']}", f"said {line['said']}; found {line['found']}")


def _item(item: Data, text: str, kind: str = "") -> Line:
    return foreign(f"{kind}[{_source(item)} in {item['checkpoint']}]", text)


def _checkpoint(row: Data) -> Line:
    corrected = f", superseded by {row['superseded_by']}" if row["superseded_by"] else ""
    return foreign(f"{row['id']} {row['kind']} [{_source(row)}{corrected}]", row["summary"] or "no statement")


def _source(item: Data) -> str:
    observed = f" observed by {item['observer']}" if item["observer"] else ""
    return f"{item['author']}{observed}, {item['basis']}, {item['confidence']}"


def _run(row: Data) -> Line:
    ended = f", ended {row['ended_at']}" if row["ended_at"] else ""
    counted = f"{row['checkpoints']} checkpoint{'' if row['checkpoints'] == 1 else 's'}"
    began = f", started {row['started_at']}" if row["started_at"] else ""
    return own(f"run {row['id']} by {row['actor']}: {row['status']}{began}{ended}, {counted}")


def _spec(spec: Data) -> str:
    return spec["path"] if spec["commit"] is None else f"{spec['path']} at {spec['commit']}"


def _fewer(lines: Lines, level: int) -> Lines | None:
    """Return the lines without the last ones, one fewer a level, and say how many are missing."""
    if not level:
        return lines
    kept = lines[: len(lines) - level]
    return [*kept, own(f"{level} left out")] if kept else None


def _head(items: Iterable[Any], level: int) -> Sequence[Any]:
    listed = list(items)
    return listed[:SHORT_LIST] if level else listed


def _more(items: Sequence[Any], level: int) -> Lines:
    missing = len(items) - SHORT_LIST
    return [own(f"{missing} more left out")] if level and missing > 0 else []


def _cut(text: str, length: int, level: int) -> str:
    return text if not level or len(text) <= length else text[:length] + "…"


def _word(value: object) -> str:
    return "none" if value is None else str(value)


def _age(signs: Signs) -> str:
    if signs.last is None or signs.now is None:
        return ""
    minutes = int((moment(signs.now) - moment(signs.last)).total_seconds() // 60)
    return f" ({minutes // 60} h {minutes % 60} min before {signs.now})" if minutes >= 0 else ""
