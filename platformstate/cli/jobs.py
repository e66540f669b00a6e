"""`platformctl jobs`: look at jobs, run them, and follow their schedule."""

from __future__ import annotations

import click

from platformstate.cli import echo
from platformstate.cli.commands import group
from platformstate.cli.invocation import Invocation
from platformstate.cli.jobs_text import approval_text, fires_text, run_text, tick_text
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
