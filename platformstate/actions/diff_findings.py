"""What `validate` finds about the records that differ, so that a diff can mark what breaks a rule."""

from __future__ import annotations

from platformstate.actions.commits import commit_problems
from platformstate.actions.judging import Judging
from platformstate.actions.range_scopes import range_scope
from platformstate.actions.scopes import staged_scope, working_scope
from platformstate.errors import Problem
from platformstate.gitrepo import Repository


def range_findings(repository: Repository, start: str, end: str) -> tuple[Problem, ...]:
    """Return the findings about every commit after one up to another, and about where they end.

    Raises: history_missing.
    """
    judging = Judging(range_scope(repository, f"{start}..{end}"))
    return (*judging.problems(), *commit_problems(judging, judging.terms.read_one))


def findings(repository: Repository, selected: frozenset[str], *, staged: bool) -> tuple[Problem, ...]:
    """Return the findings about some files of the index, or of the working tree, against HEAD."""
    if not selected:
        return ()
    scope = staged_scope(repository) if staged else working_scope(repository)
    return Judging(scope._replace(selected=selected, hidden=())).problems()
