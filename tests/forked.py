"""A process that has everything imported and forks one child for each request: a command, or a function of
the tests. It speaks JSON lines: a request in, a pid or an end out.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

import git.cmd  # noqa: F401  # what a command imports at its first commit

import platformstate.actions.conduct_resume
import platformstate.actions.conduct_start
import platformstate.store.protocol
import platformstate.validation  # noqa: F401
from platformstate.__main__ import main as command
from platformstate.cli.commands import COMMANDS

PROGRAM = str(Path(sys.executable).with_name("platformctl"))


def _become(request: dict[str, Any]) -> None:
    """Become what a request asks, in a session of its own, and never return."""
    status = 70
    try:
        os.setsid()
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["env"])
        for number, name in enumerate(("stdin", "stdout", "stderr")):
            opened = os.open(Path(request["out"], name), os.O_WRONLY if number else os.O_RDONLY)
            os.dup2(opened, number)
            os.close(opened)
        status = _done(request["what"])
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _done(what: dict[str, Any]) -> int:
    """Do what is asked and return a function's status; a command ends the process itself."""
    if "call" in what:
        module, _, name = what["call"].partition(":")
        called: int = getattr(import_module(module), name)(what)
        return called
    sys.argv = [PROGRAM, *what["argv"]]
    command()


def main() -> None:
    """Serve until the input ends."""
    for home in COMMANDS.values():
        import_module(home.place.partition(":")[0])
    gc.freeze()  # what a child does not touch it need not copy
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
