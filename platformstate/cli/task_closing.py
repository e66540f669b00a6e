"""`platformctl task close`, `reopen`, `move-criterion` and `waive-criterion`: what ends a task, and on what proof."""

from __future__ import annotations

import os
from typing import Any, Final

import click

from platformstate.cli.invocation import Invocation
from platformstate.cli.present import present
from platformstate.cli.task import task
from platformstate.cli.task_options import of_task
from platformstate.cli.task_text import changed_text, closed_text, moved_text
from platformstate.cli.texts import TEXT, WORDS

REV: Final = click.option(
    "--expect-rev", metavar="REV", help="Refuse when the record is at another revision."
)


@task.command(
    "close",
    examples=(
        "platformctl task close gh-460 --evidence ac1=file:docs/contract.md",
        'platformctl task close gh-460 --evidence "ac2=cmd:pytest -q" --timeout 20m',
    ),
)
@of_task
@click.option(
    "--evidence",
    multiple=True,
    type=TEXT,
    metavar="[AC=]KIND:REF",
    help="Proof of a criterion, checked now; a command is run.",
)
@click.option("--docs-only", is_flag=True, help="Refuse unless every criterion left is met by documents.")
@click.option("--timeout", metavar="D", default="10m", show_default=True, help="How long a command may take.")
@REV
@click.pass_obj
def close(invocation: Invocation, /, task_id: str, timeout: str, **wanted: Any) -> None:
    """Close a task whose criteria are all proven now, moved or waived.

    Kinds of evidence: commit:REV, file:PATH, command:CMD (cmd:), receipt:RUN, db-verify:PATH,
    operator:NOTE, url:URL. What proves what: platformctl explain evidence_wrong_type.
    """
    from platformstate.actions.task_close import close_task
    from platformstate.policy.claims import length_s

    wanted |= {"limit_s": length_s(timeout, "--timeout"), "inside_run": _inside()}
    wanted["idempotency_key"] = invocation.idempotency_key
    present(invocation, close_task(invocation.open_store(), task_id, **wanted), closed_text)


@task.command(
    "reopen",
    examples=(
        'platformctl task reopen gh-460 --reason "the contract has changed"',
        'platformctl task reopen gh-460 --reason "seen failing" --criterion ac2',
    ),
)
@of_task
@click.option("--reason", required=True, type=WORDS, metavar="TEXT", help="Why it is not done after all.")
@click.option("--criterion", "criteria", multiple=True, metavar="AC", help="Open this one again.")
@REV
@click.pass_obj
def reopen(invocation: Invocation, /, task_id: str, **wanted: Any) -> None:
    """Take a done task back to ready; what no longer holds is open again, its evidence stays listed."""
    from platformstate.actions.task_close import reopen_task

    wanted["idempotency_key"] = invocation.idempotency_key
    present(invocation, reopen_task(invocation.open_store(), task_id, **wanted), changed_text)


@task.command(
    "move-criterion",
    examples=(
        "platformctl task move-criterion gh-460 ac2 --to gh-661",
        'platformctl task move-criterion gh-460 ac2 --to gh-661 --reason "needs the live database"',
    ),
)
@click.argument("task_id", metavar="TASK")
@click.argument("criterion", metavar="AC")
@click.option("--to", required=True, metavar="TASK2", help="The open task that gains it.")
@click.option("--reason", type=WORDS, metavar="TEXT", help="Why it is proven there.")
@REV
@click.pass_obj
def move_criterion(invocation: Invocation, /, task_id: str, **wanted: Any) -> None:
    """Hand an open criterion over to another task, which cannot close without it."""
    from platformstate.actions.task_criteria import move_criterion as move

    wanted["idempotency_key"] = invocation.idempotency_key
    present(invocation, move(invocation.open_store(), task_id, **wanted), moved_text)


@task.command(
    "waive-criterion",
    examples=(
        'platformctl task waive-criterion gh-460 ac3 --reason "the page went away"',
        'platformctl task waive-criterion gh-460 ac3 --reason "not needed" --actor operator',
    ),
)
@click.argument("task_id", metavar="TASK")
@click.argument("criterion", metavar="AC")
@click.option("--reason", required=True, type=WORDS, metavar="TEXT", help="Why it need not hold.")
@REV
@click.pass_obj
def waive_criterion(invocation: Invocation, /, task_id: str, **wanted: Any) -> None:
    """Let a criterion go; an operator's act, recorded as one."""
    from platformstate.actions.task_criteria import waive_criterion as waive

    wanted["idempotency_key"] = invocation.idempotency_key
    present(invocation, waive(invocation.open_store(), task_id, **wanted), closed_text)


def _inside() -> str | None:
    return os.environ.get("PLATFORMSTATE_RUN") or None
