"""`platformctl doctor`: what is wrong around the store, and the repair of what can be repaired."""

from __future__ import annotations

from typing import Any

import click

from platformstate.cli.commands import command
from platformstate.cli.invocation import Invocation
from platformstate.cli.present import present
from platformstate.codec.safe import safe_line


@command("doctor", examples=("platformctl doctor", "platformctl doctor --fix --json"))
@click.option("--fix", is_flag=True, help="Commit what waits and put away what dead writers left.")
@click.option("--here", is_flag=True, help="With --fix: commit writes of other branches on this one.")
@click.option("--strict", is_flag=True, help="Fail for warnings too.")
@click.option("--list-failpoints", is_flag=True, help="List the points at which a test can end a process.")
@click.pass_obj
def doctor(invocation: Invocation, fix: bool, here: bool, strict: bool, list_failpoints: bool) -> None:
    """Examine the repository and its store; repair with --fix."""
    from platformstate.actions.doctor import examine, examine_bare, failpoint_names
    from platformstate.cli.hook_commands import program_path

    if list_failpoints:
        present(invocation, failpoint_names(), lambda data: "\n".join(data["failpoints"]))
    elif here and not fix:
        raise click.UsageError("--here goes with --fix")
    else:
        bare = examine_bare(invocation.directory)
        how = {"fix": fix, "here": here, "strict": strict}
        answer = bare or examine(invocation.open_repository(), program=program_path(), **how)
        present(invocation, answer, _text)


def _text(data: dict[str, Any]) -> str:
    lines = [_line(found) for found in data["checks"]]
    found = data["repository"]
    branch = found["ref"] or "no branch"
    state = "healthy" if data["healthy"] else "not healthy"
    lines.append(
        f"{found['root'] or found['git_dir']} is {state}: {found['state']}, {branch}, {len(data['pending'])} pending"
    )
    return "\n".join(lines)


def _line(found: dict[str, Any]) -> str:
    word = "fixed" if found["fixed"] else found["status"]
    is_placed = not found["path"] or found["path"] in found["message"]
    place = "" if is_placed else f"{found['path']}: "
    text = safe_line(f"{word:<7} {found['code']}  {place}{found['message']}")
    is_done = found["fixed"] or found["status"] == "info"
    return text if is_done else f"{text}\n        {safe_line(found['fix'])}"
