"""`jobs tail`: the journal of a job's run as it grows, and its output."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from platformstate.actions.run_site import RunSite, find_run, read_run, sites
from platformstate.core.ids import matches
from platformstate.entities.kinds import JOB
from platformstate.errors import StateError, shown
from platformstate.files import WorkTree
from platformstate.policy.journal import TERMINAL

if TYPE_CHECKING:
    from platformstate.store import Store

_PAUSE_S: Final = 0.05


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
    seen: set[str] = set()
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
    known = sorted(sites(store, f"job/{job}"), key=_begun)
    active = [site for site in known if not (store.root / site.receipt).is_file()]
    if active or (known and not follow):
        return (active or known)[-1]
    if not follow:
        raise StateError("run_not_found", f"{job} has no run yet", hint=f"platformctl jobs run {job}")
    return _next(store, job, {site.run for site in known})


def _begun(site: RunSite) -> tuple[str, str]:
    return str(read_run(site).events[0]["at"]), site.run


def _next(store: Store, job: str, seen: set[str]) -> RunSite | None:
    while True:
        for site in sites(store, f"job/{job}"):
            if site.run not in seen:
                return site
        time.sleep(_PAUSE_S)


def _events(
    site: RunSite, follow: bool, since: int | None, limit: int | None, log: bool
) -> Iterator[dict[str, Any]]:
    known = read_run(site)
    wanted = [event for event in known.events if since is None or event["seq"] > since]
    yield from wanted if limit is None else wanted[-limit:] if limit else []
    shown_events, logs = len(known.events), _Logs(site)
    if log:
        yield from logs.lines()
    while follow and known.state.status not in TERMINAL:
        time.sleep(_PAUSE_S)
        known = read_run(site)
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
        tree = WorkTree(self._site.root)
        for name in tree.names(f"{self._site.folder}/logs"):
            data = tree.bytes_of(f"{self._site.folder}/logs/{name}") or b""
            start = self._read.get(name, 0)
            end = data.rfind(b"\n") + 1
            index, _, attempt = name.removesuffix(".log").partition(".")
            for line in data[start:end].decode("utf-8", "replace").split("\n")[:-1]:
                yield {"log": line, "step_index": int(index), "attempt": int(attempt)}
            self._read[name] = max(start, end)
