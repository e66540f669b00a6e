"""The chain of runs that a brief speaks of, and the order of what was said in it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from platformstate.policy.journal import RunState
    from platformstate.policy.pin import Pin


class RunFacts(NamedTuple):
    """A run at the task: its folded header, and the instant of its journal's last event.

    `state` and `pin` are the journal's fold and the steps that it recorded; `fault` says why the
    recorded steps cannot be believed. `mark` is what idempotency keys left of the requests that opened
    and ended it.
    """

    header: Mapping[str, Any]
    last_event_at: str | None = None
    state: RunState | None = None
    pin: Pin | None = None
    fault: str | None = None
    mark: str | None = None

    @property
    def id(self) -> str:
        """The run's id."""
        return str(self.header["id"])


class CheckpointFacts(NamedTuple):
    """A checkpoint: its front matter, the items of its body by section, its path."""

    meta: Mapping[str, Any]
    body: Mapping[str, Sequence[str]]
    path: str

    @property
    def id(self) -> str:
        """The checkpoint's id."""
        return str(self.meta["id"])


class Chain(NamedTuple):
    """The newest run with those it rescues, oldest first, and their checkpoints in order of saying."""

    runs: tuple[RunFacts, ...]
    checkpoints: tuple[CheckpointFacts, ...]
    superseded_by: Mapping[str, str] = {}
    late: tuple[str, ...] = ()

    @property
    def run(self) -> RunFacts | None:
        """The run at the chain's end."""
        return self.runs[-1] if self.runs else None

    @property
    def standing(self) -> tuple[CheckpointFacts, ...]:
        """The checkpoints that no later one corrects, newest first."""
        return tuple(c for c in reversed(self.checkpoints) if c.id not in self.superseded_by)


def chain_of(runs: Iterable[RunFacts], checkpoints: Iterable[CheckpointFacts], run: str | None) -> Chain:
    """Return the chain that ends at a run, at the newest one when none is named."""
    known = {facts.id: facts for facts in runs}
    said = list(checkpoints)
    linked = _linked(known, run or newest(known.values()))
    place = {facts.id: number for number, facts in enumerate(linked)}
    own = [checkpoint for checkpoint in said if checkpoint.meta["run"] in place]
    own.sort(key=lambda checkpoint: (place[checkpoint.meta["run"]], checkpoint.id))
    return Chain(tuple(linked), tuple(own), superseded_by(said), late(known.values(), said))


def newest(runs: Iterable[RunFacts]) -> str | None:
    """Return the id of the run that began last."""
    ordered = sorted(runs, key=lambda facts: (facts.header.get("attempt", 1), facts.id))
    return ordered[-1].id if ordered else None


def superseded_by(checkpoints: Iterable[CheckpointFacts]) -> dict[str, str]:
    """Return, for each corrected checkpoint, the id of the last one that corrects it."""
    ordered = sorted(checkpoints, key=lambda checkpoint: checkpoint.id)
    return {c.meta["supersedes"]: c.id for c in ordered if c.meta.get("supersedes")}


def late(runs: Iterable[RunFacts], checkpoints: Iterable[CheckpointFacts]) -> tuple[str, ...]:
    """Return the checkpoints that a run wrote after another run had rescued it."""
    rescued_at = {
        facts.header["rescues"]: str(facts.header.get("started_at", ""))
        for facts in runs
        if facts.header.get("rescues")
    }
    found = (
        c.id for c in checkpoints if c.meta["run"] in rescued_at and c.meta["at"] > rescued_at[c.meta["run"]]
    )
    return tuple(sorted(found))


def _linked(known: Mapping[str, RunFacts], run: str | None) -> list[RunFacts]:
    linked: list[RunFacts] = []
    while run is not None and run in known and known[run] not in linked:
        linked.append(known[run])
        run = known[run].header.get("rescues")
    return linked[::-1]
