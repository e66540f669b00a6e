"""Settle a run of a job whose conductor died: adopt what is proven, try again what may be, end the rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from platformstate.actions.conduct_open import Conduct, opened
from platformstate.actions.conduct_resume import go_on, resumed
from platformstate.actions.conduct_settle import settlement_of
from platformstate.actions.conduct_step import Failure, paused, run_step
from platformstate.actions.conduct_walk import fail, finish, stopped, walk
from platformstate.actions.job_gate import is_approved
from platformstate.actions.job_ledger import read_ledger
from platformstate.actions.job_overlap import Overlap, go_on_in
from platformstate.actions.job_runs import is_ours, open_sites
from platformstate.actions.job_terms import JobTerms, closed_as
from platformstate.actions.job_terms_of import job_terms
from platformstate.actions.run_site import KnownRun, RunSite, read_run
from platformstate.entities.step import CommandStep
from platformstate.errors import StateError
from platformstate.files import WorkTree
from platformstate.policy.job_rules import retry_rules
from platformstate.policy.journal import TERMINAL

if TYPE_CHECKING:
    from platformstate.policy.steps import Attempt
    from platformstate.store import Store

_CODES: Final = {"timed_out": "run_step_timed_out"}


def unsettled(store: Store, job: str) -> list[RunSite]:
    """Return the job's runs that this clone pinned, that nobody holds, and that are not at their end.

    A run that came any other way is data and is left alone.
    """
    dead = [site for site in open_sites(store, job) if not site.lease.is_held() and is_ours(store, site)]
    # One that ended while we looked has its line by now: nobody held it any more.
    ended = _ended(store, job) if dead else set()
    return [site for site in dead if site.run not in ended]


def _ended(store: Store, job: str) -> set[str]:
    return {line["run"] for line in read_ledger(WorkTree(store.root), job) if line["status"] in TERMINAL}


def settled_now(store: Store, job: str) -> Iterator[tuple[RunSite, Overlap]]:
    """Yield the runs that a tick settles now, each with the place of its group that it goes on in.

    One that waits for a person, or of a revoked digest, is left; one whose place is taken waits for it.
    """
    for site in unsettled(store, job):
        if site.lease.is_held():
            continue  # another tick was faster while this one stood in line
        known = read_run(site)
        terms = job_terms(store, known)
        if terms is None or not is_approved(store, job, terms.firing.digest):
            continue
        if known.state.status == "suspended" and known.state.reason != "signal":
            continue
        overlap = go_on_in(store, job, terms.firing.whole, site.named)
        if known.state.status in TERMINAL or overlap.refusal is None:
            yield site, overlap


def settle_run(store: Store, site: RunSite, signals: Any = None) -> dict[str, Any]:
    """Bring a run to its end or to where a person is needed; return what became of it.

    Raises: run_locked when somebody took it meanwhile.
    """
    known = read_run(site)
    terms = job_terms(store, known)
    if terms is None:
        return _told(known, "left")
    job = site.subject.partition("/")[2]
    with opened(store, known, f"jobs tick {site.named}") as conduct:
        conduct.terms, conduct.signals = terms, signals
        if conduct.status in TERMINAL:
            finish(conduct, "RunSucceeded")
        elif terms.is_one_step:
            _settle_one(conduct, terms, None)
        else:
            go_on(conduct)
        return {**_told(read_run(site), _by(conduct)), "job": job}


def _by(conduct: Conduct) -> str:
    for event in reversed(conduct.journal.events):
        if "by" in event:
            return str(event["by"])
    return "conductor"


def _told(known: KnownRun, by: str) -> dict[str, Any]:
    job = known.site.subject.partition("/")[2]
    state = known.state
    return {"job": job, "run": known.site.run, "status": state.status, "reason": state.reason, "by": by}


def go_on_job(conduct: Conduct, over: dict[str, Any] | None) -> Failure | None:
    """Go on with a run of a job because somebody asks for it; return why it stopped.

    Raises: run_elsewhere for one that this clone did not begin, job_approval_required.
    """
    terms, store = conduct.terms, conduct.store
    if not isinstance(terms, JobTerms):
        message = f"{conduct.site.named} was not started in this clone; a job's run goes on where it began"
        hint = f"platformctl jobs replay {conduct.site.named}"
        raise StateError("run_elsewhere", message, hint=hint, path=conduct.site.journal)
    if not is_approved(store, terms.firing.job, terms.firing.digest):
        message = f"what {conduct.site.named} executes is not approved in this clone any more"
        hint = f"platformctl jobs approve {terms.firing.job}"
        raise StateError("job_approval_required", message, hint=hint, path=terms.firing.spec_path)
    return _settle_one(conduct, terms, over) if terms.is_one_step else go_on(conduct, over)


def _settle_one(conduct: Conduct, terms: JobTerms, over: dict[str, Any] | None) -> Failure | None:
    """Settle the one step of a run and go on: the job's own table says whether it is tried again."""
    step = conduct.pin.steps[0]
    assert isinstance(step, CommandStep)
    events: list[dict[str, Any]] = []
    if conduct.folding.walk.open is not None:
        events += settlement_of(conduct, step, None if over else conduct.state.holder).events
    if conduct.status == "running":
        events.append(conduct.event("RunSuspended", reason="crashed"))
    conduct.append(*events, resumed(conduct, step.index, over))
    conduct.position()
    known = conduct.folding.walk.at(step.index)
    last = known.last
    if known.done:
        return walk(conduct)
    if last is None or last.outcome in ("not_started", "cancelled"):
        return _run_on(conduct, step)
    wait_s = terms.wait_s(conduct, last.number, closed_as(last, retry_rules(terms.firing.whole)))
    if wait_s is not None and not paused(conduct, wait_s):
        return _run_on(conduct, step)
    return fail(conduct, _final(step, last))


def _final(step: CommandStep, last: Attempt) -> Failure:
    """Return why a run fails with its last attempt."""
    if last.outcome == "unknown":
        return Failure("job_lost", "job_lost", "nobody knows how its attempt ended", step)
    code = _CODES.get(last.outcome) or last.closing.get("code", "run_step_failed")
    exit_code = last.closing.get("exit_code")
    return Failure(code, "step_failed", f"{step.key} {last.outcome}", step, exit_code)


def _run_on(conduct: Conduct, step: CommandStep) -> Failure | None:
    """Begin the next attempt of the step, and end the run as it ends."""
    return stopped(conduct, step, run_step(conduct, step)) or walk(conduct)
