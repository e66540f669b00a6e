"""Recognise a request that was made before: what `--idempotency-key` leaves in a record."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from platformstate.codec.json_text import canonical_json
from platformstate.errors import StateError


def repeat_mark(key: str, request: Mapping[str, Any]) -> str:
    """Return the text that a record keeps: digests of the key and of the request."""
    return f"{_key_digest(key)}.{hashlib.sha256(canonical_json(request)).hexdigest()[:16]}"


def is_repeat(mark: str, kept: str | None) -> bool:
    """Say whether a record that keeps this text was made by the same request with the same key.

    Raises: idempotency_conflict, when the key is the same and the request another.
    """
    if kept is None or kept.partition(".")[0] != mark.partition(".")[0]:
        return False
    if kept == mark:
        return True
    raise StateError(
        "idempotency_conflict",
        "this idempotency key was used before for another request",
        hint="use a new key for a new request",
    )


def _key_digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:16]
