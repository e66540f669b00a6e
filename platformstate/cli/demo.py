"""`platformctl demo`: the main job, step by step, in a temporary repository."""

from __future__ import annotations

from typing import Any

import click

from platformstate.actions.demo import run_demo
from platformstate.cli import echo
from platformstate.cli.commands import command
from platformstate.cli.invocation import Invocation
from platformstate.cli.present import present


@command("demo", examples=("platformctl demo", "platformctl demo --json"))
@click.pass_obj
def demo(invocation: Invocation) -> None:
    """Walk through the main job in a temporary repository.

    Wrap, kill, brief, rescue, recover, refuse, prove, conduct, resume: each step is a real command, and each
    promise is checked.
    """
    silent = invocation.json or invocation.quiet
    present(invocation, run_demo((lambda text: None) if silent else echo.out), _demo_text)


def _demo_text(data: dict[str, Any]) -> str:
    return f"\n{data['commands']} commands, every promise held; {data['removed']} is removed"
