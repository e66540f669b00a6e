"""Who may sign an operator's acts: the file that the clone's own settings name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from platformstate.errors import StateError, shown
from platformstate.gitrepo import Repository
from platformstate.gitrepo.signatures import signed_by

_SETTING = "platformstate.allowedSigners"


def signers_file(repository: Repository) -> Path | None:
    """Return the file of allowed signers, None where none is set.

    Raises: config_invalid for one that is missing, or that stands where a branch could change it.
    """
    named = repository.config(_SETTING)
    if not named:
        return None
    path = Path(named[-1]).expanduser()
    reason = _fault(repository, path)
    if reason:
        raise StateError(
            "config_invalid",
            f"git config {_SETTING}: {shown(named[-1])} {reason}",
            hint=f"git config {_SETTING} /absolute/path/of/allowed_signers",
        )
    return path


def allowed_commits(repository: Repository, commits: Sequence[str], signers: Path) -> frozenset[str]:
    """Return those of the commits that a key of the file signed."""
    return signed_by(repository, commits, signers)


def _fault(repository: Repository, path: Path) -> str:
    if not path.is_absolute():
        return "is no absolute path"
    if repository.root is not None and path.resolve().is_relative_to(repository.root.resolve()):
        inside_git = path.resolve().is_relative_to(repository.common_dir)
        return "" if inside_git and path.is_file() else "lies in the work tree"
    return "" if path.is_file() else "is no file"
