"""Whether a journal is the run's own: begun in this clone with this pin, and no stale copy of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platformstate.codec.safe import safe_text
from platformstate.errors import StateError
from platformstate.files import WorkTree

if TYPE_CHECKING:
    from platformstate.actions.run_site import KnownRun, RunSite
    from platformstate.policy.journal import RunState
    from platformstate.runner import Position
    from platformstate.store import Store

Events = Sequence[Mapping[str, Any]]


def is_pinned(store: Store, site: RunSite, state: RunState) -> bool:
    """Say whether a conduct of a run began in this clone on this host, with this very pin.

    What came with the tree can name our clone and host; only the file beside the lock cannot be brought.
    """
    from platformstate.store.place import place_of_work

    here = place_of_work(store.repository)
    holder, recorded, position = state.holder, state.walk.pin, site.lease.position()
    return (
        holder is not None
        and recorded is not None
        and position is not None
        and (holder["clone"], holder["host"]) == (here.clone, here.host)
        and position.steps_sha256 == recorded["steps_sha256"]
    )


def is_behind(position: Position | None, events: Events) -> bool:
    """Say whether a journal lacks what the run's has: a stale copy, or one that was begun and given up.

    Of a run that goes on, the position is to be read before the journal.
    """
    at = None if position is None else position.seq
    return position is not None and at is not None and (len(events) <= at or events[at]["h"] != position.h)


def refuse_behind(store: Store, site: RunSite, events: Events) -> None:
    """Refuse a journal that goes further elsewhere; the caller holds the run. Raises: run_journal_behind."""
    position = site.lease.position()
    if position is None or not is_behind(position, events):
        return
    ahead = _ahead(store, site, position)
    where = "another worktree" if ahead is None else safe_text(str(ahead))
    raise StateError(
        "run_journal_behind",
        f"this journal of {site.named} lacks event {position.seq}, which was recorded in {where}",
        hint=_way_on(site, ahead),
        path=site.journal,
    )


def _way_on(site: RunSite, ahead: Path | None) -> str:
    if ahead is not None:
        return f"platformctl {in_root(ahead)}run resume {site.named}, or bring that journal here first"
    found = f"git log --all --reflog -- {site.journal} tells where it is; restore it"
    if site.subject.startswith("job/"):
        return found
    return f"{found}, or if it is lost, an operator: platformctl run resume {site.named} --take-over --reason TEXT"


def in_root(root: Path) -> str:
    """Return the flag, with a blank, that lets a command stand in another worktree."""
    from shlex import quote

    return f"-C {quote(safe_text(str(root)))} "


def runs_in_reach(store: Store, subject: str) -> list[KnownRun]:
    """Return the runs of a subject that stand here, and those that this clone began in its other worktrees.

    Of a run with several copies it is the longest; a stale one elsewhere is none. Raises what a run that
    cannot be read raises.
    """
    from platformstate.actions.run_site import read_run, sites

    found = {site.run: read_run(site) for site in sites(store, subject)}
    for root in _other_roots(store):
        for site in sites(store, subject, root=root):
            position = site.lease.position()  # to be read before the journal
            if position is None:
                continue
            known = _read_away(site)
            here = found.get(site.run)
            if not is_behind(position, known.events) and (
                here is None or len(here.events) < len(known.events)
            ):
                found[site.run] = known
    return list(found.values())


def _read_away(site: RunSite) -> KnownRun:
    """Return a run of another worktree. Raises what a run that cannot be read raises, with its place."""
    from platformstate.actions.run_site import read_run

    try:
        return read_run(site)
    except StateError as fault:
        raise StateError(
            fault.code,
            f"in {safe_text(str(site.root))}: {fault.message}",
            hint=f"platformctl {in_root(site.root)}run verify {site.named}, or repeat this with --new",
            path=fault.path,
            line=fault.line,
        ) from fault


def _other_roots(store: Store) -> list[Path]:
    """Return the roots of the other worktrees, without asking git where there has never been one."""
    from platformstate.gitrepo.versions import worktree_places

    if not (store.repository.common_dir / "worktrees").is_dir():
        return []
    return [root for place in worktree_places(store.repository) if (root := Path(place)) != store.root]


def refuse_malformed(site: RunSite, events: Events) -> None:
    """Refuse a journal with an event that breaks its schema; those up to the position are the conductor's own.

    Raises: run_journal_corrupt.
    """
    position = site.lease.position()
    own = 0 if position is None or position.seq is None or is_behind(position, events) else position.seq + 1
    if own == len(events):
        return
    from platformstate.runner import corrupt_journal
    from platformstate.validation import judge_events

    rows = [(line, dict(event)) for line, event in enumerate(events[own:], own + 1)]
    data = WorkTree(site.root).bytes_of(site.journal) or b""
    if problems := judge_events(rows, data, site.journal):
        raise corrupt_journal(problems, site.journal)


def _ahead(store: Store, site: RunSite, position: Position) -> Path | None:
    """Return the worktree whose copy of the journal holds an event, None when none is found."""
    from platformstate.gitrepo.versions import worktree_places

    wanted = f'"h":"{position.h}"'.encode()
    for place in worktree_places(store.repository):
        journal = Path(place, site.journal)
        if journal.is_file() and wanted in journal.read_bytes():
            return Path(place)
    return None
