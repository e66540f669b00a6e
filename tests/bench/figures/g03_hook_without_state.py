"""G3: the pre-commit hook when no state is staged, against the git call that it makes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tests.bench.figure import Figure, Goal, Ground
from tests.bench.hook import with_hooks
from tests.bench.stores import git
from tests.bench.timing import Candidate

DIFF: Final = "git diff --cached --quiet --no-ext-diff -- state .gitattributes && exit 0"


def make(ground: Ground) -> Sequence[Figure]:
    """Return the figure: one staged file outside `state/`."""
    store = with_hooks(ground)
    (store.root / "src" / "exporter.py").write_text("def export():\n    return 2\n")
    git(store.root, "add", "src")
    ours = Candidate("pre-commit hook, no state", (".git/hooks/pre-commit",), store.root)
    floor = Candidate("git diff --cached", ("sh", "-c", DIFF), store.root)
    goals = {"1k": Goal("<=", 1.5), "10k": Goal("<=", 1.5)}
    return [Figure("G3", ours.name, goals, (ours, floor), ours.name, (floor.name,), floor.name)]
