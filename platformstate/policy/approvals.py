"""Which digests of a job's spec an operator approved in this clone, by the acts that were recorded. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

_FIELDS: Final = frozenset({"act", "digest", "blob", "by", "at"})
_ACTS: Final = ("approve", "revoke")


def is_act(value: object) -> bool:
    """Say whether a line is an act that counts; anything else counts as none."""
    return (
        isinstance(value, Mapping)
        and set(value) == _FIELDS
        and value["act"] in _ACTS
        and all(isinstance(text, str) for text in value.values())
    )


def approving_act(acts: Iterable[Mapping[str, Any]], digest: str) -> Mapping[str, Any] | None:
    """Return the act by which a digest is approved now, None when it never was or was revoked."""
    last = None
    for act in acts:
        if act["digest"] == digest:
            last = act if act["act"] == "approve" else None
    return last


def was_ever_approved(acts: Iterable[Mapping[str, Any]], digest: str) -> bool:
    """Say whether a digest was approved and that approval was not revoked; a replay asks this."""
    return approving_act(acts, digest) is not None
