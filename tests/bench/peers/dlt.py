"""dlt, https://github.com/dlt-hub/dlt: `pip install 'dlt[postgres]' pyarrow adbc-driver-postgresql` in a venv of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

from tests.bench.figure import Goal, Ground, Taken
from tests.bench.mirror import opened

VERSION: Final = ("--version",)
LOADER: Final = str(Path(__file__).parent.parent / "dlt_load.py")
NAME: Final = "database time of a full load"
FASTER: Final = dict.fromkeys(("10k", "50k"), Goal("<=", 0.25))
FLOORS: Final[Mapping[str, tuple[str, Mapping[str, Goal]]]] = {
    "dicts": ("dlt[postgres], its best mode for rows that are dicts", FASTER),
    "adbc": ("dlt, its best mode of all, by ADBC", {}),
}


def make(ground: Ground, program: Path) -> Sequence[Taken]:
    """Return two figures, the same rows into the same server: one with a goal, and where ADBC is, one without.

    ADBC copies in binary as we do, and into tables without keys, so only the other has a goal (decision 19).
    """
    with opened(ground) as mirror:
        ours = mirror.typical(lambda: mirror.loaded()["database"])
        url = f"postgresql://postgres:none@{quote(str(mirror.home), safe='')}:5432/postgres"
        argv = [str(program.parent / "python"), LOADER, url, *map(str, mirror.as_json())]
        done = subprocess.run(argv, cwd=ground.folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-200:])
    said = (line.split() for line in done.stdout.splitlines())
    theirs = {words[0]: float(words[1]) for words in said if words and words[0] in FLOORS}
    return [
        Taken("G30", NAME, FLOORS[form][1], "ms", ours * 1000, milliseconds, FLOORS[form][0])
        for form, milliseconds in theirs.items()
    ]
