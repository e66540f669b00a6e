"""`platformctl jobs`: look at jobs, run them, and follow their schedule."""

from __future__ import annotations

from typing import Any

import click

from platformstate.cli import echo
from platformstate.cli.commands import group
from platformstate.cli.invocation import Invocation
from platformstate.cli.jobs_text import (
    approval_text,
    backfill_text,
    fires_text,
    history_text,
    job_text,
    jobs_text,
    keep_text,
    prune_text,
    replay_text,
    run_text,
    status_text,
    switched_text,
    tail_text,
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

    if revoke and listed:
        raise click.UsageError("--list shows and --revoke changes; give one of them")
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


@jobs.command(
    "serve",
    examples=("platformctl jobs serve", "platformctl jobs serve --parallel 2 --drain 60s --json"),
)
@click.option("--parallel", type=click.IntRange(1, 64), default=4, show_default=True, help="Runs at once.")
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


@jobs.command(
    "replay",
    examples=(
        "platformctl jobs replay nightly-export/20261120t013000z --allow-side-effects",
        "platformctl jobs replay nightly-export/20261120t013000z --current-spec --dry-run --json",
    ),
)
@click.argument("run_id", metavar="RUN")
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
@click.argument("job_id", metavar="JOB")
@click.option("--from", "start", required=True, metavar="T", help="The first instant of the stretch.")
@click.option("--to", "end", required=True, metavar="T", help="The last one; both are included.")
@click.option(
    "--limit", type=click.IntRange(1), default=100, show_default=True, help="Refuse more slots than this."
)
@click.option("--parallel", type=click.IntRange(1, 64), default=1, show_default=True, help="Runs at once.")
@click.option("--rerun-failed", is_flag=True, help="Replay the slots whose run failed.")
@click.pass_obj
def backfill(invocation: Invocation, /, job_id: str, **wanted: Any) -> None:
    """Fire the slots of a stretch of time that have no run yet, oldest first."""
    from platformstate.actions.jobs_backfill import backfill_job

    told = (lambda line: None) if invocation.quiet else echo.err
    present(invocation, backfill_job(invocation.open_store(), job_id, told=told, **wanted), backfill_text)


@jobs.command(
    "keep",
    examples=(
        'platformctl jobs keep nightly-export/20261120t013000z --reason "the audit asks for it"',
        "platformctl jobs keep nightly-export/20261120t013000z --undo",
    ),
)
@click.argument("run_id", metavar="RUN")
@click.option("--undo", is_flag=True, help="Let a clean-up take it again.")
@click.option("--reason", metavar="TEXT", help="Why.")
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
@click.argument("job_ids", metavar="[JOB]..", nargs=-1)
@click.option(
    "--before", metavar="T", help="Every run that ended before this instant, whatever the specs say."
)
@click.pass_obj
def prune(invocation: Invocation, job_ids: tuple[str, ...], before: str | None) -> None:
    """Remove the folders of old runs; ledgers, pinned runs and evidence stay."""
    from platformstate.actions.jobs_prune import prune_jobs

    present(invocation, prune_jobs(invocation.open_store(), job_ids, before=before), prune_text)
