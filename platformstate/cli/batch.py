"""`platformctl batch`: many records from lines of JSON on standard input."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from platformstate.actions.answer import EXIT_PENDING
from platformstate.actions.batch import Operation, run_batch, run_operation
from platformstate.cli import echo
from platformstate.cli.batch_lines import all_operations, lines_of_stdin, operations_of
from platformstate.cli.commands import command
from platformstate.cli.invocation import Invocation
from platformstate.cli.present import error_json, present
from platformstate.errors import StateError

if TYPE_CHECKING:
    from platformstate.store.stream import StoreStream


@command(
    "batch",
    examples=(
        "platformctl batch < records.jsonl",
        "platformctl batch --each --idle 300 < pipe",
    ),
)
@click.option("--each", is_flag=True, help="One commit and one line of answer for each line.")
@click.option(
    "--idle",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="With --each: end after so long without input.",
)
@click.pass_context
def batch(context: click.Context, /, each: bool, idle: float) -> None:
    """Write many records from lines of JSON.

    A line is {"op": "task.create", "title": "…", "accept": ["…::doc"]}: keys are the long flags with
    _ for -, lists stand for flags that may be repeated, the task of a verb is `task`. Without --each
    all of it is one commit, and the first bad line ends it with nothing written.
    """
    invocation = context.find_object(Invocation) or Invocation()
    if each:
        invocation.status = _answer_each(invocation, operations_of(lines_of_stdin(idle), context))
        return
    operations = all_operations(lines_of_stdin(), context)
    present(invocation, run_batch(invocation.open_store(), operations), _batch_text)


def _answer_each(invocation: Invocation, operations: Iterator[Operation | StateError]) -> int:
    """Answer each line before the next one is read; return the exit status of them all."""
    from platformstate.store.stream import StoreStream

    stream = StoreStream(invocation.open_store)
    failed = pending = False
    for operation in operations:
        try:
            row = _answered(stream, operation)
        except StateError as refused:
            row = {"line": refused.line, "ok": False, "op": getattr(operation, "op", None)}
            row["error"] = error_json(refused)
        failed, pending = failed or not row["ok"], pending or row.get("pending", False)
        echo.document(row)
    return 1 if failed else EXIT_PENDING if pending else 0


def _answered(stream: StoreStream, operation: Operation | StateError) -> dict[str, Any]:
    if isinstance(operation, StateError):
        raise operation
    row, answer = run_operation(stream.store(), operation)
    ends = {name: answer.data.get(name) for name in ("commit", "pending")}
    return {"line": row.pop("line"), "ok": True, **row, **ends}


def _batch_text(data: dict[str, Any]) -> str:
    states = {"pending": "durable, the commit is pending", "planned": "dry run, nothing written"}
    rows = [
        f"{'created' if row['created'] else 'done   '} {row['op']} {row['id']}" for row in data["results"]
    ]
    commit = f"commit {data['commit'][:12]}" if data["commit"] else ""
    return "\n".join([*rows, states.get(data["write"]["state"], commit or "nothing to write")])
