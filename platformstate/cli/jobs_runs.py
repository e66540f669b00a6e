"""`platformctl jobs run`, `tick`, `serve`, `replay`, `backfill`, `approve`: what starts runs, and lets them start."""

from __future__ import annotations

from typing import Any

import click

from platformstate.cli import echo
from platformstate.cli.invocation import Invocation
from platformstate.cli.jobs import JOB, RUN, jobs
from platformstate.cli.jobs_text import (
    approval_text,
    backfill_text,
    replay_text,
    run_text,
    tick_text,
)
from platformstate.cli.present import present

PARALLEL = click.option(
    "--parallel", type=click.IntRange(1, 64), default=4, show_default=True, metavar="N", help="Runs at once."
)


@jobs.command(
    "run",
    examples=(
        "platformctl jobs run nightly-export --set day=2026-11-20",
        "platformctl jobs run nightly-export --dry-run --json",
    ),
)
@JOB
@click.option("--bindings", metavar="JSON|@FILE", help="Values in place of those of the spec.")
@click.option("--set", "overlay", multiple=True, metavar="K=V", help="One value over those; may be repeated.")
@click.option("--at-trusted", is_flag=True, help="Run what the trusted ref has, whatever stands here.")
@click.option("--allow-tree", is_flag=True, help="Run in a working tree that is not landed; it is recorded.")
@click.option("--no-wait", is_flag=True, help="Do not wait in the queue of an overlap.")
@click.option("-f", "--follow", is_flag=True, help="Print its output on stderr while it runs.")
@click.pass_obj
def run(
    invocation: Invocation,
    job_id: str,
    bindings: str | None,
    overlay: tuple[str, ...],
    at_trusted: bool,
    allow_tree: bool,
    no_wait: bool,
    follow: bool,
) -> None:
    """Run a job once, now, and record what became of it."""
    from platformstate.actions.job_bindings import bindings_of, overlay_of
    from platformstate.actions.jobs_run import RunRequest, run_job

    given = bindings_of(bindings), overlay_of(overlay)
    shown = echo.err if follow else None
    request = RunRequest(job_id, *given, at_trusted, allow_tree, wait=not no_wait, shown=shown)
    told = (lambda line: None) if invocation.quiet else echo.err
    present(invocation, run_job(invocation.open_store(), request, told=told, own_process=True), run_text)


@jobs.command(
    "replay",
    examples=(
        "platformctl jobs replay nightly-export/20261120t013000z --allow-side-effects",
        "platformctl jobs replay nightly-export/20261120t013000z --current-spec --dry-run --json",
    ),
)
@RUN
@click.option("--current-spec", is_flag=True, help="Take the spec that is trusted today.")
@click.option("--allow-side-effects", is_flag=True, help="Let its effects happen again.")
@click.option("--bindings", metavar="JSON|@FILE", help="Values in place of those that it had.")
@click.pass_obj
def replay(invocation: Invocation, /, run_id: str, bindings: str | None, **allowed: bool) -> None:
    """Run a finished run again, with the spec and the slot that it had."""
    from platformstate.actions.job_bindings import bindings_of
    from platformstate.actions.jobs_replay import replay_run

    store, given = invocation.open_store(), bindings_of(bindings)
    told = (lambda line: None) if invocation.quiet else echo.err
    answer = replay_run(store, run_id, bindings=given, told=told, own_process=True, **allowed)
    present(invocation, answer, replay_text)


@jobs.command(
    "backfill",
    examples=(
        "platformctl jobs backfill nightly-export --from 2026-11-01T00:00:00Z --to 2026-11-08T00:00:00Z",
        "platformctl jobs backfill nightly-export --from 2026-11-01T00:00:00Z --to 2026-11-08T00:00:00Z --dry-run",
    ),
)
@JOB
@click.option("--from", "start", required=True, metavar="T", help="The first instant of the stretch.")
@click.option("--to", "end", required=True, metavar="T", help="The last one; both are included.")
@click.option(
    "--limit",
    type=click.IntRange(1, 1_000_000),
    metavar="N",
    default=100,
    show_default=True,
    help="Refuse more slots than this.",
)
@click.option(
    "--parallel", type=click.IntRange(1, 64), default=1, show_default=True, metavar="N", help="Runs at once."
)
@click.option("--rerun-failed", is_flag=True, help="Replay the slots whose run failed.")
@click.pass_obj
def backfill(invocation: Invocation, /, job_id: str, **wanted: Any) -> None:
    """Fire the slots of a stretch of time that have no run yet, oldest first."""
    from platformstate.actions.jobs_backfill import backfill_job

    told = (lambda line: None) if invocation.quiet else echo.err
    present(invocation, backfill_job(invocation.open_store(), job_id, told=told, **wanted), backfill_text)


@jobs.command(
    "tick",
    examples=("platformctl jobs tick", "platformctl jobs tick --job nightly-export --dry-run --json"),
)
@click.option("--job", "job_ids", multiple=True, metavar="JOB", help="Only this job; may be repeated.")
@PARALLEL
@click.pass_obj
def tick(invocation: Invocation, job_ids: tuple[str, ...], parallel: int) -> None:
    """Fire what is due, settle what died, and wait for what was started; cron or a timer calls this."""
    from platformstate.actions.jobs_tick import tick as tick_once

    store = invocation.open_store()
    present(
        invocation, tick_once(store, jobs=job_ids, parallel=parallel, commit=invocation.commit), tick_text
    )


@jobs.command(
    "serve",
    examples=("platformctl jobs serve", "platformctl jobs serve --parallel 2 --drain 60s --json"),
)
@PARALLEL
@click.option(
    "--drain", default="30s", show_default=True, metavar="D", help="How long a TERM waits for what runs."
)
@click.pass_obj
def serve(invocation: Invocation, parallel: int, drain: str) -> None:
    """Tick at every slot until a signal comes; one line of JSON, or of text, for each thing it does."""
    from platformstate.actions.jobs_serve import serve as serve_jobs
    from platformstate.core.quantities import seconds_of
    from platformstate.runner import listening

    store = invocation.open_store()
    with listening() as signals:
        for done in serve_jobs(store, signals, parallel=parallel, drain_s=seconds_of("--drain", drain)):
            echo.document(done) if invocation.json else echo.out(tick_text(done))


@jobs.command(
    "approve",
    examples=(
        "platformctl jobs approve nightly-export",
        "platformctl jobs approve nightly-export --list --json",
    ),
)
@JOB
@click.option("--revoke", is_flag=True, help="Take an approval back.")
@click.option(
    "--list", "listed", is_flag=True, help="Show who approved it in this clone, and who took that back."
)
@click.pass_obj
def approve(invocation: Invocation, job_id: str, revoke: bool, listed: bool) -> None:
    """Let the spec at the trusted ref run in this clone (an operator's act)."""
    from platformstate.actions.jobs_approve import approve_job, list_approvals

    if revoke and listed:
        raise click.UsageError("--list shows and --revoke changes; give one of them")
    store = invocation.open_store()
    answer = list_approvals(store, job_id) if listed else approve_job(store, job_id, revoke=revoke)
    present(invocation, answer, approval_text)
