"""`batch`: many records from one caller, as one commit or as one each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from platformstate.actions.answer import Answer, written
from platformstate.entities.checkpoint import CheckpointRequest
from platformstate.entities.task import TaskRequest
from platformstate.errors import StateError, Warned

if TYPE_CHECKING:
    from platformstate.store import Store
    from platformstate.store.change import Change

MAX_LINES: Final = 10_000
MAX_LINE_BYTES: Final = 1 << 20
Given = dict[str, Any]


class Operation(NamedTuple):
    """One line of a batch: its number, what it asks for, and its flags as the command reads them."""

    line: int
    op: str
    given: Mapping[str, Any]
    key: str | None = None


def run_batch(store: Store, operations: Iterable[Operation | StateError]) -> Answer:
    """Do all operations in one commit, or none: the first that is refused ends it with its error.

    Later operations see what earlier ones made. An error in place of an operation is a line that
    could not be read. `line` of the error is the line's. Raises: whatever the operations raise.
    """
    from platformstate.store.overlay import Overlay

    def decide() -> Change:
        rows, notes = [], list[Warned]()
        with Overlay(store) as overlay:
            for operation in operations:
                if isinstance(operation, StateError):
                    raise operation
                row, warnings = _done(overlay, operation)
                rows.append(row)
                notes += warnings
        noun = "record" if len(rows) == 1 else "records"
        return overlay.change(f"batch: write {len(rows)} {noun}", (rows, notes))

    _make_clone(store)
    done = store.write(decide)
    rows, notes = done.change.data
    return written({"results": rows}, done, warnings=tuple(notes))


def run_operation(store: Store, operation: Operation) -> tuple[dict[str, Any], Answer]:
    """Do one operation by itself; return its row of the answer and the answer of its command.

    Raises: whatever the operation raises, `line` being the line's.
    """
    try:
        refuse_in_batch(operation)
        answer = OPERATIONS[operation.op](store, dict(operation.given), operation.key)
    except StateError as refused:
        raise at_line(refused, operation.line) from None
    return _row(operation, answer), answer


def at_line(refused: StateError, line: int) -> StateError:
    """Return an error with the line of the input that it is about."""
    refused.path, refused.line, refused.col = "standard input", line, None
    return refused


def refuse_in_batch(operation: Operation) -> None:
    """Raise batch_op_refused for what executes a command, which no batch may."""
    commands = [text for text in operation.given.get("evidence", ()) if _is_command(str(text))]
    if "exec" in operation.given or commands:
        what = "exec" if "exec" in operation.given else f"evidence {commands[0]!r}"
        raise StateError(
            "batch_op_refused",
            f"{operation.op} with {what} runs a command, which a batch does not",
            hint=f"platformctl {operation.op.replace('.', ' ')} by itself",
        )


def unknown_op(op: object) -> StateError:
    """Return the refusal of an operation that a batch does not know, or does not do."""
    return StateError(
        "batch_op_refused",
        f"{op!r} is no operation of a batch; those are {', '.join(OPERATIONS)}",
        hint="run it as a command of its own",
    )


def _is_command(text: str) -> bool:
    kind = text.rpartition("=")[2] if "=" in text.partition(":")[0] else text
    return kind.partition(":")[0] in ("command", "cmd")


def _done(overlay: Store, operation: Operation) -> tuple[dict[str, Any], tuple[Warned, ...]]:
    row, answer = run_operation(overlay, operation)
    return row, answer.warnings


def _row(operation: Operation, answer: Answer) -> dict[str, Any]:
    data = answer.data
    record = data.get("checkpoint") or data.get("task") or data.get("from")
    name = record.get("id", record.get("task")) if isinstance(record, dict) else record
    made = {"id": name, "path": data.get("path"), "created": bool(data.get("created"))}
    return {"line": operation.line, "op": operation.op, **made}


def _make_clone(store: Store) -> None:
    """Give this clone its id, which runs that a batch opens will name."""
    from platformstate.store.place import make_clone_id, place_of_work

    if not store.dry_run and not place_of_work(store.repository).clone:
        durability = store.session.settings.durability
        store.session.control.make(durability)
        make_clone_id(store.repository, store.chance, durability)


def _task_create(store: Store, given: Given, key: str | None) -> Answer:
    from platformstate.actions.packet import read_packet
    from platformstate.actions.task_create import create_task

    source = given.pop("source", None)
    packet = None if source is None else read_packet(*source)
    return create_task(store, cast(TaskRequest, given), packet=packet, idempotency_key=key)


def _task_update(store: Store, given: Given, key: str | None) -> Answer:
    from platformstate.actions.task_update import update_task

    task, rev = given.pop("task_id"), given.pop("expect_rev", None)
    return update_task(store, task, cast(TaskRequest, given), expect_rev=rev, idempotency_key=key)


def _task_block(store: Store, given: Given, key: str | None) -> Answer:
    from platformstate.actions.task_block import block_task

    return block_task(store, given.pop("task_id"), **given, idempotency_key=key)


def _task_unblock(store: Store, given: Given, key: str | None) -> Answer:
    from platformstate.actions.task_block import unblock_task

    return unblock_task(store, given.pop("task_id"), **given, idempotency_key=key)


def _task_reopen(store: Store, given: Given, key: str | None) -> Answer:
    from platformstate.actions.task_close import reopen_task

    return reopen_task(store, given.pop("task_id"), **given, idempotency_key=key)


def _task_move_criterion(store: Store, given: Given, key: str | None) -> Answer:
    from platformstate.actions.task_criteria import move_criterion

    return move_criterion(store, given.pop("task_id"), **given, idempotency_key=key)


def _checkpoint_create(store: Store, given: Given, key: str | None) -> Answer:
    from platformstate.actions.checkpoint_create import create_checkpoint
    from platformstate.actions.checkpoint_form import filled

    request = cast(CheckpointRequest, filled(given.pop("source", None), given))
    return create_checkpoint(store, request, idempotency_key=key)


Run = Callable[["Store", Given, "str | None"], Answer]
OPERATIONS: Final[Mapping[str, Run]] = {
    "task.create": _task_create,
    "task.update": _task_update,
    "task.block": _task_block,
    "task.unblock": _task_unblock,
    "task.move-criterion": _task_move_criterion,
    "task.reopen": _task_reopen,
    "checkpoint.create": _checkpoint_create,
}
