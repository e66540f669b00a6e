"""Judge state files and say what is wrong with them; nothing is written and nothing executed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from platformstate import validation
from platformstate.actions import scopes
from platformstate.actions.answer import Answer
from platformstate.actions.contents import Scope
from platformstate.actions.judging import Judging
from platformstate.core.places import STORE_PATH
from platformstate.cost import COST
from platformstate.errors import Problem, StateError, registry, shown
from platformstate.gitrepo import Repository, discover
from platformstate.validation import Judged

MAX_PROBLEMS: Final = 200


class Wish(NamedTuple):
    """What a caller of `validate` asked for: at most one of paths, staged, rev and text_path."""

    paths: Sequence[str] = ()
    staged: bool = False
    rev: str | None = None
    text_path: str | None = None
    text: bytes = b""
    base: str | None = None
    allow: Sequence[str] = ()
    warnings_as_errors: bool = False
    max_problems: int = MAX_PROBLEMS
    reference: bool = False


def validate_state(directory: str, wish: Wish) -> Answer:
    """Judge the state files of a repository as asked.

    Raises: store_not_found, ref_not_found, repository_not_found, repository_bare, usage_invalid.
    """
    return validate_repository(discover(Path(directory)), wish)


def validate_repository(repository: Repository, wish: Wish) -> Answer:
    """Judge the state files of a repository that was found already, as a hook does."""
    allowed = [_allowance(text) for text in wish.allow]
    scope = _scope(repository, wish)
    COST.files = len(scope.contents.entries)
    if not _has_store(scope):
        return _answer(scope, (), 0, wish)
    judging = Judging(scope, _both_engines if wish.reference else validation.read)
    found = judging.problems()
    if wish.warnings_as_errors:
        found = tuple(problem._replace(severity="error") for problem in found)
    return _answer(scope, tuple(_allowed(problem, allowed) for problem in found), judging.files, wish)


def _scope(repository: Repository, wish: Wish) -> Scope:
    if sum((bool(wish.paths), wish.staged, wish.rev is not None, wish.text_path is not None)) > 1:
        raise StateError(
            "usage_invalid",
            "PATH, --staged, --rev and --stdin-path exclude each other",
            hint="give one of them",
        )
    if wish.staged:
        return scopes.staged_scope(repository, wish.base)
    if wish.rev is not None:
        return scopes.commit_scope(repository, wish.rev, wish.base)
    if wish.text_path is not None:
        return scopes.text_scope(repository, wish.text_path, wish.text, wish.base)
    if wish.paths:
        return scopes.path_scope(repository, wish.paths, wish.base)
    return scopes.working_scope(repository, wish.base)


def _has_store(scope: Scope) -> bool:
    """Say whether there is a store to judge; a hook must not stop a repository that has none."""
    if any(entry.path == STORE_PATH for entry in scope.contents.entries):
        return True
    if scope.mode == "staged" and not scope.selected and scope.attributes is None:
        return False
    if not any(base.blobs.get(STORE_PATH) for base in scope.bases):
        hint = "name a commit that has a store" if scope.mode == "rev" else "platformctl init"
        raise StateError("store_not_found", f"what is judged holds no {STORE_PATH}", hint=hint)
    if not scope.contents.entries and scope.mode not in ("rev", "staged"):
        raise StateError(
            "state_not_checked_out",
            "this branch has a store, but its files are not checked out here",
            hint="git sparse-checkout add state",
        )
    return True  # that it went is a finding


def _allowance(text: str) -> tuple[str, str]:
    code, _, path = text.partition(":")
    if code not in registry():
        raise StateError(
            "usage_invalid", f"--allow {shown(code)}: no such code", hint="platformctl explain --list"
        )
    return code, path


def _allowed(problem: Problem, allowed: Sequence[tuple[str, str]]) -> Problem:
    for code, path in allowed:
        if problem.code == code and (not path or problem.path == path or problem.path.startswith(f"{path}/")):
            return problem._replace(severity="warning")
    return problem


def _both_engines(data: bytes, path: str) -> Judged:
    """Judge with both engines. Raises: internal_error when they disagree, which is a bug of ours."""
    judged, reference = validation.read(data, path), validation.read_reference(data, path)
    if judged.problems != reference.problems:
        raise StateError("internal_error", f"the two schema engines disagree on {path}", path=path)
    return judged


def _answer(scope: Scope, found: tuple[Problem, ...], files: int, wish: Wish) -> Answer:
    errors = tuple(problem for problem in found if problem.severity == "error")
    shown_problems = found if wish.max_problems == 0 else found[: wish.max_problems]
    data: dict[str, Any] = {
        "mode": scope.mode,
        "from": scope.from_commit,
        "to": scope.to_commit,
        "base": [base.commit for base in scope.bases],
        "files": files,
        "commits": scope.commits,
        "rules": {
            "content": True,
            "cross_file": True,
            "transition": False,
            "history": scope.history,
        },
        "counts": {"error": len(errors), "warning": len(found) - len(errors)},
        "problems_truncated": len(shown_problems) < len(found),
        "problems": [problem.as_json() for problem in shown_problems],
    }
    return Answer(data) if not errors else Answer(data, error=_refusal(errors, wish))


def _refusal(errors: tuple[Problem, ...], wish: Wish) -> StateError:
    paths = {problem.path for problem in errors}
    message = f"{_count(len(errors), 'error')} in {_count(len(paths), 'file')}"
    shown_errors = errors if wish.max_problems == 0 else errors[: wish.max_problems]
    first = errors[0]
    return StateError(
        "state_invalid",
        message,
        hint=f"platformctl explain {first.code}",
        problems=shown_errors,
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
