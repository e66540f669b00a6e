"""While a wrapped command runs: look at HEAD, and record what git shows, without a word of the agent's."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from platformstate.actions.checkpoint_build import Ground, auto_checkpoint
from platformstate.actions.checkpoint_step import stands_at
from platformstate.actions.claim_remote import renew_remote
from platformstate.actions.fencing import refuse_fenced, renewal
from platformstate.actions.task_folder import TaskFolder, read_task_folder
from platformstate.errors import StateError, Warned
from platformstate.policy.chain import RunFacts
from platformstate.policy.journal import TERMINAL
from platformstate.policy.wrapping import due

if TYPE_CHECKING:
    from platformstate.store import Store
    from platformstate.store.change import Change

LOOK_S: Final = 2.0
Reopen = Callable[[], "Store"]


class Watch:
    """Looks at a repository again and again; what it cannot record it says once, as a warning.

    `reopen` opens the store as it stands then: a command that runs for hours changes branch and config.
    Without an interval it looks at nothing.
    """

    def __init__(self, store: Store, reopen: Reopen, task: str, run: str, interval_s: int | None) -> None:
        self._store, self._reopen = store, reopen
        self._task, self._run = task, run
        self._interval_s = interval_s
        self._head = store.repository.head
        self._recorded_at = time.monotonic()
        self.refused: StateError | None = None

    def look(self) -> None:
        """Record a checkpoint when one is due; never raises for what cannot be read or written now."""
        if self._interval_s is None:
            return
        try:
            self._look(self._interval_s)
        except StateError as refused:
            self.refused = refused
        except OSError as failed:  # the folder is gone, say: the command may do that too
            self.refused = StateError("internal_error", f"it cannot be looked at: {failed.strerror}")

    def _look(self, interval_s: int) -> None:
        from platformstate.gitrepo import look_up

        repository = self._store.repository
        found = look_up(repository, ["HEAD"])[0]
        head = None if found is None else found.oid
        moved, quiet = head != self._head, repository.state() in ("quiet", "unborn", "detached")
        since = time.monotonic() - self._recorded_at
        own = moved and self._is_own(head)
        now = due(moved=moved, own=own, quiet=quiet, since_s=since, interval_s=interval_s)
        if quiet:
            self._head = head
        if now.commit or now.wait:
            self._store.session.failpoints.reach("wrap.noticed")
            self._record(defer=not now.commit)

    def _is_own(self, head: str | None) -> bool:
        """Say whether HEAD went on by commits that touch nothing but state: ours, or the command's records."""
        from platformstate.gitrepo.commits import commits_between, merge_base

        if head is None or self._head is None:
            return False
        repository = self._store.repository
        went_on = merge_base(repository, self._head, head) == self._head
        return went_on and not commits_between(repository, self._head, head)

    def _record(self, *, defer: bool) -> None:
        self._recorded_at = time.monotonic()
        store = self._reopen()
        done = store.write(lambda: _automatic(store, self._task, self._run, defer=defer))
        renew_remote(store, done.change.lease)
        self.refused = None

    @property
    def warnings(self) -> tuple[Warned, ...]:
        """Why the last checkpoint that was due is not there."""
        if self.refused is None:
            return ()
        text = f"an automatic checkpoint could not be written: {self.refused.message}"
        return (Warned(self.refused.code, text, self.refused.path),)


def _automatic(store: Store, task: str, run_id: str, *, defer: bool) -> Change:
    """Return the change of one automatic checkpoint; when git shows nothing new it only renews the lease."""
    from platformstate.store.change import Change

    folder = read_task_folder(store.tree(), task).checked()
    run = run_in(folder, run_id)
    if run.header["status"] in TERMINAL:
        return Change(f"checkpoint: create {run_id}", (), ())
    refuse_fenced(store, folder, run)
    at = store.now()
    built = auto_checkpoint(store, ground_of(store, folder, run, at), fields={"step": stands_at(run)})
    lease = renewal(store, folder, run, at)
    if built is None:
        return Change(f"checkpoint: create {run_id}", (), (), lease=lease)
    trailers = (("Task", task), ("Run", run_id), ("Checkpoint", built.said.id), ("Actor", store.actor))
    subject = f"checkpoint: create {built.said.id}"
    return Change(subject, trailers, (built.file,), built.said, defer=defer, lease=lease)


def ground_of(store: Store, folder: TaskFolder, run: RunFacts, at: str) -> Ground:
    """Return where a checkpoint of a run is written, with what the run said before."""
    from platformstate.gitrepo.facts import work_facts

    earlier = [said for said in folder.checkpoints if said.meta["run"] == run.id]
    return Ground(folder.task_id, run.header, at, work_facts(store.repository), earlier)


def run_in(folder: TaskFolder, run_id: str) -> RunFacts:
    """Return a run of a task. Raises: run_not_found, when another branch is checked out, say."""
    found = next((run for run in folder.runs if run.id == run_id), None)
    if found is None:
        raise StateError(
            "run_not_found",
            f"run {run_id} is not in the files that are checked out here",
            hint="git switch back to the branch on which it was begun",
        )
    return found
