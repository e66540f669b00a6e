"""One open `platformctl batch --each`: a line in, its answer out, and how long that took."""

from __future__ import annotations

import json
import subprocess
import time
from typing import Any

from tests.bench.figure import Ground
from tests.bench.stores import Store
from tests.bench.writing import PROSE


def said(task: str) -> dict[str, Any]:
    """Return the line of one checkpoint of about the size of a file of the store."""
    text = {"done": [PROSE], "decision": [PROSE], "next": "run the tests of the exporter"}
    return {"op": "checkpoint.create", "task": task, "kind": "progress", **text}


class Lines:
    """A process that stays open. Its first record, which opens the run, is written at once."""

    def __init__(self, ground: Ground, store: Store, task: str, actor: str = "codex") -> None:
        self._line = json.dumps(said(task)).encode() + b"\n"
        self._child = subprocess.Popen(
            [str(ground.command), "--actor", actor, "batch", "--each", "--idle", "600"],
            cwd=store.root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.record()

    def record(self) -> float:
        """Write one record and return how many milliseconds its answer took. Raises RuntimeError for a refusal."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        started = time.perf_counter()
        self._child.stdin.write(self._line)
        self._child.stdin.flush()
        answer = self._child.stdout.readline()
        took = (time.perf_counter() - started) * 1000
        if not answer or not json.loads(answer)["ok"]:
            raise RuntimeError(f"batch --each refused a line: {answer.decode()!r}")
        return took

    def close(self) -> None:
        """End the process and wait for it."""
        self._child.communicate()
