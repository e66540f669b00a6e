"""G32: how soon `jobs tail -f` shows a line of output after the child wrote it, and an event of the journal."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

from tests.bench.figure import ANY, Goal, Ground, Taken
from tests.bench.jobs import one_job
from tests.bench.stores import Store

MOST_MS: Final = 150.0
LINES: Final = {"smoke": 3}
MANY: Final = 300
PAUSE_S: Final = 0.0371  # no multiple of a pause of ours
SCRIPT: Final = "import time\nfor _ in range({}):\n time.sleep({}); print(time.time_ns(), flush=True)"


def make(ground: Ground) -> Sequence[Taken]:
    """Return the 99th percentile of the time up to a line's showing, against the most that it may be."""
    script = SCRIPT.format(LINES.get(ground.scale, MANY), PAUSE_S)
    store = one_job(ground, "talks", json.dumps(["python3", "-c", script]))
    late = sorted(_latencies(ground, store))
    p99 = late[min(len(late) - 1, round(0.99 * (len(late) - 1)))]
    goals = {ANY: Goal("<=", 1.0)}
    return [Taken("G32", "jobs tail, p99 after the write", goals, "ms", p99, MOST_MS, f"{MOST_MS:g} ms")]


def _latencies(ground: Ground, store: Store) -> Iterator[float]:
    """Yield the milliseconds between the writing of each line and its coming out of the follower."""
    tailing = _begin(ground, store, "jobs", "tail", "talks", "-f", "--log", "--json", stdout=subprocess.PIPE)
    running = _begin(ground, store, "--no-commit", "jobs", "run", "talks", stdout=subprocess.DEVNULL)
    assert tailing.stdout is not None
    for text in tailing.stdout:
        came = time.time_ns()
        row: dict[str, Any] = json.loads(text)
        if "log" in row:
            yield (came - int(row["log"])) / 1e6
    for child in (running, tailing):
        if child.wait() not in (0, 6):
            raise RuntimeError(f"{child.args!r} ended with {child.returncode}")


def _begin(ground: Ground, store: Store, *argv: str, stdout: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(ground.command), *argv],
        cwd=store.root,
        stdout=stdout,
        stderr=subprocess.DEVNULL,
        env=dict(os.environ),
        text=True,
    )
