"""Who may do what only an operator may."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from platformstate.errors import StateError, shown

if TYPE_CHECKING:
    from platformstate.store import Store


def is_operator(store: Store) -> bool:
    """Say whether this command's actor may act as operator: never inside a run."""
    return store.actor in store.operators and not os.environ.get("PLATFORMSTATE_RUN")


def require_operator(store: Store, what: str) -> None:
    """Refuse an operator's act to anybody else. Raises: operator_required."""
    if is_operator(store):
        return
    inside = os.environ.get("PLATFORMSTATE_RUN")
    reason = f"inside the run {shown(inside)} nobody is" if inside else f"{shown(store.actor)} is not"
    raise StateError(
        "operator_required",
        f"{what} is an operator's act; {reason} one",
        hint="an operator repeats it outside of a run: platformctl --actor NAME …, see git config platformstate.operator",
    )
