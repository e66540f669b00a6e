"""The commands that there are, from the tree itself, and which of them a typed line means."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec

import click

from platformstate.cli.commands import COMMANDS, ROOT


@cache
def paths() -> tuple[str, ...]:
    """Return every command as it is typed: `task create`, `memory checkpoint list`, `validate`."""
    context = click.Context(ROOT)
    present = [name for name, home in COMMANDS.items() if find_spec(home.place.partition(":")[0]) is not None]
    return tuple(path for name in present for path in _below(name, ROOT.get_command(context, name)))


def meant(line: str) -> str | None:
    """Return the command that a line calls; None when it names none that there is."""
    words = shlex.split(line)
    words = words[words.index("platformctl") + 1 :]
    if "--agent" in words[: words.index("--") if "--" in words else None]:
        named = words.index("--agent")
        words = words[:named] + words[named + 2 :]  # it stands between a noun and its verb
    words = [word for word in words if not word.startswith("-")]
    for start in range(len(words)):
        for end in range(min(len(words), start + 3), start, -1):
            path = " ".join(words[start:end])
            if path in paths():
                return path
        if words[start] in COMMANDS:
            return None
    return None


def _below(path: str, command: click.Command | None) -> Iterator[str]:
    if not isinstance(command, click.Group):
        yield path
        return
    for name, verb in command.commands.items():
        yield from _below(f"{path} {name}", verb)
