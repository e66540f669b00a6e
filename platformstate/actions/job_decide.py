"""What a tick decides about one job, with its lock held: what fires, and what is recorded instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from platformstate.actions.job_firing import claim, firing_of
from platformstate.actions.job_gate import Asked, Gate, gate_of
from platformstate.actions.job_ledger import append_line, read_ledger
from platformstate.actions.job_overlap import Overlap, enter
from platformstate.actions.job_pause import pause_of
from platformstate.core.instants import instant, moment
from platformstate.files import WorkTree
from platformstate.policy.due import Blocked, Cursor, OpenRange, cursor_of, due_slots, hold
from platformstate.policy.job_receipt import Firing
from platformstate.policy.job_rules import misfire_rules
from platformstate.policy.job_spec import BOUNDARIES
from platformstate.policy.ledger import fingerprint, range_line, slot_run_id, unfired_line
from platformstate.policy.misfire import settle
from platformstate.policy.pin import Pin
from platformstate.runner import Claim, JobFiles

if TYPE_CHECKING:
    from platformstate.store import Store

_MAX_HELD: Final = 100_000


@dataclass
class Decided:
    """What was decided about one job: firings that are claimed, with the overlap place that they run in."""

    gate: Gate
    firings: list[tuple[Firing, Claim | None]] = field(default_factory=list)
    overlap: Overlap | None = None
    recorded: list[dict[str, Any]] = field(default_factory=list)

    @property
    def pin(self) -> Pin:
        """The steps that each of the firings pins."""
        assert self.gate.target is not None
        return self.gate.target.pin


def decide_job(store: Store, name: str, now: datetime) -> Decided:
    """Decide about the due slots of a job and claim those that fire; the caller holds the job's lock."""
    gate = gate_of(store, name, Asked(at_trusted=True))
    decided = Decided(gate)
    if not gate.whole or gate.whole["trigger"]["kind"] != "cron":
        return decided
    files = JobFiles(store.repository.common_dir, name)
    lines = read_ledger(WorkTree(store.root), name)
    said = files.cursor() or {}
    cursor = cursor_of(said, lines, gate.whole["trigger"], now)
    paused = pause_of(store, name, lines, instant(now))
    blocked = _blocked(gate, paused)
    slots = due_slots(gate.whole["trigger"], cursor, now)
    if blocked is None:
        cursor = _fire(decided, cursor, _again(store, files, slots, lines), now)
    else:
        cursor = _held(decided, cursor, blocked, list(slots), now)
    if not store.dry_run:
        mark = {"paused": said["paused"]} if "paused" in said else {}
        files.write_cursor({**cursor.as_json(), **mark})
    return decided


def _blocked(gate: Gate, paused: Mapping[str, Any] | None) -> Blocked | None:
    if paused is not None:
        return Blocked("skipped_paused", None)
    if not gate.refusals:
        return None
    code = gate.refusals[0].code
    if code == "job_disabled":
        return Blocked("skipped_disabled", None)
    return Blocked("invalid" if code in BOUNDARIES else "denied", code)


def _held(decided: Decided, cursor: Cursor, blocked: Blocked, slots: list[datetime], now: datetime) -> Cursor:
    held = hold(cursor.open, blocked, slots, instant(now)[:10])
    if held.written is not None:
        _record(decided, _range(decided, held.written))
    last = instant(slots[-1]) if slots else cursor.slot
    return Cursor(last, cursor.schedule, held.open)


def _range(decided: Decided, opened: OpenRange) -> dict[str, Any]:
    store = decided.gate.store
    return range_line(
        decided.gate.name,
        opened.status,
        opened.reason,
        (opened.slot, opened.to, opened.slot_count),
        at=store.now(),
        actor=store.actor,
        schedule=fingerprint(decided.gate.whole["trigger"]),
    )


def _again(
    store: Store, files: JobFiles, slots: Iterator[datetime], lines: list[dict[str, Any]]
) -> Iterator[datetime]:
    """Yield the slots of claims that came to nothing, then the due ones: such a slot is due again."""
    known = {line["run"] for line in lines}
    for run in files.claimed():
        said = files.claim_of(run)
        if run in known or files.is_claim_held(run) or _has_traces(store, files, run):
            continue
        files.release(run)
        if said is not None and said.get("trigger") == "cron" and said.get("slot"):
            yield moment(str(said["slot"]))
    yield from slots


def _has_traces(store: Store, files: JobFiles, run: str) -> bool:
    from platformstate.actions.run_site import site_of

    site = site_of(store, f"job/{files.job}", run)
    if (store.root / site.journal).is_file():
        return True
    return any(path.suffix != ".lock" for path in site.lease.folder.glob(f"{site.lease.local}.*"))


def _fire(decided: Decided, cursor: Cursor, slots: Iterator[datetime], now: datetime) -> Cursor:
    """Record what does not fire, then claim what does; the newest slot becomes the cursor."""
    gate, store = decided.gate, decided.gate.store
    if cursor.open is not None:
        _record(decided, _range(decided, cursor.open))
    due = settle(sorted(set(slots)), now, misfire_rules(gate.whole))
    schedule = fingerprint(gate.whole["trigger"])
    by = slot_run_id(due.fires[-1]) if due.fires else None
    for unfired in due.unfired:
        stands = by if unfired.status == "coalesced" else None
        line = unfired_line(
            gate.name, unfired, at=store.now(), actor=store.actor, schedule=schedule, by=stands
        )
        _record(decided, line)
    if due.fires:
        _claim(decided, due.fires, schedule)
    newest = max((*due.fires, *(unfired.to for unfired in due.unfired)), default=None)
    last = cursor.slot if newest is None else max(cursor.slot, instant(newest))
    return Cursor(last, cursor.schedule)


def _claim(decided: Decided, fires: tuple[datetime, ...], schedule: str) -> None:
    gate, store = decided.gate, decided.gate.store
    if store.dry_run:
        decided.firings = [(firing_of(gate, trigger="cron", slot=instant(at)), None) for at in fires]
        return
    free = JobFiles(store.repository.common_dir, gate.name)
    wanted = [at for at in fires if slot_run_id(at) not in free.claimed()]
    if not wanted:
        return
    decided.overlap = enter(store, gate.name, gate.whole, run=f"{gate.name}/{slot_run_id(wanted[0])}")
    if decided.overlap.refusal is not None:
        by = decided.overlap.holder
        slots = (instant(wanted[0]), instant(wanted[-1]), len(wanted))
        line = range_line(
            gate.name,
            "skipped_overlap",
            decided.overlap.refusal,
            slots,
            at=store.now(),
            actor=store.actor,
            schedule=schedule,
            by=by,
        )
        _record(decided, line)
        return
    for at in wanted:
        firing = firing_of(gate, trigger="cron", slot=instant(at))
        claimed = claim(store, firing)
        if claimed is not None:
            decided.firings.append((firing, claimed))


def _record(decided: Decided, line: dict[str, Any]) -> None:
    if not decided.gate.store.dry_run:
        append_line(decided.gate.store, decided.gate.name, line)
    decided.recorded.append(line)
