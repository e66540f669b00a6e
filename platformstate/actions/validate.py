"""Judge state files and say what is wrong with them; nothing is written and nothing executed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from platformstate import validation
from platformstate.actions import scopes
from platformstate.actions.answer import Answer
from platformstate.actions.contents import Scope
from platformstate.actions.judging import Judging
from platformstate.actions.judging_part import Reader
from platformstate.core.places import STORE_PATH
from platformstate.cost import COST
from platformstate.errors import Problem, StateError, registry, shown
from platformstate.gitrepo import Repository, discover
from platformstate.gitrepo.sparse import checkout_hint
from platformstate.validation import Judged

if TYPE_CHECKING:
    from platformstate.actions.refs import RefUpdate

MAX_PROBLEMS: Final = 200
_OF_CHANGES: Final = ("staged", "range")


class Wish(NamedTuple):
    """What a caller of `validate` asked for: at most one of the first six."""

    paths: Sequence[str] = ()
    staged: bool = False
    rev: str | None = None
    range: str | None = None
    refs: Sequence[RefUpdate] | None = None
    text_path: str | None = None
    text: bytes = b""
    base: str | None = None
    endpoints: bool = False
    allow: Sequence[str] = ()
    warnings_as_errors: bool = False
    max_problems: int = MAX_PROBLEMS
    reference: bool = False


class Judgement(NamedTuple):
    """An answer, and the paths that were judged for it."""

    answer: Answer
    paths: frozenset[str]


class _Found(NamedTuple):
    """What was found so far: the scopes that were judged, their findings and their files."""

    scopes: tuple[Scope, ...]
    problems: tuple[Problem, ...]
    paths: frozenset[str]


def validate_state(directory: str, wish: Wish) -> Answer:
    """Judge the state files of a repository as asked.

    Raises: store_not_found, ref_not_found, history_missing, repository_not_found, repository_bare,
    usage_invalid, config_invalid.
    """
    return judge_state(directory, wish).answer


def judge_state(directory: str, wish: Wish, *, reading: Mapping[str, str] | None = None) -> Judgement:
    """Judge as `validate_state` does, and name the files too; `reading` is what git told a hook."""
    return judge_repository(discover(Path(directory), reading=reading), wish)


def validate_repository(repository: Repository, wish: Wish) -> Answer:
    """Judge the state files of a repository that was found already."""
    return judge_repository(repository, wish).answer


def judge_repository(repository: Repository, wish: Wish) -> Judgement:
    """Judge the state files of a repository that was found already, as a hook does."""
    allowed = [_allowance(text) for text in wish.allow]
    _refuse_mixture(wish)
    read = _both_engines if wish.reference else validation.read
    found = _of_refs(repository, wish.refs, read) if wish.refs is not None else None
    found = found or _judged(_scope(repository, wish), read)
    problems = found.problems
    if wish.warnings_as_errors:
        problems = tuple(problem._replace(severity="error") for problem in problems)
    problems = tuple(_allowed(problem, allowed) for problem in problems)
    return Judgement(_answer(found._replace(problems=problems), wish), found.paths)


def _judged(scope: Scope, read: Reader) -> _Found:
    COST.files = len(scope.contents.entries)
    beside = tuple(_beside_state(scope))
    if not _has_store(scope):
        return _Found((scope,), beside, frozenset())
    judging = Judging(scope, read)
    found = in_order((*judging.problems(), *beside)) if beside else judging.problems()
    if scope.steps:
        from platformstate.actions.commits import commit_problems  # no other mode has commits to walk

        found = in_order((*found, *commit_problems(judging, read)))
    if scope.merge is not None:
        from platformstate.actions.commits import merge_problems

        found = in_order((*found, *merge_problems(judging, scope.merge, read)))
    return _Found((scope,), found, frozenset(judging.selected & judging.names.keys()))


def _beside_state(scope: Scope) -> Iterator[Problem]:
    """Yield what a commit has in its root folder that a checkout would put into `state`."""
    if scope.to_commit is not None:
        from platformstate.gitrepo.versions import root_names
        from platformstate.policy.root_rules import lookalike_problems

        yield from lookalike_problems(root_names(scope.repository, scope.to_commit))


def _of_refs(repository: Repository, updates: Sequence[RefUpdate], read: Reader) -> _Found:
    """Judge every ref of a push; what two of them share is told once."""
    from platformstate.actions.refs import ref_problems, ref_scope

    scopes = (ref_scope(repository, update) for update in updates)
    each = [_judged(scope, read) for scope in scopes if scope is not None]
    problems = {problem for found in each for problem in found.problems}
    return _Found(
        tuple(scope for found in each for scope in found.scopes),
        in_order((*ref_problems(repository, updates), *problems)),
        frozenset[str]().union(*(found.paths for found in each)),
    )


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return findings by place, those about a commit after those about the tree."""
    return tuple(
        sorted(set(problems), key=lambda each: (each[:4], each.pointer, each.message, each.commit or ""))
    )


def _refuse_mixture(wish: Wish) -> None:
    modes = (wish.rev, wish.range, wish.refs, wish.text_path)
    if bool(wish.paths) + wish.staged + sum(mode is not None for mode in modes) > 1:
        raise StateError(
            "usage_invalid",
            "PATH, --staged, --rev, --range, --stdin-refs and --stdin-path exclude each other",
            hint="give one of them",
        )
    if wish.endpoints and wish.range is None:
        raise StateError("usage_invalid", "--endpoints says how a --range is judged", hint="add --range A..B")
    if wish.base is not None and (wish.range is not None or wish.refs is not None):
        raise StateError("usage_invalid", "a range names its own base", hint="leave --base out")


def _scope(repository: Repository, wish: Wish) -> Scope:
    if wish.range is not None:
        from platformstate.actions.range_scopes import range_scope

        return range_scope(repository, wish.range, endpoints=wish.endpoints)
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
    if STORE_PATH in scope.contents.names:
        return True
    if scope.mode in _OF_CHANGES and not scope.selected and scope.attributes is None:
        return False
    had_store = STORE_PATH in (scope.selected or ()) or any(
        base.blobs.get(STORE_PATH) for base in scope.bases
    )
    if not had_store:
        hint = "name a commit that has a store" if scope.mode == "rev" else "platformctl init"
        raise StateError("store_not_found", f"what is judged holds no {STORE_PATH}", hint=hint)
    if not scope.contents.entries and scope.mode not in ("rev", *_OF_CHANGES):
        raise StateError(
            "state_not_checked_out",
            "this branch has a store, but its files are not checked out here",
            hint=checkout_hint(scope.repository),
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


def _answer(found: _Found, wish: Wish) -> Answer:
    problems = found.problems
    errors = tuple(problem for problem in problems if problem.severity == "error")
    shown_problems = problems if wish.max_problems == 0 else problems[: wish.max_problems]
    data: dict[str, Any] = {
        **_place(found.scopes, wish),
        "files": len(found.paths),
        **_rules(found.scopes),
        "counts": {"error": len(errors), "warning": len(problems) - len(errors)},
        "problems_truncated": len(shown_problems) < len(problems),
        "problems": [problem.as_json() for problem in shown_problems],
    }
    return Answer(data) if not errors else Answer(data, error=_refusal(errors, wish))


def _place(judged: Sequence[Scope], wish: Wish) -> dict[str, Any]:
    """Return what was judged; the ends of a push of several refs are no one's."""
    alone = judged[0] if len(judged) == 1 else None
    return {
        "mode": "stdin-refs" if wish.refs is not None or alone is None else alone.mode,
        "from": None if alone is None else alone.from_commit,
        "to": None if alone is None else alone.to_commit,
        "base": list(dict.fromkeys(base.commit for scope in judged for base in scope.bases)),
    }


def _rules(judged: Sequence[Scope]) -> dict[str, Any]:
    commits = {step.oid for scope in judged for step in scope.steps}
    history = next((scope.history for scope in judged if scope.history != "none"), "none")
    rules = {"content": True, "cross_file": True, "transition": history != "none", "history": history}
    return {"commits": len(commits) or max((scope.commits for scope in judged), default=0), "rules": rules}


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
