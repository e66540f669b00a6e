"""Run candidates in interleaved rounds and keep what each run cost."""

from __future__ import annotations

import marshal
import random
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.bench.stores import SEED


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: wall and CPU in milliseconds, peak memory in megabytes."""

    wall: float
    cpu: float = 0.0
    rss: float = 0.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something to time: a command, or a call in this process when `call` is given.

    `prepare` runs before each round, outside of the clock, and gets the number of the round.
    """

    name: str
    argv: Sequence[str] = ()
    cwd: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    statuses: tuple[int, ...] = (0,)
    prepare: Callable[[int], None] | None = None
    call: Callable[[], float] | None = None

    def run(self, number: int) -> Sample:
        """Run once and return what it cost. Raises RuntimeError for an unexpected exit status."""
        if self.prepare is not None:
            self.prepare(number)
        if self.call is not None:
            return Sample(self.call())
        return self._process()

    def _process(self) -> Sample:
        child = _spawner()
        assert child.stdin is not None
        assert child.stdout is not None
        request = (list(self.argv), str(self.cwd or Path.cwd()), dict(self.environment))
        child.stdin.write(marshal.dumps(request))
        child.stdin.flush()
        status, wall, cpu, rss = marshal.load(child.stdout)
        if status not in self.statuses:
            raise RuntimeError(f"{self.name}: {' '.join(self.argv)} ended with {status}")
        return Sample(wall, cpu, rss)


@cache
def _spawner() -> subprocess.Popen[bytes]:
    program = str(Path(__file__).parent / "spawner.py")
    return subprocess.Popen(
        [sys.executable, "-I", "-S", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


@dataclass(frozen=True, slots=True)
class Timed:
    """All samples of one candidate."""

    name: str
    samples: tuple[Sample, ...]

    @property
    def walls(self) -> list[float]:
        return [sample.wall for sample in self.samples]

    @property
    def median(self) -> float:
        return statistics.median(self.walls)

    @property
    def minimum(self) -> float:
        return min(self.walls)

    @property
    def rss(self) -> float:
        return statistics.median(sample.rss for sample in self.samples)

    @property
    def cpu(self) -> float:
        return statistics.median(sample.cpu for sample in self.samples)

    @property
    def p90(self) -> float:
        ordered = sorted(self.walls)
        return ordered[min(len(ordered) - 1, round(0.9 * (len(ordered) - 1)))]

    @property
    def noisy(self) -> bool:
        """Say whether the middle half of the samples spreads over more than half their median."""
        if len(self.samples) < 4:
            return False
        quarters = statistics.quantiles(self.walls, n=4)
        return quarters[2] - quarters[0] > self.median / 2


def timed(candidates: Iterable[Candidate], rounds: int) -> dict[str, Timed]:
    """Time every candidate once a round in a seeded random order, after one round that is not kept.

    A single round shows that everything works and measures nothing, so nothing comes before it.
    """
    wanted = list(candidates)
    order = random.Random(SEED)
    samples: dict[str, list[Sample]] = {candidate.name: [] for candidate in wanted}
    for number in range(rounds + 1 if rounds > 1 else 1):
        order.shuffle(wanted)
        for candidate in wanted:
            sample = candidate.run(number)
            if number or rounds == 1:
                samples[candidate.name].append(sample)
    return {name: Timed(name, tuple(kept)) for name, kept in samples.items()}
