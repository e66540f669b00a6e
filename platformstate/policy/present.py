"""The paths of a tree's state files, by what names a record that stands at one. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cached_property
from typing import Final

from platformstate.core import places

_FOLDER: Final = "/checkpoints/"


class Present:
    """All paths of a tree; where a name fits several records, the first path in their order counts."""

    def __init__(self, paths: Collection[str]) -> None:
        self._paths = paths

    def __contains__(self, path: object) -> bool:
        return path in self._paths

    def run(self, name: str) -> str | None:
        """Return the header of the run of a name, whatever subject it is at."""
        return next(iter(self._runs.get(name, ())), None)

    def checkpoint(self, name: str, begin: str) -> str | None:
        """Return the checkpoint of a name whose path begins like this."""
        return next((path for path in self._checkpoints.get(name, ()) if path.startswith(begin)), None)

    def kind_of(self, name: str) -> str | None:
        """Return the kind of the first record of a name, None when there is none."""
        return self._kinds.get(name)

    @cached_property
    def _runs(self) -> dict[str, list[str]]:
        return _by_name((path.split("/")[-2], path) for path in self._paths if _is_run(path))

    @cached_property
    def _checkpoints(self) -> dict[str, list[str]]:
        found = (path for path in self._paths if path.endswith(".md") and _FOLDER in path)
        return _by_name((path.rpartition(_FOLDER)[2].removesuffix(".md"), path) for path in found)

    @cached_property
    def _kinds(self) -> dict[str, str]:
        kinds: dict[str, str] = {}
        for path in self._paths:
            place = places.place_of(path)
            if place is None or place.kind == "event":
                continue
            if f"/{place.id}/" in path or f"/{place.id}." in path:
                kinds.setdefault(place.id, place.kind)
        return kinds


def _is_run(path: str) -> bool:
    return path.endswith("/run.md") and path.split("/")[-3:-2] == ["runs"]


def _by_name(rows: Iterator[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, path in rows:
        found.setdefault(name, []).append(path)
    return found
