"""What a finished run leaves: its receipt, its summary, and the step table of its header. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, NamedTuple

from platformstate.codec.json_text import pretty_json
from platformstate.codec.safe import safe_text
from platformstate.policy.journal import RunState
from platformstate.policy.pin import Pin
from platformstate.policy.settle import CLOSED_UNDONE
from platformstate.policy.steps import Event, StepState, Walk

MAX_TABLE_BYTES: Final = 64 * 1024
TAIL_LINES: Final = 20
_OF_THE_END: Final = ("status", "reason", "exit_code", "actor", "task", "started_at", "ended_at")
_OF_THE_WAY: Final = ("decisions", "approvals_requested", "artifacts")
_FAILED: Final = CLOSED_UNDONE | {"open", "rejected", "not_started"}
_GATE_ANSWERS: Final = {"GateApproved": "approved", "GateRejected": "rejected"}


class ReceiptFacts(NamedTuple):
    """What a receipt says besides the journal: the journal's bytes, the tools, the ref that was trusted."""

    journal: bytes
    tool: Mapping[str, str]
    trusted_ref: str | None = None
    payload: Mapping[str, Any] = {}
    job: Mapping[str, Any] | None = None


def render_receipt(state: RunState, pin: Pin | None, events: Sequence[Event], facts: ReceiptFacts) -> bytes:
    """Return the bytes of `run_receipt.json` of a run that has ended."""
    header, said = state.header, told(state, events, facts.journal)
    receipt = {
        "schema": "run_receipt/1",
        "run": header["id"],
        "subject": header["subject"],
        **{key: said[key] for key in _OF_THE_END},
        "steps": None if pin is None else counts(state, pin),
        **{key: said[key] for key in _OF_THE_WAY},
        "references": {**references(state, pin), "trusted_ref": facts.trusted_ref},
        "journal": said["journal"],
        "tool": dict(facts.tool),
        "payload": dict(facts.payload),
    }
    if facts.job is not None:
        receipt["job"] = dict(facts.job)
    return pretty_json(receipt)


def told(state: RunState, events: Sequence[Event], journal: bytes) -> dict[str, Any]:
    """Return what the journal of a run that has ended makes its receipt say, without its pin."""
    header = state.header
    return {
        "status": state.status,
        "reason": state.reason,
        "exit_code": header.get("exit_code"),
        "actor": header["actor"],
        "task": header.get("task"),
        "started_at": header.get("started_at"),
        "ended_at": header["ended_at"],
        "decisions": [_decision(event) for event in state.walk.decisions],
        "approvals_requested": approvals(state.walk),
        "artifacts": [
            {key: event[key] for key in ("path", "bytes", "sha256")} for event in state.walk.artifacts
        ],
        "journal": {
            "events": len(events),
            "bytes": len(journal),
            "sha256": sha256(journal).hexdigest(),
            "h": events[-1]["h"],
        },
    }


def render_summary(state: RunState, pin: Pin | None, tails: Mapping[int, str]) -> str:
    """Return the text of `summary.md` of a run that has ended; `tails` holds the logs of failed steps."""
    header = state.header
    subject = header["subject"].partition("/")[2]
    began = header.get("started_at") or header["ended_at"]
    line = f"Run {header['id']} by {header['actor']}, {began} to {header['ended_at']}"
    if pin is not None:
        of = counts(state, pin)
        line += f", {of['succeeded'] + of['skipped'] + of['carried']} of {of['count']} steps"
    parts = [f"# {subject} {state.status}", line]
    if pin is not None:
        parts.append(step_table(state, pin))
    parts += _sections(state, pin, tails)
    return safe_text("\n\n".join(parts)) + "\n"


def step_table(state: RunState, pin: Pin) -> str:
    """Return the table of a run's steps in Markdown; of a long list its beginning and its end.

    A record that is read by people has a limit of its size, a list of steps has not.
    """
    head = ["| # | step | outcome | attempts | exit | s |", "|---|---|---|---|---|---|"]
    rows = _rows(state, pin)
    if sum(len(row.encode()) for row in rows) > MAX_TABLE_BYTES:
        kept = MAX_TABLE_BYTES // max(len(row.encode()) for row in rows) // 2
        left_out = f"| … | {len(rows) - 2 * kept} steps are left out here | | | | |"
        rows = [*rows[:kept], left_out, *rows[-kept:]]
    return "\n".join([*head, *rows])


def _rows(state: RunState, pin: Pin) -> list[str]:
    rows = []
    for step in pin.steps:
        known = state.walk.at(step.index)
        outcome = "skipped" if step.pinned_skip else "" if known.outcome == "none" else known.outcome
        cells = (step.index, step.key, outcome, len(known.attempts) or "", _exit(known), _seconds(known))
        rows.append(f"| {' | '.join(map(str, cells))} |")
    return rows


def approvals(walk: Walk) -> list[dict[str, Any]]:
    """Return each gate that was asked, with its answer if there was one."""
    asked: dict[tuple[int, int], dict[str, Any]] = {}
    for event in walk.gates:
        place = (event["step_index"], event["attempt"])
        answer = _GATE_ANSWERS.get(event["type"])
        asked[place] = {
            "step_index": place[0],
            "answer": answer,
            "actor": event["actor"] if answer else None,
            "at": event["at"] if answer else None,
        }
    return list(asked.values())


def counts(state: RunState, pin: Pin) -> dict[str, Any]:
    """Return how many steps were pinned, and how they ended."""
    outcomes = ["skipped" if step.pinned_skip else state.walk.outcome(step.index) for step in pin.steps]
    return {
        "count": len(pin.steps),
        "sha256": state.header["steps"]["sha256"],
        "succeeded": outcomes.count("succeeded") + outcomes.count("approved"),
        "skipped": outcomes.count("skipped"),
        "carried": outcomes.count("carried"),
        "failed": sum(outcome in _FAILED for outcome in outcomes),
        "attempts": sum(len(step.attempts) for step in state.walk.steps.values()),
    }


def _decision(event: Event) -> dict[str, Any]:
    return {key: event[key] for key in ("step_index", "attempt", "answer", "actor", "at", "reason")}


def references(state: RunState, pin: Pin | None) -> dict[str, Any]:
    """Return what a run was made from, as far as its journal and its pin say it; who was trusted they do not."""
    called = [] if pin is None else [{"blob": blob, "id": name} for name, blob in pin.called]
    return {
        "source_blob": None if pin is None else pin.source.blob,
        "called": called,
        "trusted_ref": None,
        "base_commit": state.header.get("base_commit"),
        "params_sha256": None if state.walk.pin is None else state.walk.pin["params_sha256"],
        "supersedes": state.header.get("supersedes"),
        "replay_of": state.header.get("replay_of"),
    }


def _exit(known: StepState) -> str:
    code = known.last.closing.get("exit_code") if known.last else None
    return "" if code is None else str(code)


def _seconds(known: StepState) -> str:
    ms = known.last.closing.get("ms") if known.last else None
    return "" if ms is None else f"{ms // 1000}.{ms % 1000 // 100}"


def _sections(state: RunState, pin: Pin | None, tails: Mapping[int, str]) -> Iterator[str]:
    names = {} if pin is None else {step.index: step.key for step in pin.steps}
    decided = [_decided(event, names) for event in state.walk.decisions]
    asked = [_asked(approval, names) for approval in approvals(state.walk)]
    kept = [
        f"- {event['path']}, {event['bytes']} bytes, sha256 {event['sha256']}"
        for event in state.walk.artifacts
    ]
    failed = list(_failures(state, names, tails))
    for heading, lines in (("Decisions", decided), ("Approvals", asked), ("Artifacts", kept)):
        if lines:
            yield "\n".join((f"## {heading}", *lines))
    if failed:
        yield "\n\n".join(("## What failed", *failed))
    if state.status != "succeeded" and pin is not None and pin.source.kind == "procedure":
        again = f"platformctl procedure conduct {pin.source.id} --supersedes {state.header['id']}"
        yield f"## Next\n- {again}"


def _decided(event: Event, names: Mapping[int, str]) -> str:
    where = f"step {event['step_index']} {names.get(event['step_index'], '')}".rstrip()
    reason = " ".join(str(event["reason"]).split())
    return f"- {where}, attempt {event['attempt']}: {event['answer']} by {event['actor']}, {event['at']}: {reason}"


def _asked(approval: Mapping[str, Any], names: Mapping[int, str]) -> str:
    where = f"step {approval['step_index']} {names.get(approval['step_index'], '')}".rstrip()
    if approval["answer"] is None:
        return f"- {where}: not answered"
    return f"- {where}: {approval['answer']} by {approval['actor']}, {approval['at']}"


def _failures(state: RunState, names: Mapping[int, str], tails: Mapping[int, str]) -> Iterator[str]:
    for index, known in sorted(state.walk.steps.items()):
        if known.outcome not in _FAILED:
            continue
        closing = known.last.closing if known.last else {}
        code = closing.get("code") or known.outcome
        yield f"Step {index} {names.get(index, '')}: {code}"
        lines = safe_text(tails.get(index, "")).split("\n")
        shown = [line for line in lines if line][-TAIL_LINES:]
        if shown:
            yield "\n".join(f"    {line}" for line in shown)
