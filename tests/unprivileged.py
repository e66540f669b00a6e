"""Permissions that hold in a test whoever runs it: root alone may do what they forbid."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_VERSION: Final = 0x20080522  # of capset(2), with 64 bits of capabilities in two halves
_OVERRIDES: Final = 0b110  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, in the first half
_Header, _Sets = ctypes.c_uint32 * 2, ctypes.c_uint32 * 6


@contextmanager
def obeying_permissions() -> Iterator[None]:
    """Let this process, and what it forks meanwhile, obey the permissions of files as any user does."""
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = _Header(_VERSION, 0), _Sets()
    assert libc.capget(header, sets) == 0
    before = sets[0]
    sets[0] = before & ~_OVERRIDES
    assert libc.capset(header, sets) == 0
    try:
        yield
    finally:
        sets[0] = before
        assert libc.capset(header, sets) == 0
