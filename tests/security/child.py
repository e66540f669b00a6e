"""Read a store with hostile files in it, in a process that may use little memory, and say how it went.

`python -m tests.security.child ROOT TASK…` prints one JSON document: the code that each reading ended
with (`ok` for none), the findings by path, what was printed, and the most memory that was in use.
"""

from __future__ import annotations

import json
import re
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

MEMORY_BYTES: Final = 256 * 1024 * 1024
STATUS: Final = Path("/proc/self/status")


def read(root: str, tasks: list[str]) -> dict[str, Any]:
    """Do every reading and return how each ended and how many seconds of this process it took."""
    from platformstate.actions.brief import brief_task
    from platformstate.actions.diff import diff_state
    from platformstate.actions.fmt import format_files
    from platformstate.actions.task_list import list_tasks
    from platformstate.actions.task_show import show_task
    from platformstate.actions.textconv import text_for_git
    from platformstate.actions.validate import Wish, validate_state
    from platformstate.cli.diff_markdown import diff_markdown
    from platformstate.cli.diff_text import diff_text
    from platformstate.store import open_store

    store = open_store(root)
    judged = validate_state(root, Wish(max_problems=0))
    differing = diff_state(root)
    readings: dict[str, Callable[[], Any]] = {
        "validate": lambda: validate_state(root, Wish()),
        "diff": lambda: diff_state(root),
        "fmt": lambda: format_files(root, check=True),
        "fmt --fix": lambda: format_files(root, diff=True, fix=True),
        "list": lambda: list_tasks(store),
        "brief gh-460": lambda: brief_task(store, task="gh-460"),
    }
    for task in tasks:
        readings[f"show {task}"] = lambda task=task: show_task(store, task)
        readings[f"brief {task}"] = lambda task=task: brief_task(store, task=task)
        readings[f"textconv {task}"] = lambda task=task: text_for_git(root, f"state/tasks/{task}/task.md")
    ended = {name: _ended(reading) for name, reading in readings.items()}
    return {
        "ended": {name: code for name, (code, _) in ended.items()},
        "seconds": {name: seconds for name, (_, seconds) in ended.items()},
        "problems": [[each["path"], each["code"], each["message"]] for each in judged.data["problems"]],
        "shown": [diff_text(differing.data, all_files=True), diff_markdown(differing.data, all_files=True)],
    }


def _ended(reading: Callable[[], Any]) -> tuple[str, float]:
    """Return the code that a reading ended with; anything but a refusal of ours leaves the process."""
    from platformstate.errors import StateError

    started = time.process_time()
    try:
        answer = reading()
        error = getattr(answer, "error", None)
    except StateError as refused:
        error = refused
    return "ok" if error is None else error.code, time.process_time() - started


def main() -> int:
    """Limit the memory of this process and of git's, then read."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    told = read(str(Path(sys.argv[1])), sys.argv[2:])
    print(json.dumps({**told, "memory": _most_memory_bytes()}))
    return 0


def _most_memory_bytes() -> int:
    """Return the most that this process or a child of it used; Linux counts a parent's peak in ru_maxrss."""
    known = re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text()) if STATUS.exists() else None
    own = int(known[1]) if known else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    used = max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
    return used * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    sys.exit(main())
