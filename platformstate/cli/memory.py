"""`platformctl memory`: record where work stands, and read it back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, cast

import click

from platformstate.cli.checkpoint_options import STATEMENTS, checkpoint_flags
from platformstate.cli.commands import group
from platformstate.cli.invocation import Invocation
from platformstate.cli.memory_text import (
    checkpoint_text,
    checkpoints_text,
    created_text,
    observed_text,
    packet_shown,
    rescued_text,
)
from platformstate.cli.present import present
from platformstate.cli.task_options import REMOTE, TTL, options, request_of
from platformstate.cli.texts import SOURCE, TEXT, WORDS, Source
from platformstate.entities.checkpoint import KINDS, CheckpointRequest
from platformstate.policy.brief_text import DEFAULT_TOKENS


@group(
    "memory",
    examples=(
        'platformctl memory checkpoint create --task gh-460 --kind progress --summary "schemas written"',
        "platformctl memory brief --task gh-460",
    ),
)
def memory() -> None:
    """Record where work stands, and read it back."""


@memory.group(
    "checkpoint",
    examples=(
        'platformctl memory checkpoint create --task gh-460 --kind decision --summary "one YAML profile"',
        "platformctl memory checkpoint list --task gh-460",
    ),
)
def checkpoint() -> None:
    """Statements of where the work stands; each is one file that never changes."""


@checkpoint.command(
    "create",
    examples=(
        'platformctl memory checkpoint create --task gh-460 --kind progress --done "schemas" --next "pin the reader"',
        'platformctl memory checkpoint create --task gh-460 --kind failed_attempt --failed "default loader"',
    ),
)
@checkpoint_flags
@click.pass_obj
def create(invocation: Invocation, /, source: Source | None, **given: Any) -> None:
    """Record where the work at a task stands.

    The first checkpoint opens a run and starts the task. Flags such as --done may be repeated;
    text flags take @FILE to read a file and - to read standard input.
    """
    from platformstate.actions.checkpoint_create import create_checkpoint
    from platformstate.actions.checkpoint_form import filled

    request = cast(CheckpointRequest, filled(source, request_of(given)))
    inside = os.environ.get("PLATFORMSTATE_RUN") or None
    key = invocation.idempotency_key
    answer = create_checkpoint(invocation.open_store(), request, inside_run=inside, idempotency_key=key)
    present(invocation, answer, created_text)


@checkpoint.command(
    "list",
    examples=(
        "platformctl memory checkpoint list --task gh-460",
        "platformctl memory checkpoint list --task gh-460 --kind failed_attempt --json",
    ),
)
@click.option(
    "--task", required=True, envvar="PLATFORMSTATE_TASK", metavar="T", help="The task, or a prefix of its id."
)
@click.option("--run", metavar="R", help="Only of this run.")
@click.option("--kind", multiple=True, type=click.Choice(KINDS), help="Only of these kinds.")
@click.option("--limit", type=click.IntRange(0), metavar="N", help="Only the newest N.")
@click.pass_obj
def list_(invocation: Invocation, /, **conditions: Any) -> None:
    """List a task's checkpoints, oldest first."""
    from platformstate.actions.checkpoint_list import list_checkpoints

    present(invocation, list_checkpoints(invocation.open_store(), **conditions), checkpoints_text)


@checkpoint.command(
    "show",
    examples=(
        "platformctl memory checkpoint show 20261120t103501z-7fq2ka",
        "platformctl memory checkpoint show 20261120 --task gh-460 --json",
    ),
)
@click.argument("checkpoint_id", metavar="ID")
@click.option("--task", metavar="T", help="The task to look in; default: all.")
@click.pass_obj
def show(invocation: Invocation, /, checkpoint_id: str, task: str | None) -> None:
    """Show one checkpoint; a unique prefix of its id is enough."""
    from platformstate.actions.checkpoint_list import show_checkpoint

    present(invocation, show_checkpoint(invocation.open_store(), checkpoint_id, task=task), checkpoint_text)


@memory.command(
    "brief",
    examples=(
        "platformctl memory brief --task gh-460",
        "platformctl memory brief --task gh-460 --at HEAD --json",
    ),
)
@click.option(
    "--task", required=True, envvar="PLATFORMSTATE_TASK", metavar="T", help="The task, or a prefix of its id."
)
@click.option("--run", metavar="R", help="The run to go on from; default: the newest.")
@click.option("--at", metavar="REV", help="Read only this commit: the same bytes in every clone.")
@click.option("--ref", "refs", multiple=True, metavar="REF", help="Read this branch as well.")
@click.option(
    "--max-tokens",
    type=click.IntRange(1),
    default=DEFAULT_TOKENS,
    metavar="N",
    help="How long it may be.",
    show_default=True,
)
@click.option("--now", metavar="INSTANT", help="Say how long ago things were, seen from this instant.")
@click.option(
    "--format", "format_", type=click.Choice(("md", "json")), help="Markdown (the default) or --json."
)
@click.pass_obj
def brief(invocation: Invocation, /, format_: str | None, **wanted: Any) -> None:
    """Sum up a task for whoever goes on with it."""
    from platformstate.actions.brief import brief_task

    invocation.json = invocation.json or format_ == "json"
    made = brief_task(invocation.open_store(), **wanted)
    present(invocation, made.answer, lambda _: made.text)


@memory.command(
    "packet",
    examples=(
        "platformctl memory packet --task gh-460 --out packet.md",
        "platformctl memory packet --task gh-460 --at v1.2.0",
    ),
)
@click.option(
    "--task", required=True, envvar="PLATFORMSTATE_TASK", metavar="T", help="The task, or a prefix of its id."
)
@click.option("--at", metavar="REV", help="As it stood at this commit.")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="Write it there instead of printing it."
)
@click.pass_obj
def packet(invocation: Invocation, /, task: str, at: str | None, out: Path | None) -> None:
    """Print a task as a filled packet, from which `task create --from` makes an equal one elsewhere."""
    from platformstate.actions.packet import task_packet

    answer = task_packet(invocation.open_store(), task, at=at, out=out)
    present(invocation, answer, lambda data: packet_shown(data, out))


@memory.command(
    "observe",
    examples=(
        "platformctl memory observe --task gh-460 --author codex --branch codex/460",
        "platformctl memory observe --task gh-460 --author codex --commits main..codex/460 --transcript log.txt",
    ),
)
@click.option(
    "--task", required=True, envvar="PLATFORMSTATE_TASK", metavar="T", help="The task, or a prefix of its id."
)
@click.option("--author", required=True, metavar="A", help="Who made the commits; you are the observer.")
@click.option("--commits", metavar="A..B", help="The commits after A up to B.")
@click.option("--branch", metavar="B", help="The commits of this branch since it left its base.")
@click.option("--base", metavar="REV", help="With --branch: what it left; default: the trusted ref.")
@click.option("--run", metavar="R", help="The author's run; default: the newest open one, else a new one.")
@click.option(
    "--transcript", type=SOURCE, metavar="FILE|-", help="What the author printed; its end is kept, redacted."
)
@click.option("--kind", type=click.Choice(KINDS), default="progress", show_default=True, help="What sort.")
@click.option("--summary", type=TEXT, metavar="S", help="The main thing, first in its kind's section.")
@options(STATEMENTS, multiple=True)
@click.option("--next", type=WORDS, metavar="T", help="The one action to take next.")
@click.option("--next-verify", type=TEXT, metavar="CMD", help="The command that shows whether it worked.")
@click.pass_obj
def observe(
    invocation: Invocation, /, task: str, author: str, transcript: Source | None, **given: Any
) -> None:
    """Record what somebody's commits show, in that name; a second call adds nothing.

    Nothing of the author has to be instrumented: commits, a branch or a pasted transcript are enough.
    """
    from platformstate.actions.observe import observe_task

    request = request_of(given)
    where = {name: request.pop(name, None) for name in ("commits", "branch", "base", "run", "kind")}
    shown = None if transcript is None else transcript.data
    answer = observe_task(invocation.open_store(), task, author, transcript=shown, said=request, **where)
    present(invocation, answer, observed_text)


@memory.command(
    "rescue",
    examples=(
        "platformctl memory rescue --task gh-460 --dry-run",
        'platformctl memory rescue --task gh-460 --force --reason "the host is gone"',
    ),
)
@click.option(
    "--task", required=True, envvar="PLATFORMSTATE_TASK", metavar="T", help="The task, or a prefix of its id."
)
@click.option("--run", metavar="DEAD", help="The dead run; default: the newest that has not succeeded.")
@click.option("--force", is_flag=True, help="An operator says that it is dead; nothing proves it.")
@click.option("--reason", type=WORDS, metavar="TEXT", help="With --force: why that is right.")
@TTL
@REMOTE
@click.option(
    "--max-tokens",
    type=click.IntRange(1),
    default=DEFAULT_TOKENS,
    show_default=True,
    metavar="N",
    help="How long the brief may be.",
)
@click.pass_obj
def rescue(invocation: Invocation, /, task: str, **wanted: Any) -> None:
    """Go on with a task whose run is proven dead, and print the brief to go on from.

    The dead run is ended; a new one of yours goes on at its steps, with a higher fence, so that nothing
    the old one says later counts.
    """
    from platformstate.actions.rescue import rescue_task

    key = invocation.idempotency_key
    made = rescue_task(invocation.open_store(), task, idempotency_key=key, **wanted)
    present(invocation, made.answer, lambda data: rescued_text(data, made.text))
