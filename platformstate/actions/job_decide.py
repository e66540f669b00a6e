"""What a tick decides about one job, with its lock held: what fires, and what is recorded instead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from platformstate.actions.job_claims import Claims, claims_of
from platformstate.actions.job_firing import claim, firing_of
from platformstate.actions.job_gate import Asked, Gate, gate_of
from platformstate.actions.job_ledger import TOLD_BY, mend_ledger, read_ledger, record_line, told_elsewhere
from platformstate.actions.job_overlap import Overlap, enter
from platformstate.actions.job_pause import pause_of
from platformstate.actions.job_runs import open_sites
from platformstate.actions.job_specs import JobSpec
from platformstate.core.instants import instant, moment
from platformstate.entities.job import whole_trigger
from platformstate.errors import StateError
from platformstate.files import WorkTree
from platformstate.policy.due import (
    Blocked,
    Cursor,
    OpenRange,
    asleep,
    cursor_of,
    due_slots,
    hold,
    paused_spans,
    trigger_of,
)
from platformstate.policy.job_receipt import Firing
from platformstate.policy.job_rules import misfire_rules
from platformstate.policy.job_spec import BOUNDARIES, refusal
from platformstate.policy.ledger import fingerprint, range_line, slot_run_id, unfired_line
from platformstate.policy.misfire import parted, settle, stretches
from platformstate.policy.pin import Pin
from platformstate.runner import Claim, JobFiles

if TYPE_CHECKING:
    from platformstate.store import Store

Line = Mapping[str, Any]
_BY_HAND: Final = {"kind": "manual"}
_MARKS: Final[Sequence[str]] = ("paused", TOLD_BY)  # what else stands in a cursor's file


@dataclass
class Decided:
    """What was decided about one job: firings that are claimed, with the overlap place that they run in.

    `stretches` are their slots as one line each may tell of them, should they not run.
    """

    store: Store
    name: str
    passed: Gate | None = None
    firings: list[tuple[Firing, Claim | None]] = field(default_factory=list)
    stretches: Sequence[Sequence[datetime]] = ()
    overlap: Overlap | None = None
    recorded: list[dict[str, Any]] = field(default_factory=list)
    invalid: list[StateError] = field(default_factory=list)
    lost: list[dict[str, Any]] = field(default_factory=list)
    waiting: list[dict[str, Any]] = field(default_factory=list)
    is_idle: bool = False

    @property
    def gate(self) -> Gate:
        """The job's boundaries, which its firings passed."""
        assert self.passed is not None
        return self.passed

    @property
    def pin(self) -> Pin:
        """The steps that each of the firings pins."""
        assert self.gate.target is not None
        return self.gate.target.pin

    @property
    def waiting_in(self) -> Overlap:
        """What its firings met where they wait for a place."""
        assert self.overlap is not None
        return self.overlap

    def let_go(self) -> None:
        """Let go of claims and place in this process: who conducts them holds them, or they are due again."""
        for _, claimed in self.firings:
            if claimed is not None:
                claimed.started()
        if self.overlap is not None:
            self.overlap.leave()


class _Standing(NamedTuple):
    """Where a job's slots stand: the cursor, what its claims say, and the slots that are due, ascending."""

    files: JobFiles
    lines: Sequence[Line]
    said: Mapping[str, Any]
    cursor: Cursor
    claims: Claims
    slots: Sequence[datetime]


def decide_job(store: Store, spec: JobSpec, now: datetime) -> Decided:
    """Decide about the due slots of a job and claim those that fire; the caller holds the job's lock.

    `spec` is the job as the trusted ref has it. Raises: state_invalid for a ledger that cannot be read.
    """
    decided = Decided(store, spec.id)
    try:
        _decide(decided, spec, now)
    except (OSError, StateError):
        decided.let_go()  # a process that goes on with other jobs would keep the place for ever
        raise
    return decided


def _decide(decided: Decided, spec: JobSpec, now: datetime) -> None:
    store = decided.store
    if not spec.is_valid:
        decided.invalid.append(refusal(spec.problems))
    trigger = _trigger(store, spec)
    at = _standing(store, spec.id, trigger or _BY_HAND, now)
    _look_elsewhere(decided, at.claims)
    if trigger is None or trigger["kind"] != "cron":
        _close(decided, at, trigger)
        decided.is_idle = spec.is_valid and not (at.claims.held or any(open_sites(store, spec.id)))
        return
    cursor = at.cursor
    if at.slots or cursor.open is not None:
        decided.passed = gate_of(store, spec.id, Asked(at_trusted=True), spec=spec)
        decided.invalid = [refused for refused in decided.gate.refusals if refused.exit_status == 1]
        paused = pause_of(store, spec.id, at.lines, instant(now))
        blocked = _blocked(decided.gate, paused)
        cursor = _fire(decided, at, now) if blocked is None else _held(decided, at, blocked, at.slots, now)
    unfinished = at.claims.held or at.claims.void
    decided.is_idle = spec.is_valid and not (at.slots or cursor.open is not None or unfinished)
    if not store.dry_run:
        _note(at, cursor, trigger)
        to_come = {slot_run_id(slot) for slot in at.claims.again if slot > now}
        at.claims.clear(at.files, {firing.run for firing, _ in decided.firings} | to_come)


def _trigger(store: Store, spec: JobSpec) -> dict[str, Any] | None:
    """Return the schedule of a spec, also of one that is broken elsewhere; None where it is not known.

    Of one whose schedule cannot be read it is the last one that could be: its slots do not run.
    """
    trigger = spec.said.get("trigger")
    if isinstance(trigger, Mapping) and not any(each.pointer.startswith("/trigger") for each in spec.errors):
        return whole_trigger(trigger)
    return trigger_of(JobFiles(store.repository.common_dir, spec.id).cursor())


def _close(decided: Decided, at: _Standing, trigger: Mapping[str, Any] | None) -> None:
    """Write the range that was open when a job's schedule was taken away."""
    if trigger is None or at.said.get("open") is None:
        return
    if at.cursor.open is not None:
        _record(decided, _range(decided, at.cursor, at.cursor.open))
    if not decided.store.dry_run:
        at.files.write_cursor({**(at.files.cursor() or {}), "open": None})


def _standing(store: Store, name: str, trigger: Mapping[str, Any], now: datetime) -> _Standing:
    files = JobFiles(store.repository.common_dir, name)
    if not store.dry_run:
        mend_ledger(store, name)
    lines = read_ledger(WorkTree(store.root), name)
    said = files.cursor() or {}
    told = [*lines, *told_elsewhere(store, files)]
    cursor = cursor_of(said, told, trigger, now)
    claims = claims_of(store, files, told, cursor.open)
    coming = due_slots(trigger, cursor, now) if trigger["kind"] == "cron" else ()
    due = {*coming} - claims.taken | {slot for slot in claims.again if slot <= now}
    return _Standing(files, lines, said, cursor, claims, sorted(due))


def _look_elsewhere(decided: Decided, claims: Claims) -> None:
    """Account for the runs that died in other worktrees: those whose worktree is gone end here."""
    store, name = decided.store, decided.name
    if not claims.stranded:
        return
    from platformstate.actions.job_stranded import REASON, record_lost

    decided.lost = [] if store.dry_run else record_lost(store, name, claims)
    ended = {row["run"] for row in decided.lost}
    left = [one.run for one in claims.stranded if one.run not in ended]
    decided.waiting = [{"job": name, "run": run, "reason": REASON} for run in left]


def _note(at: _Standing, cursor: Cursor, trigger: Mapping[str, Any]) -> None:
    said = at.files.cursor() or {}
    marks: dict[str, Any] = {name: said[name] for name in _MARKS if name in said}
    now: dict[str, Any] = {**cursor.as_json(), "trigger": trigger, **marks}
    if now != said:
        at.files.write_cursor(now)


def _blocked(gate: Gate, paused: Mapping[str, Any] | None) -> Blocked | None:
    if paused is not None:
        return Blocked("skipped_paused", None)
    if not gate.refusals:
        return None
    code = gate.refusals[0].code
    if code == "job_disabled":
        return Blocked("skipped_disabled", None)
    return Blocked("invalid" if code in BOUNDARIES else "denied", code)


def _held(
    decided: Decided, at: _Standing, blocked: Blocked, slots: Sequence[datetime], now: datetime
) -> Cursor:
    """Add slots to the open range, and write what that closes; none spans a slot that is told of otherwise."""
    cursor, told = at.cursor, at.claims.taken | {*at.slots} - {*slots}
    for stretch in stretches(slots, told, moment(cursor.slot)) or [[]]:
        held = hold(cursor, blocked, stretch, instant(now)[:10], told)
        if held.written is not None:
            _record(decided, _range(decided, cursor, held.written))
        cursor = Cursor(_newest(cursor, stretch), cursor.schedule, held.open)
    return cursor


def _newest(cursor: Cursor, slots: Iterable[datetime]) -> str:
    return max((cursor.slot, *(instant(slot) for slot in slots)))


def _range(decided: Decided, cursor: Cursor, opened: OpenRange) -> dict[str, Any]:
    return range_line(
        decided.name,
        opened.status,
        opened.reason,
        (opened.slot, opened.to, opened.slot_count),
        at=decided.store.now(),
        actor=decided.store.actor,
        schedule=opened.schedule or cursor.schedule,
    )


def _fire(decided: Decided, at: _Standing, now: datetime) -> Cursor:
    """Record what does not fire, then claim what does; the newest slot becomes the cursor."""
    store, schedule = decided.store, at.cursor.schedule
    missed = set(asleep(at.slots, paused_spans(at.lines)))
    cursor = at.cursor
    if missed:
        cursor = _held(decided, at, Blocked("skipped_paused", None), sorted(missed), now)
    if cursor.open is not None:
        _record(decided, _range(decided, cursor, cursor.open))
    slots = [slot for slot in at.slots if slot not in missed]
    due = settle(slots, now, misfire_rules(decided.gate.whole))
    by = slot_run_id(due.fires[-1]) if due.fires else None
    told = at.claims.taken | missed
    runs = stretches(slots, told, moment(at.cursor.slot))
    for unfired in (part for whole in due.unfired for part in parted(whole, runs)):
        stands = by if unfired.status == "coalesced" else None
        line = unfired_line(
            decided.name, unfired, at=store.now(), actor=store.actor, schedule=schedule, by=stands
        )
        _record(decided, line)
    if due.fires:
        decided.stretches = stretches(due.fires, told, moment(at.cursor.slot))
        _claim(decided, due.fires, at.claims)
    return Cursor(_newest(cursor, at.slots), schedule)


def _claim(decided: Decided, fires: Sequence[datetime], claims: Claims) -> None:
    """Claim the slots, or record that the job's overlap policy does not let them run."""
    gate, store = decided.gate, decided.store
    if store.dry_run:
        decided.firings = [(firing_of(gate, trigger="cron", slot=instant(slot)), None) for slot in fires]
        return
    decided.overlap = enter(store, gate.name, gate.whole, run=f"{gate.name}/{slot_run_id(fires[0])}")
    if decided.overlap.refusal is not None:
        record_skipped(decided)
        return
    for slot in fires:
        firing = firing_of(gate, trigger="cron", slot=instant(slot))
        claimed = claim(store, firing, again=firing.run in claims.void)
        if claimed is not None:
            decided.firings.append((firing, claimed))


def record_skipped(decided: Decided) -> None:
    """Record the slots that the job's overlap policy does not let run; the caller holds the job's lock."""
    store, overlap = decided.store, decided.waiting_in
    for slots in decided.stretches:
        line = range_line(
            decided.name,
            "skipped_overlap",
            overlap.refusal,
            (instant(slots[0]), instant(slots[-1]), len(slots)),
            at=store.now(),
            actor=store.actor,
            schedule=fingerprint(decided.gate.whole["trigger"]),
            by=overlap.holder,
        )
        _record(decided, line)


def _record(decided: Decided, line: dict[str, Any]) -> None:
    if not decided.store.dry_run:
        record_line(decided.store, decided.name, line)
    decided.recorded.append(line)
