"""`platformctl merge-driver` and `platformctl textconv`: what git calls when it merges and compares."""

from __future__ import annotations

from typing import Any

import click

from platformstate.cli.commands import command
from platformstate.cli.invocation import Invocation
from platformstate.cli.present import present


@command(
    "merge-driver",
    examples=(
        "platformctl merge-driver %O %A %B %P",
        "platformctl merge-driver base.md ours.md theirs.md state/tasks/gh-460/task.md",
    ),
)
@click.argument("base", metavar="%O")
@click.argument("ours", metavar="%A")
@click.argument("theirs", metavar="%B")
@click.argument("path", metavar="%P")
@click.pass_obj
def merge_driver(invocation: Invocation, base: str, ours: str, theirs: str, path: str) -> None:
    """Merge a record field by field, for git.

    The result of the three versions stands in %A. A conflict is left as git writes it, and never
    settled by a guess.
    """
    from platformstate.actions.merge_driver import merge_files

    present(invocation, merge_files(invocation.directory, base, ours, theirs, path), _merge_text)


@command(
    "textconv",
    examples=("platformctl textconv state/store.yaml", "platformctl textconv state/tasks/gh-460/task.md"),
)
@click.argument("file", metavar="FILE")
@click.pass_obj
def textconv(invocation: Invocation, file: str) -> None:
    """Print a record as plain lines, for git diff.

    What does not parse is printed as it is, made safe for a terminal.
    """
    from platformstate.actions.textconv import text_for_git

    present(invocation, text_for_git(invocation.directory, file), lambda data: str(data["text"]))


def _merge_text(data: dict[str, Any]) -> str:
    return ""
