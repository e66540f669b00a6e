"""`platformctl run`: look at runs, and carry them on."""

from __future__ import annotations

from typing import Any

import click

from platformstate.cli import echo
from platformstate.cli.commands import group
from platformstate.cli.invocation import Invocation
from platformstate.cli.present import present
from platformstate.cli.run_text import (
    answer_text,
    conduct_text,
    event_text,
    plan_text,
    run_text,
    runs_text,
    step_text,
    steps_text,
    verify_text,
)
from platformstate.cli.texts import WORDS

STEP = click.option("--step", type=click.IntRange(0), metavar="N", help="The step's index.")
EVIDENCE = click.option(
    "--evidence", multiple=True, metavar="E", help="file:PATH, commit:REV or url:URL; may be repeated."
)
REASON = click.option("--reason", type=WORDS, metavar="TEXT", help="Why.")
NEEDED = click.option("--reason", type=WORDS, metavar="TEXT", required=True, help="Why.")
STATUSES = ("defined", "running", "suspended", "succeeded", "failed", "aborted")


@group("run", examples=("platformctl run list", "platformctl run resume 20261120t101130z-7fq2ka"))
def run() -> None:
    """Look at runs of procedures, jobs and tasks, and carry them on."""


@run.command(
    "list", examples=("platformctl run list --condition crashed", "platformctl run list --task gh-460 --json")
)
@click.option("--subject", metavar="KIND/ID", help="Of this procedure, job or task.")
@click.option("--task", metavar="T", help="That serve this task.")
@click.option("--status", type=click.Choice(STATUSES), help="In this status.")
@click.option(
    "--condition", "wanted", type=click.Choice(("crashed", "stalled")), help="Of which nobody is left."
)
@click.option("--limit", type=click.IntRange(0), metavar="N", help="At most so many.")
@click.pass_obj
def list_(invocation: Invocation, /, **conditions: Any) -> None:
    """List runs that meet every condition, newest first."""
    from platformstate.actions.run_show import list_runs

    present(invocation, list_runs(invocation.open_store(), **conditions), runs_text)


@run.command(
    "show",
    examples=(
        "platformctl run show 20261120t101130z-7fq2ka",
        "platformctl run show nightly/20261120t0230 --json",
    ),
)
@click.argument("run_id", metavar="RUN")
@click.pass_obj
def show(invocation: Invocation, run_id: str) -> None:
    """Show where a run stands and what it needs."""
    from platformstate.actions.run_show import show_run

    present(invocation, show_run(invocation.open_store(), run_id), run_text)


@run.command(
    "steps",
    examples=("platformctl run steps 20261120t101130z-7fq2ka", "platformctl run steps 20261120t1011 --json"),
)
@click.argument("run_id", metavar="RUN")
@click.pass_obj
def steps(invocation: Invocation, run_id: str) -> None:
    """Show every pinned step of a run with its attempts."""
    from platformstate.actions.run_show import show_steps

    present(invocation, show_steps(invocation.open_store(), run_id), steps_text)


@run.command(
    "tail",
    examples=("platformctl run tail 20261120t101130z-7fq2ka -f", "platformctl run tail 20261120t1011 --log"),
)
@click.argument("run_id", metavar="RUN")
@click.option("-f", "--follow", is_flag=True, help="Go on until the run ends.")
@click.option("--since", type=click.IntRange(0), metavar="SEQ", help="Only events after this one.")
@click.option("--limit", type=click.IntRange(0), metavar="N", help="Only the last N of those that are there.")
@click.option("--log", is_flag=True, help="The log of the last attempt instead.")
@STEP
@click.pass_obj
def tail(invocation: Invocation, /, run_id: str, log: bool, step: int | None, **wanted: Any) -> None:
    """Print a run's journal, with --json its lines as they are."""
    from platformstate.actions.run_tail import tail_log, tail_run

    store = invocation.open_store()
    if log:
        echo.out(tail_log(store, run_id, step))
        return
    show = echo.document if invocation.json else lambda event: echo.out(event_text(event))
    for event in tail_run(store, run_id, **wanted):
        show(event)


@run.command(
    "resume",
    examples=(
        "platformctl run resume 20261120t101130z-7fq2ka",
        'platformctl run resume 20261120t1011 --take-over --reason "the other host is gone"',
    ),
)
@click.argument("run_id", metavar="RUN")
@click.option(
    "--take-over", is_flag=True, help="Go on with a run of another clone or host (an operator's act)."
)
@REASON
@click.pass_obj
def resume(invocation: Invocation, run_id: str, take_over: bool, reason: str | None) -> None:
    """Go on exactly where a run stands; --dry-run shows what would be done."""
    from platformstate.actions.conduct_resume import resume_run

    told = (lambda line: None) if invocation.quiet else echo.err
    answer = resume_run(
        invocation.open_store(), run_id, take_over=take_over, reason=reason, told=told, own_process=True
    )
    present(invocation, answer, plan_text if invocation.dry_run else conduct_text)


@run.command(
    "decide",
    examples=(
        'platformctl run decide 20261120t1011 redo --reason "the tag is not there"',
        'platformctl run decide 20261120t1011 done --reason "seen it" --evidence url:https://example.org/v1',
    ),
)
@click.argument("run_id", metavar="RUN")
@click.argument("answer", type=click.Choice(("redo", "done", "skip", "abort")))
@NEEDED
@STEP
@EVIDENCE
@click.pass_obj
def decide(invocation: Invocation, /, run_id: str, answer: str, **said: Any) -> None:
    """Answer what happened to a step of which nobody knows."""
    from platformstate.actions.run_answer import decide_run

    present(invocation, decide_run(invocation.open_store(), run_id, answer, **said), answer_text)


@run.command(
    "approve",
    examples=(
        "platformctl run approve 20261120t1011",
        'platformctl run approve 20261120t1011 --reason "checked"',
    ),
)
@click.argument("run_id", metavar="RUN")
@REASON
@STEP
@EVIDENCE
@click.pass_obj
def approve(invocation: Invocation, /, run_id: str, **said: Any) -> None:
    """Let a run pass the gate at which it waits (an operator's act)."""
    from platformstate.actions.run_answer import approve_run

    present(invocation, approve_run(invocation.open_store(), run_id, **said), answer_text)


@run.command(
    "reject",
    examples=(
        'platformctl run reject 20261120t1011 --reason "not today"',
        'platformctl run reject 20261120t1011 --reason "wrong version" --json',
    ),
)
@click.argument("run_id", metavar="RUN")
@NEEDED
@STEP
@click.pass_obj
def reject(invocation: Invocation, /, run_id: str, **said: Any) -> None:
    """End a run at the gate at which it waits (an operator's act)."""
    from platformstate.actions.run_answer import reject_run

    present(invocation, reject_run(invocation.open_store(), run_id, **said), answer_text)


@run.command(
    "hold",
    examples=("platformctl run hold 20261120t1011", "platformctl run hold 20261120t1011 --now --wait 5"),
)
@click.argument("run_id", metavar="RUN")
@click.option("--now", is_flag=True, help="Cancel the present step instead of waiting for its end.")
@click.option(
    "--wait", "wait_s", type=click.FloatRange(0), default=60.0, metavar="S", help="How long to wait."
)
@REASON
@click.pass_obj
def hold(invocation: Invocation, /, run_id: str, **wanted: Any) -> None:
    """Let a run stand still after its present step; resume goes on."""
    from platformstate.actions.run_stop import hold_run

    present(invocation, hold_run(invocation.open_store(), run_id, **wanted), answer_text)


@run.command(
    "abort",
    examples=(
        'platformctl run abort 20261120t1011 --reason "not wanted any more"',
        'platformctl run abort 20261120t1011 --reason "wrong branch" --json',
    ),
)
@click.argument("run_id", metavar="RUN")
@NEEDED
@click.pass_obj
def abort(invocation: Invocation, run_id: str, reason: str) -> None:
    """End a run for good; its processes are stopped first."""
    from platformstate.actions.run_stop import abort_run

    present(invocation, abort_run(invocation.open_store(), run_id, reason=reason), answer_text)


@run.command(
    "verify",
    examples=("platformctl run verify 20261120t1011", "platformctl run verify 20261120t1011 --json"),
)
@click.argument("run_id", metavar="RUN")
@click.pass_obj
def verify(invocation: Invocation, run_id: str) -> None:
    """Check a run's chain, pinned steps, header, receipt and commit."""
    from platformstate.actions.run_show import verify_run

    present(invocation, verify_run(invocation.open_store(), run_id), verify_text)


@run.group(
    "step",
    examples=(
        "platformctl run step begin 20261120t1011",
        "platformctl run step end 20261120t1011 --outcome succeeded --evidence file:NOTES.md",
    ),
)
def step() -> None:
    """Say when a step that is done by hand begins, and how it ends."""


@step.command(
    "begin",
    examples=(
        "platformctl run step begin 20261120t1011",
        "platformctl run step begin 20261120t1011 --step 3",
    ),
)
@click.argument("run_id", metavar="RUN", envvar="PLATFORMSTATE_RUN")
@STEP
@click.pass_obj
def begin(invocation: Invocation, run_id: str, step: int | None) -> None:
    """Begin the first step that is not done."""
    from platformstate.actions.run_step import begin_step

    present(invocation, begin_step(invocation.open_store(), run_id, step=step), step_text)


@step.command(
    "end",
    examples=(
        "platformctl run step end 20261120t1011 --outcome succeeded --evidence commit:HEAD",
        'platformctl run step end 20261120t1011 --outcome failed --reason "no access"',
    ),
)
@click.argument("run_id", metavar="RUN", envvar="PLATFORMSTATE_RUN")
@click.option(
    "--outcome", type=click.Choice(("succeeded", "failed", "skipped")), required=True, help="How it ended."
)
@STEP
@EVIDENCE
@REASON
@click.pass_obj
def end(invocation: Invocation, /, run_id: str, outcome: str, **said: Any) -> None:
    """Say how the step that was begun has ended."""
    from platformstate.actions.run_step import end_step

    present(invocation, end_step(invocation.open_store(), run_id, outcome, **said), step_text)
