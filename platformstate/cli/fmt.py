"""`platformctl fmt`: rewrite state files to canonical text."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from platformstate.cli.commands import command
from platformstate.cli.findings import finding_text
from platformstate.cli.invocation import Invocation
from platformstate.cli.present import present


@command("fmt", examples=("platformctl fmt --check", "platformctl fmt state/tasks/gh-460 --diff"))
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--check", is_flag=True, help="Write nothing; fail if anything would change.")
@click.option("--diff", is_flag=True, help="Write nothing; print what would change.")
@click.option("--fix", is_flag=True, help="Also quote what is ambiguous and drop keys without a value.")
@click.pass_obj
def fmt(invocation: Invocation, paths: tuple[str, ...], check: bool, diff: bool, fix: bool) -> None:
    """Rewrite state files to canonical text.

    Nothing is staged and nothing committed. A file that does not parse is left alone.
    """
    from platformstate.actions.fmt import format_files

    dry_run = invocation.dry_run
    answer = format_files(invocation.directory, paths, check=check, diff=diff, fix=fix, dry_run=dry_run)
    present(invocation, answer, partial(_fmt_text, "would change" if check or dry_run else "changed"))


def _fmt_text(verb: str, data: dict[str, Any]) -> str:
    lines = [finding_text(problem) for problem in data["problems"]]
    if "diff" in data:
        return "\n".join([*lines, data["diff"]])
    lines += [f"{verb} {path}" for path in data["changed"]]
    noun = "file" if data["checked"] == 1 else "files"
    return "\n".join(lines or [f"{data['checked']} {noun}, nothing to change"])
