"""Commands as forks of a process that has them imported."""

from __future__ import annotations

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
from tests.zygote import serve

PROGRAM = str(Path(sys.executable).with_name("platformctl"))


def _become(request: dict[str, Any]) -> None:
    try:
        os.setsid()
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["env"])
        for number, name in enumerate(("stdin", "stdout", "stderr")):
            opened = os.open(Path(request["out"], name), os.O_WRONLY if number else os.O_RDONLY)
            os.dup2(opened, number)
            os.close(opened)
        sys.argv = [PROGRAM, *request["argv"]]
        command()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    os._exit(70)


if __name__ == "__main__":
    for home in COMMANDS.values():
        import_module(home.place.partition(":")[0])
    serve(_become)
