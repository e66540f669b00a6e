"""Dagu, https://github.com/dagu-org/dagu: `go install github.com/dagu-org/dagu/cmd@latest`, or a release on PATH."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.bench.figure import Figure, Ground
from tests.bench.jobs import one_job
from tests.bench.timing import Candidate

VERSION: Final = ("version",)
DAG: Final = 'steps:\n  - name: main\n    command: "true"\n'


def make(ground: Ground, program: Path) -> Sequence[Figure]:
    """Return one figure: a job that runs `true`, recorded by either side."""
    store = one_job(ground, "beside-dagu")
    home = ground.folder / "dagu"
    home.mkdir()
    (home / "nothing.yaml").write_text(DAG, encoding="utf-8")
    ours = ground.ours(
        "jobs run of true", "--no-commit", "jobs", "run", "beside-dagu", store=store, statuses=(0, 6)
    )
    environment = {"HOME": str(home), "DAGU_HOME": str(home)}
    theirs = Candidate("dagu start", (str(program), "start", "nothing.yaml"), home, environment)
    return [Figure("G22", "jobs run of true", {}, (ours, theirs), ours.name, (theirs.name,), theirs.name)]
