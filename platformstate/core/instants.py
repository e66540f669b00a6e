"""Instants as the store writes them: UTC, whole seconds, `2026-11-20T10:11:30Z`."""

from datetime import UTC, datetime

from platformstate.errors import StateError, shown

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


def moment_of(flag: str, text: str) -> datetime:
    """Return the moment that a flag was given as an instant, written as the store writes it.

    A local time is refused: it may come twice, or never. Raises: usage_invalid.
    """
    try:
        found = moment(text)
        if instant(found) == text:
            return found
    except ValueError:
        pass
    message = f"{flag} {shown(text)} is no instant such as 2026-11-20T10:11:30Z"
    raise StateError("usage_invalid", message, hint=f"{flag} {_meant(text)}")


def _meant(text: str) -> str:
    """Return the instant in UTC that a text with an offset names, else an example."""
    try:
        found = datetime.fromisoformat(text)
        return instant(found) if found.tzinfo is not None else "2026-11-20T10:11:30Z"
    except (ValueError, OverflowError):
        return "2026-11-20T10:11:30Z"


def stamp(text: str) -> str:
    """Return an instant as ids hold it: `2026-11-20T10:11:30Z` becomes `20261120t101130z`."""
    return text.replace("-", "").replace(":", "").lower()


def unstamped(text: str) -> str:
    """Return the instant that an id begins with: `20261120t101130z` becomes `2026-11-20T10:11:30Z`."""
    date, time = text[:8], text[9:15]
    return f"{date[:4]}-{date[4:6]}-{date[6:]}T{time[:2]}:{time[2:4]}:{time[4:]}Z"
