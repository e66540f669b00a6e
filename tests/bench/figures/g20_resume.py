"""G20: resume a run of 10,000 steps to its first unfinished step, against reading and hashing its journal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tests.bench.conducts import half_done
from tests.bench.figure import ANY, Figure, Goal, Ground
from tests.bench.floors import IMPORTS, PYTHON
from tests.bench.timing import Candidate

PROGRAM: Final = """
import sys
from hashlib import sha256
for line in open(sys.argv[1], 'rb'):
    json.loads(line)
    sha256(line).hexdigest()
"""


def make(ground: Ground) -> Sequence[Figure]:
    """Return the figure; the run is the same at every scale of the store."""
    run = half_done(ground, "resume", 100 if ground.smoke else 10_000)
    ours = run.candidate("resume of 10,000 steps")
    program = (PYTHON, "-c", f"{IMPORTS['READER']}\n{PROGRAM}", str(run.journal))
    floor = Candidate("READER + json.loads and sha256", program)
    goals = {ANY: Goal("<=", 3.0)}
    return [Figure("G20", ours.name, goals, (ours, floor), ours.name, (floor.name,), floor.name)]
