"""`platformctl procedure`: look at procedures, and conduct them."""

from __future__ import annotations

from typing import Any

import click

from platformstate.cli import echo
from platformstate.cli.commands import group
from platformstate.cli.invocation import Invocation
from platformstate.cli.present import present
from platformstate.cli.run_text import conduct_text, lint_text, procedure_text, procedures_text

PARAM = click.option(
    "--param", "params", multiple=True, metavar="K=V", help="The value of a param; may be repeated."
)


@group(
    "procedure",
    examples=(
        "platformctl procedure list",
        "platformctl procedure conduct release-hotfix --param version=1.4.2",
    ),
)
def procedure() -> None:
    """Look at procedures, and conduct them."""


@procedure.command("list", examples=("platformctl procedure list", "platformctl procedure list --json"))
@click.pass_obj
def list_(invocation: Invocation) -> None:
    """List the procedures of the working files."""
    from platformstate.actions.procedure import list_procedures

    present(invocation, list_procedures(invocation.open_store()), procedures_text)


@procedure.command(
    "show",
    examples=(
        "platformctl procedure show release-hotfix",
        "platformctl procedure show release-hotfix --json",
    ),
)
@click.argument("procedure_id", metavar="ID")
@click.pass_obj
def show(invocation: Invocation, procedure_id: str) -> None:
    """Show one procedure: its params and its steps."""
    from platformstate.actions.procedure import show_procedure

    present(invocation, show_procedure(invocation.open_store(), procedure_id), procedure_text)


@procedure.command(
    "lint",
    examples=(
        "platformctl procedure lint release-hotfix",
        "platformctl procedure lint release-hotfix --param version=1.4.2 --twice",
    ),
)
@click.argument("procedure_id", metavar="ID")
@PARAM
@click.option("--twice", is_flag=True, help="Run each idempotent command two times in a scratch clone.")
@click.pass_obj
def lint(invocation: Invocation, procedure_id: str, params: tuple[str, ...], twice: bool) -> None:
    """Say what is wrong with a procedure and all that it calls."""
    from platformstate.actions.procedure import lint_procedure

    given = _params(params, None)
    answer = lint_procedure(invocation.open_store(), procedure_id, given, twice=twice)
    present(invocation, answer, lint_text)


@procedure.command(
    "conduct",
    examples=(
        "platformctl procedure conduct release-hotfix --param version=1.4.2 --task gh-460",
        "platformctl procedure conduct release-hotfix --param version=1.4.2 --dry-run --json",
    ),
)
@click.argument("procedure_id", metavar="ID")
@PARAM
@click.option("--params-file", type=click.File("rb"), metavar="F.json", help="A JSON object of params.")
@click.option("--task", envvar="PLATFORMSTATE_TASK", metavar="T", help="The task that the run serves.")
@click.option(
    "--parent-run", envvar="PLATFORMSTATE_RUN", metavar="R", help="The run inside which it is started."
)
@click.option("--supersedes", metavar="RUN", help="The run that it replaces; what was done there is carried.")
@click.option("--allow-reorder", is_flag=True, help="Let a new step run before one that is carried.")
@click.option(
    "--blob", metavar="OID", help="Allow the procedure's text as it stands here (an operator's act)."
)
@click.option("--new", is_flag=True, help="Begin another run although one with these params is open.")
@click.pass_obj
def conduct(
    invocation: Invocation, /, procedure_id: str, params: tuple[str, ...], params_file: Any, **given: Any
) -> None:
    """Pin a procedure's steps and walk them; what was pinned is what runs, now and at every resume."""
    from platformstate.actions.conduct_start import ConductRequest, conduct_procedure

    request = ConductRequest(
        procedure_id, _params(params, params_file), idempotency_key=invocation.idempotency_key, **given
    )
    told = (lambda line: None) if invocation.quiet else echo.err
    answer = conduct_procedure(invocation.open_store(), request, told=told, own_process=True)
    present(invocation, answer, conduct_text)


def _params(params: tuple[str, ...], file: Any) -> dict[str, Any]:
    """Return params by name; those on the command line go before those of a file."""
    from platformstate.actions.conduct_params import params_of

    return params_of(params, None if file is None else file.read())
