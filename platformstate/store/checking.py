"""Everything that is judged about a change before a byte of it is written."""

from __future__ import annotations

from collections.abc import Iterable

from platformstate.core.tree import Entry
from platformstate.errors import Problem, StateError, shown
from platformstate.gitrepo import Repository
from platformstate.gitrepo.attributes import hidden_paths, unsafe_attributes
from platformstate.policy import secrets, tree_rules
from platformstate.store.change import FileChange


def refuse_bad_files(files: Iterable[FileChange], allowed_secrets: frozenset[str]) -> None:
    """Refuse content or a path that breaks a rule. Raises: record_invalid, secret_found."""
    wanted = [(file.path, file.after) for file in files if file.after is not None]
    problems = [*tree_rules.path_problems([Entry(path, "100644") for path, _ in wanted])]
    found_secrets: list[Problem] = []
    for path, data in wanted:
        problems += _content_problems(data, path)
        found_secrets += secrets.find_secrets(data.decode("utf-8", "replace"), path, allowed_secrets)
    if found_secrets:
        raise _refusal("secret_found", "a secret stands in the record", found_secrets)
    if errors := [problem for problem in problems if problem.severity == "error"]:
        raise _refusal("record_invalid", "the record breaks a rule", errors)


def _content_problems(data: bytes, path: str) -> list[Problem]:
    from platformstate.store.reading import judged

    return list(judged(data, path).problems)


def _refusal(code: str, message: str, problems: list[Problem]) -> StateError:
    first = problems[0]
    return StateError(
        code,
        f"{message}: {first.message}",
        hint=first.fix,
        path=first.path,
        line=first.line,
        col=first.col,
        problems=tuple(problems),
    )


def refuse_unsafe_places(repository: Repository, files: Iterable[FileChange]) -> None:
    """Refuse paths that git would hide or change. Raises: path_ignored, path_attributes_unsafe."""
    wanted = [file for file in files if file.after is not None]
    for row in unsafe_attributes(repository, [file.path for file in wanted]):
        raise StateError(
            "path_attributes_unsafe",
            f"the attribute {row.attribute}={shown(row.value)} would change or corrupt this file",
            hint=f"add `state/** -{row.attribute}` to .gitattributes",
            path=row.path,
        )
    for hidden in hidden_paths(repository, [file.path for file in wanted if file.before is None]):
        raise StateError(
            "path_ignored",
            f"{shown(hidden.source)}:{hidden.line} hides this file ({shown(hidden.pattern)}), "
            "so no clone would have it",
            hint="narrow that ignore rule",
            path=hidden.path,
        )
