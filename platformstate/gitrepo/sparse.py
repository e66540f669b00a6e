"""Whether a work tree leaves files out on purpose, and how they come back."""

from __future__ import annotations

from platformstate.gitrepo.repository import Repository


def is_sparse(repository: Repository) -> bool:
    """Say whether the checkout is a sparse one."""
    return repository.config("core.sparseCheckout")[-1:] == ["true"]


def checkout_hint(repository: Repository) -> str:
    """Return what brings back files of the store that HEAD has and the work tree lacks."""
    return "git sparse-checkout add state" if is_sparse(repository) else "git checkout HEAD -- state"
