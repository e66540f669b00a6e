"""What the global flags of one command line said, and the store that they open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from platformstate.errors import Warned

if TYPE_CHECKING:
    from platformstate.store import Store

DURABILITIES: Final = ("full", "fast")


class Invocation:
    """The global flags of one command line, and the exit status that it will end with.

    `git_environment` is what git told a hook about its index and objects, read before the
    environment was cleaned; it serves reading only.
    """

    directory: str = "."
    actor: str | None = None
    commit: bool | None = None
    dry_run: bool = False
    durability: str | None = None
    idempotency_key: str | None = None
    quiet: bool = False
    color: str = "auto"
    no_input: bool = False
    status: int = 0

    def __init__(self, *, json: bool = False, verbose: int = 0) -> None:
        self.json = json
        self.verbose = verbose
        self.warnings: list[Warned] = []
        self.git_environment: dict[str, str] = {}

    def open_store(self) -> Store:
        """Return the store of this directory, opened as the flags say."""
        from platformstate.store import open_store

        return open_store(self.directory, **self._wishes())

    def open_repository(self) -> Store:
        """Return the same for a repository that may have no `state/store.yaml` yet."""
        from platformstate.store import open_repository

        return open_repository(self.directory, **self._wishes())

    def now(self) -> str:
        """Return the present instant, for a command that opens no repository."""
        import os

        from platformstate.core.instants import instant
        from platformstate.store.settings import clock

        return instant(clock(os.environ)())

    def _wishes(self) -> dict[str, Any]:
        wishes = {"actor": self.actor, "commit": self.commit, "durability": self.durability}
        return {**wishes, "dry_run": self.dry_run}


def wants_json(argv: Sequence[str]) -> bool:
    """Say whether a command line asks for JSON, also when the rest of it cannot be parsed."""
    flags = argv[: argv.index("--")] if "--" in argv else argv
    return "--json" in flags
