"""A lock on a name, held while something is decided; it dies with the process."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from platformstate.files.errors import explained


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file at a path, waiting for whoever holds it; folders on the way are made."""
    with explained(str(path)):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
