"""`platformctl init`: prepare a repository to hold state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from platformstate.actions.init import CI_FILES, init_store
from platformstate.actions.init_agents import HOMES
from platformstate.cli.commands import command
from platformstate.cli.hook_commands import program_path
from platformstate.cli.invocation import Invocation
from platformstate.cli.present import present

if TYPE_CHECKING:
    _Names = click.ParamType[tuple[str, ...]]
else:  # older click has no type argument here
    _Names = click.ParamType


class AgentNames(_Names):
    """Names of agents with commas between them."""

    name = "names"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the names, each once."""
        if not isinstance(value, str):
            return value
        names = tuple(dict.fromkeys(name.strip() for name in value.split(",")))
        for name in names:
            if name not in HOMES:
                raise click.BadParameter(f"{name!r} is not one of {', '.join(HOMES)}", ctx, param)
        return names


AGENTS = AgentNames()


@command("init", examples=("platformctl init --hooks --agents claude,codex", "platformctl init --ci github"))
@click.option("--hooks", is_flag=True, help="Install the git hooks as well.")
@click.option("--ci", type=click.Choice(list(CI_FILES)), help="Write the workflow of this forge as well.")
@click.option(
    "--agents", type=AGENTS, default=(), metavar="claude,codex", help="Tell these agents how to work here."
)
@click.pass_obj
def init(invocation: Invocation, hooks: bool, ci: str | None, agents: tuple[str, ...]) -> None:
    """Prepare this repository to hold state.

    A second call changes nothing. What is written is one commit of exactly these files; one that holds
    your own uncommitted changes is left for you to commit.
    """
    store = invocation.open_repository()
    answer = init_store(store, hooks=hooks, program=program_path(), ci=ci, agents=agents)
    present(invocation, answer, _init_text)


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
