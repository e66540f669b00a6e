"""An opened store: its root, its settings, its records, and the way to write."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from platformstate.core import ids
from platformstate.core.catalog import KINDS, PLACES
from platformstate.core.document import Document
from platformstate.core.ids import Chance
from platformstate.core.kind import Kind, M
from platformstate.core.places import STATE, STORE_PATH, place_of
from platformstate.core.tree import Tree
from platformstate.cost import COST
from platformstate.errors import StateError, shown
from platformstate.files import WorkTree
from platformstate.gitrepo import CommitTree, Repository, discover, look_up, resolve_commit
from platformstate.gitrepo.environment import redirecting
from platformstate.gitrepo.sparse import checkout_hint
from platformstate.store.change import Change, Written
from platformstate.store.control import Control
from platformstate.store.failpoints import Failpoints
from platformstate.store.intent_journal import Journal
from platformstate.store.session import Session
from platformstate.store.settings import Clock, resolve
from platformstate.store.settings import clock as wall_clock

if TYPE_CHECKING:
    from platformstate.gitrepo.facts import WorkFacts
    from platformstate.gitrepo.trust import Trusted

_NOUNS: Final = {"job": "jobs"}  # commands that are not called after their kind
_KNOWN_FORMAT: Final = f"schema: store/{KINDS['store'].version}\n".encode()


class Store:
    """A repository's state, opened for one command."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.repository = session.repository
        self.root = session.root
        self.actor = session.settings.actor
        self.operators = session.settings.operators
        self.dry_run = session.settings.dry_run
        self.chance = session.chance

    @property
    def exists(self) -> bool:
        """Whether the repository has a store: `state/store.yaml` in its work tree."""
        return (self.root / STORE_PATH).is_file()

    @property
    def session(self) -> Session:
        """What the steps of writing and `doctor` work with."""
        return self._session

    def now(self) -> str:
        """Return the present instant of this store's clock."""
        return self._session.instant()

    def reopened(self) -> Store:
        """Return the store as the repository stands now, with the same clock; for a command that goes on long."""
        return Store(self._session._replace(repository=discover(self.repository.directory)))

    def setting(self, name: str) -> list[str]:
        """Return all values of git config `platformstate.<name>`, the strongest last."""
        return self.repository.config(f"platformstate.{name}")

    def tree(self, rev: str | None = None) -> Tree:
        """Return the working files, or those of the commit that a revision names.

        Raises: ref_not_found.
        """
        if rev is None:
            return WorkTree(self.root)
        commit = resolve_commit(self.repository, rev)
        if commit is None:
            raise StateError("ref_not_found", f"{shown(rev)} names no commit here")
        return CommitTree(self.repository, commit)

    def read(self, path: str, tree: Tree | None = None) -> Document[Any]:
        """Return one judged record. Raises: state_invalid, or the kind's own `…_not_found`."""
        from platformstate.store.reading import judged

        data = self.bytes_of(path) if tree is None else next((data for _, data in tree.read([path])), None)
        if data is None:
            raise _missing(path)
        COST.parsed += 1
        read = judged(data, path)
        if read.document is None or any(row.severity == "error" for row in read.problems):
            raise _unreadable(path, read.problems)
        return read.document

    def bytes_of(self, path: str) -> bytes | None:
        """Return a working file's bytes, None when it is absent. Raises: state_invalid for a link."""
        try:
            return self.file_at(path)
        except StateError as refused:
            raise StateError(
                "state_invalid", f"{path} {refused.message}", path=path, hint=refused.hint
            ) from refused

    def file_at(self, path: str) -> bytes | None:
        """Return a working file's bytes, None when it is absent. Raises: path_symlink for a link."""
        return WorkTree(self.root).bytes_of(path)

    def laid(self, path: str) -> bytes | None:
        """Return what a batch puts at a path and has not written yet; None outside of a batch."""
        return None

    def load(self, kind: Kind[M], id: str) -> Document[M]:
        """Return the record of a kind whose id alone names its place."""
        return cast("Document[M]", self.read(STATE + PLACES[kind.name].replace("{id}", id)))

    def ids(self, kind: Kind[Any]) -> list[str]:
        """Return the ids of all records of a kind whose id alone names its place, sorted."""
        folder, _, name = PLACES[kind.name].partition("/{id}")
        names = WorkTree(self.root).names(STATE + folder)
        if name.startswith("/"):
            home = self.root / STATE / folder
            return [
                found
                for found in names
                if os.path.lexists(home / found / name[1:]) or (home / found).is_symlink()
            ]
        return [found.removesuffix(name) for found in names if found.endswith(name)]

    def resolve(self, kind: Kind[Any], prefix: str) -> str:
        """Return the one id that a prefix stands for. Raises: id_ambiguous, `…_not_found`."""
        found = ids.matches(prefix, self.ids(kind))
        if len(found) == 1:
            return found[0]
        if not found:
            raise StateError(
                f"{kind.name}_not_found",
                f"no {kind.name} is called {shown(prefix)}",
                hint=f"platformctl {_NOUNS.get(kind.name, kind.name)} list",
            )
        raise StateError(
            "id_ambiguous",
            f"{shown(prefix)} fits {len(found)} {kind.name}s: {', '.join(found[:5])}",
            hint="give more characters",
            data={"candidates": found},
        )

    def pending_paths(self) -> list[str]:
        """Return the paths of what is durable but perhaps not written to its file yet."""
        intents, _ = self._session.journal.all()
        return [path for intent in self._session.mine(intents) for path in intent.paths]

    def work_facts(self) -> WorkFacts:
        """Return where the work outside `state/` stands now."""
        from platformstate.gitrepo.facts import work_facts

        return work_facts(self.repository, self._load_writer)

    def changed_since(self, commit: str, facts: WorkFacts) -> list[str]:
        """Return the paths outside `state/` that differ from a commit, committed or not."""
        from platformstate.gitrepo.since import Since

        with Since(self.repository, facts) as since:
            return since.paths(commit)

    def trusted_ref(self) -> Trusted | None:
        """Return the ref from which content may be executed, None where there is none."""
        from platformstate.gitrepo.trust import trusted_ref

        return trusted_ref(self.repository)

    def _load_writer(self) -> None:
        """Import what commits: who asks where the work stands is about to write it down."""
        settings = self._session.settings
        if settings.commit and not settings.dry_run:
            from platformstate.gitrepo.writing import load_git

            load_git()

    def write(self, decide: Callable[[], Change], *, independent: bool = False) -> Written:
        """Write and commit what `decide` wants, which is asked with the lock held.

        Independent changes, of new files that no other writer can touch, are decided before it.
        On return the change is in HEAD, or durable and pending; or nothing was written and it
        raises: record_invalid, secret_found, record_changed, store_locked, disk_full …
        """
        from platformstate.store.protocol import Write

        return Write(self._session).run(decide, independent=independent)


def open_store(
    directory: str | os.PathLike[str] = ".",
    *,
    actor: str | None = None,
    commit: bool | None = None,
    dry_run: bool = False,
    durability: str | None = None,
    clock: Clock | None = None,
    chance: Chance | None = None,
    reading: Mapping[str, str] | None = None,
) -> Store:
    """Open the store of the repository that a directory is in.

    `reading` is what git told a hook (`environment.hook_environment`). Raises: store_not_found,
    state_not_checked_out, repository_not_found, repository_bare, git_environment_set, config_invalid,
    state_invalid for a store that cannot be read or is of a version not known here.
    """
    store = open_repository(
        directory,
        actor=actor,
        commit=commit,
        dry_run=dry_run,
        durability=durability,
        clock=clock,
        chance=chance,
        reading=reading,
    )
    if not store.exists:
        raise _no_store(store.repository, store.root)
    if not (store.bytes_of(STORE_PATH) or b"").startswith(_KNOWN_FORMAT):
        store.read(STORE_PATH)
    return store


def _load_engine() -> None:
    from platformstate.validation.loading import load_engine  # hardly a command opens a store and reads none

    load_engine()


def open_repository(
    directory: str | os.PathLike[str] = ".",
    *,
    actor: str | None = None,
    commit: bool | None = None,
    dry_run: bool = False,
    durability: str | None = None,
    clock: Clock | None = None,
    chance: Chance | None = None,
    reading: Mapping[str, str] | None = None,
) -> Store:
    """Open a repository that may have no store yet; `exists` says whether it has one."""
    refuse_environment()
    repository = discover(Path(directory), reading=reading, meanwhile=_load_engine)
    if repository.bare or repository.root is None:
        raise StateError(
            "repository_bare",
            "a bare repository has no work tree to write state in",
            hint="platformctl validate --rev HEAD works here",
        )
    settings = resolve(
        repository, os.environ, actor=actor, commit=commit, dry_run=dry_run, durability=durability
    )
    failpoints = Failpoints.of(os.environ)
    control = Control(repository.common_dir)
    return Store(
        Session(
            repository,
            repository.root,
            control,
            Journal(control, failpoints),
            failpoints,
            settings,
            clock or wall_clock(os.environ),
            chance or any_number,
        )
    )


def refuse_environment() -> None:
    """Refuse a platform or an environment in which writing is not safe.

    Raises: platform_unsupported, git_environment_set.
    """
    if sys.platform == "win32":
        raise StateError("platform_unsupported", "platformstate runs on Linux and macOS", hint="use WSL 2")
    if names := redirecting(os.environ):
        raise StateError(
            "git_environment_set",
            f"{', '.join(names)} would make git work on another repository or with other settings",
            hint=f"unset {' '.join(names)}",
        )


def any_number(below: int) -> int:
    """Return a number from 0 up to, but not including, one given: the real chance."""
    import secrets

    return secrets.randbelow(below)


def _no_store(repository: Repository, root: Path) -> StateError:
    if look_up(repository, [f"HEAD:{STORE_PATH}"])[0] is not None:
        return StateError(
            "state_not_checked_out",
            "this branch has a store, but its files are not checked out here",
            hint=checkout_hint(repository),
        )
    return StateError("store_not_found", f"{root} has no {STORE_PATH}", hint="platformctl init")


def _missing(path: str) -> StateError:
    place = place_of(path)
    if place is None or place.kind not in ("task", "run", "checkpoint", "job", "procedure", "store"):
        return StateError("state_invalid", f"{path} is missing", path=path)
    return StateError(f"{place.kind}_not_found", f"there is no {place.kind} {shown(place.id)}", path=path)


def _unreadable(path: str, problems: tuple[Any, ...]) -> StateError:
    errors = tuple(row for row in problems if row.severity == "error")
    if not errors:
        return StateError("state_invalid", f"{path} holds no record", path=path)
    first = errors[0]
    return StateError(
        "state_invalid",
        first.message,
        hint=first.fix,
        path=first.path,
        line=first.line,
        col=first.col,
        problems=errors,
    )
