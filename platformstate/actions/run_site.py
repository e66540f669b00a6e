"""Find a run, and read what its journal and its pin say, verified."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from platformstate.core import ids, places
from platformstate.errors import StateError, shown
from platformstate.files import WorkTree
from platformstate.policy.journal import Folding, JournalBroken, RunState
from platformstate.policy.pin import Pin, read_pin
from platformstate.policy.pin_rules import pin_fault
from platformstate.runner import Lease, read_journal

if TYPE_CHECKING:
    from platformstate.runner import ReadJournal
    from platformstate.store import Store

_FIX: Final = "git log -p -- {path} shows who changed it; restore the committed version"


@dataclass(frozen=True)
class RunSite:
    """Where a run's files are: in the tree, and in the clone's git directory."""

    root: Path
    common_dir: Path
    subject: str
    run: str

    @property
    def named(self) -> str:
        """The run as commands and its processes name it: a job's with its job in front."""
        return f"{self.subject.partition('/')[2]}/{self.run}" if self.subject.startswith("job/") else self.run

    @property
    def folder(self) -> str:
        """The run's folder in the repository."""
        return places.run_folder(self.subject, self.run)

    @property
    def header(self) -> str:
        """The path of `run.md`."""
        return places.run_path(self.subject, self.run)

    @property
    def journal(self) -> str:
        """The path of `events.jsonl`."""
        return places.journal_path(self.subject, self.run)

    @property
    def pin(self) -> str:
        """The path of `resolved_steps.json`."""
        return f"{self.folder}/resolved_steps.json"

    @property
    def receipt(self) -> str:
        """The path of `run_receipt.json`."""
        return places.receipt_path(self.subject, self.run)

    @property
    def summary(self) -> str:
        """The path of `summary.md`."""
        return f"{self.folder}/summary.md"

    def log(self, index: int, attempt: int) -> str:
        """Return the path of an attempt's log."""
        return f"{self.folder}/logs/{index}.{attempt}.log"

    @cached_property
    def lease(self) -> Lease:
        """The run's local files."""
        return Lease(self.common_dir, self.named)

    @property
    def torn(self) -> Path:
        """Where torn tails of the journal are kept."""
        return self.lease.home / "torn" / self.lease.local


class KnownRun(NamedTuple):
    """A run as its journal and pin have it; whoever opens it goes on with its folding."""

    site: RunSite
    journal: ReadJournal
    folding: Folding
    state: RunState
    pin: Pin | None

    @property
    def events(self) -> tuple[dict[str, Any], ...]:
        """The events that were read."""
        return self.journal.events


def site_of(store: Store, subject: str, run: str) -> RunSite:
    """Return where a run's files are."""
    return RunSite(store.root, store.repository.common_dir, subject, run)


def sites(store: Store, subject: str | None = None, *, root: Path | None = None) -> Iterator[RunSite]:
    """Yield every run of the working files, by subject; one of a folder without a journal is none.

    `root` is that of another worktree.
    """
    root = root or store.root
    tree = WorkTree(root)
    if subject and subject.partition("/")[0] not in places.SUBJECT_FOLDERS:
        raise StateError(
            "usage_invalid",
            f"{shown(subject)!r} is no subject: KIND/ID, of which KIND is {', '.join(places.SUBJECT_FOLDERS)}",
            hint="platformctl run list --subject task/ID",
        )
    kinds = [subject.partition("/")[0]] if subject else list(places.SUBJECT_FOLDERS)
    for kind in kinds:
        folder = f"{places.STATE}{places.SUBJECT_FOLDERS[kind]}"
        names = [subject.partition("/")[2]] if subject else tree.names(folder)
        for name in names:
            for run in tree.names(f"{folder}/{name}/runs"):
                site = RunSite(root, store.repository.common_dir, f"{kind}/{name}", run)
                if has_begun(site):
                    yield site


def has_begun(site: RunSite) -> bool:
    """Say whether there is a journal; one without a byte is of a conduct that died as it made it."""
    journal = site.root / site.journal
    return journal.is_file() and journal.stat().st_size > 0


def find_run(store: Store, text: str) -> RunSite:
    """Return the run that a prefix, a job's also as JOB/RUN, stands for.

    Raises: run_not_found, id_ambiguous.
    """
    job, slash, prefix = text.rpartition("/")
    known = list(sites(store, f"job/{job}" if slash else None))
    matched = set(ids.matches(prefix, {site.run for site in known}))
    found = [site for site in known if site.run in matched]
    if len(found) == 1:
        return found[0]
    if not found:
        raise StateError("run_not_found", f"no run is called {shown(text)}", hint="platformctl run list")
    names = sorted(site.named for site in found)
    raise StateError(
        "id_ambiguous",
        f"{shown(text)} fits {len(found)} of them: {', '.join(names[:5])}",
        data={"candidates": names},
    )


def read_run(site: RunSite) -> KnownRun:
    """Return a run, verified. Raises: run_not_found, run_journal_corrupt, run_steps_mismatch."""
    found = read_journal(site.root, site.journal)
    if found is None or not found.events:
        raise StateError("run_not_found", f"{site.named} has no journal", path=site.journal)
    folding = _folded(site, found.events)
    state = folding.state()
    return KnownRun(site, found, folding, state, read_pin_of(site, state))


def _folded(site: RunSite, events: tuple[dict[str, Any], ...]) -> Folding:
    folding = Folding()
    try:
        for event in events:
            folding.take(event)
    except JournalBroken as broken:
        raise corrupt(site, broken.index + 1, broken.reason, broken.code) from broken
    return folding


def corrupt(site: RunSite, line: int, reason: str, code: str = "run_journal_corrupt") -> StateError:
    """Return the error for a journal that breaks a rule; a repeated pin is a corrupt journal too."""
    hint = _FIX.format(path=site.journal)
    code = "run_journal_corrupt" if code == "run_pin_repeated" else code
    return StateError(code, f"line {line}: {reason}", hint=hint, path=site.journal, line=line)


def read_pin_of(site: RunSite, state: RunState) -> Pin | None:
    """Return the list that a journal recorded. Raises: run_steps_mismatch."""
    if state.walk.pin is None:
        return None
    data = WorkTree(site.root).bytes_of(site.pin)
    try:
        if data is None:
            raise ValueError("the pinned steps are not there")
        value = json.loads(data)
        fault = pin_fault(state.walk.pin, data, value)
        if fault is not None:
            raise ValueError(fault)
        return read_pin(value)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StateError(
            "run_steps_mismatch",
            f"the pinned steps of {site.named} are not those that were recorded: {shown(error)}",
            hint=_FIX.format(path=site.pin),
            path=site.pin,
        ) from error
