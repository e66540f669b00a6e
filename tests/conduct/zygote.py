"""A process that has the command imported and forks one for each request, so that a thousand real
processes can be killed in minutes. It speaks JSON lines: a request in, a pid or an end out.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from pathlib import Path
from typing import Any

import git.cmd  # noqa: F401  # what a conduct imports at its first commit

import platformstate.actions.conduct_resume
import platformstate.actions.conduct_start
import platformstate.actions.jobs_run
import platformstate.actions.run_show
import platformstate.cli.jobs
import platformstate.cli.procedure
import platformstate.cli.run
import platformstate.store.protocol
import platformstate.validation  # noqa: F401
from platformstate.__main__ import GARBAGE_THRESHOLD
from platformstate.cli import main as run_command


def _become(request: dict[str, Any]) -> None:
    status = 70
    try:
        os.setsid()
        os.chdir(request["cwd"])
        for descriptor, name in ((0, os.devnull), (1, "stdout"), (2, "stderr")):
            flags = os.O_RDONLY if descriptor == 0 else os.O_WRONLY
            opened = os.open(Path(request["out"], name), flags)
            os.dup2(opened, descriptor)
            os.close(opened)
        os.environ |= request["env"]
        gc.set_threshold(GARBAGE_THRESHOLD)
        status = run_command(request["argv"])
    finally:
        os._exit(status)


def main() -> None:
    """Serve until the input ends."""
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            _, status = os.waitpid(request["wait"], 0)
            reply = os.waitstatus_to_exitcode(status)
        else:
            reply = os.fork()
            if reply == 0:
                _become(request)
        print(reply, flush=True)


if __name__ == "__main__":
    main()
