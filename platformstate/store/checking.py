"""Everything that is judged about a change before a byte of it is written."""

from __future__ import annotations

from collections.abc import Iterable

from platformstate.codec.limits import MAX_BYTES
from platformstate.core.tree import Entry
from platformstate.errors import Problem, StateError, shown
from platformstate.gitrepo import Repository
from platformstate.gitrepo.attributes import hidden_paths, unsafe_attributes
from platformstate.policy import secrets, tree_rules
from platformstate.store.change import FileChange


def refuse_bad_files(files: Iterable[FileChange], allowed_secrets: frozenset[str]) -> None:
    """Refuse content or a path that breaks a rule. Raises: record_invalid, secret_found."""
    wanted = [file for file in files if file.after is not None]
    problems = [*tree_rules.path_problems([Entry(file.path, "100644") for file in wanted])]
    found_secrets: list[Problem] = []
    for file in wanted:
        if _adds_good_lines(file, allowed_secrets):
            continue
        data = file.after or b""
        problems += _content_problems(data, file.path)
        found_secrets += secrets.find_secrets(data.decode("utf-8", "replace"), file.path, allowed_secrets)
    if found_secrets:
        raise _refusal("secret_found", "a secret stands in the record", found_secrets)
    if errors := [problem for problem in problems if problem.severity == "error"]:
        raise _refusal("record_invalid", "the record breaks a rule", errors)


def _adds_good_lines(file: FileChange, allowed_secrets: frozenset[str]) -> bool:
    """Say whether a file only grew by lines that break no rule: those before were judged when they came.

    A line that breaks one is told with its place in the whole file.
    """
    before, after = file.before or b"", file.after or b""
    grew = file.append and before.endswith(b"\n") and after.startswith(before)
    if not grew or len(after) > MAX_BYTES["jsonl"]:
        return False
    added = after[len(before) :]
    return not _content_problems(added, file.path) and not secrets.find_secrets(
        added.decode("utf-8", "replace"), file.path, allowed_secrets
    )


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
