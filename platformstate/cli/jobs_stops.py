"""`platformctl jobs pause`, `resume`, `disable`, `keep`, `prune`: what stops a schedule, and what stays of runs."""

from __future__ import annotations

import click

from platformstate.cli.invocation import Invocation
from platformstate.cli.jobs import JOB, RUN, jobs
from platformstate.cli.jobs_text import keep_text, prune_text, switched_text
from platformstate.cli.present import present
from platformstate.cli.texts import WORDS

NEEDED = click.option("--reason", required=True, type=WORDS, metavar="TEXT", help="Why.")


@jobs.command(
    "pause",
    examples=(
        'platformctl jobs pause nightly-export --reason "the database moves"',
        'platformctl jobs pause nightly-export --until 2026-11-21T06:00:00Z --reason "the database moves" --json',
    ),
)
@JOB
@NEEDED
@click.option("--until", metavar="T", help="The instant at which it goes on by itself.")
@click.pass_obj
def pause(invocation: Invocation, job_id: str, reason: str, until: str | None) -> None:
    """Let no slot of a job fire for a while; runs by hand stay possible."""
    from platformstate.actions.jobs_switch import pause_job

    present(invocation, pause_job(invocation.open_store(), job_id, reason=reason, until=until), switched_text)


@jobs.command(
    "resume",
    examples=("platformctl jobs resume nightly-export", "platformctl jobs resume nightly-export --json"),
)
@JOB
@click.pass_obj
def resume(invocation: Invocation, job_id: str) -> None:
    """Let a job's slots fire again, and enable it if it was disabled; nothing is caught up."""
    from platformstate.actions.jobs_switch import resume_job

    present(invocation, resume_job(invocation.open_store(), job_id), switched_text)


@jobs.command(
    "disable",
    examples=(
        'platformctl jobs disable nightly-export --reason "replaced by weekly-export"',
        'platformctl jobs disable nightly-export --reason "replaced" --no-commit',
    ),
)
@JOB
@NEEDED
@click.pass_obj
def disable(invocation: Invocation, job_id: str, reason: str) -> None:
    """Write `enabled: false` into a job's spec; landed, nothing starts the job."""
    from platformstate.actions.jobs_switch import disable_job

    present(invocation, disable_job(invocation.open_store(), job_id, reason=reason), switched_text)


@jobs.command(
    "keep",
    examples=(
        'platformctl jobs keep nightly-export/20261120t013000z --reason "the audit asks for it"',
        "platformctl jobs keep nightly-export/20261120t013000z --undo",
    ),
)
@RUN
@click.option("--undo", is_flag=True, help="Let a clean-up take it again.")
@click.option("--reason", type=WORDS, metavar="TEXT", help="Why.")
@click.pass_obj
def keep(invocation: Invocation, run_id: str, undo: bool, reason: str | None) -> None:
    """Commit a finished run's folder, and let no clean-up touch it."""
    from platformstate.actions.jobs_keep import keep_run

    present(invocation, keep_run(invocation.open_store(), run_id, undo=undo, reason=reason), keep_text)


@jobs.command(
    "prune",
    examples=(
        "platformctl jobs prune --dry-run",
        "platformctl jobs prune nightly-export --before 2026-10-01T00:00:00Z",
    ),
)
@click.argument("job_ids", metavar="[JOB]...", nargs=-1)
@click.option(
    "--before", metavar="T", help="Every run that ended before this instant, whatever the specs say."
)
@click.pass_obj
def prune(invocation: Invocation, job_ids: tuple[str, ...], before: str | None) -> None:
    """Remove the folders of old runs; ledgers, pinned runs and evidence stay."""
    from platformstate.actions.jobs_prune import prune_jobs

    present(invocation, prune_jobs(invocation.open_store(), job_ids, before=before), prune_text)
