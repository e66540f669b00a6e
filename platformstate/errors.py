"""Findings and errors: what is wrong, where, and what to do about it.

A `Problem` is a value that checks return; a `StateError` is the exception that ends a command.
Codes, their exit statuses and explanations are data in `codes.json`, read on first use.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final, NamedTuple

MAX_SHOWN_CHARACTERS: Final = 40
_TOO_MANY_FILES: Final = "Too many open files"  # of this process, or "… in system"


class Problem(NamedTuple):
    """One finding about one place. `line` and `col` count from 1; `pointer` is RFC 6901."""

    path: str
    line: int
    col: int
    code: str
    message: str
    fix: str
    pointer: str = ""
    severity: str = "error"
    commit: str | None = None
    criterion: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the finding as it stands in `--json`: eight keys, one more for a commit or criterion."""
        shown: dict[str, Any] = {
            "code": self.code,
            "severity": self.severity,
            "path": self.path,
            "line": self.line,
            "col": self.col,
            "pointer": self.pointer,
            "message": self.message,
            "fix": self.fix,
        }
        more = {"commit": self.commit, "criterion": self.criterion}
        return shown | {key: value for key, value in more.items() if value is not None}


class Warned(NamedTuple):
    """Something that a command did anyway but that its caller should know."""

    code: str
    message: str
    path: str | None = None


class StateError(Exception):
    """A command's refusal or failure; its exit status is that of its code."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        hint: str = "",
        retryable: bool = False,
        path: str | None = None,
        line: int | None = None,
        col: int | None = None,
        problems: tuple[Problem, ...] = (),
        data: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.retryable = retryable
        self.path = path
        self.line = line
        self.col = col
        self.problems = problems
        self.data = data

    @property
    def exit_status(self) -> int:
        """The exit status that belongs to this code, the same in every command."""
        return exit_status(self.code)


@cache
def registry() -> dict[str, dict[str, Any]]:
    """Return every code of the program with its family, exit status, classes and explanation."""
    import json
    from pathlib import Path

    text = (Path(__file__).parent / "codes.json").read_text(encoding="utf-8")
    codes: dict[str, dict[str, Any]] = json.loads(text)
    return codes


def exit_status(code: str) -> int:
    """Return the exit status of a command that fails with this code."""
    status = registry()[code]["exit"]
    return 1 if status is None else int(status)


def lacks_descriptors(failed: Exception) -> bool:
    """Say whether a file could not be opened, nor a library of it loaded, because too many are open."""
    return isinstance(failed, OSError | ImportError) and _TOO_MANY_FILES in str(failed)


def too_many_files() -> StateError:
    """Return the error of a process, or a system, that may open no more files."""
    message = "the system lets this command open no more files"
    hint = "ulimit -n 256, then repeat the command"
    return StateError("descriptors_exhausted", message, hint=hint, retryable=True)


def shown(value: object) -> str:
    """Return a value cut to 40 characters for use in a message; printing makes it safe."""
    text = str(value)
    return text if len(text) <= MAX_SHOWN_CHARACTERS else text[:MAX_SHOWN_CHARACTERS] + "…"
