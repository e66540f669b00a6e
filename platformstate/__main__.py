"""The command `platformctl`; the arguments are looked at before anything of weight is imported."""

import gc
import os
import sys

from platformstate import __version__

# Start-up makes many objects and no garbage: by default a tenth of a short command is spent looking for it.
GARBAGE_THRESHOLD = 100_000
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


def main() -> None:
    """Run the command line of this process and end the process with its exit status.

    The interpreter is not taken down piece by piece: all output is flushed by then, every file and
    lock is closed by its owner, and the rest would take as long as reading a hundred records.
    """
    argv = sys.argv[1:]
    try:
        status = _run(argv)
    except KeyboardInterrupt:  # before the command's own handler stood, or after it
        status = _stopped(argv, EXIT_INTERRUPTED)
    os._exit(status)


def _run(argv: list[str]) -> int:
    if argv == ["--version"]:
        return _say(f"platformctl {__version__}\n")
    from platformstate.ending import Terminated, unwind_at_sigterm

    unwind_at_sigterm()
    try:
        gc.set_threshold(GARBAGE_THRESHOLD)
        from platformstate.cli import main as run

        return run(argv)
    except Terminated:
        return _stopped(argv, EXIT_TERMINATED)


def _stopped(argv: list[str], status: int) -> int:
    from platformstate.ending import end_at_signals

    end_at_signals()
    from platformstate.cli import stopped

    return stopped(argv, status)


def _say(text: str) -> int:
    try:
        os.write(1, text.encode())
    except OSError:
        return 7
    return 0


if __name__ == "__main__":
    main()
