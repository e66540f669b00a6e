"""The terms of a job's run: its environment, its limits, its retries, what it leaves, and its ledger line."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from platformstate.actions import job_artifacts, job_output
from platformstate.actions.conduct_terms import Terms
from platformstate.actions.job_commit import commit_runs, is_pinned_run
from platformstate.actions.job_ledger import append_line, read_ledger
from platformstate.codec.json_text import canonical_json
from platformstate.errors import StateError
from platformstate.files import WorkTree
from platformstate.files.locks import locked
from platformstate.packaged import version_of
from platformstate.policy import retry
from platformstate.policy.job_receipt import Firing, Gathered, job_facts, ledger_line
from platformstate.policy.job_rules import limits_of, retry_rules
from platformstate.policy.journal import TERMINAL
from platformstate.policy.ledger import failures_like, fingerprint, is_kept
from platformstate.policy.redaction import known_values
from platformstate.runner import JobFiles, Source, job_base
from platformstate.runner.opening import remove, write_private

if TYPE_CHECKING:
    from platformstate.actions.conduct_open import Conduct
    from platformstate.actions.conduct_step import Failure
    from platformstate.entities.step import CommandStep, Step
    from platformstate.policy.steps import Attempt
    from platformstate.runner import Ended

_NOT_STARTED: Final = (126, 127)
_BINDINGS, _PAYLOAD, _UNRESOLVED = "bindings", "payload", "unresolved"  # files beside the run's lock
_LATE: Final = ("run_step_timed_out", "run_step_failed")
_LIMIT_SIGNALS: Final = {128 + 24: "cpu_seconds", 128 + 25: "file_size"}  # SIGXCPU, SIGXFSZ
_CODES: Final = {"run_step_timed_out": "job_timed_out", "step_output_exceeded": "job_resource_exceeded"}
_OWN: Final = (
    "job_lost",
    "job_output_invalid",
    "job_target_unresolved",
    "job_resource_exceeded",
    "job_deadline_exceeded",
)


@dataclass
class JobTerms(Terms):
    """The terms of one firing. `deadline` is an instant of the monotonic clock; `hold` gives where it works.

    `commits` says that the ledger's line is committed with the run's end, not with others later. `final`
    is the reason that the last attempt's end has beyond its exit code.
    """

    firing: Firing
    hold: Callable[[], Source]
    deadline: float
    gathered: Gathered = field(default_factory=Gathered)
    began: float = field(default_factory=time.monotonic)
    commits: bool = False
    final: str | None = None
    held: Source | None = None

    @property
    def source(self) -> Source:
        """Where the run works, made and locked when it is first needed."""
        if self.held is None:
            self.held = self.hold()
        return self.held

    @property
    def is_one_step(self) -> bool:
        """Whether the job retries by itself; the steps of a procedure have retries of their own."""
        return bool(self.firing.whole["target"]["kind"] != "procedure")

    def environment(self) -> dict[str, str]:
        """Return what the spec lets through of the caller's environment, and what it sets."""
        env = self.firing.whole["runtime"].get("env", {})
        return job_base(os.environ, env.get("pass", ()), env.get("set", {}))

    def variables(self, conduct: Conduct, attempt: int) -> Mapping[str, str]:
        """Return the variables of a job; its bindings stand in a file of the clone."""
        lease, artifacts = conduct.site.lease, conduct.store.root / conduct.site.folder / "artifacts"
        artifacts.mkdir(parents=True, exist_ok=True)
        bindings = lease.file(_BINDINGS)
        write_private(bindings, canonical_json(dict(self.firing.bindings)) + b"\n")
        return {
            "PLATFORMSTATE_JOB": self.firing.job,
            "PLATFORMSTATE_SLOT": self.firing.slot or "",
            "PLATFORMSTATE_TRIGGER": self.firing.trigger,
            "PLATFORMSTATE_BINDINGS_FILE": str(bindings),
            "PLATFORMSTATE_PAYLOAD_FILE": str(lease.file(_PAYLOAD)),
            "PLATFORMSTATE_ARTIFACTS_DIR": str(artifacts),
            "PLATFORMSTATE_ROOT": str(self.source.path),
        }

    def root(self, conduct: Conduct) -> Path:
        """Return the source below which a step works."""
        return self.source.path

    def begins(self, conduct: Conduct, attempt: int) -> None:
        """Forget what an earlier attempt of a job with one step returned."""
        if self.is_one_step:
            for name in (_PAYLOAD, _UNRESOLVED):
                remove(conduct.site.lease.file(name))

    def limits(self) -> Mapping[str, int]:
        """Return the spec's limits."""
        return limits_of(self.firing.whole)

    def timeout_s(self, step_timeout: int) -> float:
        """Return how long an attempt may take: no longer than the run's deadline."""
        return max(0.0, min(step_timeout, self.left_s()))

    def left_s(self) -> float:
        """Return the seconds up to the run's deadline."""
        return self.deadline - time.monotonic()

    def retry_after_s(
        self, conduct: Conduct, step: CommandStep, attempt: int, spent: int, ended: Ended, failure: Failure
    ) -> float | None:
        """Return what the job's table says; the steps of a procedure keep their own rule."""
        if not self.is_one_step:
            return super().retry_after_s(conduct, step, attempt, spent, ended, failure)
        return self.wait_s(conduct, attempt, how_ended(ended, retry_rules(self.firing.whole)))

    def wait_s(self, conduct: Conduct, attempt: int, ended: retry.Ended) -> float | None:
        """Return the wait before another attempt of the one step, None when there is none."""
        if attempt == 1 and conduct.site.lease.file(_UNRESOLVED).is_file():
            self.final = "job_target_unresolved"
            return None
        rules, left_ms = retry_rules(self.firing.whole), round(self.left_s() * 1000)
        decision = retry.decide(rules, ended, attempt, local_run=self.firing.local, left_ms=left_ms)
        self.final = decision.reason
        return decision.wait_ms / 1000 if decision.verdict == "retry" else None

    def saw(self, ended: Ended) -> None:
        """Count what an attempt left running and was ended."""
        left = None if ended.leftovers is None or self.gathered.leftovers is None else ended.leftovers
        self.gathered.leftovers = None if left is None else (self.gathered.leftovers or 0) + left

    def lost_code(self, step: CommandStep) -> str:
        """Return the code of a lost attempt: with one step it is the end of the run, nobody is waited for."""
        return "job_lost" if self.is_one_step else super().lost_code(step)

    def failed(self, failure: Failure) -> tuple[str, str]:
        """Return the job's code for a failure, which is the run's reason too."""
        code = self.final or self._code(failure)
        return code, code

    def _code(self, failure: Failure) -> str:
        if failure.code in _OWN:
            return failure.code
        if _LIMIT_SIGNALS.get(failure.exit_code or 0) in self.limits():
            return "job_resource_exceeded"
        is_late = self.left_s() <= 0 and failure.code in _LATE
        return "job_deadline_exceeded" if is_late else _CODES.get(failure.code, "job_execution_failed")

    def signalled(self, conduct: Conduct, step: Step | None) -> Failure:
        """End a one-step run as cancelled; a procedure's run is suspended."""
        from platformstate.actions.conduct_step import Failure
        from platformstate.actions.conduct_walk import abort

        if not self.is_one_step:
            return super().signalled(conduct, step)
        abort(conduct, conduct.store.actor, "job_cancelled")
        message = f"cancelled by signal {conduct.signalled}"
        return Failure("job_cancelled", "signal", message, step)

    def before_success(self, conduct: Conduct) -> Failure | None:
        """Collect payload and artifacts; what is not as the spec says makes the run fail."""
        from platformstate.actions.conduct_step import Failure

        try:
            self._take_payload(conduct)
            whole, root, values = self.firing.whole, self.source.path, self._values(conduct)
            for row in job_artifacts.collect(conduct, whole, root, values):
                conduct.append(conduct.event("ArtifactRecorded", **row))
        except job_output.OutputInvalid as invalid:
            step = conduct.pin.steps[-1]
            return Failure("job_output_invalid", "job_output_invalid", str(invalid), step, 0)
        return None

    def _take_payload(self, conduct: Conduct) -> None:
        path = conduct.site.lease.file(_PAYLOAD)
        self.gathered.payload = job_output.read_payload(path, self._values(conduct))

    def _values(self, conduct: Conduct) -> Sequence[str]:
        """Return the values of the child's environment that may not be shown."""
        return known_values(self.environment(), conduct.pin.secrets)

    def stop_reason(self, verb: str) -> str:
        """Return the reason of a run that another command ended."""
        return "job_replaced" if verb == "replace" else "job_cancelled"

    def is_committed(self, conduct: Conduct) -> bool:
        """Say whether the run is committed by itself: from its suspension on, and not at its end."""
        return conduct.status not in TERMINAL and _was_suspended(conduct)

    def receipt_facts(self, conduct: Conduct) -> dict[str, Any]:
        """Return payload, tools and the key `job`."""
        from platformstate.policy.zones import tzdata_version

        if not any(row["type"] == "RunResumed" for row in conduct.journal.events):
            self.gathered.duration_ms = round((time.monotonic() - self.began) * 1000)
        if conduct.status == "succeeded" and not self.gathered.payload:
            self._take_payload(conduct)  # its conductor died before it wrote the receipt
        rules = retry_rules(self.firing.whole)
        host = os.uname().nodename
        return {
            "payload": self.gathered.payload,
            "tool": {"cronsim": version_of("cronsim"), "tzdata": tzdata_version()},
            "job": job_facts(self.firing, self.gathered, conduct.state, conduct.pin, rules.backoff, host),
        }

    def ended(self, conduct: Conduct) -> None:
        """Append the run's line to the ledger, if none is there, and remove what only the run needed."""
        job = self.firing.job
        with locked(JobFiles(conduct.store.repository.common_dir, job).lock):
            lines = read_ledger(WorkTree(conduct.store.root), job)
            if not any(line["run"] == self.firing.run and line["status"] in TERMINAL for line in lines):
                path = append_line(conduct.store, job, self._line(conduct, lines))
                JobFiles(conduct.store.repository.common_dir, job).tell(self.firing.run, path)
        for name in (_BINDINGS, _PAYLOAD, _UNRESOLVED):
            remove(conduct.site.lease.file(name))
        with suppress(OSError):  # it holds something, or is not there
            (conduct.store.root / conduct.site.folder / "artifacts").rmdir()
        if self.commits:
            self._commit(conduct)

    def _commit(self, conduct: Conduct) -> None:
        try:
            conduct.last, conduct.deferred = commit_runs(conduct.store, [self.firing.job]), None
        except StateError as refused:
            conduct.deferred = refused.code

    def _line(self, conduct: Conduct, lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        store, site = conduct.store, conduct.site
        data = WorkTree(store.root).bytes_of(site.receipt) or b""
        receipt: dict[str, Any] = json.loads(data)
        kept = is_kept(
            self.firing.whole["output"]["keep"],
            receipt["status"],
            failures_like(lines, receipt["reason"], receipt["exit_code"]),
            pinned=is_pinned_run(store, site),
            was_suspended=_was_suspended(conduct),
        )
        return ledger_line(
            self.firing,
            receipt,
            at=store.now(),
            schedule=fingerprint(self.firing.whole["trigger"]),
            receipt_sha256=sha256(data).hexdigest(),
            kept=kept,
        )

    def close(self) -> None:
        """Let go of the copy that the run works in."""
        if self.held is not None:
            self.held.leave()
            self.held = None


def _was_suspended(conduct: Conduct) -> bool:
    """Say whether the run waited for somebody; that it crashed and went on is no such thing."""
    suspended = (row for row in conduct.journal.events if row["type"] == "RunSuspended")
    return any(row["reason"] != "crashed" for row in suspended)


def closed_as(attempt: Attempt, rules: retry.Rules) -> retry.Ended:
    """Return the same of an attempt that the journal closed."""
    code = attempt.closing.get("exit_code")
    if attempt.outcome == "timed_out":
        return retry.Ended("timeout")
    if attempt.closing.get("code") == "step_output_exceeded":
        return retry.Ended("resource")
    return retry.Ended("unknown") if code is None else _of_code(code, rules)


def how_ended(ended: Ended, rules: retry.Rules) -> retry.Ended:
    """Return how an attempt ended in the words of the retry table."""
    if ended.outcome == "timed_out":
        return retry.Ended("timeout")
    if ended.outcome == "output_exceeded":
        return retry.Ended("resource")
    if ended.outcome != "exited" or ended.exit_code is None:
        return retry.Ended("unknown")
    return _of_code(ended.exit_code, rules)


def _of_code(code: int, rules: retry.Rules) -> retry.Ended:
    if code in rules.success_exit_codes:
        return retry.Ended("exit", code)
    if code in _LIMIT_SIGNALS:
        return retry.Ended("resource", code)
    return retry.Ended("not_started", code) if code in _NOT_STARTED else retry.exited(code, rules)
