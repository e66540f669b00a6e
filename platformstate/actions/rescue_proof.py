"""Find the run in whose place another one is opened, and what proves that it is dead."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from platformstate.actions.fencing import held
from platformstate.actions.signs_of_life import claim_of, holders_of, signs_of
from platformstate.entities.run import OPEN
from platformstate.errors import StateError
from platformstate.policy import claims
from platformstate.policy.chain import RunFacts

if TYPE_CHECKING:
    from platformstate.actions.task_folder import TaskFolder
    from platformstate.store import Store


class DeadRun(NamedTuple):
    """A run that nobody is at work in any more: the proof of it, and what an operator said instead of one."""

    run: RunFacts
    proof: str
    because: str | None = None

    @property
    def detail(self) -> str:
        """What the proof means, in words."""
        said = f": {self.because}" if self.because else ""
        return f"{claims.DETAILS[self.proof]}{said}"


def unfinished(folder: TaskFolder) -> RunFacts | None:
    """Return the newest run that has not succeeded and that no other has gone on from."""
    rescued = {run.header.get("rescues") for run in folder.runs}
    left = [run for run in folder.runs if run.header["status"] != "succeeded" and run.id not in rescued]
    return left[-1] if left else None


def dead_run(store: Store, folder: TaskFolder, now: str) -> DeadRun | None:
    """Return the run that a claim goes on from, None when there is none.

    Raises: claim_held while the task's lease is live, run_alive for a run that nothing proves dead.
    """
    claimed = claim_of(store, folder, now)
    if claimed is not None and claimed.is_live:
        raise held(folder.task_id, claimed)
    run = unfinished(folder)
    return None if run is None else proven_dead(store, folder, run, now)


def proven_dead(
    store: Store, folder: TaskFolder, run: RunFacts, now: str, *, because: str | None = None
) -> DeadRun:
    """Return a run with the proof that it is dead; `because` is an operator's word in place of one.

    Raises: run_alive, with the processes that hold it.
    """
    signs = signs_of(store, folder, run, now)
    proof = claims.proof_of_death(signs._replace(forced=because is not None))
    if proof != claims.ALIVE:
        return DeadRun(run, proof, because if proof == "forced" else None)
    holders = holders_of(store, run.id) if signs.held else []
    claimed = claim_of(store, folder, now)
    who = f"process {', '.join(map(str, holders))} keeps it" if holders else claims.DETAILS[claims.ALIVE]
    raise StateError(
        "run_alive",
        f"run {run.id} of {run.header['actor']} is alive: {who}",
        hint=f"wait for it, or an operator: platformctl memory rescue --task {folder.task_id} --force --reason TEXT",
        retryable=True,
        data={"holders": holders, "claim": None if claimed is None else claimed.as_json()},
    )


@contextmanager
def dead_journal_held(store: Store, folder: TaskFolder) -> Iterator[None]:
    """Keep the journal of the run that may be ended from growing meanwhile, its torn tail put aside."""
    from platformstate.actions.checkpoint_step import journal_held

    run = unfinished(folder)
    is_open = run is not None and run.header["status"] in OPEN
    with journal_held(store, folder.task_id, run.id if run is not None and is_open else None):
        yield
