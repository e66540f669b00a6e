"""What the jobs commands print for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_NOTES: Final = {
    "after_gap": "first instant after a gap",
    "first_pass": "first pass of a repeated hour",
    "second_pass": "second pass of a repeated hour",
}


def fires_text(data: Mapping[str, Any]) -> str:
    """Return the next instants of a schedule, one a line: UTC, local, note."""
    head = f"{data['expr']} in {data['zone']} ({data['kind']}, tzdata {data['tzdata']})"
    rows = [
        f"  {fire['at']}  {fire['local']}" + (f"  {_NOTES[fire['note']]}" if fire["note"] else "")
        for fire in data["fires"]
    ]
    return "\n".join([head, *rows])
