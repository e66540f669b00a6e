"""Compute the roots of a parity proof anew from git: the one place where that is plugged in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from platformstate.gitrepo import Repository


def roots_hold(repository: Repository, proof: Mapping[str, Any]) -> bool | None:
    """Say whether a proof's roots are those of the tree of its commit; None when it cannot be told.

    Without an export there is nothing that turns a tree into rows, so nothing can be told.
    """
    return None
