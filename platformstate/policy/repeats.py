"""Recognise a request that was made before: what `--idempotency-key` leaves in a record."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from platformstate.codec.json_text import canonical_json
from platformstate.errors import StateError


def mark_of(key: str | None, op: str, **asked: Any) -> str | None:
    """Return the mark of a verb and what it was asked; None without a key."""
    return None if key is None else repeat_mark(key, {"op": op, **asked})


def repeat_mark(key: str, request: Mapping[str, Any]) -> str:
    """Return the text that a record keeps: digests of the key and of the request."""
    return f"{_key_digest(key)}.{hashlib.sha256(canonical_json(request)).hexdigest()[:16]}"


def is_repeat(mark: str | None, kept: str | None) -> bool:
    """Say whether a record that keeps this text, of one request or several, has seen this very one.

    Raises: idempotency_conflict, when the key is the same and the request another.
    """
    if mark is None or kept is None:
        return False
    same = [one for one in kept.split(" ") if one.partition(".")[0] == mark.partition(".")[0]]
    if not same:
        return False
    if mark in same:
        return True
    raise StateError(
        "idempotency_conflict",
        "this idempotency key was used before for another request",
        hint="use a new key for a new request",
    )


def with_mark(mark: str | None, kept: str | None) -> dict[str, str]:
    """Return what a record keeps once it has seen a request more; nothing to change without a key."""
    if mark is None:
        return {}
    return {"idempotency": mark if kept is None else f"{kept} {mark}"}


def _key_digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:16]
