"""git, the only door to it: reading through plain children, writing through GitPython.

Nothing is executed that a repository's settings name, whatever the command. Public names are
resolved on first use, so that cleaning the environment costs every command next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from platformstate.gitrepo.discovery import discover as discover
    from platformstate.gitrepo.objects import blob_id as blob_id
    from platformstate.gitrepo.objects import is_ancestor as is_ancestor
    from platformstate.gitrepo.objects import look_up as look_up
    from platformstate.gitrepo.objects import oids_at as oids_at
    from platformstate.gitrepo.objects import read_blobs as read_blobs
    from platformstate.gitrepo.objects import resolve_commit as resolve_commit
    from platformstate.gitrepo.repository import Repository as Repository
    from platformstate.gitrepo.trees import CommitTree as CommitTree
    from platformstate.gitrepo.trees import IndexTree as IndexTree

_HOMES = {
    "CommitTree": "trees",
    "IndexTree": "trees",
    "Repository": "repository",
    "blob_id": "objects",
    "discover": "discovery",
    "is_ancestor": "objects",
    "look_up": "objects",
    "oids_at": "objects",
    "read_blobs": "objects",
    "resolve_commit": "objects",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
