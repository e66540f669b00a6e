"""What every verb returns: data for the caller, what to do next, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from platformstate.errors import StateError, Warned

if TYPE_CHECKING:
    from platformstate.store.change import Written

EXIT_PENDING: Final = 6
SETTLE: Final = "platformctl doctor --fix"


class Answer(NamedTuple):
    """The result of a verb. `error` is set for an answer of "no" that still has data to show."""

    data: dict[str, Any]
    next: tuple[str, ...] = ()
    warnings: tuple[Warned, ...] = ()
    exit_status: int = 0
    error: StateError | None = None

    @property
    def status(self) -> int:
        """The exit status: its own (a signal's, say), else the error's where there is one."""
        return self.exit_status or (0 if self.error is None else self.error.exit_status)


def written(
    data: dict[str, Any],
    written: Written,
    next: tuple[str, ...] = (),
    warnings: tuple[Warned, ...] = (),
) -> Answer:
    """Return the answer of a writing verb: its own data with `commit`, `pending` and `write`."""
    told = {**data, "commit": written.commit, "pending": written.pending, "write": written.as_json()}
    notes = [*warnings, *written.warnings, *_notes(written)]
    if written.state == "planned":
        return Answer(told, (), tuple(notes))
    if not written.pending:
        return Answer(told, next, tuple(notes))
    return Answer(told, (*next, SETTLE), tuple(notes), EXIT_PENDING)


def _notes(written: Written) -> list[Warned]:
    notes = []
    if written.recovered:
        noun = "write" if written.recovered == 1 else "writes"
        text = f"{written.recovered} earlier {noun} that waited for a commit settled now"
        notes.append(Warned("intents_recovered", text))
    if written.pending:
        first = written.paths[0] if written.paths else None
        text = f"the files are durable, their commit waits ({written.reason})"
        notes.append(Warned("commit_pending", text, first))
    return notes
