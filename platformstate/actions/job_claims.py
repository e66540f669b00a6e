"""What the slot claims of a job say: which slots are taken, and which came to nothing and are due again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from platformstate.actions.job_firing import has_marked
from platformstate.actions.job_ledger import read_ledger
from platformstate.actions.run_site import RunSite, has_begun, site_of
from platformstate.core.instants import moment, stamp
from platformstate.files import WorkTree
from platformstate.policy.due import OpenRange
from platformstate.policy.journal import TERMINAL
from platformstate.runner import JobFiles

if TYPE_CHECKING:
    from platformstate.store import Store

Line = Mapping[str, Any]


class Stranded(NamedTuple):
    """A run that died in another worktree: it goes on there, where `root` is; None when it or its journal is gone."""

    run: str
    root: Path | None


class Claims(NamedTuple):
    """A job's slots by what their claims say, and the claims that stand for nothing any more.

    `held` says that some run of a claim has not ended; `stranded` are those that cannot go on here.
    """

    taken: frozenset[datetime]
    again: frozenset[datetime]
    void: frozenset[str]
    held: bool
    stranded: tuple[Stranded, ...]

    def clear(self, files: JobFiles, kept: Collection[str]) -> None:
        """Remove the claims of what was decided otherwise by now.

        Those of what fires are ours; those of slots that a clock set back made future ones are all that tells
        of them, for the cursor is beyond.
        """
        for run in self.void - set(kept):
            files.release(run)


def claims_of(store: Store, files: JobFiles, lines: Iterable[Line], opened: OpenRange | None) -> Claims:
    """Return what the claims and runs of a job say of its slots.

    A claim whose process is gone, without a run that began, came to nothing: its slot is due again,
    wherever the cursor stands, unless it has been recorded as one that did not run.
    """
    ran = {line["run"]: line["slot"] for line in lines if line["status"] in TERMINAL}
    ranges = [(line["slot"], line["to"]) for line in lines if "to" in line and line["slot"]]
    taken = {moment(slot) for slot in ran.values() if slot}
    again, void, stranded, held = set(), set(), [], False
    for run in files.claimed():
        if run in ran:
            continue
        said = files.claim_of(run) or {}
        slot = moment(said["slot"]) if said.get("slot") and stamp(said["slot"]) == run else None
        stands = _standing(store, files, run, str(said.get("worktree", store.repository.worktree)))
        if stands is not _VOID:
            taken |= set() if slot is None else {slot}
            held = held or stands is not _ENDED
            stranded += [stands] if isinstance(stands, Stranded) else []
            continue
        void.add(run)
        if slot is not None and _was_due(said) and not _is_recorded(said, ranges, opened):
            again.add(slot)
    return Claims(frozenset(taken), frozenset(again), frozenset(void), held, tuple(stranded))


def due_of_nothing(store: Store, files: JobFiles, run: str) -> bool | None:
    """Say whether the schedule has to tell of a claim that came to nothing; None for one that stands for a run."""
    said = files.claim_of(run) or {}
    stands = _standing(store, files, run, str(said.get("worktree", store.repository.worktree)))
    return _was_due(said) if stands is _VOID else None


def _was_due(said: Line) -> bool:
    return bool(said.get("due")) or said.get("trigger") == "cron"


_VOID: Final = "void"
_ENDED: Final = "ended"
_HELD: Final = "held"


def _standing(store: Store, files: JobFiles, run: str, worktree: str) -> str | Stranded:
    """Return how a claim without a line here stands.

    Its run was begun if its journal is where it was claimed, or if its place beside the run's lock goes
    beyond its start: a pin alone starts nothing. A journal of a run that this clone did not pin came with
    a commit. A worktree that cannot be seen now may hold a journal.
    """
    if files.is_claim_held(run):
        return _HELD
    site = site_of(store, f"job/{files.job}", run)
    if site.lease.position() is None:
        return _VOID
    if files.told_in(run) is not None:
        return _ENDED
    root = _root_of(store, worktree)
    has_journal = _has_journal(site, root)
    if not has_marked(site) and not has_journal:
        return _VOID
    if site.lease.is_held() or (root == store.root and (has_journal or is_committed(store, site))):
        return _HELD
    if root is not None and _is_told(root, files.job, run):
        return _ENDED
    return Stranded(run, root if has_journal else None)


def _root_of(store: Store, worktree: str) -> Path | None:
    from platformstate.gitrepo.versions import worktree_root

    return worktree_root(store.repository, worktree)


def _is_told(root: Path, job: str, run: str) -> bool:
    """Say whether a worktree's ledger has the line of a run; who wrote it died before it could note that."""
    lines = read_ledger(WorkTree(root), job)
    return any(line["run"] == run and line["status"] in TERMINAL for line in lines)


def _has_journal(site: RunSite, root: Path | None) -> bool:
    return root is not None and (not root.is_dir() or has_begun(replace(site, root=root)))


def is_committed(store: Store, site: RunSite) -> bool:
    """Say whether a branch holds a run's journal: it goes on where that is checked out."""
    return bool(store.repository.run(["log", "--all", "-1", "--format=%H", "--", site.journal], check=False))


def _is_recorded(said: Line, ranges: Iterable[tuple[str, str]], opened: OpenRange | None) -> bool:
    """Say whether a claim's slot was written down since, or waits to be; clocks that go back say nothing."""
    slot = said["slot"]
    if opened is not None and opened.slot <= slot <= opened.to:
        return True
    return any(start <= slot <= end for start, end in ranges)
