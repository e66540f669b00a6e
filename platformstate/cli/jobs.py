"""`platformctl jobs`: look at jobs, run them, and follow their schedule."""

from __future__ import annotations

import click

from platformstate.cli.commands import group
from platformstate.cli.invocation import Invocation
from platformstate.cli.jobs_text import fires_text
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
