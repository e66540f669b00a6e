"""The roots that the tables must have for a commit, from git alone: no database is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from platformstate.actions.db_source import GitSource
from platformstate.errors import StateError, shown
from platformstate.exporter import canonical
from platformstate.exporter.parity import expected_of
from platformstate.exporter.pg_text import EVERY
from platformstate.gitrepo import Repository
from platformstate.gitrepo.between import snapshot


class Roots(NamedTuple):
    """What a commit's rows hash to: rows and root of each table, and the root over all of them."""

    store: str
    tree: str
    tables: Mapping[str, tuple[int, str]]
    root: str


def roots_at(repository: Repository, commit: str) -> Roots:
    """Return the roots of a commit. Raises: commit_not_found, store_not_found, state_invalid, history_missing."""
    found = snapshot(repository, commit)
    if found is None:
        raise StateError("commit_not_found", f"{shown(commit)} is no commit of this clone", hint="git fetch")
    source = GitSource(repository, "", found)
    expected = expected_of(source)
    each = expected.roots()
    tables = {name: (expected.rows(name), each[name]) for name in EVERY}
    return Roots(source.wanted.store, source.wanted.tree, tables, canonical.root(each))
