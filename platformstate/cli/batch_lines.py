"""The lines of a batch: read from standard input as they come, and parsed as the commands parse flags."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final

import click

from platformstate.actions.batch import MAX_LINE_BYTES, MAX_LINES, OPERATIONS, Operation, at_line, unknown_op
from platformstate.cli.invocation import Invocation
from platformstate.cli.task_options import request_of
from platformstate.cli.texts import LITERAL
from platformstate.errors import StateError, shown

_PIECE: Final = 1 << 16
_TASK: Final = "task_id"  # how the commands call the task that is their first argument


def lines_of_stdin(idle_s: float | None = None) -> Iterator[bytes]:
    """Yield each line without its end; so long without input is the end of it, as is its end.

    Of a line that is too long only what goes beyond the limit is dropped, so that it can be told.
    """
    rest = b""
    while piece := _piece(idle_s):
        *whole, rest = (rest + piece).split(b"\n")
        rest = rest[: MAX_LINE_BYTES + 1]
        yield from whole
    if rest:
        yield rest


def operations_of(lines: Iterator[bytes], context: click.Context) -> Iterator[Operation | StateError]:
    """Yield what each line asks for, and the error in the place of one that asks for nothing."""
    context.meta[LITERAL] = True
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield operation_of(line, number, context)


def all_operations(lines: Iterator[bytes], context: click.Context) -> list[Operation | StateError]:
    """Return the operations up to the first line that cannot be read, in whose place its error stands."""
    found: list[Operation | StateError] = []
    for operation in operations_of(lines, context):
        if len(found) == MAX_LINES:
            return [_refused(f"a batch has at most {MAX_LINES:,} lines", len(found) + 1)]
        found.append(operation)
        if isinstance(operation, StateError):
            break
    return found


def operation_of(line: bytes, number: int, context: click.Context) -> Operation | StateError:
    """Return what one line asks for, or why it cannot be read."""
    try:
        return _operation(line, number, context)
    except StateError as refused:
        return at_line(refused, number)
    except click.UsageError as refused:
        return _refused(refused.format_message(), number)


def _operation(line: bytes, number: int, context: click.Context) -> Operation:
    asked = _mapping(line)
    op = asked.pop("op", None)
    if not isinstance(op, str) or op not in OPERATIONS:
        raise unknown_op(op)
    key = asked.pop("idempotency_key", None)
    command = _command(op, context)
    parsed = Invocation()
    made = command.make_context(op, _words(command, asked), parent=context, obj=parsed)
    return Operation(number, op, request_of(made.params), None if key is None else str(key))


def _mapping(line: bytes) -> dict[str, Any]:
    """Return what a line holds, read as strictly as every JSON of a store."""
    from platformstate.codec.json_text import parse_text

    if len(line) > MAX_LINE_BYTES:
        raise StateError("usage_invalid", f"the line is longer than {MAX_LINE_BYTES:,} bytes", hint="cut it")
    try:
        value, problems = parse_text(line.decode("utf-8"), "standard input")
    except UnicodeDecodeError as bad:
        text = f"the line is not UTF-8 at byte {bad.start}"
        raise StateError("text_encoding_invalid", text, hint="write it as UTF-8") from bad
    if problems:
        raise StateError(problems[0].code, problems[0].message, hint=problems[0].fix)
    if not isinstance(value, dict):
        raise StateError(
            "json_not_object", "the line is no object", hint='{"op": "task.create", "title": "…"}'
        )
    return value


def _command(op: str, context: click.Context) -> click.Command:
    """Return the command that an operation is: `task.create`, or `checkpoint.create` of memory."""
    root = context.find_root().command
    names = op.split(".")
    found: click.Command | None = root
    for name in ["memory", *names] if names[0] == "checkpoint" else names:
        assert isinstance(found, click.Group)
        found = found.get_command(context, name)
    assert found is not None
    return found


def _words(command: click.Command, asked: Mapping[str, Any]) -> list[str]:
    """Return a line as the words of a command line; its arguments come last, after `--`."""
    flags = {max(p.opts, key=len): p for p in command.params if isinstance(p, click.Option)}
    places = [p.name for p in command.params if isinstance(p, click.Argument)]
    words: list[str] = []
    last: dict[str, str] = {}
    for key, value in asked.items():
        flag = f"--{key.replace('_', '-')}"
        argument = _TASK if key == "task" else key
        if argument in places:
            last[argument] = str(value)
        elif flag not in flags:
            raise _unknown_key(key, [*flags, *(["--task"] if _TASK in places else [])])
        else:
            words += _flag_words(flag, flags[flag], value)
    return [*words, "--", *(last[name] for name in places if name in last)]


def _flag_words(flag: str, option: click.Option, value: Any) -> list[str]:
    if option.is_flag:
        if not isinstance(value, bool):
            raise _bad_value(flag, "true or false")
        return [flag] if value else []
    values = value if isinstance(value, list) else [value]
    if (isinstance(value, list) and not option.multiple) or not all(map(_is_plain, values)):
        raise _bad_value(flag, "a list of texts" if option.multiple else "a text or a number")
    return [f"{flag}={one}" for one in values]


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _bad_value(flag: str, wanted: str) -> StateError:
    key = flag.removeprefix("--").replace("-", "_")
    return StateError("usage_invalid", f"{key} is not {wanted}", hint="platformctl batch --help")


def _unknown_key(key: str, flags: list[str]) -> StateError:
    from difflib import get_close_matches

    known = [flag.removeprefix("--").replace("-", "_") for flag in flags]
    nearest = get_close_matches(key, known, n=1)
    hint = f"write {nearest[0]}" if nearest else "keys are the long flags, with _ for -"
    return StateError("usage_invalid", f"{shown(key)!r} is no key of this operation", hint=hint)


def _refused(message: str, number: int) -> StateError:
    return at_line(StateError("usage_invalid", message, hint="platformctl batch --help"), number)


def _piece(idle_s: float | None) -> bytes:
    if sys.stdin is None:  # the caller closed it
        return b""
    descriptor = sys.stdin.fileno()
    if idle_s is not None and not select.select([descriptor], [], [], idle_s)[0]:
        return b""
    return os.read(descriptor, _PIECE)
