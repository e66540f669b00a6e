"""What `validate` finds about the records that differ, so that a diff can mark what breaks a rule."""

from __future__ import annotations

from platformstate.actions.judging import Judging
from platformstate.actions.scopes import commit_scope, staged_scope, working_scope
from platformstate.errors import Problem
from platformstate.gitrepo import Repository


def findings(
    repository: Repository, start: str | None, commit: str | None, rev: str, selected: frozenset[str]
) -> tuple[Problem, ...]:
    """Return the findings about some files of a commit, of the index, or of the working tree."""
    if not selected:
        return ()
    if commit is not None:
        scope = commit_scope(repository, commit, start)
    else:
        scope = staged_scope(repository) if rev == "index" else working_scope(repository)
    return Judging(scope._replace(selected=selected, hidden=())).problems()
