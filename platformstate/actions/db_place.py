"""What every `db` verb begins with: the repository, the target, a clock and chance, and what stays unseen."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from platformstate import __version__
from platformstate.actions.answer import Answer
from platformstate.core.instants import instant
from platformstate.errors import Problem, StateError, Warned, shown
from platformstate.exporter import target as targets
from platformstate.exporter.engines import Setting, answered, engine_of, open_target
from platformstate.exporter.ports import Engine
from platformstate.exporter.target import Flags, Redactor, Target
from platformstate.gitrepo import Repository, discover
from platformstate.gitrepo.between import Snapshot, full_ref, snapshot
from platformstate.store.failpoints import Failpoints
from platformstate.store.opened import any_number, refuse_environment
from platformstate.store.settings import clock, resolve

_HEADS: Final = "refs/heads/"
_TOLD: Final = frozenset({"engine", "schema", "database", "user", "mode", "result", "relation", "format"})
_NAME: Final = re.compile(r"[\w-]+")


class Wish(NamedTuple):
    """The flags that all `db` verbs share."""

    target: Flags = Flags()
    lock_timeout: float = 10.0
    statement_timeout: float = 600.0
    actor: str | None = None
    dry_run: bool = False


class Place:
    """One `db` command: where it works, and with which clock and chance."""

    def __init__(self, directory: str, wish: Wish) -> None:
        refuse_environment()
        self.wish = wish
        self.directory = Path(directory)
        self.repository: Repository = discover(self.directory)
        self.failpoints = Failpoints.of(os.environ)
        self._clock = clock(os.environ)
        self.chance: Callable[[int], int] = any_number

    @property
    def actor(self) -> str:
        """Who acts."""
        settings = resolve(
            self.repository, os.environ, actor=self.wish.actor, commit=None, dry_run=False, durability=None
        )
        return settings.actor

    def now(self) -> str:
        """Return the present instant."""
        return instant(self._clock())

    def uuid(self) -> str:
        """Return a new random uuid."""
        digits = f"{any_number(1 << 128):032x}"
        variant = "89ab"[int(digits[16], 16) % 4]
        parts = (digits[:8], digits[8:12], f"4{digits[13:16]}", f"{variant}{digits[17:20]}", digits[20:])
        return "-".join(parts)

    def config(self) -> dict[str, Sequence[str]]:
        """Return what git config says of the target."""
        names = ("service", "sqlite", "schema")
        return {name: self.repository.config(f"platformstate.db.{name}") for name in names}

    def target(self) -> Target:
        """Return the target. Raises: those of `targets.resolve`."""
        return targets.resolve(self.wish.target, os.environ, self.config(), self.directory)

    def setting(self, verb: str, id: str) -> Setting:
        """Return what surrounds the command."""
        return Setting(
            verb,
            id,
            f"{self.now()[:-1]}.000000Z",
            __version__,
            self.chance,
            self.failpoints.reach,
            self.wish.lock_timeout,
            self.wish.statement_timeout,
        )

    @contextmanager
    def opened(self, verb: str, id: str, *, mode: str, target: Target | None = None) -> Iterator[Any]:
        """Give the target, not yet connected, and close it in the end."""
        found = open_target(target or self.target(), self.setting(verb, id), mode=mode)
        try:
            with answered(found):
                yield found
        finally:
            found.close()

    def engine(self, opened: Any, verb: str, id: str) -> Engine:
        """Return an opened target as a sync uses it."""
        return engine_of(opened, self.setting(verb, id))

    def commit(self, ref: str | None, at: str | None) -> tuple[str, Snapshot]:
        """Return the full name of the ref and the commit to export. Raises: db_ref_required, ref_not_found."""
        name = _storable(self._ref(ref, at))
        rev = at or name
        found = snapshot(self.repository, rev)
        if found is None:
            raise StateError("ref_not_found", f"{shown(rev)} names no commit here", hint="git fetch")
        return name, found

    def _ref(self, ref: str | None, at: str | None) -> str:
        if ref is None:
            if self.repository.ref is None:
                raise StateError(
                    "db_ref_required",
                    "HEAD is detached, so no branch says what the tables follow",
                    hint="db sync --ref refs/heads/main --at HEAD",
                )
            return self.repository.ref
        full = full_ref(self.repository, ref)
        if full is not None and full.startswith("refs/"):
            return full
        if at is None:
            raise StateError(
                "ref_not_found", f"{shown(ref)} is no ref here", hint="git fetch, or name --at COMMIT"
            )
        return ref if ref.startswith("refs/") else _HEADS + ref


def _storable(ref: str) -> str:
    """Return a ref's name. Raises: ref_not_found for bytes that are no UTF-8, which no database can hold."""
    if not ref.isprintable():
        raise StateError(
            "ref_not_found", f"{shown(ref)} is no name that a database can hold", hint="rename it"
        )
    return ref


@contextmanager
def unseen(wish: Wish) -> Iterator[Callable[[Answer], Answer]]:
    """Keep every password of this process out of an answer and out of what is raised.

    What either says to do next names the target that was named here.
    """
    redact = Redactor(_secrets(wish))
    failed: StateError | None = None
    try:
        yield lambda answer: redacted_answer(_aimed(answer, wish.target), redact)
    except StateError as error:
        error.hint = targets.repeated(error.hint, wish.target)
        failed = redacted_error(error, redact)
    if failed is not None:
        raise failed


def _aimed(answer: Answer, flags: Flags) -> Answer:
    if answer.error is not None:
        answer.error.hint = targets.repeated(answer.error.hint, flags)
    return answer._replace(next=tuple(targets.repeated(each, flags) for each in answer.next))


def _secrets(wish: Wish) -> set[str]:
    texts = (wish.target.dsn or "", wish.target.service or "")
    return targets.secrets_of(None, os.environ) | {each for text in texts for each in targets.passwords(text)}


def redacted_error(error: StateError, redact: Redactor) -> StateError:
    """Return an error without passwords."""
    return StateError(
        error.code,
        redact(error.message),
        hint=redact(error.hint),
        retryable=error.retryable,
        path=error.path and redact(error.path),
        line=error.line,
        col=error.col,
        problems=tuple(_redacted_problem(each, redact) for each in error.problems),
        data=_clean(error.data, redact),
    )


def _redacted_problem(problem: Problem, redact: Redactor) -> Problem:
    return problem._replace(message=redact(problem.message), fix=redact(problem.fix))


def redacted_answer(answer: Answer, redact: Redactor) -> Answer:
    """Return an answer without passwords."""
    return answer._replace(
        data=_clean(answer.data, redact),
        next=tuple(map(redact, answer.next)),
        warnings=tuple(Warned(each.code, redact(each.message), each.path) for each in answer.warnings),
        error=None if answer.error is None else redacted_error(answer.error, redact),
    )


def _is_name(key: str, value: Any) -> bool:
    """Say whether a value names what may always be told, even where a password is the same word."""
    return key in _TOLD and isinstance(value, str) and _NAME.fullmatch(value) is not None


def _clean(value: Any, redact: Redactor) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: each if _is_name(key, each) else _clean(each, redact) for key, each in value.items()}
    return [_clean(each, redact) for each in value] if isinstance(value, list) else value
