"""Time zones as the tzdata package knows them, never as the host does, so that hosts agree.

Reading the package's data is the one read that the rules for slots may do.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from platformstate.errors import StateError, shown

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable
    from zoneinfo import ZoneInfo

_EPOCH: Final = datetime(1970, 1, 1)
_BLOCK: Final = timedelta(days=400)
_LOOK: Final = timedelta(hours=6)
_LAST_BLOCK: Final = (datetime(9998, 1, 1) - _EPOCH) // _BLOCK
_SECOND: Final = timedelta(seconds=1)


class OffsetChange(NamedTuple):
    """The UTC instant (without zone) from which a zone has another offset."""

    at: datetime
    before: timedelta
    after: timedelta


@cache
def _data() -> Traversable:
    from importlib.resources import files  # a job without a schedule needs no zone

    return files("tzdata")


@cache
def zone_names() -> tuple[str, ...]:
    """Return the names that a job may use: those with a slash, and UTC."""
    names = _data().joinpath("zones").read_text(encoding="ascii").split()
    return tuple(sorted(name for name in names if "/" in name or name == "UTC"))


def tzdata_version() -> str:
    """Return the version of the package that holds the zone data, such as `2026.6`."""
    import tzdata

    return str(tzdata.__version__)


def refuse_unknown_zone(name: str) -> None:
    """Refuse a name that is not exactly one of the package. Raises: job_trigger_invalid."""
    if name not in zone_names():
        raise StateError(
            "job_trigger_invalid",
            f"timezone '{shown(name)}' is not a zone of the tz database with a '/', nor UTC",
            hint=f"write {_nearest(name)}",
        )


@cache
def zone(name: str) -> ZoneInfo:
    """Return a zone from the package's data. Raises: job_trigger_invalid."""
    from zoneinfo import ZoneInfo

    refuse_unknown_zone(name)
    with _data().joinpath("zoneinfo", *name.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data, key=name)


def offset_at(name: str, at: datetime) -> timedelta:
    """Return the offset of a zone at a UTC instant without zone."""
    offset = at.replace(tzinfo=UTC).astimezone(zone(name)).utcoffset()
    assert offset is not None
    return offset


def block_of(at: datetime) -> int:
    """Return the number of the 400 days that an instant lies in."""
    return (at - _EPOCH) // _BLOCK


def block_end(block: int) -> datetime:
    """Return the instant at which a block ends."""
    return _EPOCH + (block + 1) * _BLOCK


def is_last(block: int) -> bool:
    """Say whether the calendar ends soon after this block."""
    return block >= _LAST_BLOCK


@lru_cache(maxsize=512)
def changes(name: str, block: int) -> tuple[OffsetChange, ...]:
    """Return the changes of offset in a block's 400 days, in order."""
    found = []
    here, at, end = zone(name), _EPOCH + block * _BLOCK, block_end(block)
    offset = offset_at(name, at)
    while at < end:
        ahead = min(at + _LOOK, end)
        later = ahead.replace(tzinfo=UTC).astimezone(here).utcoffset()
        assert later is not None
        if later != offset:
            found.append(OffsetChange(_first_with(name, later, at, ahead), offset, later))
        at, offset = ahead, later
    return tuple(found)


def _first_with(name: str, offset: timedelta, low: datetime, high: datetime) -> datetime:
    """Return the second at which the offset is first there, between an instant without and one with it."""
    while high - low > _SECOND:
        middle = low + (high - low) // 2
        middle -= timedelta(microseconds=middle.microsecond)
        if offset_at(name, middle) == offset:
            high = middle
        else:
            low = middle
    return high


def _nearest(name: str) -> str:
    """Return the zone that a wrong name most likely meant."""
    import difflib  # only who wrote a wrong name needs it

    by_case = {known.lower(): known for known in zone_names()}
    cities = {known.rpartition("/")[2].lower(): known for known in zone_names()}
    wanted = name.strip().lower().replace(" ", "_")
    if twin := _same_data(name):
        return twin
    close = difflib.get_close_matches(wanted, [*by_case, *cities], n=1, cutoff=0.8)
    return {**cities, **by_case}[close[0]] if close else "a name such as Europe/Warsaw, or UTC"


def _same_data(name: str) -> str | None:
    """Return a usable zone with the data of an old alias, such as Europe/Warsaw for Poland."""
    data = _data().joinpath("zoneinfo")
    if not name.isalnum() or name not in _data().joinpath("zones").read_text("ascii").split():
        return None
    alias = data.joinpath(name).read_bytes()
    same = [known for known in zone_names() if data.joinpath(*known.split("/")).read_bytes() == alias]
    return next((known for known in same if not known.startswith("Etc/")), None)
