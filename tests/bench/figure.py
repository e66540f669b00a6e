"""What a figure is: candidates to time, how their times become a ratio, and the goal at each scale."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.bench.stores import SCALES, Store, build
from tests.bench.timing import Candidate, Timed

PLATFORMCTL: Final = "platformctl"
ANY: Final = "any"


class NotHere(Exception):
    """A figure cannot be taken here; the text says why."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound on a ratio: `<= 1.4` or `>= 0.8`, and one to stretch for."""

    sign: str
    bound: float
    stretch: float | None = None

    def held(self, ratio: float, bound: float | None = None) -> bool:
        """Say whether a ratio keeps to the bound."""
        wanted = self.bound if bound is None else bound
        return ratio <= wanted if self.sign == "<=" else ratio >= wanted


@dataclass(frozen=True, slots=True)
class Figure:
    """One ratio. `ours` and `floor` name candidates; several floors are added up.

    `goals` are by scale, `any` for all. `value` takes another reading than wall time.
    """

    id: str
    name: str
    goals: Mapping[str, Goal]
    candidates: tuple[Candidate, ...]
    ours: str
    floor: tuple[str, ...]
    floor_name: str
    unit: str = "ms"
    value: Callable[[Timed], float] = field(default=lambda timed: timed.median)

    def goal(self, scale: str) -> Goal | None:
        """Return the goal at a scale, or None where there is none."""
        return self.goals.get(scale, self.goals.get(ANY))


@dataclass(frozen=True, slots=True)
class Taken:
    """A ratio that was taken otherwise than by timing candidates in rounds: bytes, throughput, growth."""

    id: str
    name: str
    goals: Mapping[str, Goal]
    unit: str
    ours: float
    floor: float
    floor_name: str

    def goal(self, scale: str) -> Goal | None:
        """Return the goal at a scale, or None where there is none."""
        return self.goals.get(scale, self.goals.get(ANY))


class Ground:
    """Where figures are taken: stores by scale, copies of them, the command, the number of rounds."""

    def __init__(self, folder: Path, scale: str, rounds: int, command: Path) -> None:
        self.folder, self.scale, self.rounds, self.command = folder, scale, rounds, command
        self._stores: dict[str, Store] = {}
        self._copies = 0

    @property
    def smoke(self) -> bool:
        """Say whether this is the quick run of the tests."""
        return self.scale == "smoke"

    def store(self, scale: str | None = None) -> Store:
        """Return the store of a scale; nobody writes to it."""
        name = scale or self.scale
        if name not in self._stores:
            self._stores[name] = build(self.folder / name, SCALES[name])
        return self._stores[name]

    def copy(self, scale: str | None = None) -> Store:
        """Return a store of its own for a candidate that writes."""
        self._copies += 1
        return self.store(scale).copy(self.folder / f"copy-{self._copies}")

    def ours(self, name: str, *argv: str, store: Store | None = None, **settings: Any) -> Candidate:
        """Return a candidate that runs our command in a store."""
        cwd = None if store is None else store.root
        return Candidate(name, (str(self.command), *argv), cwd, **settings)


Maker = Callable[[Ground], Sequence[Figure | Taken]]
