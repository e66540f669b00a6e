"""`platformctl init`: prepare a repository to hold state."""

from __future__ import annotations

from typing import Any

import click

from platformstate.actions.init import CI_FILES, init_store
from platformstate.cli.commands import command
from platformstate.cli.hook_commands import program_path
from platformstate.cli.invocation import Invocation
from platformstate.cli.present import present


@command("init", examples=("platformctl init --hooks", "platformctl init --ci github"))
@click.option("--hooks", is_flag=True, help="Install the git hooks as well.")
@click.option("--ci", type=click.Choice(list(CI_FILES)), help="Write the workflow of this forge as well.")
@click.pass_obj
def init(invocation: Invocation, hooks: bool, ci: str | None) -> None:
    """Prepare this repository to hold state.

    A second call changes nothing. What is written is one commit of exactly these files; one that holds
    your own uncommitted changes is left for you to commit.
    """
    store = invocation.open_repository()
    present(invocation, init_store(store, hooks=hooks, program=program_path(), ci=ci), _init_text)


def _init_text(data: dict[str, Any]) -> str:
    planned = data["write"]["state"] == "planned"
    lines = [f"{'would create' if planned else 'created'} {path}" for path in data["created"]]
    lines += [f"{'would change' if planned else 'changed'} {path}" for path in data["changed"]]
    lines += [f"left for you to commit: {path}" for path in data["uncommitted"]]
    lines += [f"hook {name}" for name in data["hooks"]]
    if data["commit"]:
        lines.append(f"committed {data['commit'][:12]}")
    if data["write"]["state"] == "files_only":
        lines.append("left for you to commit")
    return "\n".join(lines or ["nothing to do"])
