"""The flags of `task create` and `task update`, as tables with the names of a request; those of a claim."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Final

import click

from platformstate.cli.texts import TEXT
from platformstate.entities.task import PRIORITIES, PROOFS

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
_PROOF: Final = "|".join(PROOFS)

TTL: Final = click.option(
    "--ttl", metavar="D", help="How long the claim lasts without a sign of life; default 60m."
)
REMOTE: Final = click.option(
    "--remote",
    is_flag=False,
    flag_value="",
    metavar="NAME",
    help="Let this remote arbitrate between clones; without a name it is origin.",
)

SINGLE: Final = (
    ("--priority", {"type": click.Choice(PRIORITIES), "help": "How urgent; absent counts as p2."}),
    ("--kind", {"metavar": "K", "help": "What sort of work, for example feature."}),
    ("--tier", {"metavar": "T", "help": "How capable a worker it needs, in your own words."}),
    ("--owner", {"metavar": "A", "help": "Who answers for it."}),
    ("--agent", {"metavar": "A", "help": "Who is to work on it."}),
    ("--base", {"metavar": "REV", "help": "The commit it starts from, or none; a new task has HEAD."}),
    ("--branch", {"metavar": "B", "help": "The branch that the work belongs on."}),
    ("--setup", {"type": TEXT, "metavar": "CMD", "help": "How to get a work tree ready; shown, never run."}),
    ("--budget-minutes", {"type": click.IntRange(1), "metavar": "N", "help": "How long it may take."}),
    ("--budget-tokens", {"type": click.IntRange(1), "metavar": "N", "help": "How many tokens it may cost."}),
    ("--goal", {"type": TEXT, "metavar": "T", "help": "What is to be reached."}),
    ("--context", {"type": TEXT, "metavar": "T", "help": "What one has to know."}),
    ("--out-of-scope", {"type": TEXT, "metavar": "T", "help": "What is not to be done."}),
    ("--constraints", {"type": TEXT, "metavar": "T", "help": "What must hold all along."}),
    ("--rollback", {"type": TEXT, "metavar": "T", "help": "How to undo it."}),
    ("--outputs", {"type": TEXT, "metavar": "T", "help": "What is there at the end."}),
)
GROWING: Final = (
    (
        "--accept",
        {
            "type": TEXT,
            "metavar": "TEXT::PROOF",
            "help": f"A criterion and what proves it ({_PROOF}; default test).",
        },
    ),
    ("--plan", {"type": TEXT, "metavar": "[KEY=]TEXT[::VERIFY]", "help": "A step, and how to verify it."}),
)
LISTS: Final = (
    ("--label", {"metavar": "L", "help": "A word to find it by."}),
    ("--depends-on", {"metavar": "ID", "help": "A task that must be done first."}),
    ("--ref", {"metavar": "R", "help": "An issue, pull request or URL; never fetched."}),
    ("--spec-ref", {"metavar": "PATH[@REV]", "help": "A document that says what is wanted."}),
    ("--allow", {"metavar": "GLOB", "help": "Files that the work may touch."}),
    ("--forbid", {"metavar": "GLOB", "help": "Files that it must not touch."}),
    ("--verify", {"metavar": "CMD", "help": "A command that shows whether it works; never run."}),
    ("--stop", {"type": TEXT, "metavar": "TEXT", "help": "When to stop and ask."}),
    ("--approval", {"type": TEXT, "metavar": "TEXT", "help": "What an operator must agree to."}),
)
CHANGES: Final = (
    ("--add-label", {"metavar": "L", "help": "Add a label."}),
    ("--remove-label", {"metavar": "L", "help": "Take a label away."}),
    ("--add-dep", {"metavar": "ID", "help": "Add a task that must be done first."}),
    ("--remove-dep", {"metavar": "ID", "help": "Take a dependency away."}),
    ("--add-ref", {"metavar": "R", "help": "Add a reference."}),
    ("--remove-ref", {"metavar": "R", "help": "Take a reference away."}),
    (
        "--evidence",
        {
            "type": TEXT,
            "metavar": "AC=KIND:REF",
            "help": "Evidence for a criterion: checked now, a command is run; met when it proves it.",
        },
    ),
    ("--unset", {"metavar": "FIELD", "help": "Remove an optional field, for example budget."}),
)


def options(table: Sequence[tuple[str, dict[str, Any]]], *, multiple: bool = False) -> Decorator:
    """Return a decorator that gives a command the flags of a table, in its order."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for name, settings in reversed(table):
            function = click.option(name, multiple=multiple, **settings)(function)
        return function

    return decorate


def of_task(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command its task, as the first argument or as `--task ID`; it is handed on as `task_id`."""

    @wraps(function)
    def named(*places: Any, task_id: str | None, task_named: str | None, **given: Any) -> Any:
        if (task_id is None) == (task_named is None):
            reason = "Missing argument 'TASK'." if task_id is None else "TASK and --task are one too many."
            raise click.UsageError(reason, click.get_current_context())
        return function(*places, task_id=task_named if task_id is None else task_id, **given)

    flag = click.option("--task", "task_named", metavar="ID", help="The same as TASK.")
    decorated: Callable[..., Any] = click.argument("task_id", required=False, metavar="TASK")(flag(named))
    return decorated


def request_of(given: dict[str, Any]) -> dict[str, Any]:
    """Return the flags that were given, as a request of the actions."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in given.items()
        if _is_given(value)
    }


def _is_given(value: Any) -> bool:
    return value is not None and value != ()
