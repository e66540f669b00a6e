"""Which slots of a job a tick has to do with: the cursor, and ranges that stay open while nothing may fire. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import takewhile
from typing import Any, Final, NamedTuple

from platformstate.core.instants import instant, moment
from platformstate.policy.ledger import fingerprint
from platformstate.policy.slots import fires_after

_NOT_A_SLOT: Final = ("paused", "resumed", "pruned")


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

    def with_more(self, slots: Sequence[datetime]) -> OpenRange:
        """Return the range with further slots at its end."""
        return self._replace(to=instant(slots[-1]), slot_count=self.slot_count + len(slots))


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

    A changed schedule, and a job that was never handled, stand at now: nothing starts.
    """
    schedule = fingerprint(trigger)
    known = _cursor(said)
    newest = max((_last_slot(line) for line in lines if line.get("schedule") == schedule), default="")
    if known is None:
        return Cursor(newest or instant(now), schedule)
    if known.schedule != schedule:
        return Cursor(instant(now), schedule, known.open)
    return known._replace(slot=max(known.slot, newest))


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
    if line["status"] in _NOT_A_SLOT:
        return ""
    return str(line.get("to") or line["slot"] or "")


def due_slots(trigger: Mapping[str, Any], cursor: Cursor, now: datetime) -> Iterator[datetime]:
    """Return the slots after the cursor up to now, ascending."""
    found = fires_after(trigger["cron"], trigger["timezone"], moment(cursor.slot), **trigger["dst"])
    return takewhile(lambda slot: slot <= now, found)


def next_slot(trigger: Mapping[str, Any], now: datetime) -> datetime | None:
    """Return the next instant at which a job fires, None without a schedule."""
    if trigger["kind"] != "cron":
        return None
    return next(fires_after(trigger["cron"], trigger["timezone"], now, **trigger["dst"]), None)


class Held(NamedTuple):
    """What became of slots that may not fire: a range that goes on, and one that is to be written now."""

    open: OpenRange | None
    written: OpenRange | None


def hold(opened: OpenRange | None, blocked: Blocked, slots: Sequence[datetime], today: str) -> Held:
    """Add slots that may not fire to the open range; another state, or a new UTC day, closes the old one.

    `today` is the UTC date as instants begin with it.
    """
    goes_on = opened is not None and (opened.status, opened.reason) == blocked and opened.to[:10] == today
    if opened is not None and goes_on:
        return Held(opened.with_more(slots) if slots else opened, None)
    if not slots:
        return Held(None, opened)
    fresh = OpenRange(blocked.status, blocked.reason, instant(slots[0]), instant(slots[-1]), len(slots))
    return Held(fresh, opened)
