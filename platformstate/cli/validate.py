"""`platformctl validate`: judge state files; every finding says its place and its fix."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from platformstate.cli import echo
from platformstate.cli.commands import command
from platformstate.cli.formats import FORMATS, chosen, renderer
from platformstate.cli.invocation import Invocation
from platformstate.cli.present import present
from platformstate.errors import StateError

if TYPE_CHECKING:
    from platformstate.actions.validate import Judgement, Wish


@command(
    "validate",
    examples=("platformctl validate --range origin/main..HEAD", "platformctl validate --staged --json"),
)
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--staged", is_flag=True, help="Judge what the index would commit, never working files.")
@click.option("--rev", metavar="R", help="Judge the whole tree of a commit against its parents.")
@click.option(
    "--range",
    metavar="A..B",
    help="Judge each commit after A up to B against its parents, and the tree of B; A...B starts at their merge base.",
)
@click.option(
    "--stdin-refs", is_flag=True, help="Judge the push that git tells a pre-receive hook on standard input."
)
@click.option(
    "--stdin-path", "text_path", metavar="PATH", help="Judge standard input as if it stood at PATH."
)
@click.option("--base", metavar="R", help="Compare with this commit instead of HEAD or the parents.")
@click.option("--endpoints", is_flag=True, help="With --range: compare the trees of A and B only.")
@click.option("--allow", multiple=True, metavar="CODE[:PATH]", help="Let a finding be a warning this once.")
@click.option("--warnings-as-errors", is_flag=True, help="Fail for warnings too.")
@click.option(
    "--max-problems",
    type=click.IntRange(min=0),
    metavar="N",
    help="Show at most N findings instead of 200; 0 shows all.",
)
@click.option(
    "--format",
    "style",
    type=click.Choice(FORMATS),
    help="json is --json; auto is github where GitHub runs this, else text.",
)
@click.option("--reference", is_flag=True, help="Repeat each check with the reference engine.")
@click.pass_obj
def validate(invocation: Invocation, /, style: str | None, **asked: Any) -> None:
    """Judge state files; every finding says its fix.

    Without PATH all working files below state/ are judged, against HEAD. Exit 1 when an error is found.
    """
    from platformstate.actions.validate import judge_state

    form = _format(invocation, style)
    wish, reading = _wish(invocation, asked)
    judged = judge_state(invocation.directory, wish, reading=reading)
    quiet = asked["text_path"] is not None or invocation.quiet
    present(invocation, judged.answer, renderer(form, judged.paths, quiet=quiet))
    _summarize(form, judged)


def _format(invocation: Invocation, style: str | None) -> str:
    form = chosen(style, os.environ)
    if invocation.json and form not in ("text", "json"):
        raise StateError("usage_invalid", f"--json and --format {form} exclude each other")
    invocation.json |= form == "json"
    return form


def _wish(invocation: Invocation, asked: dict[str, Any]) -> tuple[Wish, dict[str, str]]:
    """Return what is asked for, and what git told a hook, which counts for the refs of a push only."""
    from platformstate.actions.validate import Wish

    given = {name: value for name, value in asked.items() if value is not None and name != "stdin_refs"}
    text = sys.stdin.buffer.read() if asked["text_path"] is not None or asked["stdin_refs"] else b""
    if not asked["stdin_refs"]:
        return Wish(text=text, **given), {}
    from platformstate.actions.refs import ref_updates

    invocation.warnings = [each for each in invocation.warnings if each.code != "git_environment_ignored"]
    refs = ref_updates(text.decode("utf-8", "surrogateescape"))
    return Wish(refs=refs, **given), invocation.git_environment


def _summarize(form: str, judged: Judgement) -> None:
    """Write the summary of the step where GitHub wants it; that it cannot be written changes nothing."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if form == "github" and path:
        from platformstate.cli.formats.github import summary

        echo.append(path, summary(judged.answer.data, judged.paths))
