"""Load jsonschema_rs without the modules that it wants to tell when it was built."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Final

_DATES: Final = "email.utils"


class _DatesAsText(ModuleType):
    """Stands in for `email.utils`: a date is left as it is written."""

    parsedate_to_datetime = staticmethod(str)


def load_engine() -> None:
    """Import jsonschema_rs; whoever imports it afterwards finds it loaded.

    As it is imported it parses the date in its own `__build__` (https://github.com/PyO3/pyo3-built), and
    the module for that brings sockets, random numbers and MIME: an eighth of what a command that reads
    records takes to start. A release that wants anything else of that module gets the real one.
    """
    stand_in = _DatesAsText(_DATES)
    sys.modules.setdefault(_DATES, stand_in)
    try:
        import jsonschema_rs
    except AttributeError:
        _take_away(stand_in)
        import jsonschema_rs  # noqa: F401
    finally:
        _take_away(stand_in)


def _take_away(stand_in: ModuleType) -> None:
    if sys.modules.get(_DATES) is stand_in:
        del sys.modules[_DATES]
