"""`platformctl explain`: what an error code means and what to do about it."""

from __future__ import annotations

from typing import Any

import click

from platformstate.actions.explain import explain_code, list_codes
from platformstate.cli.commands import command
from platformstate.cli.invocation import Invocation
from platformstate.cli.present import present


@command(
    "explain",
    examples=("platformctl explain key_duplicate", "platformctl explain --list --json"),
)
@click.argument("code", required=False, metavar="[CODE]")
@click.option("--list", "listed", is_flag=True, help="List every code with its family and exit status.")
@click.pass_obj
def explain(invocation: Invocation, code: str | None, listed: bool) -> None:
    """Explain an error code, or list them all."""
    if (code is None) is not listed:
        raise click.UsageError("give one CODE, or --list")
    if code is None:
        present(invocation, list_codes(), _list_text)
    else:
        present(invocation, explain_code(code), _code_text)


def _code_text(data: dict[str, Any]) -> str:
    exit_status = "" if data["exit"] is None else f", exit {data['exit']}"
    lines = [f"{data['code']}: {data['summary']}", f"  {data['family']}, {data['severity']}{exit_status}"]
    for part in ("cause", "example", "fix"):
        if data[part]:
            lines += ["", f"{part.capitalize()}: {data[part]}"]
    return "\n".join(lines)


def _list_text(data: dict[str, Any]) -> str:
    width = max(len(entry["code"]) for entry in data["codes"])
    rows = []
    for entry in data["codes"]:
        exit_status = "-" if entry["exit"] is None else entry["exit"]
        rows.append(f"{entry['code']:<{width}}  {exit_status:>2}  {entry['summary']}")
    return "\n".join(rows)
