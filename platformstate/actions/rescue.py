"""`memory rescue`: prove that a run is dead, and go on from where it stopped, in one commit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from platformstate.actions import task_requests
from platformstate.actions.answer import written
from platformstate.actions.brief import Brief, brief_task
from platformstate.actions.checkpoint_build import Built, Ground, rescue_checkpoint
from platformstate.actions.claim import read_for_claim, wish_of, write_claim
from platformstate.actions.fencing import held
from platformstate.actions.operators import require_operator
from platformstate.actions.rescue_proof import DeadRun, proven_dead, unfinished
from platformstate.actions.run_opening import OpenedRun
from platformstate.actions.run_repeats import asked_before, lease_of_run, nothing_written, run_mark
from platformstate.actions.signs_of_life import claim_of, claim_shown
from platformstate.actions.task_folder import TaskFolder
from platformstate.errors import StateError
from platformstate.policy import lifecycle
from platformstate.policy.brief_text import DEFAULT_TOKENS
from platformstate.policy.chain import RunFacts

if TYPE_CHECKING:
    from platformstate.store import Store
    from platformstate.store.change import Change

MAX_FINDINGS: Final = 40
MAX_CHARACTERS: Final = 1000
_WORTH_SAYING: Final = ("contradicted", "unverifiable")


def rescue_task(
    store: Store,
    task: str,
    *,
    run: str | None = None,
    force: bool = False,
    reason: str | None = None,
    ttl: str | None = None,
    remote: str | None = None,
    max_tokens: int = DEFAULT_TOKENS,
    idempotency_key: str | None = None,
) -> Brief:
    """End a dead run at a task and open one of this actor that goes on from it; return the brief.

    The dead run is the one named, else the newest that has not succeeded. `force` needs an operator and
    a reason: it stands in for a proof of death. With a key, the run that the same request opened
    before is the answer, and the brief is today's. Raises: task_not_found, run_not_found, id_ambiguous,
    rescue_not_needed, rescue_wrong_branch, run_alive, claim_held, operator_required, task_not_ready,
    usage_invalid, remote_missing, remote_unreachable, idempotency_conflict, and what a write raises.
    """
    _refuse_unfounded(store, force, reason)
    name = task_requests.task_id(store, task)
    folder = read_for_claim(store, name)
    wanted = {"run": run, "force": force, "reason": reason, "ttl": ttl, "remote": remote}
    mark = run_mark(store, idempotency_key, "memory.rescue", name, **wanted)
    if (earlier := asked_before(folder, mark)) is not None:
        return _answered_again(store, folder, earlier, max_tokens)
    lifecycle.refuse_start(folder.document.meta)
    chosen = _chosen(store, folder, run)
    find = partial(_dead, run=chosen.id, because=reason if force else None)
    find(store, folder, store.now())
    findings = list(_findings(brief_task(store, name, run=chosen.id).answer.data))
    wish = wish_of(store, ttl=ttl, remote=remote)._replace(find_dead=find, mark=mark)
    made = write_claim(store, folder, wish, partial(_change, store, findings))
    brief = brief_task(store, name, max_tokens=max_tokens)
    opened, dead = made.opened, made.opened.dead
    assert dead is not None
    data = {
        "dead_run": dead.run.id,
        "proof": {"kind": dead.proof, "detail": dead.detail},
        "run": opened.header["id"],
        "fence": opened.header["fence"],
        "claim": claim_shown(opened.lease),
        "checkpoint": made.written.change.data,
        "brief": brief.answer.data,
    }
    next_ = tuple(brief.answer.data["next"]["commands"])
    return Brief(written(data, made.written, next_, made.warnings), brief.text)


def _answered_again(store: Store, folder: TaskFolder, run: RunFacts, max_tokens: int) -> Brief:
    """Return the answer to a rescue that was made before; its proof is what its checkpoint says of it."""
    lease = lease_of_run(store, folder, run.id)
    said = next(c for c in folder.checkpoints if c.meta["run"] == run.id and c.meta["kind"] == "rescue")
    kind, _, detail = said.body["done"][0].partition(": ")[2].partition(", ")
    brief = brief_task(store, folder.task_id, max_tokens=max_tokens)
    data = {
        "dead_run": run.header["rescues"],
        "proof": {"kind": kind, "detail": detail},
        "run": run.id,
        "fence": run.header["fence"],
        "claim": None if lease is None else claim_shown(lease),
        "checkpoint": said.id,
        "brief": brief.answer.data,
    }
    done = nothing_written(store, f"run: rescue {run.id}")
    return Brief(written(data, done, tuple(brief.answer.data["next"]["commands"])), brief.text)


def _refuse_unfounded(store: Store, force: bool, reason: str | None) -> None:
    """Refuse force to others than operators, and without a reason. Raises: operator_required, usage_invalid."""
    if not force:
        if reason is not None:
            raise StateError(
                "usage_invalid", "--reason says why --force is right", hint="leave one out, or give both"
            )
        return
    if not reason:
        raise StateError(
            "usage_invalid", "--force needs --reason TEXT", hint='--force --reason "the host is gone"'
        )
    require_operator(store, "calling a run dead without a proof")


def _chosen(store: Store, folder: TaskFolder, asked: str | None) -> RunFacts:
    """Return the run to rescue. Raises: rescue_wrong_branch, rescue_not_needed, run_not_found, id_ambiguous."""
    by_id = {run.id: run for run in folder.runs}
    lease = store.session.claims.of(folder.task_id)
    is_elsewhere = lease is not None and lease.run not in by_id and lease.released_at is None
    if lease is not None and is_elsewhere and (asked is None or lease.run.startswith(asked)):
        raise StateError(
            "rescue_wrong_branch",
            f"run {lease.run} of {lease.actor} has its files on another branch",
            hint=f"rescue it in worktree {lease.worktree}, on branch {lease.branch or 'none'}, or merge that first",
        )
    run = unfinished(folder)
    if asked is not None:
        run = by_id[task_requests.one_of("run", asked, by_id, folder.task_id)]
    rescuer = next((other.id for other in folder.runs if run and other.header.get("rescues") == run.id), None)
    if run is None or run.header["status"] == "succeeded" or rescuer is not None:
        named = "no run that has not succeeded" if run is None else f"nothing to rescue in {run.id}"
        raise StateError(
            "rescue_not_needed",
            f"{folder.task_id} has {named}" + (f": {rescuer} has gone on from it" if rescuer else ""),
            hint=f"platformctl task claim {folder.task_id}",
        )
    return run


def _dead(store: Store, folder: TaskFolder, now: str, *, run: str, because: str | None) -> DeadRun:
    """Return the run with the proof of its death. Raises: run_alive, claim_held of a later claim."""
    claimed = claim_of(store, folder, now)
    if claimed is not None and claimed.is_live and claimed.lease.run != run:
        raise held(folder.task_id, claimed)
    known = next(facts for facts in folder.runs if facts.id == run)
    return proven_dead(store, folder, known, now, because=because)


def _findings(brief: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a brief finds wrong or cannot verify, a claim a line."""
    truth = [line for line in brief["ground_truth"] if line["verdict"] in _WORTH_SAYING]
    for line in sorted(truth, key=lambda line: _WORTH_SAYING.index(line["verdict"])):
        text = f"{line['verdict']}: {line['claim']} of {line['checkpoint']}; said {line['said']}, found {line['found']}"
        yield " ".join(text.split())[:MAX_CHARACTERS]


def _change(store: Store, findings: list[str], opened: OpenedRun, folder: TaskFolder) -> Change:
    from platformstate.store.change import Change

    built = _checkpoint(store, findings, opened, folder)
    task, run = folder.task_id, str(opened.header["id"])
    trailers = (("Task", task), ("Run", run), ("Checkpoint", built.said.id), ("Actor", store.actor))
    files = (*opened.files, built.file)
    return Change(f"run: rescue {run}", trailers, files, built.said.id)


def _checkpoint(store: Store, findings: list[str], opened: OpenedRun, folder: TaskFolder) -> Built:
    """Return the rescue's checkpoint: proof, last commit, and what does not hold or cannot be told."""
    from platformstate.gitrepo.facts import work_facts

    dead = opened.dead
    assert dead is not None
    said = [c for c in folder.checkpoints if c.meta["run"] == dead.run.id]
    last = said[-1].meta["git"]["commit"] if said else dead.run.header.get("base_commit")
    done = [
        f"took over from {dead.run.id} of {dead.run.header['actor']}: {dead.proof}, {dead.detail}",
        f"its last commit: {last or 'none'}",
        *findings[:MAX_FINDINGS],
    ]
    at = str(opened.events[0]["at"])
    ground = Ground(folder.task_id, opened.header, at, work_facts(store.repository))
    return rescue_checkpoint(store, ground, done, step=_stands_at(opened))


def _stands_at(opened: OpenedRun) -> dict[str, Any] | None:
    """Return the first step that the new run has to do, None without a pinned list."""
    from platformstate.actions.checkpoint_step import stands_at
    from platformstate.policy.journal import fold

    state = fold([{**event, "seq": number} for number, event in enumerate(opened.events)])
    return stands_at(RunFacts(opened.header, state=state, pin=opened.pin))
