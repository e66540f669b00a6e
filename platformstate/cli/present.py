"""Show an answer or a failure: the JSON envelope on stdout, or text on stdout and stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from platformstate.actions.answer import Answer
from platformstate.cli import echo
from platformstate.cli.invocation import Invocation
from platformstate.cli.redaction import redacted
from platformstate.codec.safe import safe_line
from platformstate.cost import COST
from platformstate.errors import Problem, StateError, Warned

SCHEMA: Final = "platformctl/1"
MAX_ERROR_BYTES: Final = 4096
MAX_SHOWN_PROBLEMS: Final = 20
EXIT_BUG: Final = 70


def present(invocation: Invocation, answer: Answer, render: Callable[[dict[str, Any]], str]) -> None:
    """Print an answer as JSON or as the text that `render` makes of its data; set the exit status.

    An answer with an error still shows its data; problems in the data are for `render` to show.
    """
    invocation.status = answer.status
    if invocation.json:
        echo.document(_envelope(invocation, answer))
        return
    echo.out(render(answer.data))
    _show_notes(invocation, answer.warnings, answer.next)
    if answer.error is not None:
        _show_error(invocation, answer.error, () if "problems" in answer.data else answer.error.problems)


def failure(invocation: Invocation, error: StateError) -> int:
    """Print a refusal or failure and return its exit status."""
    if invocation.json:
        echo.document(_envelope(invocation, Answer(error.data or {}, error=error)))
    else:
        _show_notes(invocation, (), ())
        _show_error(invocation, error, error.problems)
    return error.exit_status


def problem_text(problem: Problem) -> str:
    """Return a finding as people and editors read it: place, code, message, and the fix below."""
    label = "" if problem.severity == "error" else f"{problem.severity}: "
    place = f"{problem.path}:{problem.line}:{problem.col}"
    found = safe_line(f"{place}: {label}{problem.code} {problem.message}")
    return f"{found}\n  fix: {safe_line(problem.fix)}"


def cost_line(invocation: Invocation, seconds: float) -> None:
    """Print what the command cost, as the last line on stderr, when `-v` asks for it."""
    if not invocation.verbose:
        return
    counts: dict[str, Any] = {name: getattr(COST, name) for name in ("files", "read", "parsed", "known")}
    counts |= {"git": COST.git, "commits": COST.commits, "cache": COST.cache, "ms": round(seconds * 1000)}
    echo.err(echo.json_line(counts), label="cost")


def _envelope(invocation: Invocation, answer: Answer) -> dict[str, Any]:
    warnings = [_warning(note) for note in (*invocation.warnings, *answer.warnings)]
    if answer.error is None:
        told = {"warnings": warnings, "next": list(answer.next)}
        return {"schema": SCHEMA, "ok": True, "data": answer.data, **told}
    told = {"warnings": warnings, "next": list(answer.next)} if warnings or answer.next else {}
    error = error_json(answer.error)
    return {"schema": SCHEMA, "ok": False, "error": error, "data": answer.data, **told}


def error_json(error: StateError) -> dict[str, Any]:
    """Return an error as the envelope and streams show it."""
    return {
        "code": error.code,
        "message": _short(redacted(error.message)),
        "hint": _hint(error),
        "retryable": error.retryable,
        "path": error.path,
        "line": error.line,
        "col": error.col,
        "problems": [{**found.as_json(), "message": redacted(found.message)} for found in error.problems],
    }


def _warning(note: Warned) -> dict[str, Any]:
    return {"code": note.code, "message": note.message, "path": note.path}


def _show_notes(invocation: Invocation, warnings: Iterable[Warned], next: Iterable[str]) -> None:
    if invocation.quiet:
        return
    for note in (*invocation.warnings, *warnings):
        place = "" if note.path is None else f"{note.path}: "
        echo.err(f"{place}{note.message} ({note.code})", label="warning", color=invocation.color)
    for command in next:
        echo.err(command, label="next", color=invocation.color)


def _show_error(invocation: Invocation, error: StateError, problems: tuple[Problem, ...]) -> None:
    for problem in problems[:MAX_SHOWN_PROBLEMS]:
        echo.err(redacted(problem_text(problem)))
    if len(problems) > MAX_SHOWN_PROBLEMS:
        echo.err(f"and {len(problems) - MAX_SHOWN_PROBLEMS} more; --json shows all")
    echo.err(_short(redacted(_error_text(error, problems))), label="error", color=invocation.color)
    hint = _hint(error)
    if hint and not any(problem.fix == hint for problem in problems):
        echo.err(f"  hint: {hint}")


def _error_text(error: StateError, problems: tuple[Problem, ...]) -> str:
    """Return the line that ends a refusal; what the problems above it say already is left out."""
    message = error.message
    if problems and problems[0].message in message:
        counted = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        message = message.partition(problems[0].message)[0].removesuffix(": ") or counted
    place = "".join(f"{part}:" for part in (error.path, error.line, error.col) if part is not None)
    return safe_line(" ".join(part for part in (place, message, f"({error.code})") if part))


def _hint(error: StateError) -> str:
    """Return what to do next: at the least, to read what the code means."""
    return error.hint or ("" if error.exit_status == EXIT_BUG else f"platformctl explain {error.code}")


def _short(text: str) -> str:
    return text.encode("utf-8", "backslashreplace")[:MAX_ERROR_BYTES].decode("utf-8", "ignore")
