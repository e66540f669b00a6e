"""`platformctl hooks`: install, remove, report and run the git hooks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from platformstate.actions.hooks import hooks_status, install_hooks, uninstall_hooks
from platformstate.cli.commands import group
from platformstate.cli.hooks import judge
from platformstate.cli.invocation import Invocation
from platformstate.cli.present import present


@group("hooks", examples=("platformctl hooks install", "platformctl hooks status --json"))
def hooks() -> None:
    """Install and run the git hooks."""


@hooks.command("install", examples=("platformctl hooks install", "platformctl hooks install --json"))
@click.option("--server", is_flag=True, help="Install the hook of a server, which judges each push.")
@click.option("--into", metavar="DIR", help="The folder from which a forge runs the hook; with --server.")
@click.option("--merge-driver", is_flag=True, help="Let git merge and compare records by field here, too.")
@click.pass_obj
def install(invocation: Invocation, /, **how: Any) -> None:
    """Install the hooks; one that is there already runs first."""
    answer = install_hooks(invocation.directory, program_path(), dry_run=invocation.dry_run, **how)
    present(invocation, answer, _installed_text)


@hooks.command("uninstall", examples=("platformctl hooks uninstall", "platformctl hooks uninstall --json"))
@click.option("--into", metavar="DIR", help="The folder that the hook of a server was installed into.")
@click.pass_obj
def uninstall(invocation: Invocation, into: str | None) -> None:
    """Remove the hooks and put back what was there before."""
    answer = uninstall_hooks(invocation.directory, into=into, dry_run=invocation.dry_run)
    present(invocation, answer, _removed_text)


@hooks.command("status", examples=("platformctl hooks status", "platformctl hooks status --json"))
@click.pass_obj
def status(invocation: Invocation) -> None:
    """Say which hooks are in place and in which worktrees they run."""
    present(invocation, hooks_status(invocation.directory), _status_text)


@hooks.command(
    "run", examples=("platformctl hooks run pre-commit", "platformctl hooks run pre-commit --json")
)
@click.argument("name", metavar="NAME")
@click.argument("arguments", nargs=-1, metavar="[ARGS]...")
@click.pass_obj
def run(invocation: Invocation, name: str, arguments: tuple[str, ...]) -> None:
    """Run one hook as git would: judge what is staged, or what a push brings."""
    judge(name, arguments, invocation, invocation.git_environment if name == "pre-receive" else {})


def program_path() -> str:
    """Return the absolute path of the platformctl that runs, empty where only a module runs."""
    called = Path(sys.argv[0])
    beside = Path(sys.executable).with_name("platformctl")
    for program in (called if called.name == "platformctl" else beside, beside):
        if program.is_file():
            return str(program.absolute())
    return ""


def _installed_text(data: dict[str, Any]) -> str:
    lines = [f"installed {name}" for name in data["installed"]]
    lines += [f"{name} was there before: it runs first" for name in data["chained"]]
    lines += [f"set {key}" for key in data["settings"]]
    return "\n".join(lines or ["nothing to do: the hooks are installed"])


def _removed_text(data: dict[str, Any]) -> str:
    lines = [f"removed {name}" for name in data["removed"]]
    lines += [f"restored the {name} that was here before" for name in data["restored"]]
    lines += [f"unset {key}" for key in data["settings"]]
    return "\n".join(lines or ["nothing to do: no hook of ours is installed"])


def _status_text(data: dict[str, Any]) -> str:
    lines = [f"hooks in {data['hooks_dir']}"]
    if data["manager"] != "none":
        lines.append(f"also managed by {data['manager']}")
    for hook in data["hooks"]:
        chained = ", an older one runs first" if hook["chained"] else ""
        lines += [f"  {hook['name']:<18} {hook['state']}{chained}"]
    for worktree in data["worktrees"]:
        lines += [f"  {'run' if worktree['runs'] else 'do not run'} in {worktree['path']}"]
    return "\n".join(lines)
