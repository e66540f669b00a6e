"""The command `platformctl`; the arguments are looked at before anything of weight is imported."""

import gc
import os
import sys

from platformstate import __version__

# Start-up makes many objects and no garbage: by default a tenth of a short command is spent looking for it.
GARBAGE_THRESHOLD = 100_000
EXIT_INTERRUPTED = 130


def main() -> None:
    """Run the command line of this process and end the process with its exit status.

    The interpreter is not taken down piece by piece: all output is flushed by then, every file and
    lock is closed by its owner, and the rest would take as long as reading a hundred records.
    """
    try:
        status = _run(sys.argv[1:])
    except KeyboardInterrupt:  # before the command's own handler stood, or after it
        status = EXIT_INTERRUPTED
    os._exit(status)


def _run(argv: list[str]) -> int:
    if argv == ["--version"]:
        return _say(f"platformctl {__version__}\n")
    gc.set_threshold(GARBAGE_THRESHOLD)
    from platformstate.cli import main as run

    return run(argv)


def _say(text: str) -> int:
    try:
        os.write(1, text.encode())
    except OSError:
        return 7
    return 0


if __name__ == "__main__":
    main()
