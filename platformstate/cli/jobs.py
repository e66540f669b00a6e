"""`platformctl jobs`: look at jobs, and follow what becomes of them."""

from __future__ import annotations

from typing import Any

import click

from platformstate.cli import echo
from platformstate.cli.commands import group
from platformstate.cli.invocation import Invocation
from platformstate.cli.jobs_text import (
    fires_text,
    history_text,
    job_text,
    jobs_text,
    status_text,
    tail_text,
)
from platformstate.cli.present import present

JOB = click.argument("job_id", metavar="JOB")
RUN = click.argument("run_id", metavar="RUN")


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
@JOB
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
@JOB
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
    from platformstate.actions.jobs_history import job_history

    present(invocation, job_history(invocation.open_store(), job_id, **wanted), history_text)


@jobs.command(
    "tail",
    examples=("platformctl jobs tail nightly-export -f", "platformctl jobs tail nightly-export --log --json"),
)
@click.argument("text", metavar="JOB|RUN")
@click.option("-f", "--follow", is_flag=True, help="Go on until the run ends.")
@click.option("--since", type=click.IntRange(0), metavar="SEQ", help="Only events after this one.")
@click.option("--limit", type=click.IntRange(0), metavar="N", help="Only the last N of those that are there.")
@click.option("--log", is_flag=True, help="The output too, line by line.")
@click.option("--all", "every", is_flag=True, help="With -f: go on with the next run.")
@click.pass_obj
def tail(invocation: Invocation, /, text: str, **wanted: Any) -> None:
    """Print the journal of a job's active run, else of its newest, with --json its lines as they are."""
    from platformstate.actions.jobs_tail import tail_job

    show_line = echo.document if invocation.json else lambda row: echo.out(tail_text(row))
    for row in tail_job(invocation.open_store(), text, **wanted):
        show_line(row)


from platformstate.cli import jobs_runs as jobs_runs  # noqa: E402  more verbs of this group
from platformstate.cli import jobs_stops as jobs_stops  # noqa: E402  and those that stop and clear away
