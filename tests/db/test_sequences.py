"""Random histories: after each sync the tables of both engines are those of a fresh load of the same commit."""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections.abc import Callable

import pytest

from platformstate.actions.db_place import Place
from platformstate.actions.db_status import database_status
from platformstate.errors import StateError
from platformstate.exporter import canonical
from platformstate.exporter.pg_text import EVERY
from platformstate.exporter.target import Flags
from tests.db.conftest import Mirror
from tests.db.histories import History
from tests.db.injected import POINTS, once, sync_that_meets
from tests.db.test_contention import at_once, patient

STEPS = 3
STEPS_SOAKED = 8
WALKS_SOAKED = 250


class Walk:
    """One history, a database of each engine that follows it, and what may befall a database."""

    def __init__(self, pg: Mirror, lite: Mirror, seed: int) -> None:
        self.mirrors = (pg, lite)
        self.chance = random.Random(seed)
        if seed % 4 == 1:
            sha256(pg)
        self.history = History(pg.root, self.chance)
        self.told: list[str] = [f"seed {seed}"]
        self._faults: list[Callable[[Mirror], None]] = [
            self._lose_cursor, self._lose_inventory, self._lose_part, self._upgrade, self._tamper, self._interrupt,
            self._kill, self._race, self._clone, self._spoil,
        ]  # fmt: skip

    def step(self) -> None:
        """Let things happen to the history, and perhaps one to the databases; then sync and compare."""
        self.told += [self.history.move() for _ in range(self.chance.randrange(1, 4))]
        if self.chance.random() < 0.5:
            fault = self.chance.choice(self._faults)
            self.told.append(fault.__name__)
            for mirror in self.mirrors:
                fault(mirror)
        for mirror in self.mirrors:
            self.told.append(str(mirror.relation(**self._wish())))
        one, other = self.chance.sample(self.mirrors, 2)
        verified = one.verify().data
        assert (verified["ok"], verified["commit"]) == (True, self.history.tip())
        roots = {root_of(other), *([fresh_root(one)] if self.chance.random() < 0.5 else [])}
        assert roots == {verified["root"]["found"]}

    def _wish(self) -> dict[str, object]:
        """Return the flags of a sync that may go anywhere."""
        return {"ref": self.history.ref, "allow_rewind": True, "switch_ref": True}

    def _lose_cursor(self, mirror: Mirror) -> None:
        mirror.sql("DELETE FROM store_head")

    def _lose_inventory(self, mirror: Mirror) -> None:
        mirror.sql("DELETE FROM store_head")
        mirror.sql("DELETE FROM source_file")

    def _lose_part(self, mirror: Mirror) -> None:
        """A hand in the inventory and no cursor: as with rows, only a repair looks at what is there."""
        mirror.sql("DELETE FROM store_head")
        mirror.sql("DELETE FROM source_file WHERE path LIKE ?", "%/task.md")
        mirror.relation(repair=True, **self._wish())

    def _upgrade(self, mirror: Mirror) -> None:
        """What another version of the program left: its number, and rows that look otherwise."""
        mirror.sql("UPDATE store_head SET parser_version = 0")
        mirror.sql("UPDATE source_file SET parser_version = 0")
        mirror.sql("UPDATE task SET title = 'as before', row_hash = ?", bytes(32))
        mirror.sql("DELETE FROM run_event")

    def _tamper(self, mirror: Mirror) -> None:
        mirror.sql("UPDATE task SET title = 'by hand', owner = NULL")
        mirror.sql("DELETE FROM packet_template")
        mirror.relation(repair=True, **self._wish())

    def _interrupt(self, mirror: Mirror) -> None:
        point = self.chance.choice(POINTS)
        meets = once(point, lambda: signal.raise_signal(signal.SIGINT))
        try:
            sync_that_meets(mirror, meets, ref=self.history.ref, allow_rewind=True, switch_ref=True)
        except KeyboardInterrupt:
            self.told.append(point)

    def _kill(self, mirror: Mirror) -> None:
        point = self.chance.choice(POINTS)
        pid = os.fork()
        if not pid:
            try:
                die = once(point, lambda: os.kill(os.getpid(), signal.SIGKILL))
                sync_that_meets(mirror, die, ref=self.history.ref, allow_rewind=True, switch_ref=True)
            finally:
                os._exit(0)
        self.told.append(f"{point} {os.waitpid(pid, 0)[1]}")

    def _race(self, mirror: Mirror) -> None:
        """Several syncs at once, of this commit and of its parent; one of them is the last."""
        revs = ["HEAD", "HEAD~1", "HEAD"]
        wish = self._wish()
        results = at_once(3, lambda n: patient(mirror).sync(at=revs[n], **wish).data["result"])
        allowed = {"synced", "up_to_date", "db_head_moved", "ref_not_found", "db_locked"}
        assert set(results) <= allowed, results

    def _clone(self, mirror: Mirror) -> None:
        """A sync from a clone without history, or without the blobs of the past."""
        target = mirror.root.parent / "clone"
        depth = self.chance.choice(["--depth=1", "--filter=blob:none"])
        source = ["--no-local", "-b", self.history.branch, f"file://{mirror.root}", str(target)]
        mirror.git("-c", "uploadpack.allowFilter=true", "clone", "-q", depth, *source)
        flags = {**self._wish(), "ref": f"refs/heads/{self.history.branch}"}
        mirror.at(target).sync(**flags)
        assert mirror.at(target).verify().error is None
        shutil.rmtree(target)

    def _spoil(self, mirror: Mirror) -> None:
        """A commit that no sync takes, and leaves everything as it was."""
        before = root_of(mirror)
        good = self.history.spoiled()
        with pytest.raises(StateError) as refused:
            mirror.sync(**{**self._wish(), "at": "HEAD"})
        self.history.restored(good)
        assert refused.value.code == "state_invalid"
        assert root_of(mirror) == before


def sha256(mirror: Mirror) -> None:
    """Make the repository anew with the other sort of object ids."""
    shutil.rmtree(mirror.root / ".git")
    mirror.git("init", "-q", "-b", "main", "--object-format=sha256")
    mirror.commit("example")


def root_of(mirror: Mirror) -> str:
    """Return the root over every row that a database holds."""
    place = Place(str(mirror.root), mirror.wish)
    store = mirror.text("state/store.yaml").partition("id: ")[2].split()[0].strip("\"'")
    with place.opened("verify", place.uuid(), mode="read") as opened, opened.reader(store) as reader:
        digests = {name: reader.shards(name) for name in EVERY}
    return canonical.root(
        {
            name: canonical.table_root({number: each.digest for number, each in found.items()})
            for name, found in digests.items()
        }
    )


def fresh_root(mirror: Mirror) -> str:
    """Return the root of a full load of the commit that a mirror is at, into a new file."""
    status = database_status(str(mirror.root), mirror.wish).data["head"]
    ref, commit = status["ref"], status["commit"]
    wish = mirror.wish._replace(target=Flags(sqlite="../fresh.db"))
    fresh = Mirror(mirror.root, wish, None)
    fresh.sync(ref=ref, at=commit)
    root = root_of(fresh)
    (mirror.root / "../fresh.db").unlink()
    return root


def walk(pg: Mirror, lite: Mirror, seed: int, steps: int) -> None:
    made = Walk(pg, lite, seed)
    try:
        for mirror in made.mirrors:
            mirror.sync()
        for _ in range(steps):
            made.step()
    except Exception as failed:
        failed.add_note(" ".join(made.told))
        raise


@pytest.mark.parametrize("seed", range(3))
def test_after_each_sync_the_tables_are_those_of_a_fresh_load(pg: Mirror, lite: Mirror, seed: int) -> None:
    walk(pg, lite, seed, STEPS)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3, 3 + WALKS_SOAKED))
def test_five_hundred_histories(pg: Mirror, lite: Mirror, seed: int) -> None:
    """Two hundred and fifty of each engine, with SHA-256 repositories among them."""
    walk(pg, lite, seed, STEPS_SOAKED)
