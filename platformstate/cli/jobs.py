"""`platformctl jobs`: look at jobs, run them, and follow their schedule."""

from __future__ import annotations

from typing import Any

import click

from platformstate.cli import echo
from platformstate.cli.commands import group
from platformstate.cli.invocation import Invocation
from platformstate.cli.jobs_text import (
    approval_text,
    fires_text,
    history_text,
    job_text,
    jobs_text,
    run_text,
    status_text,
    switched_text,
    tick_text,
)
from platformstate.cli.present import present


@group("jobs", examples=("platformctl jobs list", "platformctl jobs next nightly-export"))
def jobs() -> None:
    """Look at jobs, run them, and follow their schedule."""


@jobs.command(
    "next",
    examples=(
        "platformctl jobs next nightly-export -n 3",
        "platformctl jobs next --expr '30 2 * * *' --tz Europe/Warsaw --json",
    ),
)
@click.argument("job_id", metavar="[JOB]", required=False)
@click.option("--expr", metavar="E", help="A cron expression instead of a job; needs no repository.")
@click.option("--tz", metavar="Z", help="The zone of --expr.")
@click.option("--after", metavar="T", help="The instant to start from; now if left out.")
@click.option(
    "-n", "count", type=int, default=5, show_default=True, metavar="N", help="How many, at most 1000."
)
@click.pass_obj
def next_(
    invocation: Invocation,
    job_id: str | None,
    expr: str | None,
    tz: str | None,
    after: str | None,
    count: int,
) -> None:
    """Show when a job or an expression fires next, local and UTC, with what daylight saving time did."""
    from platformstate.actions.jobs_next import next_of, next_of_job

    if job_id is None and expr is not None and tz is not None:
        answer = next_of(expr, tz, after or invocation.now(), count)
    elif job_id is not None and expr is None and tz is None:
        answer = next_of_job(invocation.open_store(), job_id, after=after, count=count)
    else:
        raise click.UsageError("give either a JOB, or --expr and --tz")
    present(invocation, answer, fires_text)


@jobs.command(
    "run",
    examples=(
        "platformctl jobs run nightly-export --set day=2026-11-20",
        "platformctl jobs run nightly-export --dry-run --json",
    ),
)
@click.argument("job_id", metavar="JOB")
@click.option("--bindings", metavar="JSON|@FILE", help="Values in place of those of the spec.")
@click.option("--set", "overlay", multiple=True, metavar="K=V", help="One value over those; may be repeated.")
@click.option("--at-trusted", is_flag=True, help="Run what the trusted ref has, whatever stands here.")
@click.option("--allow-tree", is_flag=True, help="Run in a working tree that is not landed; it is recorded.")
@click.option("--no-wait", is_flag=True, help="Do not wait in the queue of an overlap.")
@click.pass_obj
def run(
    invocation: Invocation,
    job_id: str,
    bindings: str | None,
    overlay: tuple[str, ...],
    at_trusted: bool,
    allow_tree: bool,
    no_wait: bool,
) -> None:
    """Run a job once, now, and record what became of it."""
    from platformstate.actions.job_bindings import bindings_of, overlay_of
    from platformstate.actions.jobs_run import RunRequest, run_job

    request = RunRequest(
        job_id, bindings_of(bindings), overlay_of(overlay), at_trusted, allow_tree, wait=not no_wait
    )
    told = (lambda line: None) if invocation.quiet else echo.err
    present(invocation, run_job(invocation.open_store(), request, told=told, own_process=True), run_text)


@jobs.command(
    "approve",
    examples=(
        "platformctl jobs approve nightly-export",
        "platformctl jobs approve nightly-export --list --json",
    ),
)
@click.argument("job_id", metavar="JOB")
@click.option("--revoke", is_flag=True, help="Take an approval back.")
@click.option("--list", "listed", is_flag=True, help="Show what was approved in this clone.")
@click.pass_obj
def approve(invocation: Invocation, job_id: str, revoke: bool, listed: bool) -> None:
    """Let the spec at the trusted ref run in this clone (an operator's act)."""
    from platformstate.actions.jobs_approve import approve_job, list_approvals

    store = invocation.open_store()
    answer = list_approvals(store, job_id) if listed else approve_job(store, job_id, revoke=revoke)
    present(invocation, answer, approval_text)


@jobs.command(
    "tick",
    examples=("platformctl jobs tick", "platformctl jobs tick --job nightly-export --dry-run --json"),
)
@click.option("--job", "job_ids", multiple=True, metavar="JOB", help="Only this job; may be repeated.")
@click.option("--parallel", type=click.IntRange(1, 64), default=4, show_default=True, help="Runs at once.")
@click.pass_obj
def tick(invocation: Invocation, job_ids: tuple[str, ...], parallel: int) -> None:
    """Fire what is due, settle what died, and wait for what was started; cron or a timer calls this."""
    from platformstate.actions.jobs_tick import tick as tick_once

    store = invocation.open_store()
    present(
        invocation, tick_once(store, jobs=job_ids, parallel=parallel, commit=invocation.commit), tick_text
    )


@jobs.command("list", examples=("platformctl jobs list", "platformctl jobs list --enabled --json"))
@click.option("--enabled", is_flag=True, help="Only those that a schedule may start.")
@click.pass_obj
def list_(invocation: Invocation, enabled: bool) -> None:
    """List the jobs of the working files with their schedules and last runs."""
    from platformstate.actions.jobs_look import list_jobs

    present(invocation, list_jobs(invocation.open_store(), enabled_only=enabled), jobs_text)


@jobs.command(
    "show", examples=("platformctl jobs show nightly-export", "platformctl jobs show nightly-export --json")
)
@click.argument("job_id", metavar="JOB")
@click.pass_obj
def show(invocation: Invocation, job_id: str) -> None:
    """Show one job with its defaults, and whether what is trusted of it is approved."""
    from platformstate.actions.jobs_look import show_job

    present(invocation, show_job(invocation.open_store(), job_id), job_text)


@jobs.command("status", examples=("platformctl jobs status", "platformctl jobs status nightly-export --json"))
@click.argument("job_id", metavar="[JOB]", required=False)
@click.pass_obj
def status(invocation: Invocation, job_id: str | None) -> None:
    """Show how jobs stand now: what runs, what waits, what crashed, what is due."""
    from platformstate.actions.jobs_look import job_status

    present(invocation, job_status(invocation.open_store(), job_id), status_text)


@jobs.command(
    "history",
    examples=(
        "platformctl jobs history nightly-export",
        "platformctl jobs history nightly-export --runs-only --json",
    ),
)
@click.argument("job_id", metavar="JOB")
@click.option(
    "--limit", type=click.IntRange(1), default=20, show_default=True, metavar="N", help="At most N lines."
)
@click.option("--since", metavar="T", help="Only lines written at or after this instant.")
@click.option("--until", metavar="T", help="Only lines written before this instant.")
@click.option("--status", metavar="S", help="Only lines of this status.")
@click.option("--runs-only", is_flag=True, help="Only finished runs.")
@click.pass_obj
def history(invocation: Invocation, /, job_id: str, **wanted: Any) -> None:
    """Show what became of a job's slots, newest first, those that did not run too."""
    from platformstate.actions.jobs_look import job_history

    present(invocation, job_history(invocation.open_store(), job_id, **wanted), history_text)


@jobs.command(
    "pause",
    examples=(
        'platformctl jobs pause nightly-export --reason "the database moves"',
        'platformctl jobs pause nightly-export --until 2026-11-21T06:00:00Z --reason "the database moves" --json',
    ),
)
@click.argument("job_id", metavar="JOB")
@click.option("--reason", required=True, metavar="TEXT", help="Why.")
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
@click.argument("job_id", metavar="JOB")
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
@click.argument("job_id", metavar="JOB")
@click.option("--reason", required=True, metavar="TEXT", help="Why.")
@click.pass_obj
def disable(invocation: Invocation, job_id: str, reason: str) -> None:
    """Write `enabled: false` into a job's spec; landed, nothing starts the job."""
    from platformstate.actions.jobs_switch import disable_job

    present(invocation, disable_job(invocation.open_store(), job_id, reason=reason), switched_text)
