"""`jobs tail`: the journal of a job's run as it grows, and its output."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from platformstate.actions.job_ledger import read_ledger
from platformstate.actions.job_runs import is_ours, open_sites
from platformstate.actions.run_site import RunSite, find_run, has_begun, read_run, site_of
from platformstate.core.ids import matches
from platformstate.core.places import STATE
from platformstate.entities.kinds import JOB
from platformstate.errors import StateError, shown
from platformstate.files import WorkTree
from platformstate.policy.journal import TERMINAL

if TYPE_CHECKING:
    from platformstate.store import Store

_PAUSE_S: Final = 0.03


def tail_job(
    store: Store,
    text: str,
    *,
    follow: bool = False,
    since: int | None = None,
    limit: int | None = None,
    log: bool = False,
    every: bool = False,
) -> Iterator[dict[str, Any]]:
    """Yield the events of a job's run, or of the run that is named; with `log` also its output, line by line.

    Of a job the active run is meant, else the newest, else, when following, the next one. Following ends
    at the run's end; with `every` it goes on with the next. Raises: job_not_found, run_not_found.
    """
    job = _job(store, text)
    site = _chosen(store, job, follow) if job else find_run(store, text)
    seen = _known(store, job) if job else set()
    while site is not None:
        seen.add(site.run)
        yield from _events(site, follow, since, limit, log)
        if not (follow and every and job):
            return
        site = _next(store, job, seen)


def _job(store: Store, text: str) -> str | None:
    """Return the job that a text means, None when it means a run. Raises: id_ambiguous."""
    if "/" in text:
        return None
    found = matches(text, store.ids(JOB))
    if len(found) > 1:
        raise StateError(
            "id_ambiguous", f"{shown(text)} fits {', '.join(found[:5])}", data={"candidates": found}
        )
    return found[0] if found else None


def _chosen(store: Store, job: str, follow: bool) -> RunSite | None:
    active = [site for site in open_sites(store, job) if is_ours(store, site)]
    if active:
        return active[-1]
    newest = None if follow else _newest(store, job)
    if newest is None and not follow:
        raise StateError("run_not_found", f"{job} has no run yet", hint=f"platformctl jobs run {job}")
    return newest or _next(store, job, _known(store, job))


def _newest(store: Store, job: str) -> RunSite | None:
    """Return the run that ended last and that is here, None when there is none."""
    ended = [line["run"] for line in read_ledger(WorkTree(store.root), job) if line["status"] in TERMINAL]
    found = (site_of(store, f"job/{job}", run) for run in reversed([*sorted(_known(store, job)), *ended]))
    return next((site for site in found if has_begun(site)), None)


def _known(store: Store, job: str) -> set[str]:
    return set(WorkTree(store.root).names(f"{STATE}jobs/{job}/runs"))


def _next(store: Store, job: str, seen: set[str]) -> RunSite:
    """Wait for a run that is not among those that were seen."""
    while True:
        for run in sorted(_known(store, job) - seen):
            site = site_of(store, f"job/{job}", run)
            if has_begun(site):
                return site
        time.sleep(_PAUSE_S)


def _events(
    site: RunSite, follow: bool, since: int | None, limit: int | None, log: bool
) -> Iterator[dict[str, Any]]:
    known = read_run(site)
    wanted = [event for event in known.events if since is None or event["seq"] > since]
    yield from wanted if limit is None else wanted[-limit:] if limit else []
    shown_events, logs, size = len(known.events), _Logs(site), -1
    if log:
        yield from logs.lines()
    while follow and known.state.status not in TERMINAL:
        time.sleep(_PAUSE_S)
        grown = os.stat(site.root / site.journal).st_size
        if grown != size:
            known, size = read_run(site), grown
        if log:
            yield from logs.lines()
        yield from known.events[shown_events:]
        shown_events = max(shown_events, len(known.events))


class _Logs:
    """The logs of a run as they grow, whole lines only."""

    def __init__(self, site: RunSite) -> None:
        self._site = site
        self._read: dict[str, int] = {}

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield the lines that are new, each with its step and attempt."""
        for name in WorkTree(self._site.root).names(f"{self._site.folder}/logs"):
            index, _, attempt = name.removesuffix(".log").partition(".")
            for line in self._new(name).decode("utf-8", "replace").split("\n")[:-1]:
                yield {"log": line, "step_index": int(index), "attempt": int(attempt)}

    def _new(self, name: str) -> bytes:
        """Return the whole lines that a log has beyond those that were read."""
        start = self._read.get(name, 0)
        path = self._site.root / self._site.folder / "logs" / name
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
            file.seek(start)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._read[name] = start + len(whole)
        return whole
