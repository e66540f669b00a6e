"""`platformctl diff`: what changed in meaning, what is only claimed, and what needs an operator."""

from __future__ import annotations

from functools import partial

import click

from platformstate.cli.commands import command
from platformstate.cli.diff_markdown import diff_markdown
from platformstate.cli.diff_text import diff_text
from platformstate.cli.invocation import Invocation
from platformstate.cli.present import present


@command("diff", examples=("platformctl diff", "platformctl diff main..work --format md"))
@click.argument("revisions", required=False, metavar="[A..B]")
@click.option("--staged", is_flag=True, help="Compare HEAD with the index instead of the working files.")
@click.option("--format", "style", type=click.Choice(("text", "md", "json")), help="json is --json.")
@click.option("--all", "all_files", is_flag=True, help="List the files that only changed their layout too.")
@click.pass_obj
def diff(
    invocation: Invocation, revisions: str | None, staged: bool, style: str | None, all_files: bool
) -> None:
    """Say what changed in meaning and what needs an operator.

    Layout and quoting are no change. Without A..B the working files are compared with HEAD. A...B compares from where the two parted.
    """
    from platformstate.actions.diff import diff_state

    invocation.json |= style == "json"
    answer = diff_state(invocation.directory, revisions, staged=staged)
    render = diff_markdown if style == "md" else diff_text
    present(invocation, answer, partial(render, all_files=all_files))
