"""A process that has everything imported and forks one child for each request: a command, or a function of
the tests. It speaks JSON lines: a request in, a pid or an end out.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

import platformstate
from platformstate.__main__ import main as command
from platformstate.core.catalog import KINDS
from platformstate.validation.engines import engine

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
        what = request["what"]
        if "call" in what:
            status = _function(what["call"])(what)
        else:
            sys.argv = [PROGRAM, *what["argv"]]
            command()  # ends the process itself
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _function(place: str) -> Callable[[dict[str, Any]], int]:
    module, _, name = place.partition(":")
    found: Callable[[dict[str, Any]], int] = getattr(import_module(module), name)
    return found


def _prepare() -> None:
    """Import all that a command may come to import, and compile the schemas: most of what one costs."""
    for module in walk_packages(platformstate.__path__, "platformstate."):
        with suppress(ImportError):  # of an extra that is not here, which a command would say
            import_module(module.name)
    for name in ("_strptime", "git.cmd", "hmac", "secrets"):
        import_module(name)
    for kind in KINDS:
        engine(kind)
    gc.freeze()  # what a child does not touch it need not copy


def main() -> None:
    """Serve until the input ends."""
    _prepare()
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            _, status = os.waitpid(request["wait"], 0)
            reply = os.waitstatus_to_exitcode(status)
        else:
            if "call" in request["what"]:
                _function(request["what"]["call"])  # imported here, once for all its children
            reply = os.fork()
            if reply == 0:
                _become(request)
        print(reply, flush=True)


if __name__ == "__main__":
    main()
