"""Compute the roots of a parity proof anew from git."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from platformstate.errors import StateError

if TYPE_CHECKING:
    from platformstate.gitrepo import Repository


def roots_hold(repository: Repository, proof: Mapping[str, Any]) -> bool | None:
    """Say whether a proof's roots are those of the tree of its commit; None when it cannot be told.

    It cannot where the commit's objects are not here, or where its tree would not be exported at all.
    """
    from platformstate.actions.db_evidence import root_fault
    from platformstate.actions.db_roots import roots_at

    try:
        return root_fault(proof, roots_at(repository, str(proof["commit"]))) is None
    except StateError:
        return None
