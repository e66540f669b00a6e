"""`run resume`: settle what a dead conductor left, then go on exactly where the run stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from platformstate.actions.answer import Answer
from platformstate.actions.conduct_answer import answer_of
from platformstate.actions.conduct_guards import refuse_guards, refuse_secrets
from platformstate.actions.conduct_open import Conduct, opened
from platformstate.actions.conduct_place import pin_drift, require_here, take_over_fields
from platformstate.actions.conduct_settle import settlement_of
from platformstate.actions.conduct_step import Failure, run_check
from platformstate.actions.conduct_supersede import carried_captures
from platformstate.actions.conduct_walk import failure_of, finish, no_room, suspend, walk
from platformstate.actions.run_site import KnownRun, RunSite, find_run, read_run
from platformstate.entities.step import CheckStep
from platformstate.errors import StateError
from platformstate.files import WorkTree
from platformstate.policy.journal import TERMINAL
from platformstate.policy.settle import Action
from platformstate.policy.walking import cursor, trailing
from platformstate.runner import become_subreaper, listening

if TYPE_CHECKING:
    from platformstate.store import Store

Told = Callable[[str], None]


def resume_run(
    store: Store,
    text: str,
    *,
    take_over: bool = False,
    reason: str | None = None,
    told: Told = lambda line: None,
    own_process: bool = False,
) -> Answer:
    """Go on with a run; a failure of a step is told in the answer.

    `own_process` says that this process does nothing else, so that signals and orphans are its own.
    Raises: run_not_found, id_ambiguous, run_locked, run_elsewhere, run_journal_behind,
    run_journal_corrupt, run_steps_mismatch, run_transition_refused, run_guard_failed,
    procedure_secret_missing, procedure_untrusted, operator_required.
    """
    site = find_run(store, text)
    if store.dry_run:
        from platformstate.actions.run_show import plan_resume

        return plan_resume(store, site)
    known = _resumable(store, site)
    if known.state.status in TERMINAL:
        return _completed(store, known, own_process)
    try:
        command = f"run resume {site.named}"
        with _conducting(store, known, command, told, own_process, takes_over=take_over) as conduct:
            over = take_over_fields(conduct, reason) if take_over else None
            require_here(conduct, taken_over=over is not None)
            conduct.drift = pin_drift(conduct.store, conduct.pin)
            refuse_secrets(conduct.pin)
            refuse_guards(conduct.store, conduct.pin, "run_guard_failed")
            return answer_of(conduct, _gone_on(conduct, over))
    except StateError as refused:
        from platformstate.actions.run_show import answer_of_known

        now = known._replace(state=known.folding.state())
        refused.data = {**answer_of_known(now).data, **(refused.data or {})}
        raise


def _resumable(store: Store, site: RunSite) -> KnownRun:
    known = read_run(site)
    if known.site.subject.startswith("task/"):
        raise StateError(
            "run_transition_refused",
            f"{site.named} is an agent's run; it goes on by `run step begin`",
            hint=f"platformctl run step begin {site.named}",
        )
    return known


@contextmanager
def _conducting(
    store: Store, known: KnownRun, command: str, told: Told, own_process: bool, *, takes_over: bool = False
) -> Iterator[Conduct]:
    if own_process:
        become_subreaper()
    conduct = opened(store, known, command, takes_over=takes_over)
    conduct.told = told
    conduct.carried = carried_captures(store, known)
    try:
        with listening() if own_process else nullcontext() as signals:
            conduct.signals = signals
            yield conduct
    finally:
        conduct.close()


def _completed(store: Store, known: KnownRun, own_process: bool) -> Answer:
    """Complete what an ended run lacks, its receipt or its commit. Raises: run_transition_refused."""
    site = known.site
    if not _is_incomplete(store, known):
        raise StateError(
            "run_transition_refused",
            f"{site.named} has {known.state.status}; an ended run does not go on",
            hint=f"platformctl procedure conduct {site.subject.partition('/')[2]} --supersedes {site.named}",
            path=site.journal,
        )
    with _conducting(store, known, f"run resume {site.named}", lambda line: None, own_process) as conduct:
        finish(conduct, "RunSucceeded")
        return answer_of(conduct, None)


def _is_incomplete(store: Store, known: KnownRun) -> bool:
    tree = WorkTree(store.root)
    if tree.bytes_of(known.site.receipt) is None or tree.bytes_of(known.site.summary) is None:
        return True
    if not store.session.settings.commit or store.repository.head is None:
        return False
    held = dict(store.tree("HEAD").read([known.site.journal, known.site.receipt]))
    here = dict(tree.read([known.site.journal, known.site.receipt]))
    return held != here


def _gone_on(conduct: Conduct, over: dict[str, Any] | None) -> Failure | None:
    if not conduct.site.subject.startswith("job/"):
        return go_on(conduct, over)
    from platformstate.actions.job_settle import go_on_job

    return go_on_job(conduct, over)


def go_on(conduct: Conduct, over: dict[str, Any] | None = None) -> Failure | None:
    """Settle, resume and walk; return why the run stopped. `over` records that it was taken over."""
    walked, state = conduct.folding.walk, conduct.state
    index = walked.open[0] if walked.open is not None else cursor(conduct.pin.steps, walked)
    events: list[dict[str, Any]] = []
    failure = None
    if index is not None:
        step = conduct.pin.steps[index]
        settled = settlement_of(conduct, step, None if over is not None else state.holder)
        events += settled.events
        failure = failure_of(settled.action, step)
        if settled.action is Action.REFUSE:
            raise conduct.site.lease.refusal()
        if failure is None and over is None:
            failure = no_room(conduct, step)
    if state.status == "running":
        events.insert(0, conduct.event("RunSuspended", reason="crashed"))
    if failure is not None:
        return _stop(conduct, events, failure)
    events.append(resumed(conduct, index, over))
    conduct.append(*events)
    conduct.position()
    conduct.site.lease.clear()
    return _recheck(conduct) or walk(conduct)


def _stop(conduct: Conduct, events: list[dict[str, Any]], failure: Failure) -> Failure:
    """Record what was settled and stand still again; append nothing when nothing is new."""
    if events:
        index = None if failure.step is None else failure.step.index
        events.append(conduct.event("RunSuspended", reason=failure.reason, step_index=index))
        conduct.append(*events)
        conduct.position()
        conduct.commit("RunSuspended")
        return failure
    return suspend(conduct, failure)


def resumed(conduct: Conduct, index: int | None, over: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the event with which a run goes on at a step."""
    from platformstate.actions.conduct_place import holder_of

    last = len(conduct.pin.steps) - 1
    fields = {"from_index": last if index is None else index, "drift": conduct.drift, "take_over": over}
    return conduct.event("RunResumed", holder=holder_of(conduct.store), **fields)


def _recheck(conduct: Conduct) -> Failure | None:
    """Make the trailing checks again: what they found must still hold before anything goes on."""
    for index in trailing(conduct.pin.steps, conduct.folding.walk):
        step = conduct.pin.steps[index]
        assert isinstance(step, CheckStep)
        failure = run_check(conduct, step, recheck=True)
        if failure is not None:
            return suspend(conduct, failure)
    return None
