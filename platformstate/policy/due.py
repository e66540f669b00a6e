"""Which slots of a job a tick has to do with: the cursor, and ranges that stay open while nothing may fire. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from typing import Any, Final, NamedTuple

from platformstate.core.instants import instant, moment
from platformstate.policy.ledger import fingerprint
from platformstate.policy.slots import fires_after

MAX_OVERDUE: Final = 10_000  # of one a minute a week; more are not counted
_NOT_A_SLOT: Final = ("paused", "resumed", "pruned")
_SET_BACK: Final = timedelta(hours=1)  # a clock that went back further is believed before a line
_LAST: Final = datetime.max.replace(tzinfo=UTC) - _SET_BACK
_NEVER: Final = "9999-12-31T23:59:59Z"
_BY_HAND: Final = ("replay", "backfill")  # their slots say nothing of how far the schedule has come


class Blocked(NamedTuple):
    """Why nothing of a job may fire: the status of its slots, and the code or None."""

    status: str
    reason: str | None


class OpenRange(NamedTuple):
    """Slots that did not fire and are not written yet: while the same state lasts they stay one line."""

    status: str
    reason: str | None
    slot: str
    to: str
    slot_count: int
    schedule: str = ""

    def with_more(self, slots: Sequence[datetime]) -> OpenRange:
        """Return the range with further slots, ascending."""
        first, last = min(self.slot, instant(slots[0])), max(self.to, instant(slots[-1]))
        return self._replace(slot=first, to=last, slot_count=self.slot_count + len(slots))


class Cursor(NamedTuple):
    """How far a job's slots were handled in this clone, under which schedule."""

    slot: str
    schedule: str
    open: OpenRange | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the cursor as its file holds it."""
        return {
            "slot": self.slot,
            "schedule": self.schedule,
            "open": None if self.open is None else self.open._asdict(),
        }


def cursor_of(
    said: Mapping[str, Any] | None,
    lines: Iterable[Mapping[str, Any]],
    trigger: Mapping[str, Any],
    now: datetime,
) -> Cursor:
    """Return where a job stands: its file's cursor, or one rebuilt from its ledger; never one reset.

    A changed schedule, and a job that was never handled, stand at now: nothing starts. A line of slots
    that have not come yet moves the cursor if a clock that was set back can have written it, and else not.
    """
    schedule = fingerprint(trigger)
    known = _cursor(said)
    lines = list(lines)
    told = (_last_slot(line) for line in lines if line.get("schedule") == schedule)
    ahead = instant(min(now, _LAST) + _SET_BACK)
    newest = max((slot for slot in told if slot <= ahead), default="")
    if known is None:
        return Cursor(newest or instant(now), schedule)
    opened = None if known.open is None or _is_written(known.open, lines) else known.open
    if known.schedule != schedule:
        return Cursor(instant(now), schedule, opened)
    return Cursor(max(known.slot, newest), schedule, opened)


def trigger_of(said: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the schedule that a cursor's file holds, None where it is not the one that the cursor is of."""
    trigger = (said or {}).get("trigger")
    return (
        trigger
        if isinstance(trigger, dict) and fingerprint(trigger) == (said or {}).get("schedule")
        else None
    )


def _is_written(opened: OpenRange, lines: Iterable[Mapping[str, Any]]) -> bool:
    """Say whether a range has its line already: its writer was killed before it could say so."""
    return any(
        line["status"] == opened.status and line["slot"] == opened.slot and line["to"] >= opened.to
        for line in lines
    )


def _cursor(said: Mapping[str, Any] | None) -> Cursor | None:
    try:
        if said is None:
            return None
        moment(said["slot"])
        opened = said["open"]
        return Cursor(said["slot"], str(said["schedule"]), None if opened is None else OpenRange(**opened))
    except (KeyError, TypeError, ValueError):
        return None


def _last_slot(line: Mapping[str, Any]) -> str:
    if line["status"] in _NOT_A_SLOT or line.get("trigger") in _BY_HAND:
        return ""
    return str(line.get("to") or line["slot"] or "")


def due_slots(trigger: Mapping[str, Any], cursor: Cursor, now: datetime) -> Iterator[datetime]:
    """Return the slots after the cursor up to now, ascending."""
    found = fires_after(trigger["cron"], trigger["timezone"], moment(cursor.slot), **trigger["dst"])
    return takewhile(lambda slot: slot <= now, found)


def overdue(
    trigger: Mapping[str, Any],
    cursor: Cursor,
    now: datetime,
    *,
    taken: Set[datetime],
    again: Set[datetime],
) -> int:
    """Return how many slots are due and not handled; of more than `MAX_OVERDUE` that many.

    `taken` have a run already, wherever the cursor stands; of `again` nothing came.
    """
    coming = (slot for slot in due_slots(trigger, cursor, now) if slot not in taken)
    due = {slot for slot in again if slot <= now}.union(islice(coming, MAX_OVERDUE))
    return min(len(due), MAX_OVERDUE)


def next_slot(trigger: Mapping[str, Any], now: datetime) -> datetime | None:
    """Return the next instant at which a job fires, None without a schedule."""
    if trigger["kind"] != "cron":
        return None
    return next(fires_after(trigger["cron"], trigger["timezone"], now, **trigger["dst"]), None)


def paused_spans(lines: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return the instants between which a job was paused, by its ledger, oldest first; the last may be open."""
    spans: list[tuple[str, str]] = []
    begun: tuple[str, str] | None = None
    for line in lines:
        if line["status"] not in ("paused", "resumed"):
            continue
        if begun is not None:
            spans.append((begun[0], min(begun[1], str(line["at"]))))
        begun = (str(line["at"]), str(line["until"] or _NEVER)) if line["status"] == "paused" else None
    return [*spans, begun] if begun is not None else spans


def asleep(slots: Iterable[datetime], spans: Sequence[tuple[str, str]]) -> list[datetime]:
    """Return the slots that fell into a pause, which nobody may have looked at while it lasted."""
    if not spans:
        return []
    return [slot for slot in slots if any(start <= instant(slot) <= end for start, end in spans)]


class Held(NamedTuple):
    """What became of slots that may not fire: a range that goes on, and one that is to be written now."""

    open: OpenRange | None
    written: OpenRange | None


def hold(
    cursor: Cursor, blocked: Blocked, slots: Sequence[datetime], today: str, told: Iterable[datetime]
) -> Held:
    """Add slots that may not fire to the open range; another state, or a new UTC day, closes the old one.

    So does a slot in between that is `told` of otherwise. `today` is the UTC date as instants begin with it.
    """
    opened = cursor.open
    if (
        opened is not None
        and _goes_on(opened, cursor, blocked, today)
        and not (slots and _is_apart(opened, cursor, slots[0], told))
    ):
        return Held(opened.with_more(slots) if slots else opened, None)
    if not slots:
        return Held(None, opened)
    first, last = instant(slots[0]), instant(slots[-1])
    return Held(OpenRange(blocked.status, blocked.reason, first, last, len(slots), cursor.schedule), opened)


def _is_apart(opened: OpenRange, cursor: Cursor, slot: datetime, told: Iterable[datetime]) -> bool:
    """Say whether a slot is told of otherwise between a range and the next of its slots."""
    return slot <= moment(cursor.slot) or any(moment(opened.to) < each < slot for each in told)


def _goes_on(opened: OpenRange, cursor: Cursor, blocked: Blocked, today: str) -> bool:
    return (
        (opened.status, opened.reason) == blocked
        and opened.schedule in ("", cursor.schedule)
        and opened.to[:10] == today
    )
