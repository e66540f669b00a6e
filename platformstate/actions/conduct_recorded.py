"""What is committed of a run that is conducted, and the files that a commit of it is to hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Final

from platformstate.core.instants import moment
from platformstate.core.places import checkpoint_path
from platformstate.files import WorkTree
from platformstate.policy.journal import TERMINAL
from platformstate.policy.settle import CLOSED_UNDONE

if TYPE_CHECKING:
    from platformstate.actions.conduct_open import Conduct
    from platformstate.store.change import FileChange

# What a commit that follows an event says that the run did.
VERBS: Final[Mapping[str, str]] = {
    "RunStarted": "start",
    "RunSuspended": "suspend",
    "RunSucceeded": "end",
    "RunFailed": "end",
    "RunAborted": "abort",
    "DecisionRecorded": "decide",
    "GateApproved": "approve",
    "GateRejected": "reject",
    "StepStarted": "begin",
    "StepSucceeded": "step",
}
_FILES: Final = frozenset({"CheckpointRecorded", "ArtifactRecorded"})


@dataclass
class Recorded:
    """What HEAD (or an intent) has of a run: which paths, the bytes of two of them; when it was committed."""

    paths: set[str] = field(default_factory=set)
    journal: bytes = b""
    header: bytes | None = None
    at: float | None = None


def recorded_of(conduct: Conduct) -> Recorded:
    """Return what HEAD has of a run."""
    store, site = conduct.store, conduct.site
    if store.repository.head is None:
        return Recorded()
    tree = store.tree("HEAD")
    paths = {entry.path for entry in tree.entries(site.folder)}
    held = dict(tree.read([site.journal, site.header]))
    journal = held.get(site.journal, b"")
    at = _committed_at(conduct, journal.count(b"\n"))
    return Recorded(paths, journal, held.get(site.header), at)


def _committed_at(conduct: Conduct, count: int) -> float | None:
    """Return when the run was last committed, by the last of the events that HEAD holds; None when never."""
    if not 0 < count <= len(conduct.journal.events):
        return None
    age = moment(conduct.store.now()) - moment(str(conduct.journal.events[count - 1]["at"]))
    return monotonic() - max(0.0, age.total_seconds())


def journal_text(conduct: Conduct) -> bytes:
    """Return the bytes of a run's journal on the disk."""
    return WorkTree(conduct.store.root).bytes_of(conduct.site.journal) or b""


def files_of(conduct: Conduct) -> tuple[FileChange, ...]:
    """Return the files of a run as a commit is to have them."""
    from platformstate.actions.run_files import header_change
    from platformstate.store.change import FileChange

    before = conduct.recorded
    new = dict(WorkTree(conduct.store.root).read(sorted(_written(conduct) - before.paths)))
    return (
        header_change(conduct),
        FileChange(conduct.site.journal, before.journal or None, journal_text(conduct), append=True),
        *(FileChange(path, None, data) for path, data in new.items()),
    )


def _written(conduct: Conduct) -> set[str]:
    """Return what stands beside the journal and never changes: pin, checkpoints, logs, artifacts, ending."""
    site = conduct.site
    said = [event for event in conduct.journal.events if event["type"] in _FILES]
    wanted = {site.pin, *conduct.kept, *_logs(conduct)}
    for event in said:
        if event["type"] == "CheckpointRecorded":
            wanted.add(checkpoint_path(site.subject, site.run, event["checkpoint"]))
        else:
            wanted.add(f"{site.folder}/{event['path']}")
    return wanted | {site.receipt, site.summary} if conduct.status in TERMINAL else wanted


def _logs(conduct: Conduct) -> list[str]:
    """Return the logs that are kept: of attempts that failed, ran out of time, or nobody knows of."""
    return [
        conduct.site.log(index, attempt.number)
        for index, step in conduct.folding.walk.steps.items()
        for attempt in step.attempts
        if attempt.outcome in CLOSED_UNDONE
    ]
