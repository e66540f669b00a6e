"""A process that has everything imported and forks one command for each request, so that hundreds of
real commands run in seconds. It reads JSON lines and answers each with an exit status.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TextIO

import git.cmd  # noqa: F401  # what a writer would import before it commits

import platformstate.validation  # noqa: F401
from platformstate.__main__ import main as command
from platformstate.cli.commands import COMMANDS
from platformstate.store import protocol  # noqa: F401

PROGRAM = str(Path(sys.executable).with_name("platformctl"))


def _child(request: dict[str, Any]) -> None:
    status = 70
    try:
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["env"])
        os.dup2(os.open(request["stdin"], os.O_RDONLY), 0)
        for number, name in ((1, request["stdout"]), (2, request["stderr"])):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
        sys.argv = [PROGRAM, *request["argv"]]
        status = command()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    os._exit(status)


def _preload() -> None:
    for home in COMMANDS.values():
        module, _, name = home.place.partition(":")
        if find_spec(module) is not None:
            getattr(import_module(module), name)


def _moved(stream: TextIO, mode: str) -> TextIO:
    """Take a stream's descriptor for ourselves and leave the void in its place."""
    kept = os.dup(stream.fileno())
    os.dup2(os.open(os.devnull, os.O_RDWR), stream.fileno())
    return os.fdopen(kept, mode, encoding="utf-8")


def main() -> None:
    """Serve requests until their stream ends."""
    _preload()
    requests, replies = _moved(sys.stdin, "r"), _moved(sys.stdout, "w")
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    for line in requests:
        child = os.fork()
        if child == 0:
            _child(json.loads(line))
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        print(code if code >= 0 else 128 - code, file=replies, flush=True)


if __name__ == "__main__":
    main()
