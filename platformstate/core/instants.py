"""Instants as the store writes them: UTC, whole seconds, `2026-11-20T10:11:30Z`."""

from datetime import UTC, datetime

_LAYOUT = "%Y-%m-%dT%H:%M:%SZ"


def instant(moment: datetime) -> str:
    """Return an aware moment as text in UTC, cut to whole seconds."""
    return moment.astimezone(UTC).strftime(_LAYOUT)


def moment(text: str) -> datetime:
    """Return the moment that an instant names. Raises ValueError for anything else."""
    found = datetime.fromisoformat(text)  # it reads other forms too, but writes this one only
    if f"{found.replace(tzinfo=None).isoformat()}Z" != text:
        raise ValueError(f"no instant of the form 2026-11-20T10:11:30Z: {text!r}")
    return found


def stamp(text: str) -> str:
    """Return an instant as ids hold it: `2026-11-20T10:11:30Z` becomes `20261120t101130z`."""
    return text.replace("-", "").replace(":", "").lower()


def unstamped(text: str) -> str:
    """Return the instant that an id begins with: `20261120t101130z` becomes `2026-11-20T10:11:30Z`."""
    date, time = text[:8], text[9:15]
    return f"{date[:4]}-{date[4:6]}-{date[6:]}T{time[:2]}:{time[2:4]}:{time[4:]}Z"
