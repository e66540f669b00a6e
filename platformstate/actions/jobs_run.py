"""`jobs run`: one firing of a job by hand, conducted in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from platformstate.actions.answer import EXIT_PENDING, SETTLE, Answer
from platformstate.actions.conduct_step import Failure
from platformstate.actions.conduct_walk import walk
from platformstate.actions.job_commit import commit_runs
from platformstate.actions.job_firing import begin, claim, firing_of, left_to_a_tick
from platformstate.actions.job_gate import Asked, Gate, gate_of, untrusted
from platformstate.actions.job_overlap import Overlap, enter, wait_for_place
from platformstate.actions.job_runs import contract_of
from platformstate.actions.job_specs import resolve_job, resolve_trusted, trusted_job, working_job
from platformstate.actions.recipes import require_trusted
from platformstate.core.instants import instant, moment
from platformstate.core.quantities import seconds
from platformstate.errors import StateError, Warned
from platformstate.files.locks import locked
from platformstate.policy.job_receipt import Firing
from platformstate.policy.job_rules import backoff_of, retry_rules
from platformstate.policy.journal import TERMINAL
from platformstate.policy.pin import step_to_payload
from platformstate.policy.slots import fires_after
from platformstate.runner import JobFiles, Signals, become_subreaper, listening

if TYPE_CHECKING:
    from platformstate.actions.conduct_open import Conduct
    from platformstate.store import Store
    from platformstate.store.change import Written

SHOWN_FIRES = 3
_SIGNALLED = 128


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What `jobs run` is asked; `bindings` replace those of the spec, `overlay` is laid over them.

    `shown` is given each line of output.
    """

    job: str
    bindings: Mapping[str, Any] | None = None
    overlay: Mapping[str, Any] | None = None
    at_trusted: bool = False
    allow_tree: bool = False
    wait: bool = True
    shown: Callable[[str], None] | None = None


def run_job(
    store: Store,
    request: RunRequest,
    *,
    told: Callable[[str], None] = lambda line: None,
    own_process: bool = False,
) -> Answer:
    """Run a job once, by hand, and return its run; a failed run is an error with the run complete.

    Raises: job_not_found, the refusals of a job's boundaries, job_overlap_skipped.
    """
    name = _resolved(store, request)
    gate = _gate(store, name, request)
    if store.dry_run:
        return _planned(gate)
    gate.require()
    return conduct_here(
        gate, firing_of(gate), wait=request.wait, told=told, shown=request.shown, own_process=own_process
    )


def conduct_here(
    gate: Gate,
    firing: Firing,
    *,
    wait: bool = True,
    told: Callable[[str], None] = lambda line: None,
    shown: Callable[[str], None] | None = None,
    own_process: bool = False,
) -> Answer:
    """Run one firing in this process and return its run. Raises: job_overlap_skipped."""
    if own_process:
        become_subreaper()
    with (
        listening() if own_process else nullcontext() as signals,
        _place(gate, firing, wait, told, signals) as overlap,
    ):
        if signals is not None and overlap.waits:
            return _stopped(gate, overlap, signals)
        conduct = _begun(gate, firing)
        with left_to_a_tick(conduct):
            conduct.signals, conduct.told, conduct.shown = signals, told, shown
            conduct.commit("RunStarted")
            failure = walk(conduct)
        return _answer(conduct, failure)


@contextmanager
def _place(
    gate: Gate, firing: Firing, wait: bool, told: Callable[[str], None], signals: Signals | None
) -> Iterator[Overlap]:
    """Hold a place of the job's overlap group, waiting for one where its policy says so.

    It still waits when a signal came first. Raises: job_overlap_skipped; no run is made then.
    """
    files = JobFiles(gate.store.repository.common_dir, gate.name)
    with locked(files.lock):
        overlap = enter(gate.store, gate.name, gate.whole, run=firing.named, wait=wait)
    try:
        if overlap.waits:
            told(f"waiting for {overlap.holder}")
            wait_for_place(gate.store, overlap, bool if signals is None else signals.has_come)
        if overlap.refusal is not None:
            raise _skipped(gate, overlap)
        yield overlap
    finally:
        overlap.leave()


def _stopped(gate: Gate, overlap: Overlap, signals: Signals) -> Answer:
    """Return what a signal makes of a run that still waited: it leaves the queue, and no run is made."""
    number = signals.take() or 0
    data = {"by": overlap.holder}
    message = f"stopped by signal {number} while it waited for {overlap.holder}; nothing was run"
    error = StateError("job_cancelled", message, hint=f"platformctl jobs status {gate.name}", data=data)
    return Answer(data, exit_status=_SIGNALLED + number, error=error)


def _skipped(gate: Gate, overlap: Overlap) -> StateError:
    return StateError(
        "job_overlap_skipped",
        f"{overlap.holder or 'another run'} holds the place of {gate.name} ({overlap.refusal})",
        hint=f"platformctl jobs status {gate.name}",
        retryable=True,
        data={"by": overlap.holder},
    )


def _resolved(store: Store, request: RunRequest) -> str:
    """Return the job that is meant, of the working files or, where it is absent there, of the trusted ref.

    Raises: job_not_found, id_ambiguous, job_untrusted.
    """
    try:
        if not request.at_trusted:
            return resolve_job(store, request.job)
    except StateError as refused:
        if refused.code != "job_not_found":
            raise
    name = resolve_trusted(store, request.job)
    if not request.at_trusted:
        trusted = trusted_job(store, name, str(require_trusted(store).commit))
        raise untrusted(name, trusted.blob, None, "working tree")
    return name


def _gate(store: Store, name: str, request: RunRequest) -> Gate:
    """Return the job's gate over the spec of the working files, which has to be the trusted one to run."""
    asked = Asked(request.at_trusted, request.allow_tree, request.bindings, overlay=request.overlay)
    return gate_of(store, name, asked, spec=None if request.at_trusted else working_job(store, name))


def _begun(gate: Gate, firing: Firing) -> Conduct:
    assert gate.target is not None
    while (claimed := claim(gate.store, firing)) is None:
        firing = firing_of(gate)  # another one of this second has the very same random characters
    return begin(gate.store, firing, gate.target.pin, claimed=claimed)


def _answer(conduct: Conduct, failure: Failure | None) -> Answer:
    """Commit what the run left, and return it with the reason of its failure."""
    store = conduct.store
    job = conduct.site.subject.partition("/")[2]
    written, refused = conduct.last, conduct.deferred
    if conduct.status in TERMINAL:
        written, refused = _recorded(store, job)
    data: dict[str, Any] = {
        "run": contract_of(store, conduct.site),
        "commit": None if written is None else written.commit,
        "pending": refused is not None or (written is not None and written.pending),
        "write": None if written is None else written.as_json(),
    }
    if failure is not None:
        signal = failure.reason == "signal" and conduct.signalled
        error = StateError(
            failure.code,
            failure.message,
            hint=f"platformctl run show {conduct.site.named}; its log: {failure.log}" if failure.log else "",
            data=data,
        )
        return Answer(data, (), exit_status=_SIGNALLED + signal if signal else 0, error=error)
    if data["pending"]:
        why = f" ({refused})" if refused else ""
        text = f"the ledger is durable and waits for its commit{why}"
        note = Warned("commit_pending", text, conduct.site.folder)
        return Answer(data, (SETTLE,), (note,), EXIT_PENDING)
    return Answer(data, (f"platformctl run show {conduct.site.named}",))


def _recorded(store: Store, job: str) -> tuple[Written | None, str | None]:
    """Commit a job's ledger and kept runs; a commit that is refused takes nothing from the run."""
    try:
        return commit_runs(store, [job]), None
    except StateError as refused:
        return None, refused.code


def _planned(gate: Gate) -> Answer:
    """Return what a run would do, and every reason why it would not; nothing is executed."""
    if gate.target is None:
        gate.require()
    assert gate.target is not None
    rules, runtime = retry_rules(gate.whole), gate.whole["runtime"]
    env = runtime.get("env", {})
    plan = {
        "steps": [step_to_payload(step) for step in gate.target.pin.steps],
        "env": sorted({*env.get("pass", ()), *env.get("set", {})}),
        "cwd": runtime["cwd"],
        "timeout_s": seconds(runtime["timeout"]),
        "backoff_caps_ms": [backoff_of(gate.whole).cap_ms(n) for n in range(1, rules.max + 1)],
    }
    reasons = [refusal.code for refusal in gate.refusals]
    trigger = gate.whole["trigger"]
    following: list[str] = []
    if trigger["kind"] == "cron":
        found = fires_after(trigger["cron"], trigger["timezone"], moment(gate.store.now()), **trigger["dst"])
        following = [instant(at) for at in islice(found, SHOWN_FIRES)]
    return Answer({"plan": plan, "next": following, "would_run": not reasons, "reasons": reasons})
