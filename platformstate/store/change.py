"""What a command wants to write, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from platformstate.errors import Warned

if TYPE_CHECKING:
    from platformstate.policy.claims import Lease

WriteState = Literal["committed", "pending", "files_only", "unchanged", "planned"]


class FileChange(NamedTuple):
    """A file as it was read and as it is wanted; None stands for an absent file.

    An `append` file only grows: `before` must be the beginning of `after`.
    """

    path: str
    before: bytes | None
    after: bytes | None
    append: bool = False


class Change(NamedTuple):
    """One command's change: `subject` is `<noun>: <verb> <id>`, `data` goes back to the action.

    A deferred change is written to files now and committed with the next one that is not. A `lease`
    is written once the files stand, never before the intent is durable: it never stands without its run.
    """

    subject: str
    trailers: tuple[tuple[str, str], ...]
    files: tuple[FileChange, ...]
    data: Any = None
    defer: bool = False
    lease: Lease | None = None


class Written(NamedTuple):
    """What became of a change; `commit` is None unless HEAD's branch holds it."""

    state: WriteState
    reason: str | None
    commit: str | None
    ref: str | None
    paths: tuple[str, ...]
    intent: str | None
    durability: str
    recovered: int
    waited_ms: int
    change: Change
    warnings: tuple[Warned, ...] = ()

    @property
    def pending(self) -> bool:
        """Whether the change is durable but waits for its commit."""
        return self.state == "pending"

    def as_json(self) -> dict[str, Any]:
        """Return the `write` object of a writing command's answer."""
        return {
            "state": self.state,
            "reason": self.reason,
            "commit": self.commit,
            "ref": self.ref,
            "paths": list(self.paths),
            "intent": self.intent,
            "durability": self.durability,
            "recovered": self.recovered,
            "waited_ms": self.waited_ms,
        }
