"""`platformctl task claim`, `release`, `ready`: who works on what, and what can be taken up next."""

from __future__ import annotations

import os
from typing import Any

import click

from platformstate.cli.claim_text import claimed_text, ready_text, released_text
from platformstate.cli.invocation import Invocation
from platformstate.cli.present import present
from platformstate.cli.task import task
from platformstate.cli.task_options import REMOTE, TTL, of_task
from platformstate.cli.texts import WORDS


@task.command(
    "claim",
    examples=("platformctl task claim gh-460", "platformctl task claim gh-460 --ttl 2h --remote=origin"),
)
@of_task
@TTL
@REMOTE
@click.option("--run", metavar="R", help="Renew the claim that this run holds.")
@click.pass_obj
def claim(invocation: Invocation, /, task_id: str, **wanted: Any) -> None:
    """Claim a task for a new run, so that nobody else works on it meanwhile.

    What this run records renews the claim. A run that is proven dead is ended, and the new one goes on
    from it.
    """
    from platformstate.actions.claim import claim_task

    inside = os.environ.get("PLATFORMSTATE_RUN") or None
    key = invocation.idempotency_key
    answer = claim_task(invocation.open_store(), task_id, inside_run=inside, idempotency_key=key, **wanted)
    present(invocation, answer, claimed_text)


@task.command(
    "release",
    examples=(
        "platformctl task release gh-460",
        'platformctl task release gh-460 --outcome failed --reason "the vendor must answer first"',
    ),
)
@of_task
@click.option(
    "--outcome",
    type=click.Choice(("succeeded", "failed", "aborted")),
    default="aborted",
    show_default=True,
    help="How the run ends.",
)
@click.option("--reason", type=WORDS, metavar="TEXT", help="Why; default: released.")
@click.option("--remote", is_flag=True, help="Refuse a claim that no remote knows of.")
@click.pass_obj
def release(invocation: Invocation, /, task_id: str, **wanted: Any) -> None:
    """Give a claim back and end the run that held it; only the holder or an operator may."""
    from platformstate.actions.release import release_task

    wanted["idempotency_key"] = invocation.idempotency_key
    present(invocation, release_task(invocation.open_store(), task_id, **wanted), released_text)


@task.command(
    "ready", examples=("platformctl task ready --limit 5", "platformctl task ready --claim --ttl 30m --json")
)
@click.option("--limit", type=click.IntRange(0), metavar="N", help="At most so many.")
@click.option("--agent", metavar="A", help="Of this agent.")
@click.option("--label", multiple=True, metavar="L", help="With each of these labels.")
@click.option("--explain", metavar="TASK", help="Say what keeps this task from being ready.")
@click.option("--claim", is_flag=True, help="Claim the first of them; a lost race goes on to the next.")
@TTL
@click.pass_obj
def ready(invocation: Invocation, /, **wanted: Any) -> None:
    """List what can be taken up now, in the order in which it is wanted."""
    from platformstate.actions.task_ready import ready_answer

    present(invocation, ready_answer(invocation.open_store(), **wanted), ready_text)
