"""What a receipt says of a job's run besides what every receipt says, and the run as commands give it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from platformstate.core.instants import moment
from platformstate.policy.journal import RunState
from platformstate.policy.pin import Pin
from platformstate.policy.receipt import approvals
from platformstate.policy.retry import FIRST_SIGNAL_CODE, LAST_SIGNAL_CODE, Backoff

_OUTCOMES: Final = {
    "open": "unknown",
    "carried": "succeeded",
    "skipped": "succeeded",
    "approved": "succeeded",
    "rejected": "failed",
}
_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Firing:
    """One firing of a job: what was decided before its run began, and what it was decided from.

    `slot` is the instant at which it was meant to fire, None for one by hand. `source` is what a receipt
    says of the place where it works. `bindings` are the values that the target is given.
    """

    job: str
    run: str
    trigger: str
    whole: Mapping[str, Any]
    spec_path: str
    spec_blob: str
    commit: str
    trusted_ref: str
    digest: str
    bindings: Mapping[str, Any]
    bindings_sha256: str
    source: Mapping[str, Any]
    root_run: str
    slot: str | None = None
    replay_of: str | None = None
    attempt: int = 1
    clock: str = "system"

    @property
    def local(self) -> str:
        """The run's name in local files and hashes."""
        return f"{self.job}.{self.run}"

    @property
    def named(self) -> str:
        """The run's name in commands."""
        return f"{self.job}/{self.run}"


@dataclass(slots=True)
class Gathered:
    """What a run's conductor learns while it goes on."""

    payload: dict[str, Any] = field(default_factory=dict)
    leftovers: int | None = 0
    late_ms: int | None = None
    duration_ms: int | None = None


def job_facts(
    firing: Firing, gathered: Gathered, state: RunState, pin: Pin, backoff: Backoff, host: str
) -> dict[str, Any]:
    """Return the key `job` of a receipt."""
    return {
        "job_id": firing.job,
        "trigger": firing.trigger,
        "slot": firing.slot,
        "late_ms": gathered.late_ms,
        "duration_ms": _duration_ms(gathered, state),
        "target": target_facts(firing.whole),
        "attempts": attempts(firing, state, pin, backoff),
        "spec_path": firing.spec_path,
        "spec_blob": firing.spec_blob,
        "commit": firing.commit,
        "trusted_ref": firing.trusted_ref,
        "digest": firing.digest,
        "bindings_sha256": firing.bindings_sha256,
        "root_run": firing.root_run,
        "source": dict(firing.source),
        "leftovers": gathered.leftovers,
        "host": host,
        "clock": firing.clock,
    }


def target_facts(whole: Mapping[str, Any]) -> dict[str, Any]:
    """Return a target as receipts have it: its kind and what names it."""
    target = whole["target"]
    names = ("kind", "argv", "procedure", "entry")
    return {name: target[name] for name in names if name in target}


def attempts(firing: Firing, state: RunState, pin: Pin, backoff: Backoff) -> list[dict[str, Any]]:
    """Return each attempt of each step, in order, with the wait that stood before it."""
    is_one_step = firing.whole["target"]["kind"] != "procedure"
    rows = []
    for index, known in sorted(state.walk.steps.items()):
        for attempt in known.attempts:
            if attempt.outcome == "waiting":
                continue  # a question that nobody has answered yet
            code = attempt.closing.get("exit_code")
            waited = attempt.number > 1 and is_one_step
            rows.append(
                {
                    "step_index": index,
                    "key": pin.steps[index].key,
                    "attempt": attempt.number,
                    "outcome": _OUTCOMES.get(attempt.outcome, attempt.outcome),
                    "by": attempt.closing.get("by", "conductor"),
                    "exit_code": code,
                    "signal": attempt.closing.get("signal") or _signal(code),
                    "backoff_ms": backoff.wait_ms(firing.local, attempt.number - 1) if waited else 0,
                    "ms": attempt.closing.get("ms"),
                }
            )
    return rows


def _signal(code: int | None) -> int | None:
    is_signal = code is not None and FIRST_SIGNAL_CODE <= code <= LAST_SIGNAL_CODE
    return code - 128 if code is not None and is_signal else None


def _duration_ms(gathered: Gathered, state: RunState) -> int:
    if gathered.duration_ms is not None:
        return gathered.duration_ms
    header = state.header
    return (moment(header["ended_at"]) - moment(header["started_at"])) // _MILLISECOND


def run_contract(receipt: Mapping[str, Any], *, folder: str, kept: bool, committed: bool) -> dict[str, Any]:
    """Return a finished run as commands give it; the names of these keys never change."""
    job, references = receipt["job"], receipt["references"]
    return {
        "run_id": receipt["run"],
        "job_id": job["job_id"],
        "status": receipt["status"],
        "reason": receipt["reason"],
        "exit_code": receipt["exit_code"],
        "trigger": job["trigger"],
        "slot": job["slot"],
        "started_at": receipt["started_at"],
        "ended_at": receipt["ended_at"],
        "duration_ms": job["duration_ms"],
        "target": job["target"],
        "attempts": job["attempts"],
        "artifacts": receipt["artifacts"],
        "approvals_requested": receipt["approvals_requested"],
        "references": {
            "spec_path": job["spec_path"],
            "spec_blob": job["spec_blob"],
            "commit": job["commit"],
            "trusted_ref": job["trusted_ref"],
            "digest": job["digest"],
            "steps_sha256": None if receipt["steps"] is None else receipt["steps"]["sha256"],
            "replay_of": references["replay_of"],
            "root_run": job["root_run"],
        },
        "payload": receipt["payload"],
        "files": run_files(folder),
        "kept": kept,
        "committed": committed,
    }


def run_files(folder: str) -> dict[str, str]:
    """Return where a run's files stand."""
    return {
        "dir": folder,
        "receipt": f"{folder}/run_receipt.json",
        "summary": f"{folder}/summary.md",
        "events": f"{folder}/events.jsonl",
    }


def unfinished_contract(
    firing: Firing, state: RunState, pin: Pin, backoff: Backoff, *, folder: str, kept: bool, committed: bool
) -> dict[str, Any]:
    """Return a run that has not ended, in the same form."""
    header = state.header
    pinned: Sequence[Any] = pin.steps
    return {
        "run_id": firing.run,
        "job_id": firing.job,
        "status": state.status,
        "reason": state.reason,
        "exit_code": header.get("exit_code"),
        "trigger": firing.trigger,
        "slot": firing.slot,
        "started_at": header.get("started_at"),
        "ended_at": None,
        "duration_ms": None,
        "target": target_facts(firing.whole),
        "attempts": attempts(firing, state, pin, backoff) if pinned else [],
        "artifacts": [],
        "approvals_requested": approvals(state.walk),
        "references": {
            "spec_path": firing.spec_path,
            "spec_blob": firing.spec_blob,
            "commit": firing.commit,
            "trusted_ref": firing.trusted_ref,
            "digest": firing.digest,
            "steps_sha256": header["steps"]["sha256"],
            "replay_of": firing.replay_of,
            "root_run": firing.root_run,
        },
        "payload": {},
        "files": run_files(folder),
        "kept": kept,
        "committed": committed,
    }


def ledger_line(
    firing: Firing,
    receipt: Mapping[str, Any],
    *,
    at: str,
    schedule: str,
    receipt_sha256: str | None,
    kept: bool,
) -> dict[str, Any]:
    """Return the line that a finished run leaves in its job's ledger."""
    steps = receipt["steps"]
    return {
        "schema": "ledger/1",
        "at": at,
        "job": firing.job,
        "run": firing.run,
        "slot": firing.slot,
        "status": receipt["status"],
        "reason": receipt["reason"],
        "actor": receipt["actor"],
        "trigger": firing.trigger,
        "exit_code": receipt["exit_code"],
        "attempts": 0 if steps is None else steps["attempts"],
        "started_at": receipt["started_at"],
        "ended_at": receipt["ended_at"],
        "spec_blob": firing.spec_blob,
        "commit": firing.commit,
        "schedule": schedule,
        "steps_sha256": None if steps is None else steps["sha256"],
        "receipt_sha256": receipt_sha256,
        "replay_of": firing.replay_of,
        "root_run": firing.root_run,
        "kept": kept,
    }
