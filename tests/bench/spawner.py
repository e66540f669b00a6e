"""Start commands and say what each cost: a process of its own, small, since a child inherits its peak memory.

Reads `(argv, cwd, environment)` and answers `(status, wall, cpu, rss)`, both by marshal.
"""

import marshal
import os
import sys
import time


def main() -> None:
    """Serve until the input ends."""
    while True:
        try:
            argv, cwd, environment = marshal.load(sys.stdin.buffer)
        except EOFError:
            return
        sys.stdout.buffer.write(marshal.dumps(_ran(argv, cwd, environment)))
        sys.stdout.buffer.flush()


def _ran(argv: list[str], cwd: str, environment: dict[str, str]) -> tuple[int, float, float, float]:
    started = time.perf_counter()
    child = os.fork()
    if child == 0:
        _become(argv, cwd, environment)
    _, status, usage = os.wait4(child, 0)
    wall = (time.perf_counter() - started) * 1000
    return (
        os.waitstatus_to_exitcode(status),
        wall,
        (usage.ru_utime + usage.ru_stime) * 1000,
        usage.ru_maxrss / 1024,
    )


def _become(argv: list[str], cwd: str, environment: dict[str, str]) -> None:
    try:
        os.chdir(cwd)
        silent = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silent, stream)
        os.execvpe(argv[0], argv, {**os.environ, **environment})
    finally:
        os._exit(127)


if __name__ == "__main__":
    main()
