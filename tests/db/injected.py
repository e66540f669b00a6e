"""A sync that meets what a test put in its way, and the whole content of a mirror to compare with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from platformstate import __version__
from platformstate.actions.db_place import Place
from platformstate.actions.db_source import GitSource
from platformstate.exporter.bookkeeping import BOOKKEEPING
from platformstate.exporter.ports import Outcome, Wishes
from platformstate.exporter.source import Progress, silent
from platformstate.exporter.sync import sync
from platformstate.exporter.tables import TABLES
from tests.db.conftest import Mirror

POINTS = ("db.copied", "db.locked", "db.merged", "db.before-commit", "db.committed")
Meets = Callable[[str], None]


def sync_that_meets(
    mirror: Mirror,
    meets: Meets,
    told: Progress = silent,
    ref: str | None = None,
    chance: Callable[[int], int] | None = None,
    **flags: Any,
) -> Outcome:
    """Sync; `meets` is called with the name of each failpoint that is reached."""
    place = Place(str(mirror.root), mirror.wish)
    place.chance = chance or place.chance
    ref, found = place.commit(ref, None)
    sync_id = place.uuid()
    wishes = Wishes(sync_id, "tester", __version__, place.now(), **flags)
    with place.opened("sync", sync_id, mode="write") as opened:
        engine = place.engine(opened, "sync", sync_id)._replace(reach=meets)
        return sync(engine, GitSource(place.repository, ref, found), wishes, told)


def once(point: str, act: Callable[[], Any]) -> Meets:
    """Return what acts the first time that a failpoint is reached."""
    left = [point]

    def meets(name: str) -> None:
        if name in left:
            left.remove(name)
            act()

    return meets


def content(mirror: Mirror) -> dict[str, list[str]]:
    """Return every row of every table, the bookkeeping's too."""
    names = [*TABLES, *(table.name for table in BOOKKEEPING if table.name != "verify_run")]
    return {name: sorted(map(str, mirror.sql(f"SELECT * FROM {name}"))) for name in names}
