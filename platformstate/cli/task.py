"""`platformctl task`: create, find, show and change tasks."""

from __future__ import annotations

from typing import Any, cast

import click

from platformstate.cli.commands import group
from platformstate.cli.graph_text import GRAPHS
from platformstate.cli.invocation import Invocation
from platformstate.cli.present import present
from platformstate.cli.task_options import (
    CHANGES,
    GROWING,
    LISTS,
    SINGLE,
    of_task,
    options,
    request_of,
)
from platformstate.cli.task_text import changed_text, list_text, show_text
from platformstate.cli.texts import SOURCE, TEXT, WORDS, Source
from platformstate.entities.task import BLOCKED_BY, PRIORITIES, STATUSES, TaskRequest


@group("task", examples=("platformctl task list --open", "platformctl task show gh-460"))
def task() -> None:
    """Work with tasks."""


@task.command(
    "create",
    examples=(
        'platformctl task create --title "Add retry to the exporter" --accept "the retry tests pass::test"',
        "platformctl task create --from packet.md --id gh-460",
    ),
)
@click.option("--title", type=TEXT, metavar="T", help="What is wanted, in one line.")
@click.option(
    "--from", "source", type=SOURCE, metavar="FILE|-", help="A filled packet, or Markdown with front matter."
)
@click.option("--id", metavar="ID", help="Its id; default: made from the title.")
@click.option("--status", type=click.Choice(("intake", "refining", "ready")), help="Where it begins.")
@options(SINGLE)
@options(GROWING, multiple=True)
@options(LISTS, multiple=True)
@click.pass_obj
def create(invocation: Invocation, /, source: Source | None, **given: Any) -> None:
    """Create a task.

    With a criterion it is ready, without in intake. Flags override a packet; those such as --accept
    may be repeated; text flags take @FILE to read a file and - to read standard input.
    """
    from platformstate.actions.packet import read_packet
    from platformstate.actions.task_create import create_task

    packet = None if source is None else read_packet(source.data, source.name)
    request = cast(TaskRequest, request_of(given))
    key = invocation.idempotency_key
    answer = create_task(invocation.open_store(), request, packet=packet, idempotency_key=key)
    present(invocation, answer, changed_text)


@task.command(
    "list",
    examples=("platformctl task list --open --priority p0", "platformctl task list --label exporter --json"),
)
@click.option("--status", multiple=True, type=click.Choice(STATUSES), help="In one of these statuses.")
@click.option("--open", "open_only", is_flag=True, help="Not done and not retired.")
@click.option("--label", multiple=True, metavar="L", help="With each of these labels.")
@click.option("--agent", metavar="A", help="Of this agent.")
@click.option("--owner", metavar="A", help="Of this owner.")
@click.option("--priority", type=click.Choice(PRIORITIES), help="Of this priority.")
@click.option("--ref", metavar="R", help="With this reference.")
@click.option("--limit", type=click.IntRange(0), metavar="N", help="At most so many.")
@click.option("--offset", type=click.IntRange(0), default=0, metavar="N", help="Leave out the first ones.")
@click.pass_obj
def list_(invocation: Invocation, /, **conditions: Any) -> None:
    """List tasks that meet every condition, in order of their ids."""
    from platformstate.actions.task_list import list_tasks

    present(invocation, list_tasks(invocation.open_store(), **conditions), list_text)


@task.command(
    "show", examples=("platformctl task show gh-460", "platformctl task show gh-460 --runs 3 --json")
)
@of_task
@click.option("--runs", type=click.IntRange(0), metavar="N", help="Only the newest N runs.")
@click.pass_obj
def show(invocation: Invocation, /, task_id: str, runs: int | None) -> None:
    """Show one task, its runs, and what keeps it from being ready."""
    from platformstate.actions.task_show import show_task

    present(invocation, show_task(invocation.open_store(), task_id, runs=runs), show_text)


@task.command(
    "update",
    examples=(
        'platformctl task update gh-460 --accept "Contract written::doc" --status ready',
        'platformctl task update gh-460 --status parked --reason "waits for the vendor"',
    ),
)
@of_task
@click.option("--title", type=TEXT, metavar="T", help="What is wanted, in one line.")
@click.option("--status", type=click.Choice(STATUSES), help="Where it stands now.")
@click.option("--reason", type=WORDS, metavar="TEXT", help="Why it is parked or retired.")
@options(SINGLE)
@options(GROWING, multiple=True)
@options(CHANGES, multiple=True)
@click.option("--expect-rev", metavar="REV", help="Refuse when the record is at another revision.")
@click.pass_obj
def update(invocation: Invocation, /, task_id: str, expect_rev: str | None, **given: Any) -> None:
    """Change a task; what is not named stays, byte for byte."""
    from platformstate.actions.task_update import update_task

    request = cast(TaskRequest, request_of(given))
    guards = {"expect_rev": expect_rev, "idempotency_key": invocation.idempotency_key}
    present(invocation, update_task(invocation.open_store(), task_id, request, **guards), changed_text)


@task.command(
    "block",
    examples=(
        'platformctl task block gh-460 --reason "the schema is not agreed" --waits-on human',
        'platformctl task block gh-460 --on gh-661 --reason "needs the tables"',
    ),
)
@of_task
@click.option("--reason", required=True, type=WORDS, metavar="TEXT", help="Why it cannot go on.")
@click.option("--on", metavar="TASK2", help="The task that it waits for; it depends on it from now on.")
@click.option("--waits-on", type=click.Choice(BLOCKED_BY), help="Who or what has to act.")
@click.option("--expect-rev", metavar="REV", help="Refuse when the record is at another revision.")
@click.pass_obj
def block(invocation: Invocation, /, task_id: str, **given: Any) -> None:
    """Say that an open task cannot go on, and why."""
    from platformstate.actions.task_block import block_task

    given["idempotency_key"] = invocation.idempotency_key
    present(invocation, block_task(invocation.open_store(), task_id, **given), changed_text)


@task.command(
    "unblock",
    examples=(
        "platformctl task unblock gh-460",
        'platformctl task unblock gh-460 --reason "the operator chose the first schema"',
    ),
)
@of_task
@click.option("--reason", type=WORDS, metavar="TEXT", help="What changed.")
@click.option("--expect-rev", metavar="REV", help="Refuse when the record is at another revision.")
@click.pass_obj
def unblock(invocation: Invocation, /, task_id: str, **given: Any) -> None:
    """Let a blocked task go on: to implementation while a run holds it, else to ready."""
    from platformstate.actions.task_block import unblock_task

    given["idempotency_key"] = invocation.idempotency_key
    present(invocation, unblock_task(invocation.open_store(), task_id, **given), changed_text)


@task.command(
    "graph",
    examples=(
        "platformctl task graph --task gh-460",
        "platformctl task graph --format mermaid",
    ),
)
@click.option("--task", metavar="T", help="Only tasks that this one is connected with.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(tuple(GRAPHS)),
    default="text",
    show_default=True,
    help="Plain text, or a drawing's source.",
)
@click.pass_obj
def graph(invocation: Invocation, /, task: str | None, format_: str) -> None:
    """Show which task waits for which, and where criteria were moved to."""
    from platformstate.actions.task_graph import graph_tasks

    present(invocation, graph_tasks(invocation.open_store(), task=task), GRAPHS[format_])


from platformstate.cli import task_claims as task_claims  # noqa: E402  more verbs of this group
from platformstate.cli import task_closing as task_closing  # noqa: E402  and those that end a task
