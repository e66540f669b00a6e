"""A repository with the example store, a database of either engine, and short ways to sync and verify."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest

from platformstate import packaged
from platformstate.actions.answer import Answer
from platformstate.actions.db_migrate import MigrateWish, migrate_database
from platformstate.actions.db_place import Wish
from platformstate.actions.db_sync import SyncWish, sync_database
from platformstate.actions.db_verify import VerifyWish, verify_database
from platformstate.errors import StateError
from platformstate.exporter.target import Flags
from tests.conftest import Repo
from tests.postgres import Database, database, postgres_server

__all__ = ["database", "postgres_server"]

TASK = "state/tasks/gh-460/task.md"
OTHER = "state/tasks/gh-461/task.md"
RUN = "state/tasks/gh-460/runs/20261120t101130z-3k9xma"
CHECKPOINT = f"{RUN}/checkpoints/20261120t103501z-7fq2ka.md"
JOURNAL = f"{RUN}/events.jsonl"
LEDGER = "state/jobs/nightly-export/ledger/2026-11.k3m7qa2b.jsonl"


class Mirror(Repo):
    """A repository and the database that it is synced to."""

    engine = "postgres"
    NOWHERE = Wish()

    def __init__(self, root: Path, wish: Wish, database: Database | None) -> None:
        super().__init__(root)
        self.wish = wish
        self.database = database

    def sync(self, *, dry_run: bool = False, **flags: Any) -> Answer:
        return sync_database(str(self.root), self.wish._replace(dry_run=dry_run), SyncWish(**flags))

    def at(self, root: Path) -> Mirror:
        """Return another repository that is synced to the same database."""
        wish = self.wish
        if wish.target.sqlite is not None:
            wish = wish._replace(target=Flags(sqlite=str((self.root / wish.target.sqlite).resolve())))
        other = Mirror(root, wish, self.database)
        other.engine = self.engine
        return other

    def verify(self, **flags: Any) -> Answer:
        return verify_database(str(self.root), self.wish, VerifyWish(**flags))

    def migrate(self, **flags: Any) -> Answer:
        return migrate_database(str(self.root), self.wish, MigrateWish(**flags))

    def refused(self, **flags: Any) -> StateError:
        with pytest.raises(StateError) as caught:
            self.sync(**flags)
        return caught.value

    def relation(self, **flags: Any) -> str | None:
        relation: str | None = self.sync(**flags).data["relation"]
        return relation

    def changes(self, table: str = "task", **flags: Any) -> tuple[int, int, int]:
        counts = self.sync(**flags).data["tables"][table]
        return counts["inserted"], counts["updated"], counts["deleted"]

    def equal(self) -> bool:
        answer = self.verify()
        assert answer.data["differences"] == 0, answer.data["tables"]
        assert answer.data["drift"] == []
        assert answer.data["root"]["expected"] == answer.data["root"]["found"]
        return answer.error is None

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Execute in the tables' schema, whatever the engine, and return the rows."""
        if self.database is not None:
            with_path = self.database._replace(
                conninfo=f"{self.database.conninfo} options='-c search_path=platformstate,pg_catalog'"
            )
            return with_path.run(statement.replace("?", "%s"), *values)
        assert self.wish.target.sqlite is not None
        with sqlite3.connect(self.root / self.wish.target.sqlite) as connection:
            found = connection.execute(statement, values).fetchall()
        connection.close()
        return found

    def one(self, statement: str, *values: Any) -> Any:
        return self.sql(statement, *values)[0][0]

    def text(self, path: str) -> str:
        return (self.root / path).read_text(encoding="utf-8")

    def replace(self, path: str, old: str, new: str) -> None:
        before = self.text(path)
        assert old in before
        self.write(path, before.replace(old, new))

    def edit(self, title: str = "Another title") -> str:
        """Change one task's title and commit."""
        before = self.text(TASK)
        line = next(line for line in before.splitlines() if line.startswith("title: "))
        self.write(TASK, before.replace(line, f"title: {title}"))
        return self.commit("edit")

    def add_tasks(self, count: int, start: int = 0) -> None:
        text = self.text(TASK)
        for number in range(start, start + count):
            self.write(f"state/tasks/t-{number}/task.md", text.replace("id: gh-460", f"id: t-{number}"))


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the example store, committed once and copied for each test."""
    root = tmp_path_factory.mktemp("example") / "repo"
    shutil.copytree(packaged.folder("examples") / "store" / "state", root / "state")
    (root / "state/templates").mkdir()
    (root / "state/templates/A.md").write_text("---\nkind: note\n---\nhi ✓\n")
    for argv in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "example"]):
        subprocess.run(["git", *argv], cwd=root, check=True)
    return root


@pytest.fixture
def root(example: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(example, tmp_path / "work", symlinks=True))


@pytest.fixture
def lite(root: Path) -> Mirror:
    """A mirror in a SQLite file."""
    mirror = Mirror(root, Wish(Flags(sqlite="../mirror.db"), lock_timeout=1), None)
    mirror.engine = "sqlite"
    return mirror


@pytest.fixture
def fresh(root: Path, database: Database) -> Mirror:
    """A mirror in an empty PostgreSQL database."""
    return Mirror(root, Wish(Flags(dsn=database.conninfo), lock_timeout=1), database)


@pytest.fixture
def pg(fresh: Mirror) -> Mirror:
    """A mirror in PostgreSQL whose tables are there."""
    fresh.migrate()
    return fresh


@pytest.fixture(params=["postgres", "sqlite"])
def mirror(request: pytest.FixtureRequest) -> Mirror:
    """A mirror of each engine in turn."""
    found: Mirror = request.getfixturevalue("pg" if request.param == "postgres" else "lite")
    return found


@pytest.fixture
def environment() -> Iterator[MutableMapping[str, str]]:
    """The environment of this process, as it was again afterwards."""
    before = dict(os.environ)
    yield os.environ
    os.environ.clear()
    os.environ.update(before)
