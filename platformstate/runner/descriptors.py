"""How many descriptors this process may have: more while it holds many locks, never so for what it runs."""

from __future__ import annotations

import resource
from typing import Final

_MOST: Final = 65_536  # where the system sets no limit of its own
_BEFORE: Final[list[int]] = []


def widen() -> int:
    """Raise our own limit as far as the system lets us, and return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST if hard == resource.RLIM_INFINITY else min(hard, _MOST)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return _MOST if soft == resource.RLIM_INFINITY else soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    _BEFORE.append(soft)
    return wanted


def narrow() -> int | None:
    """Return the limit that our children are to have: the one that we were given, None if it stands."""
    return _BEFORE[0] if _BEFORE else None
