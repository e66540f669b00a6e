"""`platformctl validate`: judge state files; every finding says its place and its fix."""

from __future__ import annotations

import sys
from typing import Any

import click

from platformstate.cli.commands import command
from platformstate.cli.findings import findings_text, verdict_text
from platformstate.cli.invocation import Invocation
from platformstate.cli.present import present


@command(
    "validate",
    examples=("platformctl validate", "platformctl validate --staged --json"),
)
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--staged", is_flag=True, help="Judge what the index would commit, never working files.")
@click.option("--rev", metavar="R", help="Judge the whole tree of a commit against its parents.")
@click.option(
    "--stdin-path", "text_path", metavar="PATH", help="Judge standard input as if it stood at PATH."
)
@click.option("--base", metavar="R", help="Compare with this commit instead of HEAD or the parents.")
@click.option("--allow", multiple=True, metavar="CODE[:PATH]", help="Let a finding be a warning this once.")
@click.option("--warnings-as-errors", is_flag=True, help="Fail for warnings too.")
@click.option(
    "--max-problems",
    type=click.IntRange(min=0),
    metavar="N",
    help="Show at most N findings instead of 200; 0 shows all.",
)
@click.option("--format", "style", type=click.Choice(("text", "json")), help="json is --json.")
@click.option("--reference", is_flag=True, help="Repeat each check with the reference engine.")
@click.pass_obj
def validate(invocation: Invocation, /, style: str | None, **wish: Any) -> None:
    """Judge state files; every finding says its fix.

    Without PATH all working files below state/ are judged, against HEAD. Exit 1 when an error is found.
    """
    from platformstate.actions.validate import Wish, validate_state

    invocation.json |= style == "json"
    text = sys.stdin.buffer.read() if wish["text_path"] is not None else b""
    given = {name: value for name, value in wish.items() if value is not None}
    answer = validate_state(invocation.directory, Wish(text=text, **given))
    quiet = wish["text_path"] is not None or invocation.quiet
    present(invocation, answer, findings_text if quiet else verdict_text)
