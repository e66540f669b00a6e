"""dlt, https://github.com/dlt-hub/dlt: `pip install 'dlt[postgres]' pyarrow adbc-driver-postgresql` in a venv of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

from tests.bench.figure import Goal, Ground, Taken
from tests.bench.mirror import opened

VERSION: Final = ("--version",)
LOADER: Final = str(Path(__file__).parent.parent / "dlt_load.py")


def make(ground: Ground, program: Path) -> Sequence[Taken]:
    """Return one figure: the same rows into the same server, theirs in the mode that is best there."""
    with opened(ground) as mirror:
        ours = mirror.best(lambda: mirror.loaded()["database"])
        url = f"postgresql://postgres:none@{quote(str(mirror.home), safe='')}:5432/postgres"
        argv = [str(program.parent / "python"), LOADER, url, *map(str, mirror.as_json())]
        done = subprocess.run(argv, cwd=ground.folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-200:])
    theirs, goals = float(done.stdout.split()[-1]), dict.fromkeys(("10k", "50k"), Goal("<=", 0.1))
    return [Taken("G30", "database time of a full load", goals, "ms", ours * 1000, theirs, "dlt, best mode")]
