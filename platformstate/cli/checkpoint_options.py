"""The flags of `memory checkpoint create`, which other commands that write checkpoints share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import click

from platformstate.cli.task_options import options
from platformstate.cli.texts import SOURCE, TEXT, WORDS
from platformstate.entities.checkpoint import KINDS, WAITS_ON

STATEMENTS: Final = (
    ("--done", {"type": TEXT, "metavar": "T", "help": "What is done now."}),
    ("--failed", {"type": TEXT, "metavar": "T", "help": "What was tried and failed, and why."}),
    ("--decision", {"type": TEXT, "metavar": "T", "help": "What was decided, and why."}),
    ("--surprise", {"type": TEXT, "metavar": "T", "help": "What was not as expected."}),
    ("--question", {"type": TEXT, "metavar": "T", "help": "What is open."}),
    ("--assumption", {"type": TEXT, "metavar": "T", "help": "What is taken for granted."}),
)
_LISTS: Final = (
    (
        "--criterion",
        {"metavar": "AC=met|open", "help": "A claim about a criterion; the task is not changed."},
    ),
    ("--ran", {"metavar": '"EXIT CMD"', "help": "A command that was run before: only said."}),
    ("--exec", {"metavar": "CMD", "help": "Run it now, without a shell; its result is recorded."}),
    (
        "--blocker",
        {"type": TEXT, "metavar": "WAITS_ON:ASK", "help": f"What it waits for ({'|'.join(WAITS_ON)})."},
    ),
    ("--file", {"metavar": "PATH", "help": "A file that belongs to it, besides those that changed."}),
    ("--evidence", {"metavar": "KIND:REF", "help": "What shows it, checked now: commit:HEAD, file:PATH …"}),
)
_OPTIONS: Final = (
    click.option("--task", envvar="PLATFORMSTATE_TASK", metavar="T", help="The task, or a prefix of its id."),
    click.option("--kind", type=click.Choice(KINDS), help="What sort of statement it is."),
    click.option(
        "--run", metavar="R", help="The run; default: your open one in this worktree, else a new one."
    ),
    click.option("--summary", type=TEXT, metavar="S", help="The main thing, first in its kind's section."),
    options(STATEMENTS, multiple=True),
    options(_LISTS, multiple=True),
    click.option("--next", type=WORDS, metavar="T", help="The one action to take next."),
    click.option("--next-verify", type=TEXT, metavar="CMD", help="The command that shows whether it worked."),
    click.option(
        "--step", metavar="KEY=begun|done|failed", help="Say so of the next pinned step of the run."
    ),
    click.option("--supersedes", metavar="ID", help="The earlier checkpoint that it corrects."),
    click.option(
        "--on-behalf-of", metavar="AUTHOR", help="In whose name you write what you saw; you are the observer."
    ),
    click.option(
        "--auto", is_flag=True, default=None, help="Record what git shows, without words: commits, files."
    ),
    click.option(
        "--from",
        "source",
        type=SOURCE,
        metavar="FILE|-",
        help="A filled checkpoint template; flags override it.",
    ),
)


def checkpoint_flags(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the flags of `memory checkpoint create`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function
