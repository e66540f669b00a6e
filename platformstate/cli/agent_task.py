"""`platformctl codex-task` and `agent-task`: work at a task in a run that is claimed, watched and ended."""

from __future__ import annotations

import os
from copy import copy
from pathlib import Path
from typing import Any, Final

import click

from platformstate.cli import echo
from platformstate.cli.agent_task_text import ended_text, started_text
from platformstate.cli.commands import Command, group
from platformstate.cli.invocation import Invocation
from platformstate.cli.memory import create
from platformstate.cli.present import present
from platformstate.cli.task_options import REMOTE, TTL
from platformstate.cli.texts import WORDS
from platformstate.errors import StateError
from platformstate.policy.wrapping import DEFAULT_INTERVAL, OUTCOMES


@group(
    "codex-task",
    examples=(
        "platformctl codex-task start --task gh-460 -- codex exec -",
        "platformctl codex-task end --task gh-460",
    ),
)
def codex_task() -> None:
    """Work at a task as codex, in a run that is claimed, watched and ended."""


@codex_task.command(
    "start",
    examples=(
        "platformctl codex-task start --task gh-460 -- codex exec -",
        "platformctl codex-task start --task gh-460 --ttl 2h",
    ),
)
@click.option("--task", required=True, metavar="T", help="The task, or a prefix of its id.")
@TTL
@REMOTE
@click.option(
    "--interval",
    default=DEFAULT_INTERVAL,
    show_default=True,
    metavar="D",
    help="How often to record what has changed while the command runs.",
)
@click.option("--pin/--no-pin", default=True, help="Pin the task's plan as the steps of the run.")
@click.option("--auto/--no-auto", default=True, help="Record checkpoints while the command runs.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND ARGS...]")
@click.pass_context
def start(context: click.Context, /, **given: Any) -> None:
    """Claim a task and open a run at it; with a COMMAND run that, and end the run when it ends.

    The terminal is the command's. It finds its run in PLATFORMSTATE_RUN, _TASK and _ACTOR.
    """
    from platformstate.actions.agent_task import start_run

    invocation = _as_agent(context)
    if given["command"]:
        _wrap(invocation, given)
        return
    present(invocation, start_run(invocation.open_store(), _request(invocation, given)), started_text)


def _request(invocation: Invocation, given: dict[str, Any]) -> Any:
    from platformstate.actions.agent_task import StartRequest

    wanted = {name: given[name] for name in ("task", "ttl", "remote", "pin", "command")}
    return StartRequest(**wanted, idempotency_key=invocation.idempotency_key)


def _wrap(invocation: Invocation, given: dict[str, Any]) -> None:
    """Run the command; what is said of it goes to stderr, since stdout was the command's."""
    from platformstate.actions.agent_task_wrap import WrapRequest, wrap_command

    cwd = None if invocation.directory == "." else Path(invocation.directory)
    request = WrapRequest(_request(invocation, given), cwd, invocation.json, given["interval"], given["auto"])
    answer = wrap_command(invocation.open_store, request)
    if not invocation.json and not invocation.quiet and "write" in answer.data:
        echo.err(ended_text(answer.data))
    present(invocation, answer, lambda data: "")


@click.pass_context
def _checkpoint(context: click.Context, /, **given: Any) -> None:
    """Record where the work stands; the flags are those of memory checkpoint create."""
    _as_agent(context)
    assert create.callback is not None
    context.invoke(create.callback, **given)


codex_task.add_command(
    Command(
        "checkpoint",
        callback=_checkpoint,
        params=create.params,
        help=_checkpoint.__doc__,
        examples=(
            'platformctl codex-task checkpoint --kind decision --summary "one YAML profile"',
            "platformctl codex-task checkpoint --kind progress --step schema=done",
        ),
    )
)


@codex_task.command(
    "end",
    examples=(
        'platformctl codex-task end --task gh-460 --next "pin the reader"',
        'platformctl codex-task end --task gh-460 --outcome failed --reason "no access to the server"',
    ),
)
@click.option("--task", envvar="PLATFORMSTATE_TASK", metavar="T", help="The task, or a prefix of its id.")
@click.option(
    "--outcome",
    type=click.Choice(OUTCOMES),
    default=OUTCOMES[0],
    show_default=True,
    help="How the run has ended.",
)
@click.option("--reason", type=WORDS, metavar="TEXT", help="Why it failed or was aborted.")
@click.option("--next", "next_action", type=WORDS, metavar="T", help="The one action to take next.")
@click.pass_context
def end(context: click.Context, /, task: str | None, **given: Any) -> None:
    """End your run at a task: a last checkpoint, a receipt, and the claim given back."""
    from platformstate.actions.agent_task_end import end_run

    invocation = _as_agent(context)
    given["idempotency_key"] = invocation.idempotency_key
    inside = os.environ.get("PLATFORMSTATE_RUN") or None
    present(invocation, end_run(invocation.open_store(), task, inside_run=inside, **given), ended_text)


def _as_agent(context: click.Context) -> Invocation:
    """Let the command act in the agent's name. Raises: usage_invalid when --actor names another."""
    from platformstate.actions.agent_task import CODEX

    invocation = context.find_object(Invocation)
    assert invocation is not None
    assert context.parent is not None
    agent = context.parent.params.get("agent", CODEX)
    if agent is None:
        raise click.UsageError("Missing option '--agent'.", context)
    if invocation.actor not in (None, agent):
        raise StateError(
            "usage_invalid",
            f"this command acts in the name of {agent}; --actor names another",
            hint=f"platformctl agent-task --agent {invocation.actor} …",
        )
    invocation.actor = agent
    return invocation


@group(
    "agent-task",
    examples=(
        "platformctl agent-task --agent claude start --task gh-460 -- claude",
        "platformctl agent-task --agent claude end --task gh-460",
    ),
)
@click.option("--agent", metavar="NAME", help="In whose name to work; also after the verb.")
def agent_task(agent: str | None) -> None:
    """Work at a task as the agent that is named: codex-task for any other."""


def _take_agent(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None and context.parent is not None:
        context.parent.params["agent"] = value


_AGENT: Final = click.Option(
    ["--agent"], metavar="NAME", expose_value=False, callback=_take_agent, help="In whose name to work."
)

for _name, _command in codex_task.commands.items():
    _other = copy(_command)
    _other.params = [_AGENT, *_command.params]
    if isinstance(_other, Command):
        _other.examples = tuple(
            text.replace("codex-task", "agent-task --agent claude").replace("codex exec -", "claude")
            for text in _other.examples
        )
    agent_task.add_command(_other, _name)
