"""`platformctl evidence`: check again what proves that things are done."""

from __future__ import annotations

from typing import Any

import click

from platformstate.cli.commands import group
from platformstate.cli.invocation import Invocation
from platformstate.cli.present import present
from platformstate.cli.task_text import verified_text


@group(
    "evidence",
    examples=("platformctl evidence verify --all", "platformctl evidence verify --task gh-460 --run"),
)
def evidence() -> None:
    """Check again what proves that things are done."""


@evidence.command(
    "verify",
    examples=(
        "platformctl evidence verify --task gh-460 --criterion ac1",
        "platformctl evidence verify --all --rev origin/main --strict --json",
    ),
)
@click.option("--task", metavar="T", help="Of this task.")
@click.option("--all", "all_tasks", is_flag=True, help="Of every task; so also without --task.")
@click.option("--criterion", metavar="AC", help="Of this criterion of the task.")
@click.option("--rev", metavar="R", help="As of this commit, its own records too; default: the target.")
@click.option("--strict", is_flag=True, help="Let what has drifted or cannot be checked fail too.")
@click.option("--run", "execute", is_flag=True, help="Run again the commands that stand at the trusted ref.")
@click.pass_obj
def verify(invocation: Invocation, /, **wanted: Any) -> None:
    """Say of each item whether it holds, has drifted, is broken, or cannot be verified here.

    Closed tasks are judged by the target (the trusted ref), open ones by HEAD.
    """
    from platformstate.actions.evidence_verify import verify_evidence

    present(invocation, verify_evidence(invocation.open_store(), **wanted), verified_text)
