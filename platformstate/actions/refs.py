"""The refs of a push: which commits each of them brings, and which may not be deleted or rewound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from platformstate.actions.contents import Scope
from platformstate.actions.range_scopes import commits_scope
from platformstate.errors import Problem, StateError, shown
from platformstate.gitrepo import Repository, is_ancestor, look_up

_USUAL: Final = ("main", "master")
_BRANCHES: Final = "refs/heads/"
_OID_LENGTHS: Final = (40, 64)


class RefUpdate(NamedTuple):
    """One ref of a push: the ids before and after, None where it is made or deleted.

    `known` are rev-list's words for the commits that are there without it: branches and tags, since a
    forge keeps what a fork asks to be pulled under refs of its own, which no hook has judged. `guarded`
    says whether it is this repository's own ref, which may be protected.
    """

    old: str | None
    new: str | None
    ref: str
    known: tuple[str, ...] = ("--branches", "--tags")
    guarded: bool = True


def ref_updates(text: str) -> list[RefUpdate]:
    """Return what git tells pre-receive: `old new ref` lines. Raises: usage_invalid."""
    return [RefUpdate(_oid(old), _oid(new), ref) for old, new, ref in _rows(text, 3)]


def pushed_refs(text: str, remote: str) -> list[RefUpdate]:
    """Return what git tells pre-push: `local-ref local-id remote-ref remote-id` lines.

    A ref that is new to the remote, or whose commit this clone has not seen, brings all that no
    remote-tracking branch holds. Raises: usage_invalid.
    """
    plain = remote.replace("-", "").replace("_", "").replace(".", "").isalnum()
    known = (f"--remotes={remote}",) if plain else ("--remotes",)
    return [RefUpdate(_oid(old), _oid(new), ref, known, False) for _, new, ref, old in _rows(text, 4)]


def ref_scope(repository: Repository, update: RefUpdate) -> Scope | None:
    """Return the scope of the commits that a ref brings, None for a deletion or what is no commit.

    Raises: history_missing.
    """
    names = [f"{oid}^{{commit}}" for oid in (update.new, update.old) if oid is not None]
    found = dict(zip(names, look_up(repository, names), strict=True))
    new = found.get(f"{update.new}^{{commit}}")
    old = found.get(f"{update.old}^{{commit}}")
    if new is None:
        return None
    return commits_scope(repository, new.oid, update.known if old is None else (old.oid,))


def ref_problems(repository: Repository, updates: Sequence[RefUpdate]) -> Iterator[Problem]:
    """Yield each protected ref that would be deleted or rewound."""
    protected = _protected(repository)
    for update in updates:
        if not update.guarded or update.old is None:
            continue
        if not any(fnmatchcase(update.ref, pattern) for pattern in protected):
            continue
        if update.new is None:
            yield _problem(update, "ref_deleted", "would be deleted")
        elif not is_ancestor(repository, update.old, update.new):
            yield _problem(update, "ref_rewound", "would lose commits that it holds now")


def _protected(repository: Repository) -> list[str]:
    named = repository.config("platformstate.protectedRefs")
    if not named:
        named = [*_USUAL, *([repository.ref] if repository.ref else [])]
    return [name if name.startswith("refs/") else _BRANCHES + name for name in named]


def _problem(update: RefUpdate, code: str, what: str) -> Problem:
    fix = "push without it; an operator may take it out of git config platformstate.protectedRefs"
    return Problem(update.ref, 1, 1, code, f"{shown(update.ref)} is protected and {what}", fix)


def _rows(text: str, width: int) -> Iterator[list[str]]:
    for line in filter(None, text.split("\n")):
        words = line.split(" ")
        if len(words) != width or not all(_is_oid(word) for word in _ids(words)):
            raise StateError(
                "usage_invalid",
                f"{shown(line)} is no line that git writes to a hook",
                hint="git runs the hooks pre-receive and pre-push with these lines on standard input",
            )
        yield words


def _ids(words: Sequence[str]) -> Sequence[str]:
    return words[:2] if len(words) == 3 else words[1::2]


def _is_oid(word: str) -> bool:
    return len(word) in _OID_LENGTHS and all(digit in "0123456789abcdef" for digit in word)


def _oid(word: str) -> str | None:
    return word if word.strip("0") else None
